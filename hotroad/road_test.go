package hotroad_test

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelperf/otelperf-go/hotroad"
)

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]hotroad.Option{
		"a view is nil":            hotroad.WithView(nil),
		"the duration is negative": hotroad.WithForgetting(-1),
	} {
		if _, err := hotroad.New(o); err == nil || !strings.HasPrefix(err.Error(), "hotroad: ") || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := hotroad.New(nil, hotroad.WithForgetting(0)); err != nil {
		t.Errorf("a nil option and one that says never: %v", err)
	}
}

func TestProducersComeFirst(t *testing.T) {
	t.Parallel()
	road, err := hotroad.New()
	if err != nil {
		t.Fatal(err)
	}
	road.MeterProvider(noop.NewMeterProvider())
	if _, err := road.Producer(nil); err == nil || !strings.HasPrefix(err.Error(), "hotroad: ") {
		t.Errorf("a Producer after the MeterProvider: error %v", err)
	}
}

// TestWhereTheRoadDoesNotLead: without a Producer nothing would be exported, so
// the SDK's own histograms are used.
func TestWhereTheRoadDoesNotLead(t *testing.T) {
	t.Parallel()
	road, err := hotroad.New()
	if err != nil {
		t.Fatal(err)
	}
	sdk := sdkmetric.NewMeterProvider()
	if got := road.MeterProvider(sdk); got != metric.MeterProvider(sdk) {
		t.Errorf("a Road without Producers has a MeterProvider of its own: %T", got)
	}
	if _, ok := road.MeterProvider(nil).(noop.MeterProvider); !ok {
		t.Error("no MeterProvider is not a no-op")
	}
	sum := sdkmetric.NewView(sdkmetric.Instrument{Name: "*"}, sdkmetric.Stream{Aggregation: sdkmetric.AggregationSum{}})
	if _, ok := histogramOf(t, hot(t, []selector{cumulative}, []sdkmetric.View{sum}), "duration").(binder); ok {
		t.Error("a sum can bind")
	}
	drop := sdkmetric.NewView(sdkmetric.Instrument{Name: "*"}, sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}})
	h := histogramOf(t, hot(t, []selector{cumulative}, []sdkmetric.View{drop}), "duration")
	b := bind(t, h, attribute.Bool("k", true))
	b.Record(context.Background(), 1)
	if h.Enabled(context.Background()) || b.Enabled(context.Background()) {
		t.Error("a dropped histogram is enabled")
	}
}

func TestInvalidNamesAreTheSDKsToRefuse(t *testing.T) {
	t.Parallel()
	m := hot(t, []selector{cumulative}, nil).Meter("scope")
	if _, err := m.Float64Histogram("0 is no letter"); err == nil {
		t.Error("no error")
	}
}

func TestNothingIsExportedBeforeTheFirstMeasurement(t *testing.T) {
	t.Parallel()
	s := hot(t, []selector{cumulative, delta}, nil)
	b := bind(t, histogramOf(t, s, "duration"), attribute.Bool("k", true))
	for reader := range 2 {
		if rm := s.collect(t, reader); len(rm.ScopeMetrics) != 0 {
			t.Errorf("reader %d got %v", reader, rm.ScopeMetrics)
		}
	}
	b.Record(context.Background(), 1)
	s.collect(t, 1)
	if rm := s.collect(t, 1); len(rm.ScopeMetrics) != 0 {
		t.Errorf("a delta without a measurement: %v", rm.ScopeMetrics)
	}
	if n := count(t, points(t, s.collect(t, 0), "duration")); n != 1 {
		t.Errorf("%d counted", n)
	}
}

// TestScopesAreMerged: what the SDK and the Producer have of one scope leaves as
// one, and the incoming batch stays as it is.
func TestScopesAreMerged(t *testing.T) {
	t.Parallel()
	s := hot(t, []selector{cumulative}, nil)
	histogramOf(t, s, "duration").Record(context.Background(), 1)
	c, err := s.Meter("scope").Int64Counter("calls")
	if err != nil {
		t.Fatal(err)
	}
	c.Add(context.Background(), 1)
	var rm metricdata.ResourceMetrics
	if err := s.readers[0].Collect(context.Background(), &rm); err != nil {
		t.Fatal(err)
	}
	if len(rm.ScopeMetrics) != 2 {
		t.Fatalf("%d scopes come out of the reader: the premise is gone", len(rm.ScopeMetrics))
	}
	var got []string
	e := hotroad.Merging(exporterFunc(func(rm *metricdata.ResourceMetrics) {
		if len(rm.ScopeMetrics) != 1 {
			t.Errorf("%d scopes", len(rm.ScopeMetrics))
		}
		for _, m := range rm.ScopeMetrics[0].Metrics {
			got = append(got, m.Name)
		}
	}))
	for range 2 {
		got = nil
		if err := e.Export(context.Background(), &rm); err != nil {
			t.Fatal(err)
		}
		if slices.Sort(got); !slices.Equal(got, []string{"calls", "duration"}) {
			t.Errorf("metrics %v", got)
		}
		if len(rm.ScopeMetrics) != 2 || len(rm.ScopeMetrics[0].Metrics) != 1 {
			t.Error("the incoming batch was changed")
		}
	}
	if hotroad.Merging(nil) != nil {
		t.Error("Merging(nil) is not nil")
	}
	hotroad.MergeScopes(nil)
}

