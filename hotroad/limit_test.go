package hotroad_test

import (
	"math/rand/v2"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/otelperf/otelperf-go/hotroad"
)

// TestLimitOfEachInterval has other series in each interval, about as many as
// there may be: those that a delta reader gets by themselves and those that it
// gets together are the SDK's.
func TestLimitOfEachInterval(t *testing.T) {
	t.Parallel()
	exponential := sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 6}
	for name, sel := range map[string]selector{
		"explicit": delta, "exponential": {metricdata.DeltaTemporality, exponential},
	} {
		for _, limit := range []int{4, 6, 20, 0} {
			selectors := []selector{sel}
			roads := [2]setup{
				usual(selectors, nil, sdkmetric.WithCardinalityLimit(limit)),
				hot(t, selectors, nil, hotroad.WithCardinalityLimit(limit)),
			}
			bound := make(map[int]metric.Float64Histogram)
			r := rand.New(rand.NewPCG(1, uint64(limit)))
			for interval := range 60 {
				keys := r.Perm(max(2*limit-3, 5)) // all of them have room, ended or not
				for _, k := range keys[:r.IntN(len(keys)+1)] {
					for i, s := range roads {
						h := histogramOf(t, s, "duration")
						attr := attribute.Int("k", k)
						if i == 1 && k%2 == 0 {
							if bound[k] == nil {
								bound[k] = bind(t, h, attr)
							}
							bound[k].Record(t.Context(), 1)
							continue
						}
						h.Record(t.Context(), 1, metric.WithAttributes(attr))
					}
				}
				if !metricdatatest.AssertEqual(t, roads[0].collect(t, 0), roads[1].collect(t, 0), metricdatatest.IgnoreTimestamp()) {
					t.Fatalf("%s, limit %d, interval %d", name, limit, interval)
				}
			}
		}
	}
}
