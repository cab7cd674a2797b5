package differential_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/storage"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

var distribution = []views.Statistic{views.P50, views.P90, views.P95, views.P99, "p0.1", views.P999, views.Mean, views.Rate, views.ErrorRatio}

// A walk is a random life of some series: counts grow, a process restarts, the
// reader skips a collection.
type walk struct {
	*rand.Rand
	delta bool
}

// event is what happens at a tick: usually nothing.
func (w *walk) event() (restart, skip bool) {
	switch w.IntN(12) {
	case 0:
		return true, false
	case 1:
		return false, !w.delta // a skipped delta is lost: nobody could know
	}
	return false, false
}

func attributes(failed bool) (attribute.Set, []string) {
	if failed {
		return attribute.NewSet(attribute.String("error.type", "500")), []string{"error_type", "500"}
	}
	return attribute.NewSet(), nil
}

// compareDistribution compares each statistic with the PromQL of the same
// meaning, over the parts of a classic histogram.
func compareDistribution(t *testing.T, a agreement, where string, p *peer, when time.Time, ours map[views.Statistic]float64, back time.Duration, fresh bool) {
	t.Helper()
	count, sum, failed := since("m_count", back, fresh), since("m_sum", back, fresh), since(`m_count{error_type!=""}`, back, fresh)
	if p.ask(when, "sum("+count+")") == 0 {
		return // an interval in which nothing was measured has no statistics
	}
	for s, v := range ours {
		expr := ""
		switch q, quantile := s.Quantile(); {
		case quantile:
			expr = fmt.Sprintf("histogram_quantile(%v, sum by (le) (%s))", q, since("m_bucket", back, fresh))
		case s == views.Mean:
			expr = fmt.Sprintf("sum(%s) / sum(%s)", sum, count)
		case s == views.ErrorRatio:
			expr = fmt.Sprintf("sum(%s) / sum(%s)", failed, count)
		case s == views.Rate && fresh:
			continue // a restart cuts the interval: it is not judged
		case s == views.Rate:
			expr = fmt.Sprintf("sum(%s) / %v", count, back.Seconds())
		}
		a.compare(t, where, s, v, p.ask(when, expr))
	}
}

// compareNative does so with a native histogram. Its count and sum are read from
// the difference itself: where the scale changed in the interval, histogram_count
// and histogram_sum of a difference were seen to have no result, while
// histogram_quantile of the same difference has one.
func compareNative(t *testing.T, a agreement, where string, p *peer, when time.Time, ours map[views.Statistic]float64, back time.Duration, fresh bool) {
	t.Helper()
	all, failed := p.histogram(when, "sum("+since("m", back, fresh)+")"), p.histogram(when, "sum("+since(`m{error_type!=""}`, back, fresh)+")")
	if all == nil || all.Count == 0 {
		return
	}
	for s, v := range ours {
		switch q, quantile := s.Quantile(); {
		case quantile:
			a.compare(t, where, s, v, p.ask(when, fmt.Sprintf("histogram_quantile(%v, sum(%s))", q, since("m", back, fresh))))
		case s == views.Mean:
			a.compare(t, where, s, v, all.Sum/all.Count)
		case s == views.ErrorRatio && failed != nil:
			a.compare(t, where, s, v, failed.Count/all.Count)
		case s == views.Rate && !fresh:
			a.compare(t, where, s, v, all.Count/back.Seconds())
		}
	}
}

