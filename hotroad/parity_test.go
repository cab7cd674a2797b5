package hotroad_test

import (
	"fmt"
	"math"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/otelperf/otelperf-go/hotroad"
)

// bothRoads has both roads do the same, twice, and compares what each reader
// exports after each time. It returns what the hot road's first reader got last.
func bothRoads(t *testing.T, selectors []selector, views []sdkmetric.View, do func(*testing.T, metric.MeterProvider)) (last metricdata.ResourceMetrics) {
	t.Helper()
	return compareRoads(t, [2]setup{usual(selectors, views), hot(t, selectors, views)}, do)
}

func compareRoads(t *testing.T, roads [2]setup, do func(*testing.T, metric.MeterProvider)) (last metricdata.ResourceMetrics) {
	t.Helper()
	for range 2 {
		for _, s := range roads {
			do(t, s)
		}
		for reader := range roads[0].readers {
			want, got := roads[0].collect(t, reader), roads[1].collect(t, reader)
			settleOdd(&want)
			settleOdd(&got)
			metricdatatest.AssertEqual(t, want, got, metricdatatest.IgnoreTimestamp())
			if reader == 0 {
				last = got
			}
		}
	}
	return last
}

// settleOdd puts a number in place of sums that are not finite, and leaves out the
// extremes beside them, which differ: see the package's documentation.
func settleOdd(rm *metricdata.ResourceMetrics) {
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			if h, ok := m.Data.(metricdata.Histogram[float64]); ok {
				for i := range h.DataPoints {
					p := &h.DataPoints[i]
					if p.Sum-p.Sum == 0 {
						continue
					}
					p.Min, p.Max = metricdata.Extrema[float64]{}, metricdata.Extrema[float64]{}
					if math.IsNaN(p.Sum) {
						p.Sum = -12345
					}
				}
			}
		}
	}
}

func metricsOf(rm metricdata.ResourceMetrics) (n int) {
	for _, sm := range rm.ScopeMetrics {
		n += len(sm.Metrics)
	}
	return n
}

// TestInstrumentsThatCollide are those of one name, differing in case alone or in
// all else.
func TestInstrumentsThatCollide(t *testing.T) {
	t.Parallel()
	view := func(of sdkmetric.Instrument, mask sdkmetric.Stream) sdkmetric.View {
		return sdkmetric.NewView(of, mask)
	}
	for name, tc := range map[string]struct {
		names   []string
		options [][]metric.Float64HistogramOption
		views   []sdkmetric.View
		metrics int
	}{
		"case":                      {names: []string{"Duration", "duration", "DURATION"}, metrics: 1},
		"unit":                      {names: []string{"d", "d"}, options: [][]metric.Float64HistogramOption{{metric.WithUnit("s")}, {metric.WithUnit("ms")}}, metrics: 2},
		"description":               {names: []string{"d", "D"}, options: [][]metric.Float64HistogramOption{{metric.WithDescription("a")}, {metric.WithDescription("b")}}, metrics: 2},
		"boundaries":                {names: []string{"d", "D"}, options: [][]metric.Float64HistogramOption{{metric.WithExplicitBucketBoundaries(1, 2)}, {metric.WithExplicitBucketBoundaries(3)}}, metrics: 1},
		"a view for one case":       {names: []string{"d", "D"}, views: []sdkmetric.View{view(sdkmetric.Instrument{Name: "d"}, sdkmetric.Stream{Name: "other"})}, metrics: 2},
		"a view for the other case": {names: []string{"d", "D"}, views: []sdkmetric.View{view(sdkmetric.Instrument{Name: "D"}, sdkmetric.Stream{Name: "other"})}, metrics: 2},
		"a view that joins":         {names: []string{"d", "e"}, views: []sdkmetric.View{view(sdkmetric.Instrument{Name: "e"}, sdkmetric.Stream{Name: "D"})}, metrics: 1},
		"a view drops one case":     {names: []string{"d", "D"}, views: []sdkmetric.View{view(sdkmetric.Instrument{Name: "d"}, sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}})}, metrics: 0},
		"dropped, then kept": {names: []string{"d"}, views: []sdkmetric.View{
			view(sdkmetric.Instrument{Name: "d"}, sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}}),
			view(sdkmetric.Instrument{Name: "d"}, sdkmetric.Stream{AttributeFilter: attribute.NewAllowKeysFilter("k")}),
		}, metrics: 0},
		"kept, then dropped": {names: []string{"d"}, views: []sdkmetric.View{
			view(sdkmetric.Instrument{Name: "d"}, sdkmetric.Stream{AttributeFilter: attribute.NewAllowKeysFilter("k")}),
			view(sdkmetric.Instrument{Name: "d"}, sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}}),
		}, metrics: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			last := bothRoads(t, []selector{cumulative, delta}, tc.views, func(t *testing.T, mp metric.MeterProvider) {
				for i, name := range tc.names {
					var opts []metric.Float64HistogramOption
					if tc.options != nil {
						opts = tc.options[i]
					}
					h, err := mp.Meter("scope").Float64Histogram(name, opts...)
					if err != nil {
						t.Fatal(err)
					}
					for v := range 2 + i {
						h.Record(t.Context(), float64(v), metric.WithAttributes(attribute.Int("k", 1)))
					}
				}
			})
			if n := metricsOf(last); n != tc.metrics {
				t.Errorf("%d metrics, want %d", n, tc.metrics)
			}
		})
	}
}

