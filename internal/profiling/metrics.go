package profiling

import (
	"context"
	"fmt"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelperf/otelperf-go/internal/version"
)

const scope = "github.com/otelperf/otelperf-go/otelperf/monitor"

// What became of a window.
const (
	taken = iota
	busy
	writeFailed
)

var outcomes = [...]string{taken: "taken", busy: "busy", writeFailed: "write_failed"}

// register makes the counter. All series are reported from the start, zeros
// too, so that a backend sees the first failure as an increase.
func (p *Profiler) register(mp metric.MeterProvider) error {
	if mp == nil {
		mp = otel.GetMeterProvider()
	}
	meter := mp.Meter(scope, metric.WithInstrumentationVersion(version.Version))
	windows, err := meter.Int64ObservableCounter("otelperf.profiling.windows",
		metric.WithUnit("{window}"),
		metric.WithDescription("CPU profiles of this process, by what became of them."))
	if err != nil {
		return fmt.Errorf("monitor: cpu profiling: %w", err)
	}
	var attrs [len(outcomes)]metric.ObserveOption
	for i, outcome := range outcomes {
		attrs[i] = metric.WithAttributeSet(attribute.NewSet(attribute.String("otelperf.profiling.outcome", outcome)))
	}
	registration, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for i := range outcomes {
			o.ObserveInt64(windows, p.counts[i].Load(), attrs[i])
		}
		return nil
	}, windows)
	if err != nil {
		return fmt.Errorf("monitor: cpu profiling: %w", err)
	}
	p.unregister = sync.OnceValue(func() error {
		if err := registration.Unregister(); err != nil {
			return fmt.Errorf("monitor: cpu profiling: %w", err)
		}
		return nil
	})
	return nil
}