// TestExplicit: histograms with explicit buckets.
func TestExplicit(t *testing.T) {
	t.Parallel()
	for _, delta := range []bool{false, true} {
		for seed := range uint64(30) {
			t.Run(fmt.Sprintf("delta=%v/%d", delta, seed), func(t *testing.T) {
				t.Parallel()
				w := &walk{rand.New(rand.NewPCG(seed, 1)), delta}
				bounds := w.bounds()
				p, j, a := newPeer(t), newJudge(t, distribution...), agreement{}
				var all [2]explicit // succeeded and failed
				for i := range all {
					all[i].reset(len(bounds), began)
				}
				last, fresh := 0, true // the last tick that was collected
				for tick := 1; tick <= 40; tick++ {
					restart, skip := w.event()
					if restart {
						fresh = true
						for i := range all {
							all[i].reset(len(bounds), at(tick-1).Add(time.Second))
						}
					}
					for i := range all {
						all[i].grow(w, bounds)
					}
					if skip {
						continue
					}
					when := at(tick)
					h := metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality}
					if delta {
						h.Temporality = metricdata.DeltaTemporality
					}
					p.write(func(app storage.Appender) {
						for i := range all {
							set, pairs := attributes(i == 1)
							h.DataPoints = append(h.DataPoints, all[i].point(set, when, bounds, delta, at(last)))
							all[i].append(p, app, when, bounds, pairs)
						}
					})
					j.see(h)
					// For Prometheus deltas are added up, by what never restarts.
					begun := fresh && (!delta || last == 0)
					compareDistribution(t, a, fmt.Sprintf("tick %d", tick), p, when, j.values(when), at(tick).Sub(at(last)), begun)
					last, fresh = tick, false
				}
				a.atLeast(t, 15, views.P50, views.P99, views.Mean, views.ErrorRatio, views.Rate)
			})
		}
	}
}

// bounds are random: up to twenty, sometimes below zero.
func (w *walk) bounds() []float64 {
	var bounds []float64
	b := w.Float64() * 2
	if w.IntN(4) == 0 {
		b -= 5
	}
	for range 1 + w.IntN(20) {
		bounds = append(bounds, b)
		b += 0.01 + w.Float64()*w.Float64()*3
	}
	return bounds
}

type explicit struct {
	start        time.Time
	counts, sent []uint64 // of this life, and as last collected
	sum, sumSent float64
	ever         []float64 // of all lives, for what deltas add up to
	sumEver      float64
	countEver    float64
	delta        bool
}

func (e *explicit) reset(bounds int, start time.Time) {
	e.start, e.sum, e.sumSent = start, 0, 0
	e.counts, e.sent = make([]uint64, bounds+1), make([]uint64, bounds+1)
	if e.ever == nil {
		e.ever = make([]float64, bounds+1)
	}
}

func (e *explicit) grow(w *walk, bounds []float64) {
	if w.IntN(6) == 0 {
		return // a quiet interval
	}
	for i := range e.counts {
		if w.IntN(3) > 0 {
			continue
		}
		n := uint64(w.IntN(50))
		v := bounds[max(i-1, 0)]
		if i < len(bounds) {
			v = bounds[i]
		}
		e.counts[i] += n
		e.sum += v * float64(n)
		e.ever[i] += float64(n)
		e.countEver += float64(n)
		e.sumEver += v * float64(n)
	}
}

func (e *explicit) point(set attribute.Set, when time.Time, bounds []float64, delta bool, since time.Time) metricdata.HistogramDataPoint[float64] {
	e.delta = delta
	p := metricdata.HistogramDataPoint[float64]{
		Attributes: set, StartTime: e.start, Time: when,
		Bounds: bounds, BucketCounts: slices.Clone(e.counts), Sum: e.sum,
	}
	if delta {
		p.StartTime = since
		for i := range p.BucketCounts {
			p.BucketCounts[i] -= e.sent[i]
		}
		p.Sum -= e.sumSent
		copy(e.sent, e.counts)
		e.sumSent = e.sum
	}
	for _, n := range p.BucketCounts {
		p.Count += n
	}
	return p
}

func (e *explicit) append(p *peer, app storage.Appender, when time.Time, bounds []float64, pairs []string) {
	total := 0.0
	for i := range e.counts {
		le := "+Inf"
		if i < len(bounds) {
			le = strconv.FormatFloat(bounds[i], 'g', -1, 64)
		}
		n := float64(e.counts[i])
		if e.delta {
			n = e.ever[i]
		}
		total += n
		p.float(app, when, total, "m_bucket", append([]string{"le", le}, pairs...)...)
	}
	sum := e.sum
	if e.delta {
		sum = e.sumEver
	}
	p.float(app, when, total, "m_count", pairs...)
	p.float(app, when, sum, "m_sum", pairs...)
}

