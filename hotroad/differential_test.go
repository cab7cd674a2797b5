package hotroad_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/otelperf/otelperf-go/hotroad"
	"github.com/otelperf/otelperf-go/otelperf"
)

// exact is a random number whose sums are free of rounding, so that the order
// of additions does not show.
func exact(r *rand.Rand) float64 {
	n := float64(1+r.IntN(1<<12)) / (1 << 20)
	return n * float64(int(1)<<r.IntN(12))
}

// TestBothRoadsExportTheSame feeds the SDK's own road and the hot one the same
// calls and compares all that every reader exports, interval by interval.
func TestBothRoadsExportTheSame(t *testing.T) {
	t.Parallel()
	exponential := sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 6}
	coarse := sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 0} // as negative values are
	small := sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 8, MaxScale: 4, NoMinMax: true}
	only := func(keys ...attribute.Key) attribute.Filter { return attribute.NewAllowKeysFilter(keys...) }
	view := func(mask sdkmetric.Stream) []sdkmetric.View {
		return []sdkmetric.View{sdkmetric.NewView(sdkmetric.Instrument{Name: "duration"}, mask)}
	}
	tests := map[string]struct {
		selectors []selector
		views     []sdkmetric.View
		value     func(*rand.Rand) float64
	}{
		"cumulative":             {selectors: []selector{cumulative}},
		"delta":                  {selectors: []selector{delta}},
		"several readers":        {selectors: []selector{cumulative, delta, delta, cumulative}},
		"exponential reader":     {selectors: []selector{{aggregation: exponential}, {metricdata.DeltaTemporality, exponential}, delta}},
		"exponential view":       {selectors: []selector{cumulative, delta}, views: view(sdkmetric.Stream{Aggregation: exponential})},
		"few exponential":        {selectors: []selector{cumulative, delta}, views: view(sdkmetric.Stream{Aggregation: small})},
		"own bounds":             {selectors: []selector{cumulative, delta}, views: view(sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{0.01, 0.1}, NoMinMax: true}})},
		"no bounds":              {selectors: []selector{cumulative, delta}, views: view(sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{}})},
		"default aggregation":    {selectors: []selector{cumulative}, views: view(sdkmetric.Stream{Aggregation: sdkmetric.AggregationDefault{}})},
		"renamed":                {selectors: []selector{cumulative}, views: view(sdkmetric.Stream{Name: "other", Description: "Else.", Unit: "x"})},
		"filtered":               {selectors: []selector{cumulative, delta}, views: view(sdkmetric.Stream{AttributeFilter: only("k")})},
		"filtered to nothing":    {selectors: []selector{cumulative, delta}, views: view(sdkmetric.Stream{AttributeFilter: only()})},
		"dropped":                {selectors: []selector{cumulative}, views: view(sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}})},
		"a sum":                  {selectors: []selector{cumulative, delta}, views: view(sdkmetric.Stream{Aggregation: sdkmetric.AggregationSum{}})},
		"two views":              {selectors: []selector{cumulative, delta}, views: append(view(sdkmetric.Stream{Name: "one"}), view(sdkmetric.Stream{Name: "two", Aggregation: exponential, AttributeFilter: only("k")})...)},
		"two views of one name":  {selectors: []selector{cumulative}, views: append(view(sdkmetric.Stream{AttributeFilter: only("k")}), view(sdkmetric.Stream{Aggregation: exponential})...)},
		"odd values":             {selectors: []selector{cumulative, delta}, value: oddValue},
		"odd exponential values": {selectors: []selector{cumulative, delta}, views: view(sdkmetric.Stream{Aggregation: coarse}), value: oddValue},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			value := exact
			if tc.value != nil {
				value = tc.value
			}
			roads := [2]setup{usual(tc.selectors, tc.views), hot(t, tc.selectors, tc.views)}
			for i := range roads {
				feed(t, roads[i], value, 0)
			}
			for interval := range 4 {
				for i := range roads {
					feed(t, roads[i], value, uint64(interval+1))
				}
				for reader := range tc.selectors {
					if reader == 1 && interval == 1 {
						continue // this one collects every other time
					}
					want, got := roads[0].collect(t, reader), roads[1].collect(t, reader)
					metricdatatest.AssertEqual(t, want, got, metricdatatest.IgnoreTimestamp())
					checkTimes(t, got)
				}
			}
		})
	}
}

// oddValue is what nobody should measure, of each kind something. The sums of
// all of it are exact too.
func oddValue(r *rand.Rand) float64 {
	switch r.IntN(8) {
	case 0:
		return 0
	case 1:
		return -exact(r)
	case 2:
		return 0x1p-27
	case 3:
		return boundaries[21]
	case 4:
		return 0x1p20
	}
	return exact(r)
}

// feed makes the same calls for the same seed.
func feed(t *testing.T, s setup, value func(*rand.Rand) float64, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	ctx := context.Background()
	h := histogramOf(t, s, "duration")
	for series := range 8 {
		if seed == 2 && series%2 == 0 {
			continue // nothing happens there in this interval
		}
		attrs := []attribute.KeyValue{attribute.Int("k", series/2), attribute.String("dropped", fmt.Sprint(series))}
		rec := func(v float64) { h.Record(ctx, v, metric.WithAttributes(attrs...)) }
		if b, ok := h.(binder); ok && series%3 != 0 {
			bound := b.Bind(attrs...)
			if series%3 == 1 {
				bound = b.Bind(attrs[0])
				rec = func(v float64) { bound.Record(ctx, v, metric.WithAttributes(attrs[1])) }
			} else {
				rec = func(v float64) { bound.Record(ctx, v) }
			}
		}
		for range 1 + r.IntN(50) {
			rec(value(r))
		}
	}
	// The rest of the meter is the SDK's own, in the same scope.
	c, err := s.Meter("scope").Int64Counter("calls")
	if err != nil {
		t.Fatal(err)
	}
	c.Add(ctx, 3)
}

