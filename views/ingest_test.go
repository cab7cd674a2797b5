package views_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

// rejected returns how many points of each reason the last batch says were
// rejected.
func (j *judge) rejected() string {
	got := map[string]int64{}
	sum, _ := j.find("otelperf.baseline.points.rejected").(metricdata.Sum[int64])
	for _, p := range sum.DataPoints {
		v, _ := p.Attributes.Value("otelperf.reason")
		got[v.AsString()] = p.Value
	}
	return fmt.Sprint(got)
}

// TestTimeGoesOnWithWhatNobodyJudges: a metric of whichever kind dates the
// silence of the judged ones, though the clock of the process stands still.
func TestTimeGoesOnWithWhatNobodyJudges(t *testing.T) {
	for name, data := range aggregations {
		for _, judged := range []bool{false, true} { // of another operation, and so passed over
			baselines := []views.Baseline{recorded(100)}
			if judged {
				if name == "Gauge[int64]" || name == "Gauge[float64]" || name == "Sum[int64]" || name == "Sum[float64]" {
					continue
				}
				other := views.Baseline{Name: "other", Metric: "alive", Match: []attribute.KeyValue{search}, Statistic: views.P50, Target: 1}
				baselines = append(baselines, other)
			}
			j := judging(t, false, baselines, views.WithClock(func() time.Time { return epoch }))
			j.tick(gauge("recorded", "s", 1))
			j.wantStates(views.Firing)
			for minute := 2; minute <= 4; minute++ {
				j.want()
				m := metricUnit("alive", "1", data(false, false))
				at(m.Data, epoch.Add(time.Duration(minute)*time.Minute))
				j.tick(m)
			}
			j.want("RESOLVED search_ms has no data any more, baseline 100.000 after 3m0s")
		}
	}
}

// at dates the first point.
func at(data metricdata.Aggregation, t time.Time) {
	switch d := data.(type) {
	case metricdata.Gauge[int64]:
		d.DataPoints[0].Time = t
	case metricdata.Gauge[float64]:
		d.DataPoints[0].Time = t
	case metricdata.Sum[int64]:
		d.DataPoints[0].Time = t
	case metricdata.Sum[float64]:
		d.DataPoints[0].Time = t
	case metricdata.Histogram[int64]:
		d.DataPoints[0].Time = t
	case metricdata.Histogram[float64]:
		d.DataPoints[0].Time = t
	case metricdata.ExponentialHistogram[int64]:
		d.DataPoints[0].Time = t
	case metricdata.ExponentialHistogram[float64]:
		d.DataPoints[0].Time = t
	case metricdata.Summary:
		d.DataPoints[0].Time = t
	}
}

// TestScopesHaveSeriesOfTheirOwn: the same attributes in two scopes are two
// series of one group, and as many scopes as are held.
func TestScopesHaveSeriesOfTheirOwn(t *testing.T) {
	j := newJudge(t, views.Baseline{Name: "total", Metric: "total", Statistic: views.Value, Target: 1e9})
	export := func(scopes, more int) {
		t.Helper()
		rm := &metricdata.ResourceMetrics{}
		for i := range scopes {
			m := j.counter("total", "1", num(float64(i%2+more)))
			m.Data = j.dated(m.Data)
			rm.ScopeMetrics = append(rm.ScopeMetrics, metricdata.ScopeMetrics{
				Scope: instrumentation.Scope{Name: fmt.Sprint("scope", i)}, Metrics: []metricdata.Metrics{m},
			})
		}
		if err := j.p.Export(context.Background(), rm); err != nil {
			t.Fatal(err)
		}
	}
	j.skip(time.Minute)
	export(2, 0)
	j.skip(time.Minute)
	export(2, 5)
	if v := j.status().Value; v != 10 || j.rejected() != "map[]" {
		t.Errorf("got an increase of %v, want twice 5; rejected %s", v, j.rejected())
	}
	j.skip(time.Minute)
	export(1000, 6)
	if got := j.rejected(); got != "map[]" {
		t.Errorf("of 1000 scopes points were rejected: %s", got)
	}
	j.skip(time.Minute)
	export(1003, 7)
	if got, want := j.rejected(), "map[limit:3]"; got != want {
		t.Errorf("of 1003 scopes got %s, want %s", got, want)
	}
}

// odd is an aggregation of a later version.
type odd struct{ metricdata.Aggregation }

