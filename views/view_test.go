package views_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

// through records one measurement of each instrument through the view and
// returns what is collected, by name.
func through(t *testing.T, view sdkmetric.View, record func(m metric.Meter)) map[string]metricdata.Metrics {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithView(view))
	record(mp.Meter("test"))
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &rm); err != nil {
		t.Fatal(err)
	}
	out := map[string]metricdata.Metrics{}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			if _, ok := out[m.Name]; ok {
				t.Errorf("%s is there twice", m.Name)
			}
			out[m.Name] = m
		}
	}
	return out
}

func histogram(name string, attrs ...attribute.KeyValue) func(m metric.Meter) {
	return func(m metric.Meter) {
		h, err := m.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription("about "+name))
		if err != nil {
			panic(err)
		}
		h.Record(context.Background(), 0.03, metric.WithAttributes(attrs...))
	}
}

func boundsOf(t *testing.T, m metricdata.Metrics) []float64 {
	t.Helper()
	h, ok := m.Data.(metricdata.Histogram[float64])
	if !ok {
		t.Fatalf("%s is a %T", m.Name, m.Data)
	}
	return h.DataPoints[0].Bounds
}

func compose(t *testing.T, baselines []views.Baseline, rules ...views.Rule) sdkmetric.View {
	t.Helper()
	v, err := views.Compose(baselines, rules...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

var (
	conventional = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}
	decades      = []float64{
		1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3,
		1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
	}
)

func TestForPutsBoundariesAtTheLevels(t *testing.T) {
	b := latency()
	b.Target, b.ThresholdPercent, b.ClearPercent = 137, 130, 110
	web := b
	web.Metric = webTime
	v, err := views.For(b, web)
	if err != nil {
		t.Fatal(err)
	}
	for name, standard := range map[string][]float64{opDuration: decades, webTime: conventional} {
		got := boundsOf(t, through(t, v, histogram(name))[name])
		for _, want := range append(slices.Clone(standard), 137.0/1000, b.Threshold()/1000, b.Clear()/1000) {
			if !slices.Contains(got, want) {
				t.Errorf("%s: %v is no boundary of %v", name, want, got)
			}
		}
		if len(got) > 64 || !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Errorf("%s: got %v", name, got)
		}
		if len(got) <= len(standard)+3 {
			t.Errorf("%s: there are none around the levels", name)
		}
	}
}

// TestHighestLevelHasABoundaryBeyondIt, or a quantile over it could not be
// told from one in the overflow bucket.
func TestHighestLevelHasABoundaryBeyondIt(t *testing.T) {
	b := latency()
	b.Target, b.Unit = 5, "min"
	v, err := views.For(b)
	if err != nil {
		t.Fatal(err)
	}
	got := boundsOf(t, through(t, v, histogram(opDuration))[opDuration])
	if last := got[len(got)-1]; last <= 360 {
		t.Errorf("the last boundary is %v, the alert level 360", last)
	}
}

func TestForLeavesOthersAlone(t *testing.T) {
	v, err := views.For(latency())
	if err != nil {
		t.Fatal(err)
	}
	if got := boundsOf(t, through(t, v, histogram("other"))["other"]); !slices.Equal(got, []float64{0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000}) {
		t.Errorf("got %v", got)
	}
	// A baseline of another statistic needs no boundaries.
	if v, err = views.For(throughput()); err != nil {
		t.Fatal(err)
	}
	if got := boundsOf(t, through(t, v, histogram(opDuration))[opDuration]); slices.Contains(got, 0.1) {
		t.Errorf("got %v", got)
	}
}

// levels makes n baselines of one metric with targets of their own.
func levels(n int) []views.Baseline {
	out := make([]views.Baseline, n)
	for i := range out {
		out[i] = latency()
		out[i].Name = fmt.Sprint("b", i)
		out[i].Target = 101 + float64(i)*7
	}
	return out
}