type exporterFunc func(*metricdata.ResourceMetrics)

func (exporterFunc) Temporality(sdkmetric.InstrumentKind) metricdata.Temporality {
	return metricdata.CumulativeTemporality
}

func (exporterFunc) Aggregation(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(k)
}

func (f exporterFunc) Export(_ context.Context, rm *metricdata.ResourceMetrics) error {
	f(rm)
	return nil
}
func (exporterFunc) ForceFlush(context.Context) error { return nil }
func (exporterFunc) Shutdown(context.Context) error   { return nil }

// sampled returns a context with a sampled span.
func sampled(id byte) context.Context {
	return trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{id}, SpanID: trace.SpanID{id}, TraceFlags: trace.FlagsSampled,
	}))
}

func TestExemplars(t *testing.T) {
	t.Parallel()
	view := sdkmetric.NewView(sdkmetric.Instrument{Name: "duration"}, sdkmetric.Stream{AttributeFilter: attribute.NewAllowKeysFilter("k")})
	s := hot(t, []selector{delta, cumulative}, []sdkmetric.View{view}, hotroad.WithExemplarFilter(exemplar.TraceBasedFilter))
	b := bind(t, histogramOf(t, s, "duration"), attribute.Int("k", 1), attribute.Int("dropped", 2))
	for range 100000 {
		b.Record(context.Background(), 0.02)
	}
	// However many others there were, a slow one is not missed, nor is one among
	// the many that go on.
	b.Record(sampled(1), 3)
	for range 200 {
		b.Record(sampled(2), 0.02)
	}
	for reader := range 2 {
		p := points(t, s.collect(t, reader), "duration")
		if len(p) != 1 || len(p[0].Exemplars) != 2 {
			t.Fatalf("reader %d: %d points, exemplars %v", reader, len(p), p[0].Exemplars)
		}
		for _, x := range p[0].Exemplars {
			id := byte(2)
			if x.Value == 3 {
				id = 1
			}
			if trace.TraceID(x.TraceID) != (trace.TraceID{id}) || trace.SpanID(x.SpanID) != (trace.SpanID{id}) {
				t.Errorf("%v has trace %x, span %x", x.Value, x.TraceID, x.SpanID)
			}
			if len(x.FilteredAttributes) != 1 || x.FilteredAttributes[0] != attribute.Int("dropped", 2) {
				t.Errorf("filtered attributes %v", x.FilteredAttributes)
			}
		}
	}
	// A delta has the exemplars of its own interval alone.
	b.Record(context.Background(), 3)
	if p := points(t, s.collect(t, 0), "duration"); len(p) != 1 || len(p[0].Exemplars) != 0 {
		t.Errorf("exemplars of before: %v", p)
	}
}

func TestNoExemplars(t *testing.T) {
	t.Parallel()
	s := hot(t, []selector{cumulative}, nil, hotroad.WithExemplarFilter(nil))
	histogramOf(t, s, "duration").Record(sampled(1), 1)
	if p := points(t, s.collect(t, 0), "duration"); len(p) != 1 || len(p[0].Exemplars) != 0 {
		t.Errorf("points %v", p)
	}
}

// TestFinish: a series that was finished is exported once more and then gone,
// and comes back where it was, or anew once it was forgotten.
func TestFinish(t *testing.T) {
	t.Parallel()
	s := hot(t, []selector{cumulative}, nil)
	h := histogramOf(t, s, "duration")
	attr := attribute.Int("k", 1)
	b := bind(t, h, attr)
	stays := bind(t, h, attribute.Int("k", 2))
	finish := func() {
		h.(interface {
			Finish(context.Context, ...attribute.KeyValue)
		}).Finish(context.Background(), attr)
	}
	counts := func() (n []uint64) {
		for _, p := range points(t, s.collect(t, 0), "duration") {
			n = append(n, p.Count)
		}
		slices.Sort(n)
		return n
	}
	ctx := context.Background()
	b.Record(ctx, 1)
	b.Record(ctx, 1)
	for range 5 {
		stays.Record(ctx, 1)
	}
	finish()
	if got := counts(); !slices.Equal(got, []uint64{2, 5}) {
		t.Errorf("the last export has %v", got)
	}
	runtime.GC()
	b.Record(ctx, 1)
	got := counts()
	if !slices.Equal(got, []uint64{3, 5}) && !slices.Equal(got, []uint64{1, 5}) {
		t.Errorf("after it came back: %v", got)
	}
	finish()
	counts()
	// It is gone for good once the garbage collector has seen that nobody can
	// record to it.
	for range 100 {
		runtime.GC()
		if got := counts(); slices.Equal(got, []uint64{5}) {
			break
		}
	}
	if got := counts(); !slices.Equal(got, []uint64{5}) {
		t.Errorf("%v after the series was forgotten", got)
	}
}

