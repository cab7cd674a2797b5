package history

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	otelmetric "go.opentelemetry.io/otel/metric"

	"github.com/otelperf/otelperf-go/internal/version"
)

const scope = "github.com/otelperf/otelperf-go/otelperf/monitor"

// Register reports to mp what is not kept, as otelperf.history.points.dropped, and
// lines that the file lost, as otelperf.history.dropped, which a History without a
// file does not have. Every reason is reported from the start, zeros too, so that a
// backend sees the first loss as an increase. The function that is returned ends the
// reports.
func (h *History) Register(mp otelmetric.MeterProvider) (func() error, error) {
	if h == nil {
		return func() error { return nil }, nil
	}
	meter := mp.Meter(scope, otelmetric.WithInstrumentationVersion(version.Version))
	points, err := meter.Int64ObservableCounter("otelperf.history.points.dropped",
		otelmetric.WithUnit("{data_point}"),
		otelmetric.WithDescription("Data points that the history does not keep."))
	if err != nil {
		return nil, fmt.Errorf("history: metrics: %w", err)
	}
	unusable, seriesLimit := dropReason("unusable"), dropReason("series_limit")
	observe := func(_ context.Context, o otelmetric.Observer) error {
		s := h.Stats()
		o.ObserveInt64(points, s.Unusable, unusable)
		o.ObserveInt64(points, s.Turned, seriesLimit)
		return nil
	}
	all := []otelmetric.Observable{points}
	if w := h.writer; w != nil {
		lines, err := meter.Int64ObservableCounter("otelperf.history.dropped",
			otelmetric.WithUnit("{line}"),
			otelmetric.WithDescription("Lines of the history file that were not written or could not be read back."))
		if err != nil {
			return nil, fmt.Errorf("history: metrics: %w", err)
		}
		ofPoints, failed, full, damaged := observe, dropReason("write_failed"), dropReason("queue_full"), dropReason("damaged")
		observe = func(ctx context.Context, o otelmetric.Observer) error {
			o.ObserveInt64(lines, w.failed.Load(), failed)
			o.ObserveInt64(lines, w.overrun.Load(), full)
			o.ObserveInt64(lines, w.damaged.Load(), damaged)
			return ofPoints(ctx, o)
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
