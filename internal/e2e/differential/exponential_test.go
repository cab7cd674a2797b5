package differential_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/storage"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

// TestExponential: histograms with exponential buckets of either sign, whose
// scale falls now and then, for each series by itself, against native histograms.
func TestExponential(t *testing.T) {
	t.Parallel()
	for _, delta := range []bool{false, true} {
		for seed := range uint64(8) {
			t.Run(fmt.Sprintf("delta=%v/%d", delta, seed), func(t *testing.T) {
				t.Parallel()
				w := newWalk(seed, 2, delta)
				p, j, a := newPeer(t), newJudges(t, distribution...), agreement{}
				h := newExponentials(w)
				for range ticks {
					skip := w.next(h.restart)
					h.grow()
					h.coarsen()
					if skip {
						continue
					}
					data := h.collect(p)
					j.all.see(data)
					j.some.see(data)
					j.each(t, w, h.grew(3), func(where string, lives []*life, ours map[views.Statistic]float64) {
						h.compare(t, a, p, where, lives, ours)
					})
					w.collected()
					h.sent()
				}
				a.atLeast(t, 15, distribution...)
			})
		}
	}
}

// exponentials are the series of an exponential histogram.
type exponentials struct {
	*walk
	signs         int     // 0: positive values only, 1: negative only, 2: both
	zeroThreshold float64 // what counts as zero
	series        []exponential
}

// An exponential is what one series holds: now, and when it was last collected.
type exponential struct {
	scale  int32
	now    state
	before state
}

type state struct {
	pos, neg map[int]int64
	zero     int64
	count    int64
	sum      float64
}

func (s state) clone() state {
	s.pos, s.neg = maps.Clone(s.pos), maps.Clone(s.neg)
	return s
}

func empty() state { return state{pos: make(map[int]int64), neg: make(map[int]int64)} }

func newExponentials(w *walk) *exponentials {
	h := &exponentials{walk: w, signs: w.IntN(3), series: make([]exponential, len(w.lives))}
	if w.IntN(2) == 0 {
		h.zeroThreshold = math.Ldexp(1, -8) // below every bucket
	}
	scale := int32(w.IntN(9))
	if w.delta {
		scale = int32(w.IntN(5))
	}
	for i := range h.series {
		h.series[i].scale = scale
		h.restart(i)
	}
	return h
}

func (h *exponentials) restart(i int) {
	h.series[i].now, h.series[i].before = empty(), empty()
}

func (h *exponentials) grow() {
	for i := range h.series {
		if !h.grows(i) {
			continue
		}
		s := &h.series[i]
		for range 1 + h.IntN(12) {
			// Sizes from 2^-6 to 2^14, and fewer powers of two where those would
			// be a thousand buckets.
			power := -6 + h.Float64()*20/math.Max(1, math.Ldexp(1, int(s.scale)-4))
			at, n := int(math.Floor(math.Ldexp(power, int(s.scale)))), int64(1+h.IntN(40))
			v := math.Round(math.Exp2(power)*1024) / 1024 * float64(n) // adds up without rounding
			if h.signs == 1 || h.signs == 2 && h.IntN(2) == 0 {
				s.now.neg[at] += n
				v = -v
			} else {
				s.now.pos[at] += n
			}
			s.now.count += n
			s.now.sum += v
		}
		if h.IntN(3) == 0 {
			n := int64(h.IntN(30))
			s.now.zero += n
			s.now.count += n
		}
	}
}

func (h *exponentials) grew(i int) bool { return h.series[i].now.count != h.series[i].before.count }

// coarsen halves the resolution of some: their range has outgrown the buckets.
func (h *exponentials) coarsen() {
	for i := range h.series {
		s := &h.series[i]
		if s.scale <= -4 || h.IntN(20) > 0 {
			continue
		}
		s.scale--
		for _, m := range []*map[int]int64{&s.now.pos, &s.now.neg, &s.before.pos, &s.before.neg} {
			coarse := make(map[int]int64, len(*m))
			for at, n := range *m {
				coarse[at>>1] += n
			}
			*m = coarse
		}
	}
}

// collect gives the series that are here to both sides.
func (h *exponentials) collect(p *peer) metricdata.Aggregation {
	data := metricdata.ExponentialHistogram[float64]{Temporality: metricdata.CumulativeTemporality}
	if h.delta {
		data.Temporality = metricdata.DeltaTemporality
	}
	when := at(h.tick)
	p.write(func(app storage.Appender) {
		for i, l := range h.lives {
			if !l.here {
				continue
			}
			s := &h.series[i]
			tell, start := s.now.clone(), l.start
			if h.delta {
				start = h.since()
				tell.zero, tell.count, tell.sum = tell.zero-s.before.zero, tell.count-s.before.count, tell.sum-s.before.sum
				for at, n := range s.before.pos {
					tell.pos[at] -= n
				}
				for at, n := range s.before.neg {
					tell.neg[at] -= n
				}
			}
			data.DataPoints = append(data.DataPoints, metricdata.ExponentialHistogramDataPoint[float64]{
				Attributes: l.set, StartTime: start, Time: when, Scale: s.scale, ZeroThreshold: h.zeroThreshold,
				Sum: tell.sum, Count: uint64(tell.count), ZeroCount: uint64(tell.zero),
				PositiveBucket: buckets(tell.pos), NegativeBucket: buckets(tell.neg),
			})
			p.native(app, when, s.native(h.zeroThreshold), "m", l.pairs...)
		}
	})
	return data
}