// defaultKeys has the structure of metric/x's WithDefaultAttributes, rawAttributes
// that of its WithUnsafeAttributes. The SDK goes by the structure too.
type defaultKeys struct {
	metric.InstrumentOption
	keys []attribute.Key
}

func (defaultKeys) Experimental()                  {}
func (o defaultKeys) AllowedKeys() []attribute.Key { return o.keys }

type rawAttributes struct {
	metric.MeasurementOption
	attrs []attribute.KeyValue
}

func (rawAttributes) Experimental()                         {}
func (o rawAttributes) RawAttributes() []attribute.KeyValue { return o.attrs }

// TestExperimentalOptions: the keys an instrument has by default yield to a view's
// filter, and raw attributes have the last word.
func TestExperimentalOptions(t *testing.T) {
	t.Parallel()
	filter := sdkmetric.NewView(sdkmetric.Instrument{Name: "d"}, sdkmetric.Stream{AttributeFilter: attribute.NewAllowKeysFilter("b")})
	for name, tc := range map[string]struct {
		opts  []metric.Float64HistogramOption
		views []sdkmetric.View
		want  string
	}{
		"all keys":       {want: "a=3,b=2"},
		"one key":        {opts: []metric.Float64HistogramOption{defaultKeys{keys: []attribute.Key{"a"}}}, want: "a=3"},
		"no key":         {opts: []metric.Float64HistogramOption{defaultKeys{keys: []attribute.Key{}}}, want: ""},
		"view's instead": {opts: []metric.Float64HistogramOption{defaultKeys{keys: []attribute.Key{"a"}}}, views: []sdkmetric.View{filter}, want: "b=2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			last := bothRoads(t, []selector{cumulative, delta}, tc.views, func(t *testing.T, mp metric.MeterProvider) {
				h, err := mp.Meter("scope").Float64Histogram("d", tc.opts...)
				if err != nil {
					t.Fatal(err)
				}
				raw := rawAttributes{attrs: []attribute.KeyValue{attribute.Int("a", 3)}}
				h.Record(t.Context(), 1, raw, metric.WithAttributes(attribute.Int("a", 1), attribute.Int("b", 2)))
			})
			p := points(t, last, "d")
			if len(p) != 1 {
				t.Fatalf("%d points", len(p))
			}
			if got := p[0].Attributes.Encoded(attribute.DefaultEncoder()); got != tc.want {
				t.Errorf("attributes %q, want %q", got, tc.want)
			}
		})
	}
}

// TestNestedAttributes: of several values for one key within a value the last
// counts, so that what differs in the others is one series, and one scope.
func TestNestedAttributes(t *testing.T) {
	t.Parallel()
	nested := func(first int) []attribute.KeyValue {
		inner := attribute.MapValue(attribute.Int("b", first), attribute.Int("a", 1), attribute.Int("b", 2))
		return []attribute.KeyValue{
			attribute.Map("map", attribute.Int("k", first), attribute.Int("k", 3), attribute.KeyValue{Key: "inner", Value: inner}),
			attribute.Slice("slice", attribute.IntValue(1), inner), attribute.Slice("empty"), attribute.Map("none"),
			attribute.Int("plain", 1),
		}
	}
	last := bothRoads(t, []selector{cumulative, delta}, nil, func(t *testing.T, mp metric.MeterProvider) {
		for first := range 2 {
			m := mp.Meter("scope", metric.WithInstrumentationAttributes(nested(first)...))
			h, err := m.Float64Histogram("d")
			if err != nil {
				t.Fatal(err)
			}
			c, err := m.Int64Counter("c")
			if err != nil {
				t.Fatal(err)
			}
			c.Add(t.Context(), 1)
			h.Record(t.Context(), 1, metric.WithAttributes(nested(first)...))
			h.Record(t.Context(), 1, rawAttributes{attrs: nested(first)})
			for _, kv := range nested(first) {
				h.Record(t.Context(), 1, metric.WithAttributes(kv))
			}
			if b, ok := h.(binder); ok {
				b.Bind(nested(first)...).Record(t.Context(), 1)
			} else {
				h.Record(t.Context(), 1, metric.WithAttributes(nested(first)...))
			}
		}
	})
	if p := points(t, last, "d"); len(p) != 6 || count(t, p) != 32 || len(last.ScopeMetrics) != 1 {
		t.Errorf("%d scopes, %v", len(last.ScopeMetrics), p)
	}
}