// TestUnknownAggregationIsCounted.
func TestUnknownAggregationIsCounted(t *testing.T) {
	j := newJudge(t, recorded(100))
	j.tick(metricUnit("recorded", "s", odd{}), metricUnit("other", "s", odd{}), metricUnit("recorded", "s", nil))
	if got, want := j.rejected(), "map[unknown:1]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestBadPointsOfEachKindAreCounted and left out: of each kind a good point, a
// second one of the same series, and a broken one of another.
func TestBadPointsOfEachKindAreCounted(t *testing.T) {
	other := attribute.NewSet(search)
	for name, tt := range map[string]struct {
		stat views.Statistic
		data metricdata.Aggregation
		want float64
	}{
		"Gauge": {views.Value, metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{
			{Value: 3}, {Value: 4}, {Value: math.NaN(), Attributes: other},
		}}, 3},
		"infinite": {views.Value, metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{
			{Value: 3}, {Value: 4}, {Value: math.Inf(-1), Attributes: other},
		}}, 3},
		"Sum": {views.Value, metricdata.Sum[int64]{IsMonotonic: true, Temporality: metricdata.DeltaTemporality, DataPoints: []metricdata.DataPoint[int64]{
			{Value: 3}, {Value: 4}, {Value: -1, Attributes: other}, {Value: 0, Attributes: other},
		}}, 3},
		"Sum that can fall": {views.Value, metricdata.Sum[float64]{Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.DataPoint[float64]{
			{Value: -3}, {Value: 4}, {Value: math.Inf(1), Attributes: other},
		}}, -3},
		"Histogram": {views.Mean, metricdata.Histogram[int64]{Temporality: metricdata.DeltaTemporality, DataPoints: []metricdata.HistogramDataPoint[int64]{
			{Count: 2, Sum: 6}, {Count: 1, Sum: 4}, {Count: 2, Sum: 600, Bounds: []float64{1}, BucketCounts: []uint64{1}, Attributes: other},
		}}, 3},
		"ExponentialHistogram": {views.Mean, metricdata.ExponentialHistogram[float64]{Temporality: metricdata.DeltaTemporality, DataPoints: []metricdata.ExponentialHistogramDataPoint[float64]{
			{Count: 2, Sum: 6, ZeroCount: 2}, {Count: 1, Sum: 4, ZeroCount: 1}, {Count: 2, Sum: 600, Scale: 99, ZeroCount: 2, Attributes: other},
		}}, 3},
		"Summary": {views.Mean, metricdata.Summary{DataPoints: []metricdata.SummaryDataPoint{
			{Count: 2, Sum: 6}, {Count: 1, Sum: 4}, {Count: 2, Sum: math.NaN(), Attributes: other},
		}}, 3},
	} {
		j := newJudge(t, views.Baseline{Name: "b", Metric: "m", Statistic: tt.stat, Target: 1, MinCount: 1})
		j.tick(metricUnit("m", "1", tt.data))
		if got, want := j.rejected(), "map[duplicate:1 invalid:1]"; got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
		if s := j.status(); s.Value != tt.want {
			t.Errorf("%s: got %v, want %v", name, s.Value, tt.want)
		}
		j.tick(metricUnit("m", "1", tt.data)) // of the collection at hand, not of all time
		if got, want := j.rejected(), "map[duplicate:2 invalid:2]"; got != want {
			t.Errorf("%s: got %s in all, want %s", name, got, want)
		}
	}
}

// TestCounterThatStandsStill: it added nothing, and did not begin afresh.
func TestCounterThatStandsStill(t *testing.T) {
	b := throughput()
	b.Match = nil
	j := newJudge(t, b, views.Baseline{Name: "added", Metric: opDuration, Statistic: views.Value, Target: 1e9})
	for _, total := range []float64{600, 1200, 1200} {
		j.tick(j.counter(opDuration, "1", num(total)))
	}
	j.want("ALERT search_qps = 0.000 falls below baseline 10.000 by 100.0%")
	if v := j.p.Status()[1].Value; v != 0 {
		t.Errorf("got %v, want that nothing was added", v)
	}
	if got := j.rejected(); got != "map[]" {
		t.Errorf("rejected %s", got)
	}
}

