package queue_test

import (
	"context"
	"fmt"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/queue"
)

// silent is an exporter that does nothing at all.
type silent struct{ sdkmetric.Exporter }

func (*silent) Export(context.Context, *metricdata.ResourceMetrics) error { return nil }
func (*silent) ForceFlush(context.Context) error                          { return nil }
func (*silent) Shutdown(context.Context) error                            { return nil }

func histogram(series int) metricdata.Histogram[float64] {
	bounds := make([]float64, 24)
	h := metricdata.Histogram[float64]{DataPoints: make([]metricdata.HistogramDataPoint[float64], series)}
	for i := range h.DataPoints {
		h.DataPoints[i] = metricdata.HistogramDataPoint[float64]{
			Attributes:   attribute.NewSet(attribute.Int("i", i)),
			Bounds:       bounds,
			BucketCounts: make([]uint64, len(bounds)+1),
		}
	}
	return h
}

func BenchmarkExport(b *testing.B) {
	for _, series := range []int{10, 1000, 10000} {
		rm := of(metricdata.Metrics{Name: "latency", Data: histogram(series)})
		b.Run(fmt.Sprintf("idle/series=%d", series), func(b *testing.B) {
			e := queue.New(&silent{})
			b.ReportAllocs()
			for b.Loop() {
				_ = e.Export(b.Context(), rm)
				_ = e.ForceFlush(b.Context())
			}
			shutdown(b, e)
		})
		b.Run(fmt.Sprintf("waiting/series=%d", series), func(b *testing.B) {
			release := make(chan struct{})
			e := queue.New(&stub{export: func(context.Context, *metricdata.ResourceMetrics) error { <-release; return nil }},
				queue.WithErrorHandler(func(error) {}))
			b.ReportAllocs()
			for b.Loop() {
				_ = e.Export(b.Context(), rm)
			}
			close(release)
			shutdown(b, e)
		})
	}
}
