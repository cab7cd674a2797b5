package history

import (
	"context"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

// A Judge is an exporter that judges what it exports, as views.Processor is.
type Judge interface {
	sdkmetric.Exporter
	Status() []views.Status
}

// Tap returns an exporter for a reader: everything goes to j, and then to h
// with j's verdict. The reader must not split collections.
func Tap(j Judge, h *History) sdkmetric.Exporter { return tap{j, h} }

type tap struct {
	Judge
	history *History
}

func (t tap) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	err := t.Judge.Export(ctx, rm)
	t.history.Observe(rm, t.Status())
	return err
}
