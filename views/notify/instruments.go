package notify

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelperf/otelperf-go/internal/version"
)

const scopeName = "github.com/otelperf/otelperf-go/views/notify"

// The attributes of otelperf.notify.dropped: as many values as there are
// targets, and as there are reasons.
const (
	sinkKey   = attribute.Key("otelperf.sink.name")
	reasonKey = attribute.Key("otelperf.drop.reason")
)

// register makes the one instrument. All series are reported from the start,
// zeros too, so that a backend sees the first drop as an increase.
func register(mp metric.MeterProvider, workers []*worker) (metric.Registration, error) {
	if mp == nil {
		mp = otel.GetMeterProvider()
	}
	meter := mp.Meter(scopeName, metric.WithInstrumentationVersion(version.Version))
	dropped, err := meter.Int64ObservableCounter("otelperf.notify.dropped",
		metric.WithUnit("{alert}"),
		metric.WithDescription("Notifications of alerts that were not delivered."))
	if err != nil {
		return nil, fmt.Errorf("notify: %w", err)
	}
	attrs := make([][len(reasons)]metric.ObserveOption, len(workers))
	for i, w := range workers {
		for j, reason := range reasons {
			attrs[i][j] = metric.WithAttributeSet(attribute.NewSet(
				sinkKey.String(w.target.Name), reasonKey.String(string(reason))))
		}
	}
	registration, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for i, w := range workers {
			for j, n := range w.queue.drops() {
				o.ObserveInt64(dropped, int64(min(n, 1<<63-1)), attrs[i][j])
			}
		}
		return nil
	}, dropped)
	if err != nil {
		return nil, fmt.Errorf("notify: %w", err)
	}
	return registration, nil
}
