package notify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/otelperf/otelperf-go/views"
)

// maxNameLength bounds a target's name, which is a metric attribute.
const maxNameLength = 64

// A Dispatcher hands alerts to sinks without ever making the one who raises
// them wait. Each sink has a bounded queue and a goroutine of its own, so that
// one that is slow, hangs, fails or panics does not touch the others.
//
// All methods are safe for concurrent use. It must be shut down, or its
// goroutines stay.
type Dispatcher struct {
	workers      []*worker
	registration metric.Registration
	cancel       context.CancelFunc
	begin        sync.Once
	drain        chan struct{}
	end          sync.Once
	ended        chan struct{} // closed with err set
	err          error         // of Shutdown
}

// NewDispatcher starts a Dispatcher to the targets; with none, it does
// nothing. It fails if a target or an option is not valid, or if the
// instrument cannot be made.
func NewDispatcher(targets []Target, opts ...Option) (*Dispatcher, error) {
	cfg := newConfig(opts)
	if err := errors.Join(cfg.validate(), validateTargets(targets)); err != nil {
		return nil, err
	}
	base, cancel := context.WithCancel(context.Background())
	d := &Dispatcher{cancel: cancel, drain: make(chan struct{}), ended: make(chan struct{})}
	for _, t := range targets {
		d.workers = append(d.workers, newWorker(base, d.drain, t, cfg))
	}
	var err error
	if d.registration, err = register(cfg.meterProvider, d.workers); err != nil {
		cancel()
		return nil, err
	}
	for _, w := range d.workers {
		go w.run()
	}
	return d, nil
}

func validateTargets(targets []Target) error {
	var errs []error
	seen := make(map[string]bool)
	for i, t := range targets {
		switch {
		case strings.TrimSpace(t.Name) == "":
			errs = append(errs, fmt.Errorf("notify: target %d has no name", i))
		case len(t.Name) > maxNameLength:
			errs = append(errs, fmt.Errorf("notify: the name of target %d is longer than %d bytes", i, maxNameLength))
		case seen[t.Name]:
			errs = append(errs, fmt.Errorf("notify: two targets are named %q", t.Name))
		}
		seen[t.Name] = true
		if t.Send == nil {
			errs = append(errs, fmt.Errorf("notify: target %q has no Send", t.Name))
		}
		if t.Repeat != nil && t.RepeatEvery < time.Second {
			errs = append(errs, fmt.Errorf("notify: target %q repeats every %s, less than a second", t.Name, t.RepeatEvery))
		}
	}
	return errors.Join(errs...)
}

// Notify queues a for every sink and returns at once: it takes a few
// microseconds and no lock that is held during I/O. It fits [views.WithNotify].
//
// Every sink gets all notifications of one alert (its ID) in their order, a
// firing and the resolve after it both, even if it was down meanwhile. Between
// different alerts there is no order. There are two exceptions:
//
//   - A notification that says the same as the one of this alert that waits
//     last, a reminder, takes its place.
//   - When the queue is full, each alert keeps only its latest notification. A
//     firing that waited is then told by its resolve alone. If there still is
//     no room, which means as many different alerts as [WithQueueSize] says
//     wait or fire, an alert not known yet is dropped. The resolve of an alert
//     whose firing was delivered always finds room.
//
// Whatever is not delivered is counted, see [Dispatcher.Stats], after
// [Dispatcher.Shutdown] too.
func (d *Dispatcher) Notify(a views.Alert) {
	if len(d.workers) == 0 {
		return
	}
	id := a.ID()
	for _, w := range d.workers {
		w.queue.add(id, a)
	}
}

// SinkStats is what became of the notifications for one sink.
type SinkStats struct {
	Name      string
	Delivered uint64            // notifications that arrived
	Waiting   int               // now, the one being sent included
	Failed    uint64            // attempts, repeats included
	Dropped   map[Reason]uint64 // without those that are zero
}

// Stats returns the numbers of every sink, in the order of the targets.
func (d *Dispatcher) Stats() []SinkStats {
	s := make([]SinkStats, len(d.workers))
	for i, w := range d.workers {
		s[i] = w.queue.stats(w.target.Name)
	}
	return s
}

// Shutdown refuses further notifications and waits until those that are queued
// have been delivered, but no longer than ctx. What waits for another attempt
// gets it at once; a sink that then fails five times in a row is given up.
// The error says how many notifications each sink was left without and why.
//
// A sink that ignores its context keeps its goroutine until it returns;
// Shutdown does not wait for it longer than ctx. Further calls, concurrent or
// later, wait for the same and return the same.
func (d *Dispatcher) Shutdown(ctx context.Context) error {
	d.begin.Do(func() {
		close(d.drain)
		for _, w := range d.workers {
			w.queue.drain()
		}
	})
	for _, w := range d.workers {
		select {
		case <-w.done:
		case <-d.ended: // by another call whose context was shorter
			return d.err
		case <-ctx.Done():
			select { // ready at the same time: all is well
			case <-w.done:
				continue
			default:
			}
			return d.finish(ctx.Err())
		}
	}
	return d.finish(nil)
}

// finish takes stock. cut is what ended the wait, if something did.
func (d *Dispatcher) finish(cut error) error {
	d.end.Do(func() {
		d.cancel()
		var errs []error
		for _, w := range d.workers {
			left, err := w.queue.stop()
			if left == 0 {
				continue
			}
			if err == nil {
				err = errors.New("no attempt has ended yet")
			}
			errs = append(errs, fmt.Errorf("notify: sink %q: %d notifications not delivered: %w", w.target.Name, left, err))
		}
		if len(errs) > 0 && cut != nil {
			errs = append(errs, cut)
		}
		errs = append(errs, d.registration.Unregister())
		d.err = errors.Join(errs...)
		close(d.ended)
	})
	return d.err
}