// TestCounterThatBeganAfresh: whether its count fell or its start moved, all it
// shows is new.
func TestCounterThatBeganAfresh(t *testing.T) {
	j := newJudge(t, views.Baseline{Name: "added", Metric: "total", Statistic: views.Value, Target: 1e9})
	for _, tt := range []struct {
		total, want float64
		afresh      bool
	}{{100, 100, false}, {130, 30, false}, {20, 20, false}, {90, 90, true}, {100, 10, false}} {
		m := j.counter("total", "1", num(tt.total))
		if p := &m.Data.(metricdata.Sum[float64]).DataPoints[0]; tt.afresh {
			p.StartTime = j.at.Add(time.Second)
		} else if tt.total == 100 && tt.want == 10 {
			p.StartTime = j.last.Add(time.Second)
		}
		j.tick(m)
		if v := j.status().Value; v != tt.want {
			t.Errorf("at %v: got %v, want %v", tt.total, v, tt.want)
		}
	}
}

// TestOverflowOfNumbersMakesIncomplete, while it grows, or as long as it is
// there if it is a level.
func TestOverflowOfNumbersMakesIncomplete(t *testing.T) {
	over := attribute.Bool("otel.metric.overflow", true)
	both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
		j := newJudge(views.Baseline{Name: "added", Metric: "total", By: []attribute.Key{search.Key}, Statistic: views.Value, Target: 1e9})
		for minute, tt := range []struct {
			cumulative, delta float64
			want              views.State
		}{{5, 5, views.Incomplete}, {9, 4, views.Incomplete}, {9, 0, views.OK}, {10, 1, views.Incomplete}} {
			hidden := tt.cumulative
			if j.delta {
				hidden = tt.delta
			}
			j.tick(j.counter("total", "1", num(float64(minute), search), num(hidden, over)))
			if s := j.p.Status(); len(s) != 1 || s[0].State != tt.want {
				t.Errorf("minute %d: got %+v, want one group that is %s", minute, s, tt.want)
			}
		}
	})
	j := newJudge(t, views.Baseline{Name: "level", Metric: "level", Match: []attribute.KeyValue{search}, Statistic: views.Value, Target: 1e9})
	for range 2 {
		j.tick(j.updown("level", "1", num(1, search), num(0, over)))
		if s := j.status(); s.State != views.Incomplete {
			t.Errorf("got %+v", s)
		}
	}
	j.tick(j.updown("level", "1", num(1, search), num(1, attribute.Bool("otel.metric.overflow", false))))
	if s := j.status(); s.State != views.OK {
		t.Errorf("got %+v without an overflow series", s)
	}
}

// TestMetricsWithoutPoints are none, judged or not.
func TestMetricsWithoutPoints(t *testing.T) {
	j := newJudge(t, recorded(100))
	for _, name := range []string{"recorded", "other"} {
		for _, data := range []metricdata.Aggregation{
			metricdata.Gauge[int64]{}, metricdata.Gauge[float64]{}, metricdata.Sum[int64]{}, metricdata.Sum[float64]{},
			metricdata.Histogram[int64]{}, metricdata.Histogram[float64]{}, metricdata.Summary{}, nil,
			metricdata.ExponentialHistogram[int64]{}, metricdata.ExponentialHistogram[float64]{},
		} {
			j.tick(metricUnit(name, "s", data))
		}
	}
	if s := j.status(); s.State != views.Silent || j.rejected() != "map[]" {
		t.Errorf("got %+v, rejected %s", s, j.rejected())
	}
}

// TestPointsThatNobodyJudgesAreNotLookedAt: they cost a lookup, and whether they
// make sense is not asked.
func TestPointsThatNobodyJudgesAreNotLookedAt(t *testing.T) {
	for _, data := range []metricdata.Aggregation{
		metricdata.Histogram[float64]{DataPoints: []metricdata.HistogramDataPoint[float64]{{Sum: math.NaN()}}},
		metricdata.ExponentialHistogram[int64]{DataPoints: []metricdata.ExponentialHistogramDataPoint[int64]{{Scale: 99}}},
		metricdata.Summary{DataPoints: []metricdata.SummaryDataPoint{{Sum: math.NaN()}}},
	} {
		j := newJudge(t, latency())
		j.tick(metricUnit(opDuration, "s", data))
		if got := j.rejected(); got != "map[]" {
			t.Errorf("%T: rejected %s", data, got)
		}
	}
}
