package hotroad

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"

	"github.com/otelperf/otelperf-go/internal/stripe"
)

var overflowSet = attribute.NewSet(attribute.Bool("otel.metric.overflow", true))

// A store aggregates what is measured with one instrument under one view. All
// readers that want the same of it share it: the counters are never reset, and
// each reader's share is told by what it has been given before.
type store struct {
	aggregation sdkmetric.Aggregation
	explicit    *explicit // nil: exponential
	maxSize     int
	maxScale    int
	extremes    bool
	keep        attribute.Filter // nil: all attributes
	reservoir   exemplar.ReservoirProvider
	admit       exemplar.Filter
	limit       int
	forget      time.Duration
	created     time.Time

	table sync.Map // attribute.Distinct of series that have not ended, overflow apart: *lease

	mu       sync.Mutex
	readers  []*stream
	series   []*series // also those that have ended and are not yet forgotten
	live     int       // series in table
	overflow *series
	forgot   bool
}

// lookup returns the lease of the series for attrs, before filtering.
func (st *store) lookup(attrs *attribute.Set) *lease {
	kept := st.filtered(attrs)
	if l, ok := st.table.Load(kept.Equivalent()); ok {
		return l.(*lease)
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.find(kept).current
}

func (st *store) filtered(attrs *attribute.Set) attribute.Set {
	if st.keep == nil {
		return *attrs
	}
	kept, _ := attrs.Filter(st.keep)
	return kept
}

// find returns the series for attrs, or where there is no room for another the
// one that stands in for all of those. It has a lease.
func (st *store) find(attrs attribute.Set) *series {
	id := attrs.Equivalent()
	if l, ok := st.table.Load(id); ok {
		s := l.(*lease).series
		s.finished = false
		return s
	}
	// As in the SDK, a series that bears the overflow's own attributes is the
	// overflow, and once that is there all new ones come to it.
	full := st.limit > 0 && st.live >= st.limit-1
	if full || st.overflow != nil || id == overflowSet.Equivalent() {
		if st.overflow == nil {
			st.overflow = st.revive(overflowSet, true)
		}
		return st.overflow
	}
	s := st.revive(attrs, false)
	st.live++
	st.table.Store(id, s.current)
	return s
}

// revive returns a new series, or one that has ended and is not yet forgotten:
// that goes on where it was.
func (st *store) revive(attrs attribute.Set, overflow bool) *series {
	id := attrs.Equivalent()
	at := slices.IndexFunc(st.series, func(s *series) bool {
		return s.current == nil && s.id == id && s.overflow == overflow
	})
	if at < 0 {
		at = len(st.series)
		st.series = append(st.series, st.newSeries(attrs, id, overflow))
	}
	s := st.series[at]
	s.finished = false
	s.current = &lease{
		explicit: st.explicit, shards: s.shards, extremes: st.extremes, buckets: st.buckets(), series: s,
	}
	if st.explicit == nil {
		s.current.grid = octaveGrid()
	}
	if s.exemplars != nil {
		s.current.wanted = s.exemplars.wanted
	}
	return s
}

// buckets is how many counters a shard begins with.
func (st *store) buckets() int {
	if st.explicit == nil {
		return 1
	}
	return len(st.explicit.bounds) + 1
}

func (st *store) newSeries(attrs attribute.Set, id attribute.Distinct, overflow bool) *series {
	now := time.Now()
	s := &series{
		attrs: attrs, id: id, overflow: overflow,
		shards: make([]atomic.Pointer[shard], stripe.Limit()),
		start:  st.created,
		grew:   now,
		seen:   make([]seen, len(st.readers)),
	}
	for i := range s.seen {
		s.seen[i].clear()
	}
	if st.forgot {
		// The series may have been there before, with a count that was larger.
		s.start = now
	}
	if st.admit != nil {
		places := st.buckets()
		if st.explicit == nil {
			places = octaves + 1
		}
		s.exemplars = newExemplars(st.admit, st.keep, places, func() exemplar.Reservoir { return st.reservoir(attrs) })
	}
	return s
}

// end takes the series' lease away. It stays to be collected until nobody can
// record to it any more.
func (st *store) end(s *series) {
	l := s.current
	s.current = nil
	for _, w := range s.targets {
		if t := w.Value(); t != nil {
			t.lease.CompareAndSwap(l, nil)
		}
	}
	s.targets = nil
	if s.overflow {
		st.overflow = nil
	} else {
		st.table.Delete(s.id)
		st.live--
	}
	s.released++
	runtime.AddCleanup(l, func(s *series) { s.quiet.Add(1) }, s)
}

// A target is where a bound histogram records to in one store.
type target struct {
	lease atomic.Pointer[lease] // nil: not yet, or the series has ended
	store *store
	attrs *attribute.Set // as bound
}

// acquire finds the series to record to.
func (t *target) acquire() *lease {
	st := t.store
	kept := st.filtered(t.attrs)
	st.mu.Lock()
	defer st.mu.Unlock()
	s := st.find(kept)
	if t.lease.Swap(s.current) != s.current {
		if n := len(s.targets); n > 8 && n == cap(s.targets) {
			s.targets = slices.DeleteFunc(s.targets, func(w weak.Pointer[target]) bool { return w.Value() == nil })
		}
		s.targets = append(s.targets, weak.Make(t))
	}
	return s.current
}

// finish ends the series for exactly these attributes after one more collection
// by each reader.
func (st *store) finish(attrs *attribute.Set) {
	id := st.filtered(attrs)
	st.mu.Lock()
	defer st.mu.Unlock()
	if l, ok := st.table.Load(id.Equivalent()); ok {
		l.(*lease).series.finished = true
	}
}

// tidy ends and forgets series after a collection.
func (st *store) tidy(now time.Time) {
	delta := true
	for _, r := range st.readers {
		delta = delta && r.delta
	}
	// Delta readers do not miss a series in which nothing happens. It stays
	// nevertheless, and its memory with it, as long as there is room.
	short := delta && st.limit > 0 && (st.live > st.limit/2 || st.overflow != nil)
	freed := false
	kept := st.series[:0]
	ended := 0
	for _, s := range st.series {
		if s.current == nil {
			ended++
		}
	}
	for _, s := range st.series {
		given := true // to all readers
		for i := range s.seen {
			given = given && s.seen[i].total == s.total
		}
		idle := now.Sub(s.grew)
		switch {
		case s.current != nil && given && !s.overflow && (st.limit <= 0 || ended < st.limit) &&
			(s.finished || st.forget > 0 && idle >= st.forget || short && now.After(s.grew)):
			st.end(s)
			ended++
			freed = true
			kept = append(kept, s)
		case s.current == nil && given && int(s.quiet.Load()) == s.released && st.isRead(s):
			st.forgot = true
		default:
			kept = append(kept, s)
		}
	}
	clear(st.series[len(kept):])
	st.series = kept
	if st.overflow != nil && (freed || delta && (st.limit <= 0 || st.live < st.limit-1)) {
		// Those that found no room may try again.
		st.end(st.overflow)
	}
}
