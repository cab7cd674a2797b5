package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/runtime"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/otelperf/otelperf-go/hotroad"
	"github.com/otelperf/otelperf-go/internal/config"
	"github.com/otelperf/otelperf-go/internal/evidence"
	"github.com/otelperf/otelperf-go/internal/history"
	"github.com/otelperf/otelperf-go/internal/page"
	"github.com/otelperf/otelperf-go/internal/process"
	"github.com/otelperf/otelperf-go/internal/profiling"
	"github.com/otelperf/otelperf-go/internal/queue"
	"github.com/otelperf/otelperf-go/internal/recorded"
	"github.com/otelperf/otelperf-go/otelperf"
	"github.com/otelperf/otelperf-go/views"
	"github.com/otelperf/otelperf-go/views/notify"
)

// A Monitor is the whole road of a process' measurements, from instruments to
// exporters and alerts. [Start] makes one, [Monitor.Shutdown] ends it.
//
// All methods may be called concurrently, on a nil Monitor too, which does
// nothing.
type Monitor struct {
	provider  metric.MeterProvider
	sdk       *sdkmetric.MeterProvider // nil if monitoring is off
	recorder  *otelperf.Recorder
	processor *views.Processor
	values    *recorded.Store
	off       map[string]bool // names that a switch turned off

	road     *hotroad.Road // nil: the SDK's own aggregation
	past     *history.History
	profiler *profiling.Profiler
	evidence *evidence.Collector

	pageSource *page.Source // nil: there is nothing to show
	pagesMu    sync.Mutex
	pages      []*page.Handler

	out        []*fanout
	dispatcher atomic.Pointer[notify.Dispatcher] // set when alerts can be told
	keeper     atomic.Pointer[keeper]
	closers    []func() error // after the last collection
	// sinkClosers end what alerts went to, after the last one.
	sinkClosers []func(context.Context) error

	once sync.Once
	err  error
}

// Start assembles the road and starts collecting. Without options it measures
// the process and Go's runtime and judges nothing; with a file, what the file
// says. Settings override each other in this order: defaults, files, OTEL_*
// variables, options.
//
// ctx bounds the start itself, such as connecting exporters; it does not end
// the Monitor. An error leaves nothing running.
func Start(ctx context.Context, opts ...Option) (*Monitor, error) {
	s := newSettings(opts)
	cfg, err := load(s)
	if err != nil {
		return nil, err
	}
	if !cfg.Monitoring.Enabled {
		endSampling(cfg)
		return disabled(s), nil
	}
	m := &Monitor{}
	if err := m.start(ctx, cfg, s); err != nil {
		return nil, errors.Join(err, m.abandon())
	}
	endSampling(cfg)
	announce(cfg, s)
	return m, nil
}

// load merges files, variables and options.
func load(s *settings) (*config.Config, error) {
	cfg, err := config.LoadSources(s.sources...)
	if err != nil {
		return nil, fmt.Errorf("monitor: %w", err)
	}
	if err := cfg.ApplyEnv(s.environment); err != nil {
		// The specification asks to go on without a variable that is bad.
		s.log().Warn("otelperf: environment variables are ignored", "error", err)
	}
	if s.interval != 0 {
		if s.interval < 100*time.Millisecond {
			return nil, fmt.Errorf("monitor: WithInterval(%s) is shorter than 100ms", s.interval)
		}
		cfg.Monitoring.Interval = s.interval
	}
	if err := cfg.Validate(); err != nil { // variables and options may not go with the files
		return nil, fmt.Errorf("monitor: %w", err)
	}
	return cfg, nil
}

// disabled returns a Monitor that does nothing and costs nothing.
func disabled(s *settings) *Monitor {
	m := &Monitor{provider: noop.NewMeterProvider()}
	for _, e := range s.exporters {
		m.closers = append(m.closers, func() error { return e.Shutdown(context.Background()) })
	}
	for _, r := range s.readers {
		m.closers = append(m.closers, func() error { return r.Shutdown(context.Background()) })
	}
	if s.global {
		otel.SetMeterProvider(m.provider)
	}
	return m
}

// announce says what the configuration asks for in vain.
func announce(cfg *config.Config, s *settings) {
	for _, w := range cfg.Warnings() {
		s.log().Warn("otelperf: " + w)
	}
}

