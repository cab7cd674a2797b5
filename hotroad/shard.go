package hotroad

import (
	"math"
	"sync"
	"sync/atomic"
)

// A shard is a share of a series' measurements. Its counters only ever rise, so
// that reading them needs no lock and loses nothing. What cannot be subtracted
// later, the sum of floating-point numbers and the extremes, is taken out by
// each collection. A shard fills a cache line; its buckets fill others.
type shard struct {
	counts  []atomic.Uint64 // explicit: by bucket; exponential: the zeros alone
	octaves *[octaves]atomic.Pointer[octave]
	sum     atomic.Uint64 // a float64
	lowest  atomic.Uint64 // a float64, +Inf if there is none
	highest atomic.Uint64 // a float64, -Inf if there is none
	_       [8]byte
}

// An octave counts the values between two powers of two.
type octave [perOct]atomic.Uint64

var (
	infinite         = math.Float64bits(math.Inf(1))
	negativeInfinite = math.Float64bits(math.Inf(-1))
)

func newShard(buckets int, exponential bool) *shard {
	s := &shard{counts: make([]atomic.Uint64, buckets, (buckets+7)&^7)} // whole cache lines
	if exponential {
		s.octaves = new([octaves]atomic.Pointer[octave])
	}
	s.lowest.Store(infinite)
	s.highest.Store(negativeInfinite)
	return s
}

// octave returns the o-th octave's counters.
func (s *shard) octave(o int) *octave {
	if c := s.octaves[o].Load(); c != nil {
		return c
	}
	s.octaves[o].CompareAndSwap(nil, new(octave))
	return s.octaves[o].Load()
}

// isExtreme reports whether v goes beyond what was seen.
func (s *shard) isExtreme(v float64) bool {
	return v < math.Float64frombits(s.lowest.Load()) || v > math.Float64frombits(s.highest.Load())
}

// extremes takes note of v.
func (s *shard) extremes(v float64) {
	for {
		old := s.lowest.Load()
		if !(v < math.Float64frombits(old)) || s.lowest.CompareAndSwap(old, math.Float64bits(v)) {
			break
		}
	}
	for {
		old := s.highest.Load()
		if !(v > math.Float64frombits(old)) || s.highest.CompareAndSwap(old, math.Float64bits(v)) {
			return
		}
	}
}

// add adds v to the sum and reports whether another core was at it too.
func (s *shard) add(v float64) (contended bool) {
	for {
		old := s.sum.Load()
		if s.sum.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+v)) {
			return contended
		}
		contended = true
	}
}

// drain takes out the sum and the extremes.
func (s *shard) drain() (sum, lowest, highest float64) {
	lowest, highest = math.Inf(1), math.Inf(-1)
	if s.sum.Load() != 0 {
		sum = math.Float64frombits(s.sum.Swap(0))
	}
	if s.lowest.Load() != infinite {
		lowest = math.Float64frombits(s.lowest.Swap(infinite))
	}
	if s.highest.Load() != negativeInfinite {
		highest = math.Float64frombits(s.highest.Swap(negativeInfinite))
	}
	return sum, lowest, highest
}

// odd holds what no shard has room for: values of exponential histograms that
// are negative or beyond 2^±64, counted by power of two. Nobody measures such
// things, so a lock will do; there are no more than 2,098 powers on each side.
type odd struct {
	mu                 sync.Mutex
	positive, negative map[int32]uint64
}

func (o *odd) add(v float64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	side := &o.positive
	if v < 0 {
		side = &o.negative
	}
	if *side == nil {
		*side = make(map[int32]uint64)
	}
	(*side)[oddOctave(v)]++
}