// TestLimitIsPerIntervalOnDelta: room that is no longer needed is given to
// others.
func TestLimitIsPerIntervalOnDelta(t *testing.T) {
	t.Parallel()
	s := hot(t, []selector{delta}, nil, hotroad.WithCardinalityLimit(3))
	h := histogramOf(t, s, "duration")
	var late metric.Float64Histogram
	for i := range 4 {
		late = bind(t, h, attribute.Int("k", i))
		late.Record(context.Background(), 1)
	}
	names := func() (out []string) {
		for _, p := range points(t, s.collect(t, 0), "duration") {
			out = append(out, p.Attributes.Encoded(attribute.DefaultEncoder()))
		}
		slices.Sort(out)
		return out
	}
	if got := names(); !slices.Equal(got, []string{"k=0", "k=1", "otel.metric.overflow=true"}) {
		t.Errorf("first interval: %v", got)
	}
	names() // nothing happens in this one
	late.Record(context.Background(), 1)
	if got := names(); !slices.Equal(got, []string{"k=3"}) {
		t.Errorf("third interval: %v", got)
	}
}

// TestProducedDataIsTheReadersOwn: it may be kept and changed.
func TestProducedDataIsTheReadersOwn(t *testing.T) {
	t.Parallel()
	s := hot(t, []selector{cumulative}, nil)
	b := bind(t, histogramOf(t, s, "duration"))
	b.Record(context.Background(), 1)
	first := s.collect(t, 0)
	p := points(t, first, "duration")
	for i := range p[0].BucketCounts {
		p[0].BucketCounts[i] = 99
	}
	for i := range p[0].Bounds {
		p[0].Bounds[i] = 99
	}
	b.Record(context.Background(), 1)
	p = points(t, s.collect(t, 0), "duration")
	if count(t, p) != 2 || p[0].Bounds[0] != boundaries[0] {
		t.Errorf("points %v", p)
	}
}

// TestSeriesMemory holds what a series takes, and what a delta reader and exemplars
// add to that, against what the documentation says.
func TestSeriesMemory(t *testing.T) {
	const series = 1000
	exponential := sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}
	for name, tc := range map[string]struct {
		of                 selector
		ctx                context.Context
		recorded, collects float64 // bytes at the most, then and in addition
	}{
		"explicit":                   {cumulative, context.Background(), 1536, 64},
		"explicit, delta":            {delta, context.Background(), 1536, 8*23 + 64},
		"explicit with exemplars":    {cumulative, sampled(1), 1536 + 4608, 64},
		"exponential":                {selector{aggregation: exponential}, context.Background(), 1536 + 3*1024, 64},
		"exponential, delta":         {selector{metricdata.DeltaTemporality, exponential}, context.Background(), 1536 + 3*1024, 1280 + 2*512 + 64},
		"exponential with exemplars": {selector{aggregation: exponential}, sampled(1), 1536 + 3*1024 + 4608, 64},
	} {
		s := hot(t, []selector{tc.of}, nil, hotroad.WithExemplarFilter(exemplar.TraceBasedFilter))
		h := histogramOf(t, s, "duration")
		heap := func() float64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.GC()
			runtime.ReadMemStats(&m)
			return float64(m.HeapAlloc)
		}
		before := heap()
		for i := range series {
			b := bind(t, h, attribute.Int("k", i))
			for range 100 { // two octaves
				b.Record(tc.ctx, 0.001)
				b.Record(tc.ctx, 0.1)
			}
		}
		recorded := heap()
		if got := (recorded - before) / series; got > tc.recorded {
			t.Errorf("%s: a series takes %.0f bytes, more than %.0f", name, got, tc.recorded)
		}
		s.collect(t, 0)
		if got := (heap() - recorded) / series; got > tc.collects {
			t.Errorf("%s: having been collected it takes %.0f bytes more, more than %.0f", name, got, tc.collects)
		}
		runtime.KeepAlive(h)
	}
}

func TestTimeDoesNotStandStill(t *testing.T) {
	t.Parallel()
	before := time.Now()
	s := hot(t, []selector{cumulative}, nil)
	b := bind(t, histogramOf(t, s, "duration"))
	b.Record(context.Background(), 1)
	p := points(t, s.collect(t, 0), "duration")
	if p[0].StartTime.Before(before) || p[0].Time.Before(p[0].StartTime) || time.Now().Before(p[0].Time) {
		t.Errorf("from %v to %v, within %v and now", p[0].StartTime, p[0].Time, before)
	}
}
