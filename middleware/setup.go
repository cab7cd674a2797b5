package middleware

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/otelperf/otelperf-go/internal/version"
)

// scope is the name of the instrumentation scope.
const scope = "github.com/otelperf/otelperf-go/middleware"

// durationBoundaries are the conventions' own, in seconds.
var durationBoundaries = []float64{
	0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
}

// sizeBoundaries are in bytes: from an empty body over a network packet to a
// gibibyte.
var sizeBoundaries = []float64{
	0, 128, 512, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10,
	1 << 20, 4 << 20, 16 << 20, 64 << 20, 256 << 20, 1 << 30,
}

// A described metric is one of the conventions' own, as their package has it, or
// one that we describe.
type described interface {
	Name() string
	Unit() string
	Description() string
}

// ourMetric describes a metric that the conventions do not have.
type ourMetric struct{ name, unit, description string }

func (m ourMetric) Name() string        { return m.name }
func (m ourMetric) Unit() string        { return m.unit }
func (m ourMetric) Description() string { return m.description }

// droppedCounts count what the limits kept out.
type droppedCounts struct {
	routes, series, attributes atomic.Int64
}

// A setup makes the instruments of a Middleware or a Transport. What goes wrong
// is kept to the end.
type setup struct {
	metric.Meter
	errs        []error
	observables []metric.Observable
	counts      []observedCount
}

type observedCount struct {
	counter metric.Int64ObservableCounter
	n       *atomic.Int64
}

func newSetup(mp metric.MeterProvider) *setup {
	return &setup{Meter: mp.Meter(scope,
		metric.WithInstrumentationVersion(version.Version), metric.WithSchemaURL(semconv.SchemaURL))}
}

// duration returns a histogram of durations.
func (s *setup) duration(m described) metric.Float64Histogram {
	h, err := s.Float64Histogram(m.Name(), metric.WithUnit(m.Unit()), metric.WithDescription(m.Description()),
		metric.WithExplicitBucketBoundaries(durationBoundaries...))
	s.errs = append(s.errs, err)
	return h
}

// size returns a histogram of sizes, nil if they are not wanted.
func (s *setup) size(wanted bool, m described) metric.Int64Histogram {
	if !wanted {
		return nil
	}
	h, err := s.Int64Histogram(m.Name(), metric.WithUnit(m.Unit()), metric.WithDescription(m.Description()),
		metric.WithExplicitBucketBoundaries(sizeBoundaries...))
	s.errs = append(s.errs, err)
	return h
}

// level returns an instrument for what is under way.
func (s *setup) level(m described) metric.Int64ObservableUpDownCounter {
	o, err := s.Int64ObservableUpDownCounter(m.Name(), metric.WithUnit(m.Unit()), metric.WithDescription(m.Description()))
	s.errs, s.observables = append(s.errs, err), append(s.observables, o)
	return o
}

// count reports n, once it is not 0.
func (s *setup) count(n *atomic.Int64, name, unit, description string) {
	o, err := s.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
	s.errs, s.observables = append(s.errs, err), append(s.observables, o)
	s.counts = append(s.counts, observedCount{o, n})
}

// instruments are what a Middleware and a Transport have alike.
type instruments struct {
	duration     metric.Float64Histogram
	requestSize  metric.Int64Histogram // nil unless sizes are recorded
	responseSize metric.Int64Histogram // nil unless sizes are recorded

	registration metric.Registration
	closeOnce    sync.Once
	closeErr     error
}

// observe has the observable instruments of s observed, by levels those of
// setup.level, until close.
func (in *instruments) observe(s *setup, levels func(metric.Observer)) error {
	if err := errors.Join(s.errs...); err != nil {
		return err
	}
	counts := s.counts
	var err error
	in.registration, err = s.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		levels(o)
		for _, c := range counts {
			if n := c.n.Load(); n > 0 {
				o.ObserveInt64(c.counter, n)
			}
		}
		return nil
	}, s.observables...)
	return err
}

func (in *instruments) close() error {
	in.closeOnce.Do(func() {
		if in.registration != nil {
			in.closeErr = in.registration.Unregister()
		}
	})
	return in.closeErr
}