func TestBoundariesAreAtMost64AndExtrasGoFirst(t *testing.T) {
	for n := 1; n <= 21; n++ {
		v, err := views.For(levels(n)...)
		if err != nil {
			t.Fatalf("%d baselines: %v", n, err)
		}
		got := boundsOf(t, through(t, v, histogram(opDuration))[opDuration])
		if len(got) > 64 {
			t.Errorf("%d baselines: %d boundaries", n, len(got))
		}
		for _, b := range levels(n) {
			if !slices.Contains(got, b.Target/1000) || !slices.Contains(got, b.Threshold()/1000) {
				t.Errorf("%d baselines: no boundary at a level of %s", n, b.Name)
			}
		}
		for _, want := range decades {
			if !slices.Contains(got, want) {
				t.Errorf("%d baselines: the standard boundary %v is gone", n, want)
			}
		}
	}
	if _, err := views.For(levels(22)...); err == nil || !strings.Contains(err.Error(), "exponential") {
		t.Errorf("22 baselines: got %v", err)
	}
	own := levels(22)
	for i := range own {
		own[i].Unit = "" // the metric's own, whatever it will be
	}
	ratio := latency()
	ratio.Name, ratio.Statistic, ratio.Unit, ratio.Target = "errors", views.ErrorRatio, "%", 1
	for _, of := range [][]views.Baseline{own, append([]views.Baseline{ratio}, own...)} {
		_, err := views.For(of...)
		if err == nil || strings.Count(err.Error(), "more than 64") != 1 {
			t.Errorf("22 baselines in the metric's own unit: got %v, want that once", err)
		}
	}
	if _, err := views.Compose(levels(22), views.Rule{Instrument: opDuration, Exponential: true}); err != nil {
		t.Errorf("exponential buckets: %v", err)
	}
}

func TestBoundsAreExactlyTheThreshold(t *testing.T) {
	for _, target := range []float64{0.7, 1.1, 3, 33.3, 99.99, 137, 1e-4, 12345.6789} {
		for _, percent := range []float64{100, 110, 120, 133, 150} {
			b := latency()
			b.Target, b.ThresholdPercent = target, percent
			v, err := views.For(b)
			if err != nil {
				t.Fatal(err)
			}
			grid := boundsOf(t, through(t, v, histogram(opDuration))[opDuration])
			level := b.Threshold() / 1000
			i, ok := slices.BinarySearch(grid, level)
			if !ok {
				t.Fatalf("%v %%, %v: no boundary at %v in %v", percent, target, level, grid)
			}
			// The judgement takes the very same number: at it is not over,
			// and one of twenty more above it is.
			for above, fires := range []bool{false, false, true} {
				counts := make([]uint64, len(grid)+1)
				counts[i], counts[i+1] = uint64(20-above), uint64(above)
				j := newJudge(t, b)
				j.tick(metricUnit(opDuration, "s", metricdata.Histogram[float64]{Temporality: metricdata.DeltaTemporality, DataPoints: []metricdata.HistogramDataPoint[float64]{{
					Attributes: attribute.NewSet(search), Count: 20, Sum: 1, Bounds: grid, BucketCounts: counts,
				}}}))
				if fired := len(j.alerts) > 0; fired != fires {
					t.Errorf("%v %%, %v: %d of 20 above %v: fired is %t", percent, target, above, level, fired)
				}
			}
		}
	}
}

