package views_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"weak"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelperf/otelperf-go/views"
)

func recorded(target float64) views.Baseline {
	return views.Baseline{Name: "search_ms", Metric: "recorded", Statistic: views.Value, Target: target, Unit: "ms"}
}

func TestValueIsJudgedAgainstThreshold(t *testing.T) {
	j := newJudge(t, recorded(100))
	for ms := 50.0; ms <= 120; ms += 10 {
		j.tick(gauge("recorded", "s", ms/1000))
		j.want()
	}
	j.tick(gauge("recorded", "s", 0.130))
	j.want("ALERT search_ms = 130.000 exceeds baseline 100.000 by 30.0%")
	j.tick(gauge("recorded", "s", 0.140))
	j.want()
	j.tick(gauge("recorded", "s", 0.120))
	j.want("RESOLVED search_ms = 120.000 is back within baseline 100.000 after 2m0s")
}

// TestTenStepsOfRecordedValues is the tolerance at work: of ten values, 20 %
// over the target is not over, and the next step is. Each comes with a flush
// of its own, so hardly any time passes.
func TestTenStepsOfRecordedValues(t *testing.T) {
	by := []attribute.Key{"otelperf.source"}
	match := func(name string) []attribute.KeyValue {
		return []attribute.KeyValue{attribute.String("otelperf.baseline.name", name)}
	}
	j := newJudge(t,
		views.Baseline{Name: "allocation_ms", Metric: "otelperf.recorded", Match: match("allocation_ms"), By: by, Statistic: views.Value, Target: 5, Unit: "ms"},
		views.Baseline{Name: "search_ms", Metric: "otelperf.recorded", Match: match("search_ms"), By: by, Statistic: views.Value, Target: 100, Unit: "ms"},
	)
	for step := range 10 {
		data := metricdata.Gauge[float64]{}
		for name, ms := range map[string]float64{"allocation_ms": 2 + 0.5*float64(step), "search_ms": 50 + 10*float64(step)} {
			data.DataPoints = append(data.DataPoints, metricdata.DataPoint[float64]{
				Attributes: attribute.NewSet(match(name)[0], attribute.String("otelperf.source", "recorded")),
				Value:      ms / 1000, StartTime: j.at,
			})
		}
		j.after(time.Millisecond, metricdata.Metrics{Name: "otelperf.recorded", Unit: "s", Data: data})
		switch step {
		case 8:
			j.want("ALERT search_ms = 130.000 exceeds baseline 100.000 by 30.0% otelperf.source=recorded")
		case 9:
			j.want("ALERT allocation_ms = 6.500 exceeds baseline 5.000 by 30.0% otelperf.source=recorded")
		default:
			j.want()
		}
	}
}

// TestBatchIsPassedOnAsItCame: whatever is found, the next exporter gets what
// came in, what was found comes on top, and the input is not touched.
func TestBatchIsPassedOnAsItCame(t *testing.T) {
	j := newJudge(t, recorded(100))
	in := collection(gauge("recorded", "s", 0.2), gauge("other", "By", 3))
	in.Resource = resource.NewSchemaless(attribute.String("service.name", "shop"))
	in.ScopeMetrics[0].Metrics[0].Data.(metricdata.Gauge[float64]).DataPoints[0].Time = epoch
	before := fmt.Sprintf("%+v", in)
	if err := j.p.Export(context.Background(), in); err != nil {
		t.Fatal(err)
	}
	if after := fmt.Sprintf("%+v", in); after != before {
		t.Errorf("the input was changed from\n%s to\n%s", before, after)
	}
	if j.seen.Resource != in.Resource || len(j.alerts) != 1 || j.alerts[0].Resource != in.Resource {
		t.Errorf("the resource is %v, of the alerts %v", j.seen.Resource, j.alerts)
	}
	if j.out == in || !reflect.DeepEqual(j.seen.ScopeMetrics[0], in.ScopeMetrics[0]) || len(j.seen.ScopeMetrics) != 2 {
		t.Errorf("got %+v", j.seen)
	}
}

func TestWithoutBaselinesTheVeryBatchIsPassedOn(t *testing.T) {
	j := newJudge(t)
	in := &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{gauge("recorded", "s", 1)}}}}
	if err := j.p.Export(context.Background(), in); err != nil {
		t.Fatal(err)
	}
	if j.out != in {
		t.Error("the batch was copied")
	}
}

// A failing exporter counts what it is asked for, and fails.
type failing struct {
	capture
	mu    sync.Mutex
	calls []string
	err   error
}