func (m *Monitor) start(ctx context.Context, cfg *config.Config, s *settings) error {
	baselines, err := cfg.Baselines()
	if err != nil {
		return fmt.Errorf("monitor: %w", err)
	}
	for _, b := range s.baselines {
		if !cfg.Alerting.Enabled {
			b = config.Observed(b)
		}
		baselines = append(baselines, b)
	}
	view, err := views.Compose(baselines, s.rules...)
	if err != nil {
		return fmt.Errorf("monitor: %w", err)
	}
	state, err := readState(cfg.Paths().State)
	if err != nil { // worse than none is only not to start
		s.log().Warn("otelperf: alerts start afresh", "error", err)
	}
	res, err := newResource(ctx, cfg, s, state.InstanceID)
	if err != nil {
		return err
	}
	if err := m.defineValues(cfg); err != nil {
		return err
	}
	if m.past, err = openHistory(cfg, s); err != nil {
		return err
	}
	if cfg.Monitoring.HotRoad || s.hotRoad {
		if len(s.readers) > 0 {
			return errors.New("monitor: the hot road cannot serve readers of WithReader, which have no producer of it: drop one of the two")
		}
		if m.road, err = hotroad.New(hotroad.WithView(view)); err != nil {
			return fmt.Errorf("monitor: %w", err)
		}
	}
	readers, err := m.readers(ctx, cfg, s, baselines, state.Alerts)
	if err != nil {
		return err
	}
	options := []sdkmetric.Option{sdkmetric.WithResource(res), sdkmetric.WithView(view)}
	for _, r := range append(readers, s.readers...) {
		options = append(options, sdkmetric.WithReader(r))
	}
	m.sdk = sdkmetric.NewMeterProvider(options...)
	m.provider = m.sdk
	if m.road != nil {
		m.provider = m.road.MeterProvider(m.sdk)
	}
	if err := m.startEvidence(cfg, s); err != nil {
		return err
	}
	if err := m.startAlerts(ctx, cfg, s, res); err != nil {
		return err
	}
	if err := m.instrument(cfg, s); err != nil {
		return err
	}
	m.preparePage(cfg, res)
	instance, _ := res.Set().Value(semconv.ServiceInstanceIDKey)
	m.keeper.Store(startKeeper(&keeper{
		path: cfg.Paths().State, instance: instance.AsString(), processor: m.processor,
		interval: cfg.Monitoring.Interval, report: reporter(s, "otelperf: state"),
	}))
	if s.global {
		otel.SetMeterProvider(m.provider)
	}
	return nil
}

// defineValues prepares the names that Record takes.
func (m *Monitor) defineValues(cfg *config.Config) error {
	m.off = make(map[string]bool)
	var defs []recorded.Def
	for _, r := range cfg.Recordable() {
		if r.Off {
			m.off[r.Name] = true
			continue
		}
		defs = append(defs, recorded.Def{
			Name: r.Name, Metric: r.Metric, Unit: r.MetricUnit, Factor: r.Factor,
			Description:  "The worst value that the program recorded itself since the last collection.",
			LowerIsWorse: r.Direction == views.LowerIsWorse,
		})
	}
	var err error
	if m.values, err = recorded.New(defs); err != nil {
		return fmt.Errorf("monitor: %w", err)
	}
	return nil
}

// startAlerts opens the places that alerts go to.
func (m *Monitor) startAlerts(ctx context.Context, cfg *config.Config, s *settings, res *resource.Resource) error {
	targets, closers, err := destinations(ctx, cfg, s, res, m.processor.Status())
	m.sinkClosers = closers
	if err != nil {
		return err
	}
	d, err := notify.NewDispatcher(targets,
		notify.WithErrorHandler(reporter(s, "otelperf: alerts")),
		notify.WithMeterProvider(m.provider))
	if err != nil {
		return fmt.Errorf("monitor: %w", err)
	}
	m.dispatcher.Store(d)
	return nil
}

// notify gives an alert its evidence and hands it to the dispatcher. It runs in
// the evaluation and does not block. Collections begin an interval after the
// start, when everything is there.
func (m *Monitor) notify(a views.Alert) {
	d := m.dispatcher.Load()
	if d == nil {
		return
	}
	a.Evidence = m.evidence.Reserve(a)
	m.past.Alert(a)
	d.Notify(a)
}

// saw is called after each evaluation.
func (m *Monitor) saw() { m.keeper.Load().saw() }

