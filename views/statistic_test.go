package views_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

func TestQuantileOfAStatistic(t *testing.T) {
	for s, want := range map[views.Statistic]float64{
		views.P50: 0.5, views.P75: 0.75, views.P90: 0.9, views.P95: 0.95, views.P99: 0.99, views.P999: 0.999,
		"p97.5": 0.975, "p0.1": 0.001,
	} {
		if q, ok := s.Quantile(); !ok || q != want {
			t.Errorf("%s: got %v, %t", s, q, ok)
		}
	}
	for _, s := range []views.Statistic{"", "p", "p0", "p100", "p101", "p-5", "p1e1", "p.", "P95", "p9 5", "mean", "p+5", "pNaN", "p1.2.3", "95", "50.5", views.Statistic("p" + strings.Repeat("9", 400))} {
		if q, ok := s.Quantile(); ok {
			t.Errorf("%q: got %v", s, q)
		}
	}
}

// aggregations makes, for every aggregation there is, two collections a
// minute apart: in between, 40 measurements of 1, 2, 3 and 4 each came, 10 of
// each, after 4 of 9 in the first minute. Values and levels go from 5 to 8.
var aggregations = map[string]func(first, delta bool) metricdata.Aggregation{
	"Gauge[int64]":                  func(first, _ bool) metricdata.Aggregation { return gaugeOf[int64](first) },
	"Gauge[float64]":                func(first, _ bool) metricdata.Aggregation { return gaugeOf[float64](first) },
	"Sum[int64]":                    func(first, delta bool) metricdata.Aggregation { return sumOf[int64](first, delta) },
	"Sum[float64]":                  func(first, delta bool) metricdata.Aggregation { return sumOf[float64](first, delta) },
	"Histogram[int64]":              func(first, delta bool) metricdata.Aggregation { return histogramOf[int64](first, delta) },
	"Histogram[float64]":            func(first, delta bool) metricdata.Aggregation { return histogramOf[float64](first, delta) },
	"ExponentialHistogram[int64]":   func(first, delta bool) metricdata.Aggregation { return exponentialOf[int64](first, delta) },
	"ExponentialHistogram[float64]": func(first, delta bool) metricdata.Aggregation { return exponentialOf[float64](first, delta) },
	"Summary":                       func(first, _ bool) metricdata.Aggregation { return summaryOf(first) },
}

func moment(first bool) time.Time {
	if first {
		return epoch.Add(time.Minute)
	}
	return epoch.Add(2 * time.Minute)
}

func startOf(first, delta bool) time.Time {
	if delta {
		return moment(first).Add(-time.Minute)
	}
	return epoch
}

func temporality(delta bool) metricdata.Temporality {
	if delta {
		return metricdata.DeltaTemporality
	}
	return metricdata.CumulativeTemporality
}

func gaugeOf[N int64 | float64](first bool) metricdata.Aggregation {
	p := metricdata.DataPoint[N]{StartTime: epoch, Time: moment(first), Value: 8}
	if first {
		p.Value = 5
	}
	return metricdata.Gauge[N]{DataPoints: []metricdata.DataPoint[N]{p}}
}

func sumOf[N int64 | float64](first, delta bool) metricdata.Aggregation {
	good := metricdata.DataPoint[N]{StartTime: startOf(first, delta), Time: moment(first), Value: 90}
	bad := good
	bad.Attributes, bad.Value = attribute.NewSet(attribute.String("error.type", "timeout")), 30
	if first {
		good.Value, bad.Value = 60, 6
	} else if !delta {
		good.Value, bad.Value = 150, 36
	}
	return metricdata.Sum[N]{Temporality: temporality(delta), IsMonotonic: true, DataPoints: []metricdata.DataPoint[N]{good, bad}}
}

// counts of 1, 2, 3, 4 and more, by bucket.
func countsOf(first, delta bool) (counts []uint64, n uint64, sum, least, most int64) {
	switch {
	case first:
		return []uint64{0, 0, 0, 0, 4}, 4, 36, 9, 9
	case delta:
		return []uint64{10, 10, 10, 10, 0}, 40, 100, 1, 4
	default:
		return []uint64{10, 10, 10, 10, 4}, 44, 136, 1, 9
	}
}