func (f *failing) note(s string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, s)
	return f.err
}

func (f *failing) Export(context.Context, *metricdata.ResourceMetrics) error { return f.note("export") }
func (f *failing) ForceFlush(context.Context) error                          { return f.note("flush") }
func (f *failing) Shutdown(context.Context) error                            { return f.note("shutdown") }

func TestErrorsOfTheNextExporterComeBack(t *testing.T) {
	want := errors.New("backend down")
	f := &failing{capture: capture{&judge{}}, err: want}
	var alerts int
	p, err := views.NewProcessor(f, []views.Baseline{recorded(100)}, views.WithNotify(func(views.Alert) { alerts++ }))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	rm := &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{gauge("recorded", "s", 1)}}}}
	for name, err := range map[string]error{
		"export": p.Export(ctx, rm), "flush": p.ForceFlush(ctx), "shutdown": p.Shutdown(ctx),
	} {
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if alerts != 1 {
		t.Errorf("got %d alerts from a judgement whose export failed, want 1", alerts)
	}
	if got := strings.Join(f.calls, " "); !strings.Contains(got, "export") || len(f.calls) != 3 {
		t.Errorf("the next exporter saw %s", got)
	}
}

func TestAfterShutdownNothingIsJudged(t *testing.T) {
	j := newJudge(t, recorded(100))
	if err := j.p.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	j.tick(gauge("recorded", "s", 1))
	j.want()
	if j.out == nil {
		t.Error("the batch was not passed on")
	}
}

func TestNilCollectionIsPassedOn(t *testing.T) {
	j := newJudge(t, recorded(100))
	if err := j.p.Export(context.Background(), nil); err != nil || j.out != nil {
		t.Errorf("got %v, %v", err, j.out)
	}
	if err := j.p.Export(context.Background(), &metricdata.ResourceMetrics{}); err != nil {
		t.Error(err)
	}
}

func TestWatchJudgesAndExportsNothing(t *testing.T) {
	var told []string
	p, err := views.Watch([]views.Baseline{recorded(100)}, views.WithNotify(func(a views.Alert) { told = append(told, a.String()) }))
	if err != nil {
		t.Fatal(err)
	}
	rm := &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{gauge("recorded", "s", 1)}}}}
	ctx := context.Background()
	if err := errors.Join(p.Export(ctx, rm), p.ForceFlush(ctx), p.Shutdown(ctx)); err != nil {
		t.Error(err)
	}
	if len(told) != 1 {
		t.Errorf("got %q", told)
	}
	if got := p.Temporality(sdkmetric.InstrumentKindHistogram); got != metricdata.CumulativeTemporality {
		t.Errorf("it asks for %v", got)
	}
	if _, ok := p.Aggregation(sdkmetric.InstrumentKindHistogram).(sdkmetric.AggregationExplicitBucketHistogram); !ok {
		t.Errorf("it asks for %v", p.Aggregation(sdkmetric.InstrumentKindHistogram))
	}
}

func TestConstructorsRefuse(t *testing.T) {
	if _, err := views.NewProcessor(nil, nil); err == nil {
		t.Error("no error without an exporter")
	}
	good := recorded(100)
	bad := good
	bad.Statistic = "p0"
	if _, err := views.Watch([]views.Baseline{good, bad}); err == nil || !strings.Contains(err.Error(), `"p0"`) {
		t.Errorf("got %v", err)
	}
	if _, err := views.Watch([]views.Baseline{good, good}); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("got %v", err)
	}
}

// TestBaselinesAreCopied: changing what was given to the constructor changes
// no judgement.
func TestBaselinesAreCopied(t *testing.T) {
	b := recorded(100)
	b.Match = []attribute.KeyValue{attribute.String("a", "1")}
	b.By = []attribute.Key{"a"}
	b.Labels = map[string]string{"team": "search"}
	slo := burning()
	j := newJudge(t, b, slo)
	b.Match[0], b.By[0], b.Labels["team"] = attribute.String("b", "2"), "b", "other"
	slo.Burn[0].Factor = 99
	if s := j.p.Status()[1]; s.Target != 10 {
		t.Errorf("got %+v, want the factor that it had", s)
	}
	j.tick(gauge("recorded", "s", 1, attribute.String("a", "1")))
	if len(j.alerts) != 1 || j.alerts[0].Labels["team"] != "search" {
		t.Errorf("got %v", j.alerts)
	}
	j.want("ALERT search_ms = 1000.000 exceeds baseline 100.000 by 900.0% a=1")
}