// TestExponential: histograms with exponential buckets, whose scale falls now
// and then, against native histograms.
func TestExponential(t *testing.T) {
	t.Parallel()
	for _, delta := range []bool{false, true} {
		for seed := range uint64(30) {
			t.Run(fmt.Sprintf("delta=%v/%d", delta, seed), func(t *testing.T) {
				t.Parallel()
				w := &walk{rand.New(rand.NewPCG(seed, 2)), delta}
				p, j, a := newPeer(t), newJudge(t, distribution...), agreement{}
				scale := int32(w.IntN(9))
				if delta {
					scale = int32(w.IntN(5))
				}
				var all [2]exponential
				for i := range all {
					all[i].reset(began)
				}
				last, fresh := 0, true
				for tick := 1; tick <= 40; tick++ {
					restart, skip := w.event()
					if restart {
						fresh = true
						for i := range all {
							all[i].reset(at(tick - 1).Add(time.Second))
						}
					}
					for i := range all {
						all[i].grow(w, scale)
					}
					if scale > -4 && w.IntN(10) == 0 {
						scale-- // the range has outgrown the buckets
						for i := range all {
							all[i].coarsen()
						}
					}
					if skip {
						continue
					}
					when := at(tick)
					h := metricdata.ExponentialHistogram[float64]{Temporality: metricdata.CumulativeTemporality}
					if delta {
						h.Temporality = metricdata.DeltaTemporality
					}
					p.write(func(app storage.Appender) {
						for i := range all {
							set, pairs := attributes(i == 1)
							h.DataPoints = append(h.DataPoints, all[i].point(set, when, scale, delta, at(last)))
							p.native(app, when, all[i].native(scale, delta), "m", pairs...)
						}
					})
					j.see(h)
					begun := fresh && (!delta || last == 0)
					compareNative(t, a, fmt.Sprintf("tick %d, scale %d", tick, scale), p, when, j.values(when), at(tick).Sub(at(last)), begun)
					last, fresh = tick, false
				}
				a.atLeast(t, 15, views.P50, views.P99, views.Mean, views.ErrorRatio, views.Rate)
			})
		}
	}
}

// exponential buckets by index, of this life, as last collected, and of all.
type exponential struct {
	start                 time.Time
	counts, sent, ever    map[int]int64
	zero, zeroSent, zero0 int64
	sum, sumSent, sum0    float64
}

func (e *exponential) reset(start time.Time) {
	e.start, e.zero, e.zeroSent, e.sum, e.sumSent = start, 0, 0, 0, 0
	e.counts, e.sent = make(map[int]int64), make(map[int]int64)
	if e.ever == nil {
		e.ever = make(map[int]int64)
	}
}

func (e *exponential) grow(w *walk, scale int32) {
	if w.IntN(6) == 0 {
		return
	}
	for range 1 + w.IntN(12) {
		// Values from 2^-6 to 2^14, and fewer powers of two where those would
		// be a thousand buckets.
		power := -6 + w.Float64()*20/math.Max(1, math.Ldexp(1, int(scale)-4))
		i, n := int(math.Floor(math.Ldexp(power, int(scale)))), int64(1+w.IntN(40))
		e.counts[i] += n
		e.ever[i] += n
		v := math.Exp2(power) * float64(n)
		e.sum, e.sum0 = e.sum+v, e.sum0+v
	}
	if w.IntN(3) == 0 {
		n := int64(w.IntN(30))
		e.zero, e.zero0 = e.zero+n, e.zero0+n
	}
}

func (e *exponential) coarsen() {
	for _, m := range []*map[int]int64{&e.counts, &e.sent, &e.ever} {
		coarse := make(map[int]int64, len(*m))
		for i, n := range *m {
			coarse[i>>1] += n
		}
		*m = coarse
	}
}