func histogramOf[N int64 | float64](first, delta bool) metricdata.Aggregation {
	counts, n, sum, least, most := countsOf(first, delta)
	return metricdata.Histogram[N]{Temporality: temporality(delta), DataPoints: []metricdata.HistogramDataPoint[N]{{
		StartTime: startOf(first, delta), Time: moment(first), Count: n, Sum: N(sum),
		Bounds: []float64{1, 2, 3, 4}, BucketCounts: counts,
		Min: metricdata.NewExtrema(N(least)), Max: metricdata.NewExtrema(N(most)),
	}}}
}

func exponentialOf[N int64 | float64](first, delta bool) metricdata.Aggregation {
	_, n, sum, least, most := countsOf(first, delta)
	p := metricdata.ExponentialHistogramDataPoint[N]{
		StartTime: startOf(first, delta), Time: moment(first), Count: n, Sum: N(sum),
		Min: metricdata.NewExtrema(N(least)), Max: metricdata.NewExtrema(N(most)),
	}
	// At scale 0: (0.5, 1], (1, 2], (2, 4], (4, 8], (8, 16].
	switch {
	case first:
		p.PositiveBucket = metricdata.ExponentialBucket{Offset: 3, Counts: []uint64{4}}
	case delta:
		p.PositiveBucket = metricdata.ExponentialBucket{Offset: -1, Counts: []uint64{10, 10, 20}}
	default:
		p.PositiveBucket = metricdata.ExponentialBucket{Offset: -1, Counts: []uint64{10, 10, 20, 0, 4}}
	}
	return metricdata.ExponentialHistogram[N]{Temporality: temporality(delta), DataPoints: []metricdata.ExponentialHistogramDataPoint[N]{p}}
}

func summaryOf(first bool) metricdata.Aggregation {
	_, n, sum, _, _ := countsOf(first, false)
	return metricdata.Summary{DataPoints: []metricdata.SummaryDataPoint{{
		StartTime: epoch, Time: moment(first), Count: n, Sum: float64(sum),
		QuantileValues: []metricdata.QuantileValue{{Quantile: 0.5, Value: 2}, {Quantile: 0.95, Value: 3.5}},
	}}}
}

// TestEveryStatisticOverEveryAggregation says what each statistic is of each
// aggregation, and that the others are refused with one error.
func TestEveryStatisticOverEveryAggregation(t *testing.T) {
	// p50 of 10 each of 1…4 is 2; at p75 3; above, within the bucket up to 4.
	histogram := map[views.Statistic]float64{
		views.Mean: 2.5, views.P50: 2, views.P75: 3, views.P90: 3.6, views.P95: 3.8, views.P99: 3.96, views.P999: 3.996,
		views.Max: 4, views.Rate: 40.0 / 60, views.ErrorRatio: 0,
	}
	// Scale 0, from the top: the 20 in (2, 4] are spread along the exponential.
	exponential := map[views.Statistic]float64{
		views.Mean: 2.5, views.P50: 2, views.P75: math.Exp2(1.5), views.P90: math.Exp2(1.8), views.P95: math.Exp2(1.9),
		views.P99: math.Exp2(1.98), views.P999: math.Exp2(1.998),
		views.Max: 4, views.Rate: 40.0 / 60, views.ErrorRatio: 0,
	}
	level := map[views.Statistic]float64{views.Value: 8}
	sum := map[views.Statistic]float64{views.Value: 120, views.Rate: 2, views.ErrorRatio: 0.25}
	want := map[string]map[views.Statistic]float64{
		"Gauge[int64]": level, "Gauge[float64]": level,
		"Sum[int64]": sum, "Sum[float64]": sum,
		"Histogram[int64]": histogram, "Histogram[float64]": histogram,
		"ExponentialHistogram[int64]": exponential, "ExponentialHistogram[float64]": exponential,
		"Summary": {
			views.Mean: 2.5, views.P50: 2, views.P95: 3.5, views.Rate: 40.0 / 60, views.ErrorRatio: 0,
			views.P75: math.NaN(), views.P90: math.NaN(), views.P99: math.NaN(), views.P999: math.NaN(), // not in it
		},
	}
	all := []views.Statistic{
		views.Mean, views.P50, views.P75, views.P90, views.P95, views.P99, views.P999,
		views.Max, views.Rate, views.ErrorRatio, views.Value,
	}
	for name, data := range aggregations {
		for _, stat := range all {
			for _, delta := range []bool{false, true} {
				t.Run(name+"/"+string(stat)+"/"+temporality(delta).String(), func(t *testing.T) {
					j := judging(t, delta, []views.Baseline{{
						Name: "b", Metric: "m", Statistic: stat, Target: 1e-9, MinCount: 1,
					}})
					for _, first := range []bool{true, false} {
						j.tick(metricdata.Metrics{Name: "m", Data: data(first, delta)})
					}
					value, ok := want[name][stat]
					s := j.p.Status()[0]
					if !ok {
						if len(j.errs) != 1 || !strings.Contains(j.errs[0].Error(), "cannot be computed") {
							t.Errorf("got errors %v, want one that says so", j.errs)
						}
						if s.State != views.Silent || len(j.alerts) > 0 {
							t.Errorf("judged all the same: %+v", s)
						}
						return
					}
					if math.IsNaN(value) { // the state after the first interval, if any, stands
						if len(j.alerts) > 0 {
							t.Errorf("got %v", j.alerts)
						}
						return
					}
					if !near(s.Value, value) {
						t.Errorf("got %v, want %v", s.Value, value)
					}
					if fires := value > 0; fires != (s.State == views.Firing) {
						t.Errorf("the value is %v and the state %s", value, s.State)
					}
				})
			}
		}
	}
}