func TestStatusBeforeAndAfterData(t *testing.T) {
	observed := recorded(math.NaN())
	observed.Name, observed.Metric = "only_seen", "seen"
	j := newJudge(t, recorded(100), observed)
	if s := j.p.Status(); len(s) != 2 || s[0].State != views.Silent || !math.IsNaN(s[0].Value) || s[0].Threshold != 120 || s[0].Unit != "ms" {
		t.Fatalf("got %+v", s)
	}
	j.tick(gauge("recorded", "s", 0.15), gauge("seen", "s", 7))
	s := j.p.Status()
	if s[0].State != views.Firing || s[0].Value != 150 || !near(s[0].Excess, 0.5) || s[0].Count != 1 || !s[0].End.Equal(j.at) || !s[0].Since.Equal(j.at) {
		t.Errorf("got %+v", s[0])
	}
	if s[1].State != views.OK || s[1].Value != 7000 || !math.IsNaN(s[1].Threshold) || !math.IsNaN(s[1].Excess) {
		t.Errorf("got %+v", s[1])
	}
	for range 3 {
		j.tick()
	}
	s = j.p.Status()
	if s[0].State != views.Silent || s[1].State != views.Silent {
		t.Errorf("got %+v after three silent intervals", s)
	}
	j.tick(gauge("recorded", "s", 0.05), gauge("seen", "s", 7))
	s = j.p.Status()
	if s[0].State != views.OK || s[1].State != views.OK {
		t.Errorf("got %+v when the data came back", s)
	}
}

// TestHandlersMayAskBack: neither runs while the Processor is locked.
func TestHandlersMayAskBack(t *testing.T) {
	var p *views.Processor
	asked := 0
	p, err := views.Watch([]views.Baseline{recorded(100), {Name: "odd", Metric: "recorded", Statistic: views.P95}},
		views.WithNotify(func(views.Alert) { asked += len(p.Status()) }),
		views.WithErrorHandler(func(error) { asked += len(p.Status()) }))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Export(context.Background(), collection(gauge("recorded", "s", 1))); err != nil || asked != 4 {
		t.Errorf("got %v, %d answers", err, asked)
	}
}

func TestConcurrentUse(t *testing.T) {
	var p *views.Processor
	p, err := views.Watch([]views.Baseline{recorded(100)}, views.WithNotify(func(views.Alert) { _ = p.Status() }))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for k := range 50 {
				rm := &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{
					gauge("recorded", "s", float64((i+k)%2)),
				}}}}
				if err := p.Export(context.Background(), rm); err != nil {
					t.Error(err)
				}
				p.Status()
			}
		})
	}
	wg.Wait()
	if err := p.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestNothingIsKept: when Export has returned, the collection is its owner's alone.
func TestNothingIsKept(t *testing.T) {
	latency := views.Baseline{Name: "latency", Metric: "latency", Statistic: views.P95, Target: 100, Unit: "ms"}
	proc, err := views.Watch([]views.Baseline{recorded(100), latency})
	if err != nil {
		t.Fatal(err)
	}
	filter, err := views.NewFilter(proc, views.DropMetrics("other"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []sdkmetric.Exporter{proc, filter} {
		export := func() (point weak.Pointer[metricdata.DataPoint[float64]], bound weak.Pointer[float64]) {
			points := []metricdata.DataPoint[float64]{{Time: time.Now(), Value: 0.05}}
			bounds := []float64{0.05, 0.1, 0.2}
			rm := &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{
				{Name: "recorded", Unit: "s", Data: metricdata.Gauge[float64]{DataPoints: points}},
				{Name: "latency", Unit: "s", Data: metricdata.Histogram[float64]{
					Temporality: metricdata.CumulativeTemporality,
					DataPoints: []metricdata.HistogramDataPoint[float64]{
						{Time: time.Now(), Count: 1, Bounds: bounds, BucketCounts: []uint64{0, 1, 0, 0}},
					},
				}},
				gauge("other", "s", 1),
			}}}}
			if err := e.Export(context.Background(), rm); err != nil {
				t.Fatal(err)
			}
			return weak.Make(&points[0]), weak.Make(&bounds[0])
		}
		point, bound := export()
		runtime.GC()
		if point.Value() != nil || bound.Value() != nil {
			t.Errorf("%T: still there: points %v, bounds %v", e, point.Value() != nil, bound.Value() != nil)
		}
		runtime.KeepAlive(e)
	}
}