func buckets(counts map[int]int64) metricdata.ExponentialBucket {
	first, dense := flatten(counts)
	b := metricdata.ExponentialBucket{Offset: int32(first)}
	for _, n := range dense {
		b.Counts = append(b.Counts, uint64(n))
	}
	return b
}

func flatten(counts map[int]int64) (first int, dense []int64) {
	if len(counts) == 0 {
		return 0, nil
	}
	first, last := math.MaxInt, math.MinInt
	for i := range counts {
		first, last = min(first, i), max(last, i)
	}
	dense = make([]int64, last-first+1)
	for i, n := range counts {
		dense[i-first] = n
	}
	return first, dense
}

// native is the same as Prometheus has it: an index is that of the outer bound,
// and counts are differences.
func (s *exponential) native(zeroThreshold float64) *histogram.Histogram {
	h := &histogram.Histogram{
		Schema: s.scale, ZeroThreshold: zeroThreshold, ZeroCount: uint64(s.now.zero), Count: uint64(s.now.count), Sum: s.now.sum,
	}
	h.PositiveSpans, h.PositiveBuckets = spans(s.now.pos)
	h.NegativeSpans, h.NegativeBuckets = spans(s.now.neg)
	return h
}

func spans(counts map[int]int64) ([]histogram.Span, []int64) {
	first, dense := flatten(counts)
	if len(dense) == 0 {
		return nil, nil
	}
	differences, before := make([]int64, len(dense)), int64(0)
	for i, n := range dense {
		differences[i], before = n-before, n
	}
	return []histogram.Span{{Offset: int32(first) + 1, Length: uint32(len(dense))}}, differences
}

// sent notes what was collected.
func (h *exponentials) sent() {
	for i, l := range h.lives {
		if l.here {
			h.series[i].before = h.series[i].now.clone()
		}
	}
}

// fine are lives without the idle ones that are coarser than all that gained
// something: those keep the resolution of a sum as it is here, and lower it in
// PromQL (TestIdleSeriesLowerNoResolution). scale is the lowest of all.
func (h *exponentials) fine(lives []*life) (fine []*life, scale int32) {
	scale, lowest := int32(math.MaxInt32), int32(math.MaxInt32)
	for i, l := range h.lives {
		if !l.here || !slices.Contains(lives, l) {
			continue
		}
		scale = min(scale, h.series[i].scale)
		if h.grew(i) {
			lowest = min(lowest, h.series[i].scale)
		}
	}
	for i, l := range h.lives {
		if slices.Contains(lives, l) && (!l.here || h.series[i].scale >= lowest) {
			fine = append(fine, l)
		}
	}
	return fine, scale
}

// compare compares each statistic with the PromQL of the same meaning. Count and
// sum are read from the difference itself: where the scale changed in the
// interval, histogram_count and histogram_sum of a difference were seen to have
// no result, while histogram_quantile of the same difference has one.
func (h *exponentials) compare(t *testing.T, a agreement, p *peer, where string, lives []*life, ours map[views.Statistic]float64) {
	t.Helper()
	gain := h.gain("m", lives, false)
	if gain == "" {
		if v, ok := ours[views.P50]; ok {
			t.Errorf("%s: p50 is %v of nothing", where, v)
		}
		return
	}
	all := p.histogram(at(h.tick), "sum("+gain+")")
	if all == nil || all.Count == 0 {
		if v, ok := ours[views.P50]; ok {
			t.Errorf("%s: p50 is %v of nothing", where, v)
		}
		return
	}
	fine, scale := h.fine(lives)
	for _, s := range distribution {
		switch q, quantile := s.Quantile(); {
		case quantile:
			v := has(t, where, s, ours)
			a.compare(t, where, s, v, h.ask(p, "histogram_quantile(%v, sum(%s))", q, h.gain("m", fine, false)))
			if len(fine) == len(lives) {
				continue
			}
			// With the idle ones PromQL is less exact, by a bucket of theirs at most.
			coarse := h.ask(p, "histogram_quantile(%v, sum(%s))", q, gain)
			if width := math.Exp2(math.Ldexp(1, -int(scale))); v != coarse && !(v/coarse <= width*(1+1e-9) && coarse/v <= width*(1+1e-9)) {
				t.Errorf("%s: %s is %v here and %v in Prometheus, which is more than a bucket of scale %d", where, s, v, coarse, scale)
			}
		case s == views.Mean:
			a.compare(t, where, s, has(t, where, s, ours), all.Sum/all.Count)
		case s == views.ErrorRatio:
			want := 0.0
			if failed := h.gain("m", failures(lives), false); failed != "" {
				want = p.histogram(at(h.tick), "sum("+failed+")").Count / all.Count
			}
			a.compare(t, where, s, has(t, where, s, ours), want)
		case s == views.Rate:
			if v, ok := h.rate(t, where, lives, ours); ok {
				spread := p.histogram(at(h.tick), "sum("+h.gain("m", lives, true)+")")
				a.compare(t, where, s, v, spread.Count/h.seconds())
			}
		}
	}
}
