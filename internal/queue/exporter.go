package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// An Exporter stands before another one, which may be slow or dead. Make it
// with [New]; it owns one goroutine until Shutdown. All methods may be called
// concurrently.
type Exporter struct {
	next   sdkmetric.Exporter
	config config
	report reporter

	wake chan struct{} // holds one token when there may be something to do
	done chan struct{} // closed when the goroutine has ended
	ctx  context.Context
	stop context.CancelCauseFunc // ends ctx: whatever is under way is given up

	mu      sync.Mutex
	seq     uint64   // of the newest batch
	waiting []*batch // in order, the oldest first
	bytes   int      // of waiting
	newer   series   // scratch
	free    []*batch
	flushes []*flush
	closing *closing      // nil until Shutdown
	flying  *batch        // in the next exporter's Export
	since   time.Time     // when the present attempt began
	last    errorList     // what the newest batch that was taken out came to, so far
	retries int           // attempts in a row that reached nobody
	retryAt time.Time     // when the next one is due
	held    *RefusedError // by the last one, if the backend refused it
	early   bool          // the present one is not due yet, but a flush waits for it
	stats   Stats         // Exported and Superseded only
	dropped [len(reasons)]uint64
}

var _ sdkmetric.Exporter = (*Exporter)(nil)

// A flush is one ForceFlush that waits.
type flush struct {
	ctx    context.Context
	target uint64 // done when no batch up to this one waits
	errs   errorList
	done   chan error // holds one
}

// closing is what Shutdown wants.
type closing struct {
	ctx  context.Context
	errs errorList
}

// errAbandoned is the cause of what was given up because Shutdown's context
// ended.
var errAbandoned = errors.New("given up at shutdown")

// New returns an Exporter that hands everything on to next, and starts its
// goroutine. From then on next belongs to it: each of its methods but
// Temporality and Aggregation is called by that goroutine alone.
func New(next sdkmetric.Exporter, options ...Option) *Exporter {
	c := newConfig(options)
	e := &Exporter{
		next:   next,
		config: c,
		report: reporter{name: c.name, every: c.reportEvery, handle: c.handle},
		wake:   make(chan struct{}, 1),
		done:   make(chan struct{}),
	}
	e.ctx, e.stop = context.WithCancelCause(context.Background())
	go e.run()
	return e
}

// Name returns what [WithName] set.
func (e *Exporter) Name() string { return e.config.name }

// Temporality returns the next exporter's choice.
func (e *Exporter) Temporality(kind sdkmetric.InstrumentKind) metricdata.Temporality {
	return e.next.Temporality(kind)
}

// Aggregation returns the next exporter's choice.
func (e *Exporter) Aggregation(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return e.next.Aggregation(kind)
}

// Export copies rm and returns. It never waits for the next exporter, and so
// has no use for its context: data that was collected is taken even if the
// context ended meanwhile. The error is nil, or [sdkmetric.ErrExporterShutdown]
// after Shutdown.
func (e *Exporter) Export(_ context.Context, rm *metricdata.ResourceMetrics) error {
	if rm == nil {
		return nil
	}
	b, ok := e.blank()
	if !ok {
		return sdkmetric.ErrExporterShutdown
	}
	unknown := copyInto(&b.data, rm)
	b.size = measure(&b.data)
	b.peak = max(b.peak, b.points)
	return e.enqueue(b, unknown)
}

// blank returns a batch to be filled.
func (e *Exporter) blank() (b *batch, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing != nil {
		return nil, false
	}
	if n := len(e.free); n > 0 {
		b = e.free[n-1]
		e.free = e.free[:n-1]
		return b, true
	}
	return new(batch), true
}

// maxFree is how many batches are kept for their memory: one that is filled
// while another is exported.
const maxFree = 2

// recycle keeps b for its memory, unless that is far more than b needed this
// time. e.mu is held.
func (e *Exporter) recycle(b *batch) {
	if len(e.free) < maxFree && (b.peak < 1000 || b.points > b.peak/4) {
		e.free = append(e.free, b)
	}
}

func (e *Exporter) enqueue(b *batch, unknown int) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing != nil {
		return sdkmetric.ErrExporterShutdown
	}
	e.seq++
	b.seq = e.seq
	if unknown > 0 {
		e.lose(ReasonUnknown, unknown)
		e.report.failed(0, uint64(unknown), errUnknown)
	}
	if len(e.waiting) > 0 {
		e.newer.reset(&b.data)
	}
	for i := 0; i < len(e.waiting); {
		if !e.supersede(i, b) {
			i++
		}
	}
	e.waiting = append(e.waiting, b)
	e.bytes += b.bytes
	e.limit()
	if e.flying != nil && time.Since(e.since) > 2*e.config.timeout {
		e.report.failed(0, 0, errStuck)
	}
	e.signal()
	return nil
}

// remove takes the batch at i out of waiting.
func (e *Exporter) remove(i int) {
	e.bytes -= e.waiting[i].bytes
	e.waiting = slices.Delete(e.waiting, i, i+1)
}