// TestWrongBoundsAndSizes: what the SDK makes of them is what is exported, and
// what it says is what the caller hears.
func TestWrongBoundsAndSizes(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	explicit := func(bounds ...float64) sdkmetric.Aggregation {
		return sdkmetric.AggregationExplicitBucketHistogram{Boundaries: bounds}
	}
	exponential := func(size, scale int32) sdkmetric.Aggregation {
		return sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: size, MaxScale: scale}
	}
	record := func(opts ...metric.Float64HistogramOption) func(*testing.T, metric.MeterProvider) {
		return func(t *testing.T, mp metric.MeterProvider) {
			h, err := mp.Meter("scope").Float64Histogram("d", opts...)
			if h == nil {
				t.Fatal(err)
			}
			for _, v := range []float64{0.5, 1, 1.5, 2, 4} {
				h.Record(t.Context(), v)
			}
		}
	}
	selectors := []selector{cumulative, delta}
	for _, bounds := range [][]float64{{2, 1}, {1, 1}, {1, 2, 2}, {1, inf}, {-inf, 1}, {}, {1}} {
		t.Run(fmt.Sprint("instrument ", bounds), func(t *testing.T) {
			t.Parallel()
			bothRoads(t, selectors, nil, record(metric.WithExplicitBucketBoundaries(bounds...)))
			var errs [2]error
			for i, s := range []setup{usual(selectors, nil), hot(t, selectors, nil)} {
				_, errs[i] = s.Meter("scope").Float64Histogram("d", metric.WithExplicitBucketBoundaries(bounds...))
			}
			if fmt.Sprint(errs[0]) != fmt.Sprint(errs[1]) {
				t.Errorf("the SDK says %v, the hot road %v", errs[0], errs[1])
			}
		})
	}
	for _, a := range []sdkmetric.Aggregation{
		explicit(2, 1), explicit(1, 1), explicit(1, inf), explicit(-inf, 1), explicit(), explicit(1),
		exponential(0, 6), exponential(-1, 6), exponential(1, 6), exponential(2, 6), exponential(3, 6),
		exponential(160, 21), exponential(160, -10), exponential(160, -11),
	} {
		t.Run(fmt.Sprintf("%T %v", a, a), func(t *testing.T) {
			t.Parallel()
			bothRoads(t, selectors, []sdkmetric.View{sdkmetric.NewView(sdkmetric.Instrument{Name: "d"}, sdkmetric.Stream{Aggregation: a})}, record())
			bothRoads(t, []selector{{metricdata.CumulativeTemporality, a}, {metricdata.DeltaTemporality, a}}, nil, record())
			if e, ok := a.(sdkmetric.AggregationExplicitBucketHistogram); ok { // a view that nobody checked
				bothRoads(t, selectors, []sdkmetric.View{func(i sdkmetric.Instrument) (sdkmetric.Stream, bool) {
					return sdkmetric.Stream{Name: i.Name, Aggregation: e}, true
				}}, record())
			}
		})
	}
	// NaN equals nothing, so that exports cannot be compared: these are the SDK's.
	for _, bounds := range [][]float64{{nan}, {1, nan}, {nan, 1}} {
		h, err := hot(t, selectors, nil).Meter("scope").Float64Histogram("d", metric.WithExplicitBucketBoundaries(bounds...))
		if _, ok := h.(binder); ok || h == nil {
			t.Errorf("boundaries %v: %T, error %v", bounds, h, err)
		}
	}
}

