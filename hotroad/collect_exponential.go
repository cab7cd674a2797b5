package hotroad

import (
	"maps"
	"math"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// A tally is the sum of an exponential series' shards.
type tally struct {
	zeros   uint64
	octaves [octaves]*[perOct]uint64 // nil: empty
	odd     [2]map[int32]uint64      // positive and negative
}

// readExponential adds up the series' counters and returns their total.
func (s *series) readExponential(t *tally) (total uint64) {
	for i := range s.shards {
		sh := s.shards[i].Load()
		if sh == nil {
			continue
		}
		c := sh.counts[0].Load()
		t.zeros += c
		total += c
		for o := range sh.octaves {
			oct := sh.octaves[o].Load()
			if oct == nil {
				continue
			}
			if t.octaves[o] == nil {
				t.octaves[o] = new([perOct]uint64)
			}
			for b := range oct {
				c := oct[b].Load()
				t.octaves[o][b] += c
				total += c
			}
		}
	}
	s.odd.mu.Lock()
	defer s.odd.mu.Unlock()
	t.odd = [2]map[int32]uint64{maps.Clone(s.odd.positive), maps.Clone(s.odd.negative)}
	for _, side := range t.odd {
		for _, c := range side {
			total += c
		}
	}
	return total
}

// less returns what t has more than old.
func (t *tally) less(old *tally) *tally {
	d := &tally{zeros: t.zeros - old.zeros}
	for o, counts := range t.octaves {
		if counts == nil {
			continue
		}
		more := *counts
		if before := old.octaves[o]; before != nil {
			for b := range more {
				more[b] -= before[b]
			}
		}
		d.octaves[o] = &more
	}
	for side := range t.odd {
		d.odd[side] = make(map[int32]uint64)
		for e, c := range t.odd[side] {
			if c -= old.odd[side][e]; c > 0 {
				d.odd[side][e] = c
			}
		}
	}
	return d
}

// A side is the buckets of one sign, by index at the finest scale there is:
// 6, or 0 for what is odd. Indices at scale 0 stand for those of their first
// bucket at scale 6; scale never exceeds 0 where there are any.
type side struct {
	low, high int // of index, both with a count; low > high: none
	each      func(func(index int, count uint64))
}

func (t *tally) positive() side {
	return newSide(func(yield func(int, uint64)) {
		for o, counts := range t.octaves {
			if counts == nil {
				continue
			}
			for b, c := range counts {
				if c > 0 {
					yield((o+lowestOf)<<scale+b, c)
				}
			}
		}
		for e, c := range t.odd[0] {
			yield(int(e)<<scale, c)
		}
	})
}

func (t *tally) negative() side {
	return newSide(func(yield func(int, uint64)) {
		for e, c := range t.odd[1] {
			yield(int(e)<<scale, c)
		}
	})
}

func newSide(each func(func(int, uint64))) side {
	s := side{low: math.MaxInt, high: math.MinInt, each: each}
	each(func(i int, _ uint64) { s.low, s.high = min(s.low, i), max(s.high, i) })
	return s
}

// shift returns by how many halvings the side fits into size buckets, at least
// the given number.
func (s side) shift(least, size int) int {
	if s.low <= s.high {
		for s.high>>least-s.low>>least >= size {
			least++
		}
	}
	return least
}

func (s side) buckets(shift int) metricdata.ExponentialBucket {
	if s.low > s.high {
		return metricdata.ExponentialBucket{}
	}
	low := s.low >> shift
	b := metricdata.ExponentialBucket{Offset: int32(low), Counts: make([]uint64, s.high>>shift-low+1)}
	s.each(func(i int, c uint64) { b.Counts[i>>shift-low] += c })
	return b
}

// exponentials returns the points of reader at, as explicits does.
func (st *store) exponentials(at int, start, now time.Time) []metricdata.ExponentialHistogramDataPoint[float64] {
	delta := !start.IsZero()
	points := make([]metricdata.ExponentialHistogramDataPoint[float64], 0, len(st.series))
	for _, s := range st.series {
		t := new(tally)
		total := s.readExponential(t)
		s.drain(total, now)
		p := &s.seen[at]
		if total == 0 || delta && total == p.total {
			continue
		}
		d := metricdata.ExponentialHistogramDataPoint[float64]{
			Attributes: s.attrs, StartTime: s.start, Time: now, Count: total,
			Sum: p.sum, Exemplars: s.examples(start),
		}
		if delta {
			d.StartTime = start
			d.Count -= p.total
			if p.last == nil {
				p.last = new(tally)
			}
			t, p.last = t.less(p.last), t
		}
		p.total = total
		d.ZeroCount = t.zeros
		positive, negative := t.positive(), t.negative()
		shift := max(0, scale-st.maxScale)
		if len(t.odd[0])+len(t.odd[1]) > 0 {
			shift = max(shift, scale)
		}
		shift = negative.shift(positive.shift(shift, st.maxSize), st.maxSize)
		d.Scale = int32(scale - shift)
		d.PositiveBucket, d.NegativeBucket = positive.buckets(shift), negative.buckets(shift)
		if st.extremes {
			low, high := t.ends(p.lowest, p.highest, positive, negative)
			d.Min, d.Max = p.extrema(low, high, delta)
		} else if delta {
			p.clear()
		}
		points = append(points, d)
	}
	return points
}

// ends tells where the extremes lie and where they should, by numbers that
// order buckets of both signs and zero.
func (t *tally) ends(lowest, highest float64, positive, negative side) (low, high span) {
	low.is, high.is = order(lowest), order(highest)
	switch {
	case negative.low <= negative.high:
		low.want = -(negative.high + center)
	case t.zeros > 0:
		low.want = 0
	default:
		low.want = positive.low + center
	}
	switch {
	case positive.low <= positive.high:
		high.want = positive.high + center
	case t.zeros > 0:
		high.want = 0
	default:
		high.want = -(negative.low + center)
	}
	low.lower, low.upper = orderEdges(low.want)
	high.lower, high.upper = orderEdges(high.want)
	return low, high
}

// center is above the size of any index.
const center = 1 << 20

// order numbers the bucket of v: 0 is zero's, and further out is larger. That of
// an infinite v, which stands for none, is not looked at.
func order(v float64) int {
	var index int
	switch o, b, ok := octaveGrid().place(math.Abs(v)); {
	case v == 0:
		return 0
	case ok && v > 0:
		index = (o+lowestOf)<<scale + b
	default:
		index = int(oddOctave(v)) << scale
	}
	if v < 0 {
		return -(index + center)
	}
	return index + center
}

// orderEdges returns the ends of the bucket with this number. What is odd has one
// for a whole octave.
func orderEdges(n int) (lower, upper float64) {
	if n == 0 {
		return 0, 0
	}
	index, width := max(n, -n)-center, 1
	if o := index>>scale - lowestOf; n < 0 || o < 0 || o >= octaves {
		width = perOct
	}
	lower = math.Exp2(float64(index) / perOct)
	upper = min(math.Exp2(float64(index+width)/perOct), math.MaxFloat64)
	if n < 0 {
		return -upper, -lower
	}
	return lower, upper
}
