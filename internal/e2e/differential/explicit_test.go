package differential_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/prometheus/storage"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

// TestExplicit: histograms with explicit buckets.
func TestExplicit(t *testing.T) {
	t.Parallel()
	for _, delta := range []bool{false, true} {
		for seed := range uint64(8) {
			t.Run(fmt.Sprintf("delta=%v/%d", delta, seed), func(t *testing.T) {
				t.Parallel()
				w := newWalk(seed, 1, delta)
				p, j, a := newPeer(t), newJudges(t, distribution...), agreement{}
				h := newExplicits(w)
				for range ticks {
					if w.next(h.restart) {
						h.grow()
						continue
					}
					h.grow()
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

// explicits are the series of a classic histogram.
type explicits struct {
	*walk
	bounds []float64
	series []explicit
}

// An explicit is what one series holds: now, and when it was last collected.
// Of deltas it never begins afresh: that is what they add up to.
type explicit struct {
	counts, before  []uint64
	sum, sumBefore  float64
	total, totalBef uint64
}

func newExplicits(w *walk) *explicits {
	h := &explicits{walk: w, series: make([]explicit, len(w.lives))}
	b := w.Float64() * 2
	if w.IntN(4) == 0 {
		b -= 5 // some bounds are below zero
	}
	for range 1 + w.IntN(20) {
		h.bounds = append(h.bounds, b)
		b += 0.01 + w.Float64()*w.Float64()*3
	}
	for i := range h.series {
		h.restart(i)
	}
	return h
}

func (h *explicits) restart(i int) {
	h.series[i] = explicit{counts: make([]uint64, len(h.bounds)+1), before: make([]uint64, len(h.bounds)+1)}
}

func (h *explicits) grow() {
	for i := range h.series {
		if !h.grows(i) {
			continue
		}
		s := &h.series[i]
		for k := range s.counts {
			if h.IntN(3) > 0 {
				continue
			}
			n := uint64(h.IntN(50))
			s.counts[k] += n
			s.total += n
			s.sum += h.bounds[min(k, len(h.bounds)-1)] * float64(n)
		}
	}
}

func (h *explicits) grew(i int) bool { return h.series[i].total != h.series[i].totalBef }

// collect gives the series that are here to both sides.
func (h *explicits) collect(p *peer) metricdata.Aggregation {
	data := metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality}
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
			point := metricdata.HistogramDataPoint[float64]{
				Attributes: l.set, StartTime: l.start, Time: when, Bounds: h.bounds, BucketCounts: slices.Clone(s.counts), Count: s.total, Sum: s.sum,
			}
			if h.delta {
				point.StartTime, point.Count, point.Sum = h.since(), s.total-s.totalBef, s.sum-s.sumBefore
				for k, n := range s.before {
					point.BucketCounts[k] -= n
				}
			}
			data.DataPoints = append(data.DataPoints, point)
			s.append(p, app, when, h.bounds, l.pairs)
		}
	})
	return data
}

func (s *explicit) append(p *peer, app storage.Appender, when time.Time, bounds []float64, pairs []string) {
	total := 0.0
	for k, n := range s.counts {
		le := "+Inf"
		if k < len(bounds) {
			le = strconv.FormatFloat(bounds[k], 'g', -1, 64)
		}
		total += float64(n)
		p.float(app, when, total, "m_bucket", append([]string{"le", le}, pairs...)...)
	}
	p.float(app, when, total, "m_count", pairs...)
	p.float(app, when, s.sum, "m_sum", pairs...)
}

// sent notes what was collected.
func (h *explicits) sent() {
	for i, l := range h.lives {
		if s := &h.series[i]; l.here {
			copy(s.before, s.counts)
			s.sumBefore, s.totalBef = s.sum, s.total
		}
	}
}

// compare compares each statistic with the PromQL of the same meaning.
func (h *explicits) compare(t *testing.T, a agreement, p *peer, where string, lives []*life, ours map[views.Statistic]float64) {
	t.Helper()
	count := h.gain("m_count", lives, false)
	if count == "" || h.ask(p, "sum(%s)", count) == 0 {
		if v, ok := ours[views.P50]; ok {
			t.Errorf("%s: p50 is %v of nothing", where, v)
		}
		return // an interval in which nothing was measured has no statistics
	}
	for _, s := range distribution {
		switch q, quantile := s.Quantile(); {
		case quantile:
			a.compare(t, where, s, has(t, where, s, ours), h.ask(p, "histogram_quantile(%v, sum by (le) (%s))", q, h.gain("m_bucket", lives, false)))
		case s == views.Mean:
			a.compare(t, where, s, has(t, where, s, ours), h.ask(p, "sum(%s) / sum(%s)", h.gain("m_sum", lives, false), count))
		case s == views.ErrorRatio:
			want := 0.0
			if failed := h.gain("m_count", failures(lives), false); failed != "" {
				want = h.ask(p, "sum(%s) / sum(%s)", failed, count)
			}
			a.compare(t, where, s, has(t, where, s, ours), want)
		case s == views.Rate:
			if v, ok := h.rate(t, where, lives, ours); ok {
				a.compare(t, where, s, v, h.ask(p, "sum(%s) / %v", h.gain("m_count", lives, true), h.seconds()))
			}
		}
	}
}