// TestEveryAggregationIsKnown reads the SDK's own source: an aggregation that
// a newer version adds has to be thought of here.
func TestEveryAggregationIsKnown(t *testing.T) {
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "go.opentelemetry.io/otel/sdk/metric/metricdata").Output()
	if err != nil {
		t.Skipf("the go command is needed to find the SDK's source: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var found []string
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, src, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == "privateAggregation" && fn.Recv != nil {
				switch recv := fn.Recv.List[0].Type.(type) {
				case *ast.Ident:
					found = append(found, recv.Name)
				case *ast.IndexExpr:
					name := recv.X.(*ast.Ident).Name
					found = append(found, name+"[int64]", name+"[float64]")
				default:
					t.Errorf("an aggregation of a form that this test does not know: %T", recv)
				}
			}
		}
	}
	slices.Sort(found)
	var known []string
	for name := range aggregations {
		known = append(known, name)
	}
	slices.Sort(known)
	if !slices.Equal(found, known) {
		t.Errorf("the SDK has %v, handled are %v", found, known)
	}
}

func TestExcessOfEachDirection(t *testing.T) {
	higher := views.Baseline{Target: 100}
	lower := views.Baseline{Target: 100, Direction: views.LowerIsWorse}
	for _, tt := range []struct {
		b    views.Baseline
		v    float64
		want float64
		ok   bool
	}{
		{higher, 130, 0.3, true},
		{higher, 90, -0.1, true},
		{lower, 70, 0.3, true},
		{lower, 110, -0.1, true},
		{views.Baseline{}, 5, math.NaN(), false},
		{views.Baseline{Target: math.NaN()}, 5, math.NaN(), false},
	} {
		if got, ok := tt.b.Excess(tt.v); !near(got, tt.want) && math.Abs(got-tt.want) > 1e-12 || ok != tt.ok {
			t.Errorf("%v of %v: got %v, %t", tt.v, tt.b.Target, got, ok)
		}
	}
}