func TestRules(t *testing.T) {
	keys := func(m metricdata.Metrics) string {
		var attrs attribute.Set
		switch d := m.Data.(type) {
		case metricdata.Histogram[float64]:
			attrs = d.DataPoints[0].Attributes
		case metricdata.ExponentialHistogram[float64]:
			attrs = d.DataPoints[0].Attributes
		case metricdata.Sum[int64]:
			attrs = d.DataPoints[0].Attributes
		}
		var out []string
		for _, kv := range attrs.ToSlice() {
			out = append(out, string(kv.Key))
		}
		return strings.Join(out, ",")
	}
	abc := []attribute.KeyValue{attribute.Int("a", 1), attribute.Int("b", 2), attribute.Int("c", 3)}
	record := func(m metric.Meter) {
		histogram("one.time", abc...)(m)
		histogram("two.time", abc...)(m)
		c, err := m.Int64Counter("one.count")
		if err != nil {
			t.Fatal(err)
		}
		c.Add(context.Background(), 1, metric.WithAttributes(abc...))
	}
	type rules = []views.Rule
	for _, tt := range []struct {
		name  string
		rules rules
		want  string // name:kind:bounds:keys of each
	}{
		{"none", nil, "one.count:sum::a,b,c one.time:hist:15:a,b,c two.time:hist:15:a,b,c"},
		{"keep", rules{{Instrument: "one.*", Keep: []attribute.Key{"a", "b"}}}, "one.count:sum::a,b one.time:hist:15:a,b two.time:hist:15:a,b,c"},
		{"keep none", rules{{Instrument: "one.time", Keep: []attribute.Key{}}}, "one.count:sum::a,b,c one.time:hist:15: two.time:hist:15:a,b,c"},
		{"drop", rules{{Instrument: "*.time", Drop: []attribute.Key{"a"}}}, "one.count:sum::a,b,c one.time:hist:15:b,c two.time:hist:15:b,c"},
		{
			"each keep and no drop", rules{
				{Instrument: "*", Keep: []attribute.Key{"a", "b"}},
				{Instrument: "one.time", Keep: []attribute.Key{"b", "c", "a"}},
				{Instrument: "?ne.time", Drop: []attribute.Key{"a"}},
			}, "one.count:sum::a,b one.time:hist:15:b two.time:hist:15:a,b",
		},
		{"discard wins", rules{{Instrument: "one.time", Discard: true}, {Instrument: "*", Keep: []attribute.Key{"a"}}}, "one.count:sum::a two.time:hist:15:a"},
		{"discard wins over a later rule", rules{{Instrument: "*", Discard: true}, {Instrument: "one.time", Keep: []attribute.Key{"a"}}}, ""},
		{"rename", rules{{Instrument: "one.time", Rename: "uno.time", Drop: []attribute.Key{"a"}}}, "one.count:sum::a,b,c two.time:hist:15:a,b,c uno.time:hist:15:b,c"},
		{"exponential", rules{{Instrument: "*.time", Exponential: true}}, "one.count:sum::a,b,c one.time:exp::a,b,c two.time:exp::a,b,c"},
		{"an exact name before a pattern", rules{{Instrument: "one.time", Bounds: []float64{1, 2}}, {Instrument: "*.time", Exponential: true}}, "one.count:sum::a,b,c one.time:hist:2:a,b,c two.time:exp::a,b,c"},
		{"a later pattern before an earlier", rules{{Instrument: "*", Bounds: []float64{1, 2}}, {Instrument: "*.time", Bounds: []float64{1, 2, 3}}}, "one.count:sum::a,b,c one.time:hist:3:a,b,c two.time:hist:3:a,b,c"},
		{"no bounds", rules{{Instrument: "*", Bounds: []float64{}}}, "one.count:sum::a,b,c one.time:hist:0:a,b,c two.time:hist:0:a,b,c"},
		{"another scope", rules{{Instrument: "*", Scope: "elsewhere", Discard: true}}, "one.count:sum::a,b,c one.time:hist:15:a,b,c two.time:hist:15:a,b,c"},
		{"this scope", rules{{Instrument: "ONE.*", Scope: "test", Discard: true}}, "two.time:hist:15:a,b,c"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for name, m := range through(t, compose(t, nil, tt.rules...), record) {
				kind := "sum:"
				switch d := m.Data.(type) {
				case metricdata.Histogram[float64]:
					kind = fmt.Sprint("hist:", len(d.DataPoints[0].Bounds))
				case metricdata.ExponentialHistogram[float64]:
					kind = "exp:"
				}
				got = append(got, name+":"+kind+":"+keys(m))
			}
			slices.Sort(got)
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("got\n%s, want\n%s", s, tt.want)
			}
		})
	}
}

func TestRulesKeepUnitAndDescription(t *testing.T) {
	m := through(t, compose(t, []views.Baseline{latency()}, views.Rule{Instrument: "x", Rename: opDuration}), histogram("x"))[opDuration]
	if m.Unit != "s" || m.Description != "about x" {
		t.Errorf("got %+v", m)
	}
	if !slices.Contains(boundsOf(t, m), 0.12) {
		t.Error("the baseline of the new name has no boundaries")
	}
}

func TestBoundsOfRulesAndBaselinesAddUp(t *testing.T) {
	m := through(t, compose(t, []views.Baseline{latency()}, views.Rule{Instrument: opDuration, Bounds: []float64{0.5, 3}}), histogram(opDuration))[opDuration]
	got := boundsOf(t, m)
	for _, want := range []float64{0.1, 0.12, 0.5, 3} {
		if !slices.Contains(got, want) {
			t.Errorf("%v is no boundary of %v", want, got)
		}
	}
	if slices.Contains(got, 1e-6) {
		t.Errorf("the standard ones are there in spite of the rule's: %v", got)
	}
}
