package hotroad_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/hotroad"
)

type binder interface {
	Bind(...attribute.KeyValue) metric.Float64Histogram
}

var boundaries = []float64{
	0.000001, 0.0000025, 0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005,
	0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
}

// A selector is what a reader of a kind wants.
type selector struct {
	temporality metricdata.Temporality
	aggregation sdkmetric.Aggregation
}

func (s selector) Temporality(k sdkmetric.InstrumentKind) metricdata.Temporality {
	if s.temporality == metricdata.DeltaTemporality {
		return sdkmetric.DeltaTemporalitySelector(k)
	}
	return metricdata.CumulativeTemporality
}

func (s selector) Aggregation(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	if k == sdkmetric.InstrumentKindHistogram && s.aggregation != nil {
		return s.aggregation
	}
	return sdkmetric.DefaultAggregationSelector(k)
}

var (
	cumulative = selector{temporality: metricdata.CumulativeTemporality}
	delta      = selector{temporality: metricdata.DeltaTemporality}
)

// A setup is one road with its readers.
type setup struct {
	metric.MeterProvider
	readers []*sdkmetric.ManualReader
}

func readerOptions(s selector) []sdkmetric.ManualReaderOption {
	return []sdkmetric.ManualReaderOption{
		sdkmetric.WithTemporalitySelector(s.Temporality),
		sdkmetric.WithAggregationSelector(s.Aggregation),
	}
}

// hot returns a MeterProvider on the hot road.
func hot(tb testing.TB, selectors []selector, views []sdkmetric.View, opts ...hotroad.Option) setup {
	tb.Helper()
	road, err := hotroad.New(append(opts, hotroad.WithView(views...))...)
	if err != nil {
		tb.Fatal(err)
	}
	var s setup
	sdkOpts := []sdkmetric.Option{sdkmetric.WithView(views...)}
	for _, sel := range selectors {
		producer, err := road.Producer(sel)
		if err != nil {
			tb.Fatal(err)
		}
		r := sdkmetric.NewManualReader(append(readerOptions(sel), sdkmetric.WithProducer(producer))...)
		s.readers = append(s.readers, r)
		sdkOpts = append(sdkOpts, sdkmetric.WithReader(r))
	}
	s.MeterProvider = road.MeterProvider(sdkmetric.NewMeterProvider(sdkOpts...))
	return s
}

// usual returns a MeterProvider on the SDK's own road.
func usual(selectors []selector, views []sdkmetric.View, opts ...sdkmetric.Option) setup {
	var s setup
	opts = append(opts, sdkmetric.WithView(views...))
	for _, sel := range selectors {
		r := sdkmetric.NewManualReader(readerOptions(sel)...)
		s.readers = append(s.readers, r)
		opts = append(opts, sdkmetric.WithReader(r))
	}
	s.MeterProvider = sdkmetric.NewMeterProvider(opts...)
	return s
}

// collect returns what reader i gets, scopes merged.
func (s setup) collect(tb testing.TB, i int) metricdata.ResourceMetrics {
	tb.Helper()
	var rm metricdata.ResourceMetrics
	if err := s.readers[i].Collect(context.Background(), &rm); err != nil {
		tb.Fatal(err)
	}
	hotroad.MergeScopes(&rm)
	slices.SortFunc(rm.ScopeMetrics, func(a, b metricdata.ScopeMetrics) int {
		return strings.Compare(a.Scope.Name, b.Scope.Name)
	})
	for _, sm := range rm.ScopeMetrics {
		slices.SortFunc(sm.Metrics, func(a, b metricdata.Metrics) int { return strings.Compare(a.Name, b.Name) })
	}
	return rm
}

// histogramOf makes a histogram in seconds.
func histogramOf(tb testing.TB, mp metric.MeterProvider, name string) metric.Float64Histogram {
	tb.Helper()
	h, err := mp.Meter("scope").Float64Histogram(name, metric.WithUnit("s"),
		metric.WithDescription("How long."), metric.WithExplicitBucketBoundaries(boundaries...))
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

// bind binds the histogram, which must be able to.
func bind(tb testing.TB, h metric.Float64Histogram, attrs ...attribute.KeyValue) metric.Float64Histogram {
	tb.Helper()
	b, ok := h.(binder)
	if !ok {
		tb.Fatalf("%T cannot bind", h)
	}
	return b.Bind(attrs...)
}

// points returns the points of the only metric of that name.
func points(tb testing.TB, rm metricdata.ResourceMetrics, name string) []metricdata.HistogramDataPoint[float64] {
	tb.Helper()
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			if m.Name == name {
				return m.Data.(metricdata.Histogram[float64]).DataPoints
			}
		}
	}
	return nil
}

// count adds up the points' counts, and checks that their buckets do too.
func count(tb testing.TB, points []metricdata.HistogramDataPoint[float64]) (n uint64) {
	tb.Helper()
	for _, p := range points {
		var in uint64
		for _, c := range p.BucketCounts {
			in += c
		}
		if in != p.Count {
			tb.Errorf("%v: count %d, buckets %d", p.Attributes.Encoded(attribute.DefaultEncoder()), p.Count, in)
		}
		n += p.Count
	}
	return n
}