// TestSummariesThatCannotTell: a quantile stands only if it is that of the one
// summary of the group, and was measured in this interval; else that is said.
func TestSummariesThatCannotTell(t *testing.T) {
	summary := func(count uint64, quantiles ...metricdata.QuantileValue) metricdata.SummaryDataPoint {
		return metricdata.SummaryDataPoint{Count: count, Sum: float64(count), QuantileValues: quantiles}
	}
	median := metricdata.QuantileValue{Quantile: 0.5, Value: 9}
	a, b := attribute.NewSet(attribute.Int("id", 1)), attribute.NewSet(attribute.Int("id", 2))
	for name, tt := range map[string]struct {
		points []metricdata.SummaryDataPoint
		fires  bool
		err    string
	}{
		"one":                      {[]metricdata.SummaryDataPoint{summary(30, median)}, true, ""},
		"too few":                  {[]metricdata.SummaryDataPoint{summary(9, median)}, false, ""},
		"one without the quantile": {[]metricdata.SummaryDataPoint{summary(30)}, false, "have no buckets"},
		"two":                      {[]metricdata.SummaryDataPoint{summary(30, median), summary(30, median)}, false, "have no buckets"},
		"one of two":               {[]metricdata.SummaryDataPoint{summary(30, median), summary(30)}, false, "have no buckets"},
	} {
		j := newJudge(t, views.Baseline{Name: "b", Metric: "m", Statistic: views.P50, Target: 1})
		for i := range tt.points {
			tt.points[i].Attributes = []attribute.Set{a, b}[i]
		}
		j.tick(metricUnit("m", "1", metricdata.Summary{DataPoints: tt.points}))
		if fires := len(j.alerts) > 0; fires != tt.fires {
			t.Errorf("%s: got %v", name, j.alerts)
		}
		if len(j.errs) > 1 || (len(j.errs) == 1) != (tt.err != "") || tt.err != "" && !strings.Contains(j.errs[0].Error(), tt.err) {
			t.Errorf("%s: got %v, want %q", name, j.errs, tt.err)
		}
	}
}

// TestSomeSeriesWithoutBucketsAreTold: what they hide may be the slow part.
func TestSomeSeriesWithoutBucketsAreTold(t *testing.T) {
	j := newJudge(t, views.Baseline{Name: "b", Metric: "m", Statistic: views.P50, Target: 1})
	m := j.durations("m", calls(search).add(50, 9), calls().add(50, 9))
	m.Data.(metricdata.Histogram[float64]).DataPoints[0].BucketCounts = nil
	j.tick(m)
	j.want()
	j.wantErrors(`views: baseline "b" is not judged: the series of m have no buckets to tell p50 from`)
}

// TestNothingMeasuredIsAbsent, whatever the statistic is made of, and a little
// of a sum is not nothing.
func TestNothingMeasuredIsAbsent(t *testing.T) {
	for name, stats := range map[string][]views.Statistic{
		"Sum[float64]":                  {views.ErrorRatio},
		"Histogram[float64]":            {views.P95, views.Mean, views.Max, views.ErrorRatio},
		"ExponentialHistogram[float64]": {views.P95, views.Mean, views.Max, views.ErrorRatio},
		"Summary":                       {views.P95, views.Mean, views.ErrorRatio},
	} {
		for _, stat := range stats {
			j := newJudge(t, views.Baseline{Name: "b", Metric: "m", Statistic: stat, Target: 1e9, MinCount: 1})
			for range 5 {
				m := metricUnit("m", "1", aggregations[name](false, false))
				at(m.Data, j.at.Add(time.Minute))
				j.tick(m, gauge("alive", "1", 1))
			}
			if s := j.status(); s.State != views.Silent {
				t.Errorf("%s of a %s that stands still: got %+v", stat, name, s)
			}
		}
	}
	j := newJudge(t, views.Baseline{Name: "b", Metric: "m", Statistic: views.ErrorRatio, Target: 1})
	for range 5 {
		j.tick(metricUnit("m", "1", metricdata.Sum[float64]{IsMonotonic: true, Temporality: metricdata.DeltaTemporality, DataPoints: []metricdata.DataPoint[float64]{{Value: 0.5}}}))
	}
	if s := j.status(); s.State != views.OK || s.Value != 0 {
		t.Errorf("got %+v", s)
	}
}

// TestQuantile is what a Processor judges by; of a point that makes no sense
// there is none.
func TestQuantile(t *testing.T) {
	p := metricdata.HistogramDataPoint[float64]{Count: 4, Sum: 4, Bounds: []float64{1, 2}, BucketCounts: []uint64{2, 2, 0}}
	if got := views.Quantile(p, 0.75); got != 1.5 {
		t.Errorf("got %v, want 1.5", got)
	}
	p.Count = 5
	if got := views.Quantile(p, 0.75); !math.IsNaN(got) {
		t.Errorf("got %v of buckets that do not add up", got)
	}
}
