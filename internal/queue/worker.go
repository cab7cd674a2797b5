package queue

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// grace is how long the next exporter may take to shut down when Shutdown's
// own context is over and nobody waits any more.
const grace = time.Second

// run is the goroutine. It ends after Shutdown, when the next exporter lets it.
func (e *Exporter) run() {
	defer close(e.done)
	for {
		f, b, c, pause := e.job()
		switch {
		case f != nil:
			f.errs.add(e.next.ForceFlush(f.ctx))
			f.done <- f.errs.join()
		case b != nil:
			e.export(b)
		case c != nil:
			e.shutdown(c)
			return
		case pause > 0:
			select {
			case <-e.wake:
			case <-time.After(pause):
			}
		default:
			<-e.wake
		}
	}
}

// job returns what to do next: a flush that is due, else the oldest batch,
// else the shutdown, else nothing for the time of pause, or until woken.
func (e *Exporter) job() (_ *flush, _ *batch, _ *closing, pause time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tellHeld()
	for i, f := range e.flushes {
		if len(e.waiting) == 0 || e.waiting[0].seq > f.target {
			e.flushes = slices.Delete(e.flushes, i, i+1)
			return f, nil, nil, 0
		}
	}
	if len(e.waiting) == 0 {
		return nil, nil, e.closing, 0
	}
	// Who waits for the data would rather know at once that it fails again.
	wait := time.Until(e.retryAt)
	if wait > 0 && e.closing == nil && len(e.flushes) == 0 {
		return nil, nil, nil, wait
	}
	e.early = wait > 0
	e.flying, e.last = e.waiting[0], errorList{}
	e.remove(0)
	return nil, e.flying, nil, 0
}

// tellHeld answers whoever waits for data while the backend wants none: asking
// it sooner than it said is no help to either. e.mu is held.
func (e *Exporter) tellHeld() {
	if e.held == nil || e.closing != nil || len(e.waiting) == 0 || !time.Now().Before(e.held.Until) {
		return
	}
	for _, f := range e.flushes {
		if f.target >= e.waiting[0].seq {
			f.errs.add(fmt.Errorf("monitor: exporter %q: not exported yet: %w", e.config.name, e.held))
			f.target = 0
		}
	}
}

