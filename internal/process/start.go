package process

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelperf/otelperf-go/internal/version"
)

// DefaultWindow is the window of the CPU utilization unless [WithWindow] sets
// another: the default interval of a periodic reader.
const DefaultWindow = time.Minute

const scope = "github.com/otelperf/otelperf-go/otelperf/monitor"

type config struct {
	window time.Duration
	memory bool
	handle func(error)
	source func() (source, error)
}

// An Option changes what [Start] does.
type Option func(*config)

// WithWindow sets the time that process.cpu.utilization covers: the interval
// of the reader that matters most. Default, and for zero or less:
// [DefaultWindow].
func WithWindow(d time.Duration) Option {
	return func(c *config) {
		if d > 0 {
			c.window = d
		}
	}
}

// WithoutMemory leaves process.memory.usage and process.memory.virtual out.
func WithoutMemory() Option {
	return func(c *config) { c.memory = false }
}

// WithErrorHandler sets what is told when a figure cannot be read: once, until
// it could be read again. It is called from within a collection and must not
// block. Default, and for nil: [otel.Handle].
func WithErrorHandler(handle func(error)) Option {
	return func(c *config) {
		if handle != nil {
			c.handle = handle
		}
	}
}

// Instruments are the observable instruments that [Start] registered.
type Instruments struct {
	handle        func(error)
	registrations []metric.Registration

	mu       sync.Mutex // held for one collection at a time
	source   source
	parts    []*part
	failures int64
	window   window
}

// A part is some figures that are read together and fail together.
type part struct {
	name        string
	instruments []metric.Observable
	read        func(now time.Time) error
	observe     func(metric.Observer)
	failing     bool
}

// Start makes the instruments of mp, of the global provider if it is nil,
// observe this process. What the operating system does not tell gets no
// instrument. The error says which instrument could not be made, or that the
// process cannot be observed at all.
func Start(mp metric.MeterProvider, options ...Option) (*Instruments, error) {
	c := config{window: DefaultWindow, memory: true, handle: otel.Handle, source: newSource}
	for _, o := range options {
		if o != nil {
			o(&c)
		}
	}
	if mp == nil {
		mp = otel.GetMeterProvider()
	}
	src, err := c.source()
	if err != nil {
		return nil, fmt.Errorf("monitor: cannot observe this process: %w", err)
	}
	i := &Instruments{handle: c.handle, source: src, window: window{length: c.window}}
	if err := i.start(mp.Meter(scope, metric.WithInstrumentationVersion(version.Version)), c.memory); err != nil {
		return nil, errors.Join(err, i.Close())
	}
	return i, nil
}

func (i *Instruments) start(meter metric.Meter, memory bool) error {
	m := maker{meter: meter}
	parts := []*part{i.usage(&m), i.threads(&m), i.descriptors(&m), i.descriptorLimit(&m), i.uptime(&m), runtimePart(&m)}
	if memory {
		parts = append(parts, i.memory(&m))
	}
	failures := m.counter("otelperf.process.read.failures", "{failure}",
		"Figures of this process that could not be read, by collection.")
	if err := errors.Join(m.errs...); err != nil {
		return fmt.Errorf("monitor: process metrics: %w", err)
	}

	// The first reading tells what there is, and begins the first window.
	instruments := []metric.Observable{failures}
	now := time.Now()
	for _, p := range parts {
		if i.try(p, now) == absent {
			continue
		}
		i.parts = append(i.parts, p)
		instruments = append(instruments, p.instruments...)
	}

	registration, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		i.mu.Lock()
		defer i.mu.Unlock()
		now := time.Now()
		for _, p := range i.parts {
			if i.try(p, now) == read {
				p.observe(o)
			}
		}
		o.ObserveInt64(failures, i.failures)
		return nil
	}, instruments...)
	if err != nil {
		return fmt.Errorf("monitor: process metrics: %w", err)
	}
	i.registrations = append(i.registrations, registration)
	return nil
}

// What became of an attempt to read a part.
type outcome int

const (
	read   outcome = iota
	absent         // the operating system does not tell
	failed
)

// try reads p. i.mu is held, or nobody else has i yet.
func (i *Instruments) try(p *part, now time.Time) outcome {
	err := p.read(now)
	switch {
	case err == nil:
		p.failing = false
		return read
	case errors.Is(err, errAbsent):
		return absent
	}
	i.failures++
	if !p.failing {
		p.failing = true
		i.handle(fmt.Errorf("monitor: cannot read this process' %s: %w", p.name, err))
	}
	return failed
}

// Close ends the observation. It may be called more than once.
func (i *Instruments) Close() error {
	i.mu.Lock()
	registrations := i.registrations
	i.registrations = nil
	i.mu.Unlock()
	var errs []error
	for _, r := range registrations { // without the lock: a collection may hold the SDK's and wait for ours
		errs = append(errs, r.Unregister())
	}
	return errors.Join(errs...)
}

// Now is what a process uses at one moment.
type Now struct {
	CPU      float64 // share of the available CPUs, 0 to 1; NaN where unknown
	Resident float64 // bytes of memory; NaN where unknown
}

// Now reads the present state, outside of any collection. The CPU utilization
// follows the rules of process.cpu.utilization.
func (i *Instruments) Now() Now {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := Now{CPU: math.NaN(), Resident: math.NaN()}
	if u, err := i.source.usage(); err == nil {
		if user, system, ok := i.utilization(time.Now(), u); ok {
			n.CPU = user + system
		}
	}
	if resident, _, err := i.source.memory(); err == nil {
		n.Resident = float64(resident)
	}
	return n
}
