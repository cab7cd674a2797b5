package otelperf

import (
	"context"
	"fmt"
	"runtime/pprof"
	"slices"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

// maxOperations bounds what a Recorder holds and observes. The SDK keeps 2,000
// series for each instrument unless told otherwise, so far more than this many
// operations would end in its overflow series anyway.
const maxOperations = 1000

// A Recorder makes operations and reports how many calls of each are under
// way. One is enough for a program; its methods may be called concurrently.
// A nil or zero Recorder is usable: its operations run and record nothing.
type Recorder struct {
	instruments instruments
	on          bool // false if the provider is a no-op
	without     map[string]bool
	labelled    bool

	mu         sync.Mutex
	operations map[attribute.Distinct][]*Operation // one, but for hash collisions
	made       int

	// all is what the callback observes. It is replaced, never changed, so
	// that a collection waits for nobody.
	all atomic.Pointer[[]*Operation]

	registration metric.Registration
	unregister   sync.Once
	closeErr     error
}

// New returns a Recorder. Its instruments are made now, so an error of the
// meter provider shows here and not while serving. Call [Recorder.Close] when
// the Recorder is no longer needed and the provider lives on.
func New(opts ...Option) (*Recorder, error) {
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	if _, ok := cfg.provider.(noop.MeterProvider); ok {
		return &Recorder{}, nil
	}
	r := &Recorder{on: true, without: cfg.without, labelled: cfg.labelled}
	r.all.Store(new([]*Operation))
	if r.instruments, err = newInstruments(cfg.provider); err != nil {
		return nil, err
	}
	r.registration, err = r.instruments.meter.RegisterCallback(r.observe, r.instruments.active)
	if err != nil {
		return nil, fmt.Errorf("otelperf: observing %s: %w", activeName, err)
	}
	return r, nil
}

// observe reports the calls under way of every operation, also zero: a
// series that comes and goes reads as missing data. It never returns an
// error, which would make the reader skip the whole export.
func (r *Recorder) observe(_ context.Context, observer metric.Observer) error {
	for _, op := range *r.all.Load() {
		// A Timing that was ended twice must not make it negative.
		active := max(0, op.active.Load())
		observer.ObserveInt64(r.instruments.active, active, op.observe...)
	}
	return nil
}

// Operation returns the operation with this name and these attributes, the
// same one for the same name and attributes in any order. It is meant to be
// called once, where the program is set up, and the result kept.
//
// The name is one to 128 bytes of printable UTF-8 without surrounding space.
// At most 16 attributes are taken, none twice, with keys of one to 128 bytes
// that are not error.type and begin neither with "otel." nor with "otelperf.".
// Their values are booleans, numbers and strings, or slices of them, of at
// most 256 bytes when written out. A Recorder holds at most 1,000 operations.
// Anything else is an error, and the nil *Operation that comes with it is
// usable: its calls run and record nothing.
func (r *Recorder) Operation(name string, attrs ...attribute.KeyValue) (*Operation, error) {
	if err := validateName(name); err != nil {
		return nil, err
	}
	if err := validateAttributes(name, attrs); err != nil {
		return nil, err
	}
	if r == nil {
		return nil, nil
	}
	set := attribute.NewSet(append(slices.Clone(attrs), nameKey.String(name))...)
	id := set.Equivalent()

	r.mu.Lock()
	defer r.mu.Unlock()
	for _, op := range r.operations[id] {
		if op.attrs.Equals(&set) {
			return op, nil
		}
	}
	if r.made >= maxOperations {
		return nil, fmt.Errorf("otelperf: operation %s is one too many: a Recorder holds %d", quote(name), maxOperations)
	}
	op := &Operation{attrs: set}
	op.active.Init()
	if r.on && !r.without[name] {
		op.on = true
		op.duration = r.instruments.duration
		op.success = *newSeries(op.duration, set)
		if op.labelled = r.labelled; op.labelled {
			op.labels = pprof.Labels(labelKey, name)
		}
		op.observe = []metric.ObserveOption{metric.WithAttributeSet(set)}
		all := append(slices.Clone(*r.all.Load()), op)
		r.all.Store(&all)
	}
	if r.operations == nil {
		r.operations = make(map[attribute.Distinct][]*Operation)
	}
	r.operations[id] = append(r.operations[id], op)
	r.made++
	return op, nil
}

// Close ends the reporting of active calls. The operations can still be used
// and record durations. Close may be called more than once and returns the
// same each time.
func (r *Recorder) Close() error {
	if r == nil || r.registration == nil {
		return nil
	}
	r.unregister.Do(func() {
		if err := r.registration.Unregister(); err != nil {
			r.closeErr = fmt.Errorf("otelperf: closing: %w", err)
		}
	})
	return r.closeErr
}
