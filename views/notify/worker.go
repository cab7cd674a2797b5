package notify

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// hangGrace is how long after its deadline a sink that has not returned is
// reported.
const hangGrace = time.Second

// maxDrainFailures is how many failures in a row make Shutdown give a sink up.
const maxDrainFailures = 5

// A worker is the one goroutine that calls one sink.
type worker struct {
	target  Target
	cfg     config
	queue   *queue
	base    context.Context // ends when Shutdown may not wait any longer
	drain   <-chan struct{} // closed when Shutdown begins
	done    chan struct{}   // closed when the goroutine has ended
	backoff *backoff.ExponentialBackOff

	failures, drops reporter

	drained int // failures in a row since Shutdown began; the goroutine's own
}

func newWorker(base context.Context, drain <-chan struct{}, t Target, cfg config) *worker {
	return &worker{
		target: t, cfg: cfg, queue: newQueue(cfg.size),
		base: base, drain: drain, done: make(chan struct{}),
		backoff: &backoff.ExponentialBackOff{
			InitialInterval: cfg.initial, MaxInterval: cfg.max,
			Multiplier: 2, RandomizationFactor: 0.5,
		},
		failures: reporter{handle: cfg.handle, every: cfg.handleEvery},
		drops:    reporter{handle: cfg.handle, every: cfg.handleEvery},
	}
}

// run sends until the queue is drained. A sink that ends its goroutine
// (runtime.Goexit) gets a new one.
func (w *worker) run() {
	ended := false
	defer func() {
		if ended {
			close(w.done)
			return
		}
		go w.run()
	}()
	repeat, stop := w.ticker()
	defer stop()
	for !w.queue.finished() && !w.gaveUp() {
		select {
		case <-repeat:
			w.repeat()
		default:
		}
		if e, it, ok := w.queue.take(); ok {
			w.send(e, it, repeat)
			continue
		}
		select {
		case <-repeat:
			w.repeat()
		case <-w.queue.wake:
		case <-w.base.Done():
		}
	}
	ended = true
}

func (w *worker) ticker() (<-chan time.Time, func()) {
	if w.target.Repeat == nil {
		return nil, func() {}
	}
	t := time.NewTicker(w.target.RepeatEvery)
	return t.C, t.Stop
}

// gaveUp bounds how long a dead sink holds Shutdown up where that has no
// deadline.
func (w *worker) gaveUp() bool {
	return w.base.Err() != nil || w.drained >= maxDrainFailures
}

// send makes one attempt and decides what follows from its outcome.
func (w *worker) send(e *entry, it item, repeat <-chan time.Time) {
	returned := false
	defer func() {
		if !returned { // the sink ends this goroutine
			w.drop(e, it, Panicked, errors.New("it ended its goroutine"))
		}
	}()
	err := w.call(func(ctx context.Context) error { return w.target.Send(ctx, it.alert) })
	returned = true
	w.reportRefused()
	var panicked *panicError
	switch {
	case err == nil:
		w.queue.settle(e, it, "")
		w.backoff.Reset()
		w.drained = 0
	case w.base.Err() != nil: // cut off by Shutdown, which counts and reports it
		w.queue.retry(e, it)
	case errors.As(err, &panicked):
		w.drop(e, it, Panicked, err)
	case isPermanent(err):
		w.drop(e, it, Rejected, err)
	case time.Since(it.accepted) >= w.cfg.elapsed:
		w.drop(e, it, Expired, err)
		w.pause(w.nextPause(err), repeat)
	default:
		pause := w.nextPause(err)
		w.queue.failure(err)
		w.failures.report(fmt.Errorf("notify: sink %q: an attempt for %q failed, the next one is due in %s: %w",
			w.target.Name, it.alert.Name, pause.Round(time.Millisecond), err))
		w.queue.retry(e, it)
		w.pause(pause, repeat)
	}
}

func (w *worker) drop(e *entry, it item, reason Reason, err error) {
	w.queue.failure(err)
	w.queue.settle(e, it, reason)
	w.drops.report(fmt.Errorf("notify: sink %q: the %s notification of %q is dropped (%s): %w",
		w.target.Name, it.alert.State, it.alert.Name, reason, err))
}

func (w *worker) repeat() {
	if err := w.call(w.target.Repeat); err != nil && w.base.Err() == nil {
		w.queue.failure(err)
		w.failures.report(fmt.Errorf("notify: sink %q: repeating what fires failed: %w", w.target.Name, err))
	}
}

// call runs the sink's code. This is the only place where a panic of somebody
// else's is contained: a sink runs on a goroutine of ours, where nobody else
// could recover, and telling of a problem must not end the service that has it.
func (w *worker) call(f func(context.Context) error) (err error) {
	ctx, cancel := context.WithTimeout(w.base, w.cfg.timeout)
	defer cancel()
	watch := time.AfterFunc(w.cfg.timeout+hangGrace, func() {
		w.failures.report(fmt.Errorf("notify: sink %q ignores its context: it has not returned within %s",
			w.target.Name, w.cfg.timeout+hangGrace))
		w.reportRefused()
	})
	defer watch.Stop()
	defer func() {
		if r := recover(); r != nil {
			err = &panicError{value: r, stack: debug.Stack()}
		}
	}()
	return f(ctx)
}

type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.value, e.stack) }

// reportRefused tells of drops that Notify only counted, as it must not call
// the error handler, which may block.
func (w *worker) reportRefused() {
	if n := w.queue.takeRefused(); n > 0 {
		w.drops.report(fmt.Errorf("notify: sink %q: %d notifications dropped (%s): %d alerts wait or fire already",
			w.target.Name, n, QueueFull, w.cfg.size))
	}
}

// nextPause is the backoff, or what the receiver asked for if that is longer.
// While draining, a receiver that wants to be left alone for long is given up.
func (w *worker) nextPause(err error) time.Duration {
	asked := askedWait(err)
	if w.draining() {
		w.drained++
		if asked > w.cfg.max {
			w.drained = maxDrainFailures
		}
	}
	return max(w.backoff.NextBackOff(), asked)
}

// pause waits for d. The beginning of Shutdown cuts it short: what waits gets
// its next attempt at once, and the backoff begins anew.
func (w *worker) pause(d time.Duration, repeat <-chan time.Time) {
	if w.gaveUp() {
		return
	}
	drain := w.drain
	if w.draining() {
		drain = nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		select {
		case <-repeat:
			w.repeat()
		case <-t.C:
			return
		case <-drain:
			w.backoff.Reset()
			return
		case <-w.base.Done():
			return
		}
	}
}

func (w *worker) draining() bool {
	select {
	case <-w.drain:
		return true
	default:
		return false
	}
}