// export hands b to the next exporter, in parts where it is large.
func (e *Exporter) export(b *batch) {
	done := 0
	for part := range split(&b.data, e.config.batchSize) {
		points, delta := weigh(part)
		err := e.attempt(part)
		if err != nil {
			refused := refusal(err, time.Now())
			if !unanswered(err) && (refused != nil || unsent(err)) && e.postpone(b, done, err, refused) {
				return
			}
		}
		e.account(b, points, delta, err)
		done += points
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.flying = nil
	e.recycle(b)
}

func (e *Exporter) attempt(part *metricdata.ResourceMetrics) error {
	if e.ctx.Err() != nil {
		return context.Cause(e.ctx)
	}
	e.mu.Lock()
	e.since = time.Now()
	e.mu.Unlock()
	ctx, cancel := context.WithTimeout(e.ctx, e.config.timeout)
	defer cancel()
	return e.next.Export(ctx, part)
}

// account takes down what became of a part of b.
func (e *Exporter) account(b *batch, points, delta int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err == nil {
		e.stats.Exported += uint64(points)
		e.retries, e.retryAt, e.held = 0, time.Time{}, nil
		if len(e.waiting) == 0 {
			e.newer = series{} // trouble is over: give its memory back
		}
		e.report.succeeded()
		return
	}
	lost, reason := delta, ReasonFailed
	rejected, partly := partialSuccess(err)
	switch {
	case partly:
		lost, reason = min(rejected, points), ReasonRejected
		e.stats.Exported += uint64(points - lost)
	case e.ctx.Err() != nil:
		lost, reason = points, ReasonShutdown
	case e.closing != nil && len(e.waiting) == 0:
		lost = points // nothing comes after it that would repeat the rest
	}
	if unanswered(err) {
		reason = ReasonUnanswered
	}
	e.lose(reason, lost)
	e.report.failed(1, uint64(lost), err)
	e.settle(b.seq, fmt.Errorf("monitor: exporter %q: %w", e.config.name, err))
}

// The pauses between attempts while a backend cannot be reached double from
// the shortest to the longest.
const (
	shortestPause = time.Second
	longestPause  = 30 * time.Second
)

// postpone puts b, without the points that are done, back to where it was, to
// be tried again after a pause, and not before the backend wants it. It
// declines when there is no later.
func (e *Exporter) postpone(b *batch, done int, err error, refused *RefusedError) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing != nil {
		return false
	}
	e.flying = nil
	if refused != nil {
		err = refused
	}
	e.report.failed(1, 0, err)
	err = fmt.Errorf("monitor: exporter %q: not exported yet: %w", e.config.name, err)
	for _, f := range e.flushes {
		if f.target >= b.seq {
			f.errs.add(err)
			f.target = 0 // due now
		}
	}
	if !e.early { // an attempt for a flush, before its time, delays no other
		e.retryAt = time.Now().Add(min(shortestPause<<min(e.retries, 10), longestPause))
		e.retries++
	}
	if e.held = refused; refused != nil && refused.Until.After(e.retryAt) {
		e.retryAt = refused.Until
	}

	cut(&b.data, done)
	b.size = measure(&b.data)
	e.waiting = slices.Insert(e.waiting, 0, b)
	e.bytes += b.bytes
	for _, newer := range e.waiting[1:] {
		e.newer.reset(&newer.data)
		if e.supersede(0, newer) {
			break
		}
	}
	e.limit()
	return true
}

// unsent reports whether err says that no connection came about, so that
// nothing of the request can have reached anybody. gRPC says it in words only,
// where [Answers] has not put it into a type.
func unsent(err error) bool {
	var u *UnsentError
	if errors.As(err, &u) {
		return true
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Op == "dial" || op.Op == "proxyconnect"
	}
	text := err.Error()
	return strings.Contains(text, "Error while dialing") || // this attempt failed to connect
		strings.Contains(text, "while waiting for connections to become ready") // and this one hung in it
}

// shutdown ends the next exporter, and with it this one.
func (e *Exporter) shutdown(c *closing) {
	ctx, cancel := c.ctx, context.CancelFunc(func() {})
	if ctx.Err() != nil {
		// Nobody waits, but connections and files are to be released.
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), grace)
	}
	err := e.next.Shutdown(ctx)
	cancel()
	e.mu.Lock()
	c.errs.add(err)
	e.free = nil
	e.mu.Unlock()
	e.stop(nil)
	e.report.wait()
}

// weigh counts the data points of rm, and the deltas among them.
func weigh(rm *metricdata.ResourceMetrics) (points, delta int) {
	for i := range rm.ScopeMetrics {
		metrics := rm.ScopeMetrics[i].Metrics
		for j := range metrics {
			n, isDelta := shape(metrics[j].Data)
			points += n
			if isDelta {
				delta += n
			}
		}
	}
	return points, delta
}

// partialSuccess reports whether err says nothing but that a backend took all
// but some data points, and how many were rejected. The exporters' own type for
// it is internal to each of them, so it is known by its text.
func partialSuccess(err error) (rejected int, ok bool) {
	for ; err != nil; err = errors.Unwrap(err) {
		text, isPartial := strings.CutPrefix(err.Error(), "OTLP partial success: ")
		text, isPoints := strings.CutSuffix(text, " metric data points rejected)")
		i := strings.LastIndex(text, " (")
		if !isPartial || !isPoints || i < 0 {
			continue
		}
		if n, err := strconv.ParseUint(text[i+2:], 10, 63); err == nil {
			return int(min(n, math.MaxInt32)), true // more than any batch has
		}
	}
	return 0, false
}
