package otelperf

import (
	"context"
	"math"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelperf/otelperf-go/internal/stripe"
)

// An Operation is something that a program does again and again and that is
// worth timing: a search, an allocation, a query. [Recorder.Operation] makes
// it. All methods may be called concurrently, and on a nil or zero Operation,
// where what is wrapped runs and nothing is recorded.
type Operation struct {
	// What every call reads is together, for caches that something else has filled.
	on       bool
	labelled bool
	enabled  atomic.Bool // success has said so
	success  series

	attrs    attribute.Set
	observe  []metric.ObserveOption
	duration metric.Float64Histogram // as made, not bound
	labels   pprof.LabelSet          // if labelled

	mu       sync.Mutex
	failures atomic.Pointer[failures]

	// Every call writes active. One number for all cores would cost more than
	// everything else here once two of them are at the same operation.
	active stripe.Count
}

// unmeasured is the start of a call that only counts as active, since nobody
// asked for durations when it began.
const unmeasured = time.Duration(math.MinInt64)

// A begun is a call that has begun.
type begun struct {
	at   time.Duration
	cell *stripe.Cell // where it counts as active
}

// begin counts a call as active and notes when it began.
func (o *Operation) begin(ctx context.Context) begun {
	b := begun{at: unmeasured, cell: o.active.Cell().Enter()}
	if o.enabled.Load() || o.enable(ctx) {
		b.at = now()
	}
	return b
}

// enable asks whether durations are wanted, until they are: the global provider may
// not be set yet, or a view drops the metric. What is enabled once stays so, as the
// SDK's histograms do; one that changes its mind is recorded to all the same.
func (o *Operation) enable(ctx context.Context) bool {
	wanted := o.success.histogram.Enabled(ctx)
	if wanted {
		o.enabled.Store(true)
	}
	return wanted
}

// finish ends what begin began, whose error is err. For a call that succeeded, as
// nearly all do, it is finishOther and done in one.
func (o *Operation) finish(ctx context.Context, b begun, err error) {
	if err != nil || b.at == unmeasured || o.labelled {
		o.finishOther(ctx, b, err)
		return
	}
	elapsed := now() - b.at
	b.cell.Leave(-1)
	s := &o.success
	s.histogram.Record(ctx, seconds(clamp(elapsed)), s.options...)
}

// finishOther is finish for all kinds of calls.
func (o *Operation) finishOther(ctx context.Context, b begun, err error) {
	o.leave(ctx)
	if b.at == unmeasured {
		b.cell.Leave(-1)
		return
	}
	elapsed := now() - b.at
	s := &o.success
	switch {
	case err == errUnwound: //nolint:errorlint // it is not wrapped
		s = o.failure(unwinding())
	case err != nil:
		s = o.failure(classify(ctx, err))
	}
	o.done(ctx, elapsed, b.cell, s)
}

// done ends a call that was active. The call leaves active before its
// duration is recorded: a collection in between sees it in neither, and in the
// duration the next time. The other way around, one call would be seen both
// completed and still running, which is what a hang looks like.
func (o *Operation) done(ctx context.Context, d time.Duration, cell *stripe.Cell, s *series) {
	cell.Leave(-1)
	s.histogram.Record(ctx, seconds(clamp(d)), s.options...)
}

// Record records one operation that was measured elsewhere: that took d and
// ended with err, nil for success. A negative d counts as zero, one of more
// than a year as a year. ctx decides about error.type as in [Operation.Do] and
// carries the trace for exemplars. Record does not touch the active count and
// allocates nothing when err is nil.
func (o *Operation) Record(ctx context.Context, d time.Duration, err error) {
	if o == nil || !o.on || !o.enabled.Load() && !o.enable(ctx) {
		return
	}
	s := &o.success
	if err != nil {
		s = o.failure(classify(ctx, err))
	}
	s.histogram.Record(ctx, seconds(clamp(d)), s.options...)
}