// limit drops the oldest batches while more wait than may.
func (e *Exporter) limit() {
	full := 0
	for len(e.waiting) > 1 && (len(e.waiting) > e.config.maxBatches || e.bytes > e.config.maxBytes) {
		oldest := e.waiting[0]
		e.remove(0)
		full += oldest.points
		e.settle(oldest.seq, fmt.Errorf("monitor: exporter %q: %d data points dropped: %w", e.config.name, oldest.points, errFull))
		e.recycle(oldest)
	}
	if full > 0 {
		e.lose(ReasonFull, full)
		e.report.failed(0, uint64(full), errFull)
	}
}

// supersede takes out of the batch that waits at i what newer, whose series
// are in e.newer, repeats. A flush that waited for such data waits for newer
// from now on. It reports whether the batch is gone altogether.
func (e *Exporter) supersede(i int, newer *batch) (gone bool) {
	w := e.waiting[i]
	if w.delta == w.points {
		return false
	}
	gone = e.newer.covers(&w.data)
	if !gone && !e.newer.removeFrom(&w.data) {
		return false
	}
	for _, f := range e.flushes {
		if f.target >= w.seq {
			f.target = max(f.target, newer.seq)
		}
	}
	if gone {
		e.stats.Superseded += uint64(w.points)
		e.remove(i)
		e.recycle(w) // as it is: its memory fits the next one
		return true
	}
	before := w.size
	w.size = measure(&w.data)
	e.bytes += w.bytes - before.bytes
	e.stats.Superseded += uint64(before.points - w.points)
	return false
}

// settle tells whoever waits for batch seq that it came to err. e.mu is held.
func (e *Exporter) settle(seq uint64, err error) {
	if e.flying != nil && e.flying.seq == seq {
		e.last.add(err)
	}
	for _, f := range e.flushes {
		if f.target >= seq {
			f.errs.add(err)
		}
	}
	if e.closing != nil {
		e.closing.errs.add(err)
	}
}

// outcome returns the errors of the last export, where it is the newest data
// that it was about: whoever calls Export and then ForceFlush learns of its
// failure however fast that was. e.mu is held.
func (e *Exporter) outcome() errorList {
	if e.flying == nil && len(e.waiting) > 0 {
		return errorList{} // the newest data has not come to anything yet
	}
	return errorList{errs: slices.Clone(e.last.errs), more: e.last.more}
}

func (e *Exporter) signal() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// ForceFlush returns when everything that was exported before it was called,
// or newer data in its place, has been handed to the next exporter, and that
// one's ForceFlush has returned. The error joins what those calls returned,
// and the last export if nothing waits; the error handler hears of failed
// exports all the same. What waits for a pause to end is tried at once, and
// where that fails the pause is no longer for it. When ctx ends first, its
// error is returned at once, whatever the next exporter does. After Shutdown
// the error is [sdkmetric.ErrExporterShutdown].
func (e *Exporter) ForceFlush(ctx context.Context) error {
	e.mu.Lock()
	if e.closing != nil {
		e.mu.Unlock()
		return sdkmetric.ErrExporterShutdown
	}
	f := &flush{ctx: ctx, target: e.seq, done: make(chan error, 1), errs: e.outcome()}
	e.flushes = append(e.flushes, f)
	e.signal()
	e.mu.Unlock()

	select {
	case err := <-f.done:
		return err
	case <-ctx.Done():
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.flushes = slices.DeleteFunc(e.flushes, func(g *flush) bool { return g == f })
	select {
	case err := <-f.done:
		return err
	default:
		return fmt.Errorf("monitor: exporter %q: flush: %w", e.config.name, ctx.Err())
	}
}

// Shutdown exports everything that waits and shuts the next exporter down,
// with what is left of ctx. When ctx ends first, it returns at once: what was
// not exported is dropped and counted, and the next exporter is shut down as
// soon as it returns from what it is doing. The error joins the context's,
// those of the last export and of all that failed since Shutdown was called,
// and the next exporter's. Later calls wait for the first to end and return nil or their
// context's error.
func (e *Exporter) Shutdown(ctx context.Context) error {
	e.mu.Lock()
	first := e.closing == nil
	if first {
		e.closing = &closing{ctx: ctx, errs: e.outcome()}
		e.signal()
	}
	c := e.closing
	e.mu.Unlock()

	select {
	case <-e.done:
	case <-ctx.Done():
		select {
		case <-e.done:
		default:
			if !first {
				return fmt.Errorf("monitor: exporter %q: shutdown: %w", e.config.name, ctx.Err())
			}
			return e.abandon(c)
		}
	}
	if !first {
		return nil
	}
	return c.errs.join()
}

// abandon gives up whatever is not exported yet.
func (e *Exporter) abandon(c *closing) error {
	e.stop(errAbandoned)
	e.mu.Lock()
	defer e.mu.Unlock()
	lost := 0
	for _, b := range e.waiting {
		lost += b.points
	}
	e.waiting, e.bytes = nil, 0
	e.lose(ReasonShutdown, lost)
	if e.flying != nil {
		lost += e.flying.points // unless the next exporter gets through in spite of it
	}
	err := fmt.Errorf("monitor: exporter %q: shutdown: %w", e.config.name, c.ctx.Err())
	if lost > 0 {
		err = fmt.Errorf("monitor: exporter %q: shutdown with %d data points not exported: %w", e.config.name, lost, c.ctx.Err())
	}
	c.errs.add(err)
	for _, f := range e.flushes {
		f.errs.add(err)
	}
	return c.errs.join()
}
