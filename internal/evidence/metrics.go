package evidence

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelperf/otelperf-go/internal/version"
)

const scope = "github.com/otelperf/otelperf-go/otelperf/monitor"

// Why something was not gathered.
const (
	rateLimited = iota
	stopped
	noRoom
	writeFailed
	tooLarge
	busy
	failed
)

var reasons = [...]string{
	rateLimited: "rate_limited", stopped: "stopped", noRoom: "no_room", writeFailed: "write_failed",
	tooLarge: "too_large", busy: "busy", failed: "failed",
}

// register makes the counters. All series are reported from the start, zeros
// too, so that a backend sees the first drop as an increase.
func (c *Collector) register(mp metric.MeterProvider) error {
	if mp == nil {
		mp = otel.GetMeterProvider()
	}
	meter := mp.Meter(scope, metric.WithInstrumentationVersion(version.Version))
	dropped, err1 := meter.Int64ObservableCounter("otelperf.evidence.dropped",
		metric.WithUnit("{item}"),
		metric.WithDescription("Evidence that was not gathered: alerts without a folder, folders that could not be made, files missing in one."))
	folders, err2 := meter.Int64ObservableCounter("otelperf.evidence.folders",
		metric.WithUnit("{folder}"),
		metric.WithDescription("Folders of evidence that were gathered, whole or in part."))
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("monitor: evidence: %w", err)
	}
	var attrs [len(reasons)]metric.ObserveOption
	for i, reason := range reasons {
		attrs[i] = metric.WithAttributeSet(attribute.NewSet(attribute.String("otelperf.drop.reason", reason)))
	}
	registration, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(folders, c.folders.Load())
		for i := range reasons {
			o.ObserveInt64(dropped, c.dropped[i].Load(), attrs[i])
		}
		return nil
	}, dropped, folders)
	if err != nil {
		return fmt.Errorf("monitor: evidence: %w", err)
	}
	c.unregister = sync.OnceValue(func() error {
		if err := registration.Unregister(); err != nil {
			return fmt.Errorf("monitor: evidence: %w", err)
		}
		return nil
	})
	return nil
}
