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
	series   []*series                      // also those that have ended
	ended    map[attribute.Distinct]*series // and are not yet forgotten
	live     int                            // series in table
	overflow *series
	forgot   bool
	looked   int // in series, for room in this interval
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
	if st.overflow != nil || id == overflowSet.Equivalent() || !st.hasRoom() {
		if st.overflow == nil {
			st.overflow = st.revive(overflowSet)
		}
		return st.overflow
	}
	s := st.revive(attrs)
	st.live++
	st.table.Store(id, s.current)
	return s
}

// hasRoom reports whether another series may begin. As in the SDK, the limit on
// delta data is one for each interval: a series in which nothing has happened
// since the last collection gives way.
func (st *store) hasRoom() bool {
	if st.limit <= 0 || st.live < st.limit-1 {
		return true
	}
	if !st.isDelta() {
		return false
	}
	for ; st.looked < len(st.series) && len(st.ended) < st.limit; st.looked++ {
		if s := st.series[st.looked]; s.current != nil && st.isRead(s) {
			st.end(s)
			return true
		}
	}
	return false
}

// isDelta reports whether no reader is cumulative.
func (st *store) isDelta() bool {
	return !slices.ContainsFunc(st.readers, func(r *stream) bool { return !r.delta })
}

// revive returns a new series, or one that has ended and is not yet forgotten:
// that goes on where it was.
func (st *store) revive(attrs attribute.Set) *series {
	id := attrs.Equivalent()
	s, ok := st.ended[id]
	if ok {
		delete(st.ended, id)
	} else {
		s = st.newSeries(attrs, id)
		st.series = append(st.series, s)
	}
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

func (st *store) newSeries(attrs attribute.Set, id attribute.Distinct) *series {
	now := time.Now()
	s := &series{
		attrs: attrs, id: id,
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
	st.ended[s.id] = s
	if s == st.overflow {
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
	delta := st.isDelta()
	// Delta readers do not miss a series in which nothing happens. It stays
	// nevertheless, and its memory with it, until another needs its room.
	endless := delta && st.limit <= 0
	freed := false
	kept := st.series[:0]
	for _, s := range st.series {
		given := true // to all readers
		for i := range s.seen {
			given = given && s.seen[i].total == s.total
		}
		idle := now.Sub(s.grew)
		switch {
		case s.current != nil && (st.limit <= 0 || len(st.ended) < st.limit) &&
			(s.finished || st.forget > 0 && idle >= st.forget || endless && idle > 0):
			st.end(s)
			freed = true
			kept = append(kept, s)
		case s.current == nil && given && int(s.quiet.Load()) == s.released && st.isRead(s):
			delete(st.ended, s.id)
			st.forgot = true
		default:
			kept = append(kept, s)
		}
	}
	clear(st.series[len(kept):])
	st.series, st.looked = kept, 0
	if st.overflow != nil && (freed || delta) {
		// Those that found no room may try again.
		st.end(st.overflow)
	}
}