// TestOverflowAtTheEdge goes to the limit, short of it and over it, and brings a
// series with the overflow's own attributes along.
func TestOverflowAtTheEdge(t *testing.T) {
	const limit = 4
	overflow := attribute.Bool("otel.metric.overflow", true)
	exponential := sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 6}
	check := func(t *testing.T, roads [2]setup, sets, own int) {
		compareRoads(t, roads, func(t *testing.T, mp metric.MeterProvider) {
			h, err := mp.Meter("scope").Float64Histogram("d")
			if err != nil {
				t.Fatal(err)
			}
			for i := range sets {
				if i == own {
					h.Record(t.Context(), 8, metric.WithAttributes(overflow))
				}
				h.Record(t.Context(), 1, metric.WithAttributes(attribute.Int("k", i)))
			}
		})
	}
	for _, sel := range []selector{cumulative, delta, {aggregation: exponential}, {metricdata.DeltaTemporality, exponential}} {
		selectors := []selector{sel}
		for _, limit := range []int{-1, 0, 1, 2, limit} {
			for sets := max(limit, 1) - 1; sets <= max(limit, 1)+1; sets++ {
				for own := -1; own < sets; own++ { // -1: none
					check(t, [2]setup{
						usual(selectors, nil, sdkmetric.WithCardinalityLimit(limit)),
						hot(t, selectors, nil, hotroad.WithCardinalityLimit(limit)),
					}, sets, own)
					if t.Failed() {
						t.Fatalf("%v: %d sets, the limit is %d, the overflow's own attributes at %d", sel, sets, limit, own)
					}
				}
			}
		}
	}
	for _, env := range []string{"4", " 4 ", "0", "-1", "four", ""} {
		t.Setenv("OTEL_GO_X_CARDINALITY_LIMIT", env)
		selectors := []selector{cumulative}
		for sets := limit - 1; sets <= limit+1; sets++ {
			check(t, [2]setup{usual(selectors, nil), hot(t, selectors, nil)}, sets, -1)
		}
	}
}

// TestOverflowsOwnAttributesForAnInterval: a delta has room again in the next,
// cumulative data has not.
func TestOverflowsOwnAttributesForAnInterval(t *testing.T) {
	t.Parallel()
	for _, sel := range []selector{delta, cumulative} {
		for _, limit := range []int{0, 5} {
			interval := 0
			selectors := []selector{sel}
			compareRoads(t, [2]setup{
				usual(selectors, nil, sdkmetric.WithCardinalityLimit(limit)), hot(t, selectors, nil, hotroad.WithCardinalityLimit(limit)),
			}, func(t *testing.T, mp metric.MeterProvider) {
				h, err := mp.Meter("scope").Float64Histogram("d")
				if err != nil {
					t.Fatal(err)
				}
				attr := attribute.Bool("otel.metric.overflow", true)
				if interval >= 2 {
					attr = attribute.Int("k", 1)
				}
				h.Record(t.Context(), 1, metric.WithAttributes(attr))
				interval++
			})
		}
	}
}

// TestOddValues measures what no duration is, each value alone and all together.
func TestOddValues(t *testing.T) {
	t.Parallel()
	inf := math.Inf(1)
	values := map[string][]float64{
		"NaN": {math.NaN()}, "NaN among others": {1, math.NaN(), 2}, "infinite": {inf}, "negative infinite": {-inf},
		"infinite among others": {1, inf}, "negative infinite among others": {1, -inf}, "both infinite": {inf, -inf},
		"zero": {0}, "negative zero": {math.Copysign(0, -1)}, "negative": {-1, -3}, "negative alone": {-2.5},
		"of both signs": {-1, 0, 1}, "subnormal": {math.SmallestNonzeroFloat64, 0x1p-1060}, "huge": {math.MaxFloat64},
		"huge and small": {0x1p1000, 0x1p-1000}, "beyond": {0x1p65, 0x1p64}, "overflowing": {math.MaxFloat64, math.MaxFloat64},
	}
	aggregations := map[string]sdkmetric.Aggregation{
		"explicit":              sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{-2, 0, 1, 10}},
		"explicit no minmax":    sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{-2, 0, 1, 10}, NoMinMax: true},
		"exponential":           sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 0},
		"exponential no minmax": sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 0, NoMinMax: true},
		"no boundaries":         sdkmetric.AggregationExplicitBucketHistogram{},
	}
	for kind, a := range aggregations {
		for name, vs := range values {
			t.Run(kind+" "+name, func(t *testing.T) {
				t.Parallel()
				selectors := []selector{{metricdata.CumulativeTemporality, a}, {metricdata.DeltaTemporality, a}}
				bothRoads(t, selectors, nil, func(t *testing.T, mp metric.MeterProvider) {
					h, err := mp.Meter("scope").Float64Histogram("d")
					if err != nil {
						t.Fatal(err)
					}
					for _, v := range vs {
						h.Record(t.Context(), v)
					}
				})
			})
		}
	}
}
