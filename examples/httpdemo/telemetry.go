//go:build !bare

package main

import (
	"context"
	_ "embed"
	"errors"
	"log/slog"

	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/otelperf/monitor"
	"github.com/otelperf/otelperf-go/views"
)

//go:embed httpdemo.toml
var defaultConfig []byte

// serviceName is the service's unless a file or OTEL_SERVICE_NAME names another.
var serviceName = []byte(`resource.service_name = "httpdemo"`)

// configuration is what the monitor is configured by.
func (d *demo) configuration() []monitor.Option {
	file := monitor.WithConfig("httpdemo.toml", defaultConfig)
	if d.config != "" {
		file = monitor.WithConfigFiles(d.config)
	}
	return []monitor.Option{monitor.WithConfig("httpdemo", serviceName), file}
}

// checkConfig returns an error if the configuration cannot be read or contradicts
// itself: it starts a monitor that is turned off. The files and addresses that it names
// are opened by startMonitor. One with monitoring.heap_profiling = false ends the
// sampling of allocations here already.
func (d *demo) checkConfig(ctx context.Context) error {
	mon, err := monitor.Start(ctx, append(d.configuration(),
		monitor.WithConfig("off", []byte("monitoring.enabled = false")),
		monitor.WithLogger(slog.New(slog.DiscardHandler)))...) // startMonitor warns
	if err != nil {
		return configError{err}
	}
	return mon.Shutdown(ctx)
}

// startMonitor starts what measures and judges the service. total is a reader
// of the same metrics that counts from here on, or nil.
func (d *demo) startMonitor(ctx context.Context, total *sdkmetric.ManualReader, log *slog.Logger) (*monitor.Monitor, error) {
	opts := append(d.configuration(),
		monitor.WithLogger(log),
		monitor.WithConsole(d.stderr),
		monitor.WithStdout(d.stdout),
	)
	if total != nil {
		opts = append(opts, monitor.WithReader(total))
	}
	if d.drive > 0 {
		exporter, err := stdoutmetric.New(stdoutmetric.WithWriter(d.stdout))
		if err != nil {
			return nil, err
		}
		opts = append(opts, monitor.WithExporter(exporter))
	}
	mon, err := monitor.Start(ctx, opts...)
	if err != nil {
		return nil, configError{err}
	}
	return mon, nil
}

// A measurement is what the monitor knows of a run.
type measurement struct {
	collected metricdata.ResourceMetrics
	baselines []views.Status
}

// measure takes what was measured up to now, with a last judgement. That an
// exporter failed leaves it whole, and is for Shutdown to say, which tries once
// more.
func measure(ctx context.Context, mon *monitor.Monitor, total *sdkmetric.ManualReader) (measurement, error) {
	var m measurement
	_ = mon.ForceFlush(ctx)
	m.baselines = mon.Snapshot().Baselines
	err := total.Collect(context.WithoutCancel(ctx), &m.collected) // flushing may have taken all the time
	if errors.Is(err, sdkmetric.ErrReaderNotRegistered) {          // monitoring.enabled = false
		err = nil
	}
	return m, err
}
