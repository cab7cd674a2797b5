//go:build !race

package distribution

import (
	"testing"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// TestSteadyStateAllocatesNothing is about the buffers: one collection after
// another of the same shape reuses them.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	points := []*metricdata.HistogramDataPoint[float64]{
		explicit([]float64{1, 2, 5}, 0.5, 3), explicit([]float64{1, 5}, 0.5, 3),
	}
	exps := []*metricdata.ExponentialHistogramDataPoint[float64]{
		exponential(6, 0.5, 3, -2), exponential(3, 100, 1e-3), exponential(8, 7, 8, 9),
	}
	var d, sum Distribution
	var grids Grids
	run := func() {
		sum.Reset()
		for _, p := range points {
			_ = LoadExplicit(&d, &grids, p)
			sum.Add(&d)
		}
		_ = sum.Quantile(0.95)
		sum.Reset()
		for _, p := range exps {
			_ = LoadExponential(&d, p)
			sum.Add(&d)
		}
		_ = sum.Quantile(0.95)
	}
	run()
	if n := testing.AllocsPerRun(100, run); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