// reporter logs what goes wrong behind the scenes.
func reporter(s *settings, message string) func(error) {
	return func(err error) {
		level := slog.LevelError
		var good *queue.RecoveredError
		var note *profiling.NoticeError
		switch {
		case errors.As(err, &good):
			level = slog.LevelInfo
		case errors.As(err, &note):
			level = slog.LevelWarn
		}
		s.log().Log(context.Background(), level, message, "error", err)
	}
}

// instrument starts what measures by itself, and the recorder for what does not.
func (m *Monitor) instrument(cfg *config.Config, s *settings) error {
	for _, f := range m.out {
		for _, q := range f.to {
			reg, err := q.Register(m.provider)
			if err != nil {
				return fmt.Errorf("monitor: %w", err)
			}
			m.closers = append(m.closers, reg.Unregister)
		}
	}
	unregister, err := m.past.Register(m.provider)
	if err != nil {
		return fmt.Errorf("monitor: %w", err)
	}
	m.closers = append(m.closers, unregister)
	options := []process.Option{
		process.WithWindow(cfg.Monitoring.Interval),
		process.WithErrorHandler(reporter(s, "otelperf: process metrics")),
	}
	if !cfg.MemoryEnabled() {
		options = append(options, process.WithoutMemory())
	}
	p, err := process.Start(m.provider, options...)
	if err != nil {
		return fmt.Errorf("monitor: process metrics: %w", err)
	}
	m.closers = append(m.closers, p.Close)
	// It caches what it reads, for 15 s unless told otherwise.
	err = runtime.Start(runtime.WithMeterProvider(m.provider),
		runtime.WithMinimumReadMemStatsInterval(cfg.Monitoring.Interval/2))
	if err != nil {
		return fmt.Errorf("monitor: runtime metrics: %w", err)
	}
	recorder := []otelperf.Option{
		otelperf.WithMeterProvider(m.provider),
		otelperf.WithoutOperations(cfg.DisabledOperations()...),
	}
	if m.profiler != nil {
		recorder = append(recorder, otelperf.WithProfileLabels())
	}
	m.recorder, err = otelperf.New(recorder...)
	if err != nil {
		return fmt.Errorf("monitor: %w", err)
	}
	m.closers = append(m.closers, m.recorder.Close)
	return nil
}

// Recorder returns what times the service's operations. It is nil, which works
// and records nothing, if monitoring is disabled.
func (m *Monitor) Recorder() *otelperf.Recorder {
	if m == nil {
		return nil
	}
	return m.recorder
}

// MeterProvider returns the provider of everything that is collected, for the
// middleware and for instruments of the service's own. It is a no-op one if
// monitoring is disabled.
func (m *Monitor) MeterProvider() metric.MeterProvider {
	if m == nil || m.provider == nil {
		return noop.NewMeterProvider()
	}
	return m.provider
}

// Record takes a value that was measured elsewhere, for one of the short names
// of baseline_targets and in its unit: Record(ctx, "search_ms", 12.5). Of
// several values in one interval the worst is exported and judged, apart from
// what the program's operations measure under the same name, as the group
// otelperf.source=recorded.
//
// A name that is not known, and a value that is negative or no number, are
// errors. It allocates nothing, and does nothing while the name is switched off
// in the configuration.
func (m *Monitor) Record(_ context.Context, name string, value float64) error {
	if m == nil || m.values == nil || m.off[name] {
		return nil
	}
	if err := m.values.Record(name, value); err != nil {
		return fmt.Errorf("monitor: %w", err)
	}
	return nil
}

// ForceFlush collects, judges and exports now, and waits until the exporters
// took what was collected, or ctx ends. No two collections are of the same
// millisecond, for which it waits if need be.
func (m *Monitor) ForceFlush(ctx context.Context) error {
	if m == nil || m.sdk == nil {
		return nil
	}
	return m.sdk.ForceFlush(ctx)
}

// Shutdown ends the Monitor: what was recorded before is collected, judged,
// exported and told, as far as ctx allows. What was not is named in the error.
// Without a deadline it waits for as long as the exporters take. Later calls
// return what the first returned.
func (m *Monitor) Shutdown(ctx context.Context) error {
	if m == nil {
		return nil
	}
	m.once.Do(func() { m.err = m.shutdown(ctx) })
	return m.err
}
