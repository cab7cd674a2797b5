package hotroad

import (
	"context"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"

	"github.com/otelperf/otelperf-go/internal/stripe"
)

// A series is one attribute set of a store, and all that was measured of it.
type series struct {
	attrs     attribute.Set
	id        attribute.Distinct
	shards    []atomic.Pointer[shard] // made as they are needed
	odd       odd
	exemplars *exemplars // nil: none

	// The rest is guarded by the store.
	start    time.Time // of cumulative data
	current  *lease    // nil once the series has ended
	targets  []weak.Pointer[target]
	released int // leases that were ended
	finished bool
	total    uint64 // measurements at the last collection of any reader
	grew     time.Time
	seen     []seen // by reader

	quiet atomic.Int64 // ended leases that nobody holds any more
}

// A lease is what a goroutine holds while it records: the series' fields that
// it needs, side by side. A series ends by giving up its lease, and whoever held
// it at that moment may still finish. The garbage collector knows when nobody
// does, so that a series is not forgotten before its last measurement has been
// exported, and recording takes no part in that: there is nothing to enter or to
// leave.
type lease struct {
	explicit *explicit // nil: exponential
	grid     *grid
	shards   []atomic.Pointer[shard]
	wanted   []atomic.Uint32 // exemplars.wanted, nil if there are none
	buckets  int
	extremes bool
	spread   stripe.Spread
	series   *series
}

// record counts v. original are the attributes it was recorded with, before the
// view's filter.
func (l *lease) record(ctx context.Context, v float64, original *attribute.Set) {
	var sh *shard
	i := l.spread.Choose()
	if sh = l.shards[i].Load(); sh == nil {
		sh = l.makeShard(i)
	}
	if l.explicit == nil {
		l.recordExponential(ctx, v, original, sh)
		return
	}
	if l.extremes && sh.isExtreme(v) {
		sh.extremes(v)
	}
	if sh.add(v) {
		l.spread.Missed()
	}
	// The bucket comes last: what a collection finds counted has its sum and
	// its extremes there, or has had them there the last time.
	b, ok := l.explicit.guess(v)
	if !ok {
		b = l.explicit.bucket(v)
	}
	n := sh.counts[b].Add(1)
	if l.wanted != nil && (n%exemplarShare == 0 || l.wanted[b].Load() != 0) {
		l.series.exemplars.offer(ctx, v, b, original)
	}
	runtime.KeepAlive(l)
}

func (l *lease) recordExponential(ctx context.Context, v float64, original *attribute.Set, sh *shard) {
	if v-v != 0 {
		return // neither NaN nor infinite values have a bucket; the SDK ignores them too
	}
	if l.extremes && sh.isExtreme(v) {
		sh.extremes(v)
	}
	if sh.add(v) {
		l.spread.Missed()
	}
	var n uint64
	at := octaves // where exemplars of zeros and odd values are wanted
	if o, b, ok := l.grid.place(v); ok {
		n, at = sh.octave(o)[b].Add(1), o
	} else if v == 0 {
		n = sh.counts[0].Add(1)
	} else {
		l.series.odd.add(v)
	}
	if l.wanted != nil && (n%exemplarShare == 0 || l.wanted[at].Load() != 0) {
		l.series.exemplars.offer(ctx, v, at, original)
	}
	runtime.KeepAlive(l)
}

func (l *lease) makeShard(i int) *shard {
	l.shards[i].CompareAndSwap(nil, newShard(l.buckets, l.explicit == nil))
	return l.shards[i].Load()
}

// seen is what one reader has been given of a series, and what is kept for its
// next collection.
type seen struct {
	total  uint64
	counts []uint64 // explicit, delta
	last   *tally   // exponential, delta

	// What was taken out of the shards and not yet given to this reader; for
	// cumulative data, all of it.
	sum             float64
	lowest, highest float64
}

func (p *seen) clear() { p.sum, p.lowest, p.highest = 0, math.Inf(1), math.Inf(-1) }

// Exemplars are looked for among the first exemplarsWanted measurements in each
// bucket after a collection, and then in one of exemplarShare: what is rare is
// never missed, and what is frequent costs little.
const (
	exemplarsWanted = 64
	exemplarShare   = 64
)

// exemplars is a series' reservoir, which is made when the first measurement is
// let in: most of a series' memory would be that, and without traces for nothing.
type exemplars struct {
	filter exemplar.Filter
	keep   attribute.Filter // the view's, nil if it keeps all
	wanted []atomic.Uint32  // by bucket or octave

	mu        sync.Mutex
	make      func() exemplar.Reservoir
	reservoir exemplar.Reservoir // nil: none was let in yet
}

func newExemplars(admit exemplar.Filter, keep attribute.Filter, places int, build func() exemplar.Reservoir) *exemplars {
	e := &exemplars{filter: admit, keep: keep, wanted: make([]atomic.Uint32, places), make: build}
	for i := range e.wanted {
		e.wanted[i].Store(exemplarsWanted)
	}
	return e
}

// offer lets the reservoir have a measurement, if the filter does.
func (e *exemplars) offer(ctx context.Context, v float64, place int, original *attribute.Set) {
	if n := e.wanted[place].Load(); n > 0 {
		e.wanted[place].CompareAndSwap(n, n-1)
	}
	if !e.filter(ctx) {
		return
	}
	var dropped []attribute.KeyValue
	if e.keep != nil {
		_, dropped = original.Filter(e.keep)
	}
	now := time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.reservoir == nil {
		e.reservoir = e.make()
	}
	e.reservoir.Offer(ctx, now, exemplar.NewValue(v), dropped)
}

// collect returns the exemplars that were measured since, and wants new ones.
func (e *exemplars) collect(since time.Time) []exemplar.Exemplar {
	for i := range e.wanted {
		if e.wanted[i].Load() < exemplarsWanted {
			e.wanted[i].Store(exemplarsWanted)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.reservoir == nil {
		return nil
	}
	var all []exemplar.Exemplar
	e.reservoir.Collect(&all)
	return slices.DeleteFunc(all, func(x exemplar.Exemplar) bool { return x.Time.Before(since) })
}
