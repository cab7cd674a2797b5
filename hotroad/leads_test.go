package hotroad_test

import (
	"math"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/hotroad"
)

// saying is a reader that says of its aggregation just this, nil too.
type saying struct{ aggregation sdkmetric.Aggregation }

func (saying) Temporality(sdkmetric.InstrumentKind) metricdata.Temporality {
	return metricdata.CumulativeTemporality
}
func (s saying) Aggregation(sdkmetric.InstrumentKind) sdkmetric.Aggregation { return s.aggregation }

// TestWhereTheRoadLeads: a histogram can bind by what a reader wants and by what
// a view does. Where the SDK would refuse or drop something, it is left to it.
func TestWhereTheRoadLeads(t *testing.T) {
	t.Parallel()
	explicit := func(bounds ...float64) sdkmetric.Aggregation {
		return sdkmetric.AggregationExplicitBucketHistogram{Boundaries: bounds}
	}
	exponential := func(size, scale int32) sdkmetric.Aggregation {
		return sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: size, MaxScale: scale}
	}
	for name, tc := range map[string]struct {
		aggregation sdkmetric.Aggregation
		leads       bool
	}{
		"nothing said":       {nil, true},
		"the default":        {sdkmetric.AggregationDefault{}, true},
		"boundaries":         {explicit(1, 2), true},
		"no boundaries":      {explicit(), true},
		"falling boundaries": {explicit(2, 1), false},
		"an infinite one":    {explicit(1, math.Inf(1)), false},
		"exponential":        {exponential(160, 20), true},
		"too fine":           {exponential(160, 21), false},
		"least":              {exponential(3, -10), true},
		"too few":            {exponential(2, -10), false},
		"too coarse":         {exponential(3, -11), false},
		"a sum":              {sdkmetric.AggregationSum{}, false},
		"a last value":       {sdkmetric.AggregationLastValue{}, false},
		"dropped":            {sdkmetric.AggregationDrop{}, true},
	} {
		leads := func(of hotroad.Selector, views ...sdkmetric.View) bool {
			road, err := hotroad.New(hotroad.WithView(views...))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := road.Producer(of); err != nil {
				t.Fatal(err)
			}
			sdk := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
			h, err := road.MeterProvider(sdk).Meter("scope").Float64Histogram("d")
			if err != nil {
				t.Fatal(err)
			}
			_, ok := h.(binder)
			return ok
		}
		if got := leads(saying{tc.aggregation}); got != tc.leads {
			t.Errorf("%s, by a reader: %v", name, got)
		}
		view := func(i sdkmetric.Instrument) (sdkmetric.Stream, bool) {
			return sdkmetric.Stream{Name: i.Name, Aggregation: tc.aggregation}, true
		}
		if got := leads(nil, view); got != tc.leads {
			t.Errorf("%s, by a view: %v", name, got)
		}
	}
}

// TestReadersThatWantOtherBuckets get them, each its own.
func TestReadersThatWantOtherBuckets(t *testing.T) {
	t.Parallel()
	explicit := func(noMinMax bool, bounds ...float64) sdkmetric.Aggregation {
		return sdkmetric.AggregationExplicitBucketHistogram{Boundaries: bounds, NoMinMax: noMinMax}
	}
	aggregations := []sdkmetric.Aggregation{
		explicit(false), explicit(true), explicit(false, 1, 2), explicit(true, 1, 2), explicit(false, 1, 3), explicit(false, 1),
		sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 6},
		sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 6, NoMinMax: true},
		sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 8, MaxScale: 6},
	}
	for i, a := range aggregations {
		for j, b := range aggregations {
			selectors := []selector{{aggregation: a}, {metricdata.DeltaTemporality, b}, {aggregation: a}}
			last := bothRoads(t, selectors, nil, func(t *testing.T, mp metric.MeterProvider) {
				h, err := mp.Meter("scope").Float64Histogram("d")
				if err != nil {
					t.Fatal(err)
				}
				for _, v := range []float64{0.5, 1, 1.5, 2, 2.5, 64} {
					h.Record(t.Context(), v)
				}
			})
			if metricsOf(last) != 1 || t.Failed() {
				t.Fatalf("readers of %d, %d and %d: %d metrics", i, j, i, metricsOf(last))
			}
		}
	}
}

// TestViewWithoutAReservoir has no exemplars; the SDK's own road panics.
func TestViewWithoutAReservoir(t *testing.T) {
	t.Parallel()
	view := func(i sdkmetric.Instrument) (sdkmetric.Stream, bool) {
		return sdkmetric.Stream{
			Name: i.Name,
			ExemplarReservoirProviderSelector: func(sdkmetric.Aggregation) exemplar.ReservoirProvider {
				return nil
			},
		}, true
	}
	s := hot(t, []selector{cumulative}, []sdkmetric.View{view})
	histogramOf(t, s, "duration").Record(sampled(1), 1)
	rm := s.collect(t, 0)
	if n := countExemplars(rm); n != 0 || metricsOf(rm) != 1 {
		t.Errorf("%d exemplars of %d metrics", n, metricsOf(rm))
	}
}

// TestOddValuesLieInTheirBuckets, and an interval without any is as fine as it
// would have been before.
func TestOddValuesLieInTheirBuckets(t *testing.T) {
	t.Parallel()
	fine := sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}
	s := hot(t, []selector{{metricdata.DeltaTemporality, fine}}, nil)
	h := histogramOf(t, s, "duration")
	for _, values := range [][]float64{
		{-3}, {0x1p70}, {0x1.8p-70}, {-3, 0x1p70}, {0x1p70, 0x1.8p-70, -3, -5}, {1.5, -3}, {1.5}, {-3, 3, 0},
	} {
		for _, v := range values {
			h.Record(t.Context(), v, metric.WithAttributes(attribute.Int("k", 1)))
		}
		data := s.collect(t, 0).ScopeMetrics[0].Metrics[0].Data.(metricdata.ExponentialHistogram[float64])
		p := data.DataPoints[0]
		var left uint64 // not found in its bucket
		for _, v := range values {
			b, index := p.PositiveBucket, int32(math.Ceil(math.Ldexp(math.Log2(math.Abs(v)), int(p.Scale))))-1
			if v < 0 {
				b = p.NegativeBucket
			}
			switch at := int(index - b.Offset); {
			case v == 0:
				left += 1 - p.ZeroCount
			case at < 0 || at >= len(b.Counts) || b.Counts[at] == 0:
				left++
			default:
				b.Counts[at]--
			}
		}
		if left != 0 || p.Count != uint64(len(values)) {
			t.Errorf("%v: %d are not in their buckets: scale %d, %v and %v", values, left, p.Scale, p.PositiveBucket, p.NegativeBucket)
		}
		if odd := len(values) > 1 || values[0] != 1.5; odd != (p.Scale <= 0) {
			t.Errorf("%v: scale %d", values, p.Scale)
		}
	}
}
