package views

import (
	"math"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/distribution"
)

// Quantile returns the q-quantile (0 < q < 1) of a histogram's data point by
// the very rule that a [Processor] judges by, in the metric's unit. It is NaN
// for a point without measurements, without buckets, or with buckets that make
// no sense. It allocates a copy of the buckets.
func Quantile[N int64 | float64](p metricdata.HistogramDataPoint[N], q float64) float64 {
	var d distribution.Distribution
	if err := distribution.LoadExplicit(&d, new(distribution.Grids), &p); err != nil {
		return math.NaN()
	}
	return d.Quantile(q)
}
