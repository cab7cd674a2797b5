package history

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	otelmetric "go.opentelemetry.io/otel/metric"

	"github.com/otelperf/otelperf-go/internal/version"
)

const scope = "github.com/otelperf/otelperf-go/otelperf/monitor"

// Register reports to mp the rows that are not in memory, as
// otelperf.history.rows.dropped, and the lines that the file lost, as
// otelperf.history.dropped, which a History without a file does not have. Every reason is reported from the start, zeros too, so that a
// backend sees the first loss as an increase. The function that is returned ends the
// reports.
func (h *History) Register(mp otelmetric.MeterProvider) (func() error, error) {
	if h == nil {
		return func() error { return nil }, nil
	}
	meter := mp.Meter(scope, otelmetric.WithInstrumentationVersion(version.Version))
	rows, err := meter.Int64ObservableCounter("otelperf.history.rows.dropped",
		otelmetric.WithUnit("{row}"),
		otelmetric.WithDescription("Rows that the history in memory lacks: of points that could not be used, and of series beyond the limit."))
	if err != nil {
		return nil, fmt.Errorf("history: metrics: %w", err)
	}
	unusable, seriesLimit := dropReason("unusable"), dropReason("series_limit")
	observe := func(_ context.Context, o otelmetric.Observer) error {
		s := h.Stats()
		o.ObserveInt64(rows, s.Unusable, unusable)
		o.ObserveInt64(rows, s.Turned-s.Replayed, seriesLimit)
		return nil
	}
	all := []otelmetric.Observable{rows}
	if w := h.writer; w != nil {
		lines, err := meter.Int64ObservableCounter("otelperf.history.dropped",
			otelmetric.WithUnit("{line}"),
			otelmetric.WithDescription("Lines of the history file that were not written or could not be read back."))
		if err != nil {
			return nil, fmt.Errorf("history: metrics: %w", err)
		}
		ofRows, failed, full, damaged := observe, dropReason("write_failed"), dropReason("queue_full"), dropReason("damaged")
		observe = func(ctx context.Context, o otelmetric.Observer) error {
			o.ObserveInt64(lines, w.failed.Load(), failed)
			o.ObserveInt64(lines, w.overrun.Load(), full)
			o.ObserveInt64(lines, w.damaged.Load(), damaged)
			return ofRows(ctx, o)
		}
		all = append(all, lines)
	}
	registration, err := meter.RegisterCallback(observe, all...)
	if err != nil {
		return nil, fmt.Errorf("history: metrics: %w", err)
	}
	return registration.Unregister, nil
}

func dropReason(reason string) otelmetric.ObserveOption {
	return otelmetric.WithAttributeSet(attribute.NewSet(attribute.String("otelperf.drop.reason", reason)))
}