// checkTimes checks what the comparison leaves out.
func checkTimes(t *testing.T, rm metricdata.ResourceMetrics) {
	t.Helper()
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					if p.StartTime.IsZero() || !p.Time.After(p.StartTime) {
						t.Errorf("%s: from %v to %v", m.Name, p.StartTime, p.Time)
					}
				}
			case metricdata.ExponentialHistogram[float64]:
				for _, p := range data.DataPoints {
					if p.StartTime.IsZero() || !p.Time.After(p.StartTime) {
						t.Errorf("%s: from %v to %v", m.Name, p.StartTime, p.Time)
					}
				}
			}
		}
	}
}

// TestDeltaIntervalsAreSeamless: each begins where the last one ended, also
// after an interval without data, and cumulative ones all begin at one time.
func TestDeltaIntervalsAreSeamless(t *testing.T) {
	t.Parallel()
	s := hot(t, []selector{delta, cumulative}, nil)
	h := bind(t, histogramOf(t, s, "duration"))
	var last, first time.Time
	for i := range 5 {
		h.Record(context.Background(), 1)
		for reader := range 2 {
			p := points(t, s.collect(t, reader), "duration")
			if len(p) != 1 {
				t.Fatalf("%d points", len(p))
			}
			switch {
			case reader == 0 && i > 0 && !p[0].StartTime.Equal(last):
				t.Errorf("interval %d begins at %v, not at %v", i, p[0].StartTime, last)
			case reader == 1 && i > 0 && !p[0].StartTime.Equal(first):
				t.Errorf("cumulative data begins at %v, not at %v", p[0].StartTime, first)
			}
			if reader == 0 {
				last = p[0].Time
			} else {
				first = p[0].StartTime
			}
		}
	}
}

// TestWrappersOnBothRoads compares what otelperf's wrappers export, with errors
// and panics among the calls.
func TestWrappersOnBothRoads(t *testing.T) {
	t.Parallel()
	selectors := []selector{cumulative, delta}
	roads := [2]setup{usual(selectors, nil), hot(t, selectors, nil)}
	failure := errors.New("failure")
	for _, s := range roads {
		rec, err := otelperf.New(otelperf.WithMeterProvider(s))
		if err != nil {
			t.Fatal(err)
		}
		op, err := rec.Operation("search", attribute.String("index", "docs"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rec.Operation("never called"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		t.Cleanup(cancel)
		for i := range 300 {
			switch {
			case i%10 == 3:
				op.Record(ctx, time.Duration(i)<<20, failure)
			case i == 290:
				cancel()
				op.Record(ctx, time.Second, ctx.Err())
			default:
				op.Record(ctx, time.Duration(i)<<20, nil)
			}
		}
		func() {
			defer func() { _ = recover() }()
			_ = op.Do(context.Background(), func(context.Context) error { panic("panic") })
		}()
	}
	for reader := range selectors {
		want, got := roads[0].collect(t, reader), roads[1].collect(t, reader)
		if n := count(t, points(t, got, "otelperf.operation.duration")); n != 301 {
			t.Errorf("%d calls, want 301", n)
		}
		settle(&want)
		settle(&got)
		metricdatatest.AssertEqual(t, want, got, metricdatatest.IgnoreTimestamp())
	}
}

// settle takes the measured panic's duration out of a batch, and rounds sums,
// which are added up in another order.
func settle(rm *metricdata.ResourceMetrics) {
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			h, ok := m.Data.(metricdata.Histogram[float64])
			if !ok {
				continue
			}
			for i := range h.DataPoints {
				p := &h.DataPoints[i]
				p.Sum = rounded(p.Sum)
				if typ, _ := p.Attributes.Value("error.type"); typ.AsString() == "panic" {
					p.Sum, p.BucketCounts = 0, nil
					p.Min, p.Max = metricdata.Extrema[float64]{}, metricdata.Extrema[float64]{}
				}
			}
		}
	}
}

// settleSums rounds the sums of a batch.
func settleSums(rm *metricdata.ResourceMetrics) {
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			switch h := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for i := range h.DataPoints {
					h.DataPoints[i].Sum = rounded(h.DataPoints[i].Sum)
				}
			case metricdata.ExponentialHistogram[float64]:
				for i := range h.DataPoints {
					h.DataPoints[i].Sum = rounded(h.DataPoints[i].Sum)
				}
			}
		}
	}
}

func rounded(v float64) float64 { return math.Round(v*1e6) / 1e6 }

// TestOverflowOnBothRoads goes over the limit.
func TestOverflowOnBothRoads(t *testing.T) {
	t.Parallel()
	selectors := []selector{cumulative, delta}
	roads := [2]setup{
		usual(selectors, nil, sdkmetric.WithCardinalityLimit(5)),
		hot(t, selectors, nil, hotroad.WithCardinalityLimit(5)),
	}
	for _, s := range roads {
		h := histogramOf(t, s, "duration")
		for i := range 12 {
			attrs := attribute.Int("k", i)
			if b, ok := h.(binder); ok && i%2 == 0 {
				b.Bind(attrs).Record(context.Background(), 1)
				continue
			}
			h.Record(context.Background(), 1, metric.WithAttributes(attrs))
		}
	}
	for reader := range selectors {
		metricdatatest.AssertEqual(t, roads[0].collect(t, reader), roads[1].collect(t, reader), metricdatatest.IgnoreTimestamp())
	}
}
