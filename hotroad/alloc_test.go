package hotroad_test

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// TestAllocations: recording to a bound histogram allocates nothing.
func TestAllocations(t *testing.T) {
	exponential := sdkmetric.NewView(sdkmetric.Instrument{Name: "*"},
		sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}})
	for name, views := range map[string][]sdkmetric.View{"explicit": nil, "exponential": {exponential}} {
		b := bind(t, histogramOf(t, hot(t, []selector{cumulative, delta}, views), "duration"), attribute.Int("k", 1))
		ctx := context.Background()
		b.Record(ctx, 0.1) // makes the series
		if n := testing.AllocsPerRun(1000, func() { b.Record(ctx, 0.1) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
