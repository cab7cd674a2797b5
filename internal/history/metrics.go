package history

import (
	"context"
	"fmt"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	otelmetric "go.opentelemetry.io/otel/metric"

	"github.com/otelperf/otelperf-go/internal/version"
)

const scope = "github.com/otelperf/otelperf-go/otelperf/monitor"

// Register reports lines lost to mp as otelperf.history.dropped. Every reason
// is reported from the start, zeros too, so that a backend sees the first loss
// as an increase. A History without a file loses no lines and registers
// nothing. The function that is returned ends the reports.
func (h *History) Register(mp otelmetric.MeterProvider) (func() error, error) {
	if h == nil || h.writer == nil {
		return func() error { return nil }, nil
	}
	meter := mp.Meter(scope, otelmetric.WithInstrumentationVersion(version.Version))
	dropped, err := meter.Int64ObservableCounter("otelperf.history.dropped",
		otelmetric.WithUnit("{line}"),
		otelmetric.WithDescription("Lines of the history file that were not written or could not be read back."))
	if err != nil {
		return nil, fmt.Errorf("history: metrics: %w", err)
	}
	w := h.writer
	counts := []struct {
		lines *atomic.Int64
		attrs otelmetric.ObserveOption
	}{
		{&w.failed, dropReason("write_failed")},
		{&w.overrun, dropReason("queue_full")},
		{&w.damaged, dropReason("damaged")},
	}
	registration, err := meter.RegisterCallback(func(_ context.Context, o otelmetric.Observer) error {
		for _, c := range counts {
			o.ObserveInt64(dropped, c.lines.Load(), c.attrs)
		}
		return nil
	}, dropped)
	if err != nil {
		return nil, fmt.Errorf("history: metrics: %w", err)
	}
	return registration.Unregister, nil
}

func dropReason(reason string) otelmetric.ObserveOption {
	return otelmetric.WithAttributeSet(attribute.NewSet(attribute.String("otelperf.drop.reason", reason)))
}