func (e *exponential) point(set attribute.Set, when time.Time, scale int32, delta bool, since time.Time) metricdata.ExponentialHistogramDataPoint[float64] {
	p := metricdata.ExponentialHistogramDataPoint[float64]{
		Attributes: set, StartTime: e.start, Time: when, Scale: scale, Sum: e.sum, ZeroCount: uint64(e.zero),
	}
	counts := make(map[int]int64, len(e.counts))
	for i, n := range e.counts {
		counts[i] = n
	}
	if delta {
		p.StartTime, p.Sum, p.ZeroCount = since, e.sum-e.sumSent, uint64(e.zero-e.zeroSent)
		for i, n := range e.sent {
			counts[i] -= n
		}
		e.zeroSent, e.sumSent = e.zero, e.sum
		e.sent = make(map[int]int64, len(e.counts))
		for i, n := range e.counts {
			e.sent[i] = n
		}
	}
	first, dense := flatten(counts)
	p.PositiveBucket.Offset = int32(first)
	p.Count = p.ZeroCount
	for _, n := range dense {
		p.PositiveBucket.Counts = append(p.PositiveBucket.Counts, uint64(n))
		p.Count += uint64(n)
	}
	return p
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

// native is the same as Prometheus has it: an index is that of the upper bound,
// and counts are differences.
func (e *exponential) native(scale int32, delta bool) *histogram.Histogram {
	counts, zero, sum := e.counts, e.zero, e.sum
	if delta {
		counts, zero, sum = e.ever, e.zero0, e.sum0
	}
	h := &histogram.Histogram{Schema: scale, ZeroCount: uint64(zero), Count: uint64(zero), Sum: sum}
	first, dense := flatten(counts)
	if len(dense) > 0 {
		h.PositiveSpans = []histogram.Span{{Offset: int32(first) + 1, Length: uint32(len(dense))}}
	}
	before := int64(0)
	for _, n := range dense {
		h.PositiveBuckets = append(h.PositiveBuckets, n-before)
		before = n
		h.Count += uint64(n)
	}
	return h
}

// TestSumsAndGauges: rate, increase, ratio and level.
func TestSumsAndGauges(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := &walk{Rand: rand.New(rand.NewPCG(seed, 3))}
			p, a := newPeer(t), agreement{}
			sums, level := newJudge(t, views.Rate, views.ErrorRatio, views.Value), newJudge(t, views.Value)
			var counts [2]int64
			start, last, fresh := began, 0, true
			for tick := 1; tick <= 40; tick++ {
				restart, skip := w.event()
				if restart {
					counts, start, fresh = [2]int64{}, at(tick-1).Add(time.Second), true
				}
				counts[0] += int64(w.IntN(1000))
				counts[1] += int64(w.IntN(100))
				if skip {
					continue
				}
				when := at(tick)
				sum := metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true}
				gauge := metricdata.Gauge[float64]{}
				p.write(func(app storage.Appender) {
					for i, n := range counts {
						set, pairs := attributes(i == 1)
						sum.DataPoints = append(sum.DataPoints, metricdata.DataPoint[int64]{Attributes: set, StartTime: start, Time: when, Value: n})
						p.float(app, when, float64(n), "m_total", pairs...)
						v := w.NormFloat64()
						gauge.DataPoints = append(gauge.DataPoints, metricdata.DataPoint[float64]{Attributes: set, Time: when, Value: v})
						p.float(app, when, v, "g", pairs...)
					}
				})
				sums.see(sum)
				level.see(gauge)
				back := at(tick).Sub(at(last))
				all, failed := since("m_total", back, fresh), since(`m_total{error_type!=""}`, back, fresh)
				for s, v := range sums.values(when) {
					switch {
					case s == views.Value:
						a.compare(t, "increase", s, v, p.ask(when, "sum("+all+")"))
					case s == views.ErrorRatio && p.ask(when, "sum("+all+")") > 0:
						a.compare(t, "ratio", s, v, p.ask(when, fmt.Sprintf("sum(%s) / sum(%s)", failed, all)))
					case s == views.Rate && !fresh:
						a.compare(t, "rate", s, v, p.ask(when, fmt.Sprintf("sum(%s) / %v", all, back.Seconds())))
					}
				}
				for s, v := range level.values(when) {
					a.compare(t, "level", s, v, p.ask(when, "sum(g)"))
				}
				last, fresh = tick, false
			}
			a.atLeast(t, 15, views.Rate, views.ErrorRatio, views.Value)
		})
	}
}
