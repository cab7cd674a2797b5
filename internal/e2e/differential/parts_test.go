package differential_test

import (
	"testing"
	"time"

	"github.com/prometheus/prometheus/storage"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

// TestIdleSeriesLowerNoResolution: a coarse series that gained nothing leaves a
// quantile as exact as the others are, while PromQL brings the sum down to its
// scale. Of deltas an idle series is not even told, and the two temporalities
// have to give the same quantile of the same measurements.
func TestIdleSeriesLowerNoResolution(t *testing.T) {
	t.Parallel()
	p, j := newPeer(t), newJudge(t, nil, views.P95)
	var lives []*life
	for _, name := range []string{"fine", "coarse"} {
		lives = append(lives, &life{set: attribute.NewSet(attribute.String("series", name)), pairs: []string{"series", name}})
	}
	for tick, n := range []int64{1, 100} { // what the fine one has; the coarse one stays
		fine, coarse := exponential{scale: 5, now: empty()}, exponential{scale: 0, now: empty()}
		fine.now.pos[7], fine.now.count, fine.now.sum = n, n, float64(n)
		coarse.now.pos[0], coarse.now.count, coarse.now.sum = 40, 40, 40
		data := metricdata.ExponentialHistogram[float64]{Temporality: metricdata.CumulativeTemporality}
		p.write(func(app storage.Appender) {
			for i, s := range []exponential{fine, coarse} {
				data.DataPoints = append(data.DataPoints, metricdata.ExponentialHistogramDataPoint[float64]{
					Attributes: lives[i].set, StartTime: began, Time: at(tick + 1), Scale: s.scale,
					Sum: s.now.sum, Count: uint64(s.now.count), PositiveBucket: buckets(s.now.pos),
				})
				p.native(app, at(tick+1), s.native(0), "m", lives[i].pairs...)
			}
		})
		j.see(data)
	}
	ours := has(t, "fine and coarse", views.P95, j.values(at(2)))
	alone := p.ask(at(2), `histogram_quantile(0.95, m{series="fine"} - m{series="fine"} offset 10s)`)
	both := p.ask(at(2), `histogram_quantile(0.95, sum(m - m offset 10s))`)
	if !near(ours, alone) {
		t.Errorf("p95 is %v here and %v of what was measured", ours, alone)
	}
	// A bucket of scale 5 is 2.2 % wide, one of scale 0 is [1, 2].
	if near(alone, both) || both < 1 || both > 2 {
		t.Errorf("p95 is %v of the fine series in Prometheus and %v with the idle one: what the documentation says is not so", alone, both)
	}
}

// TestRestartCutsTheInterval: of an interval in which a series began afresh,
// the statistics here are of the time since. What came after the last collection
// and before the restart is in no collection, so that a rate is too low, and
// views judges none (its TestRestartBeginsAfresh). Prometheus, where it has a
// sample of that time, adds up both sides.
func TestRestartCutsTheInterval(t *testing.T) {
	t.Parallel()
	p, j, bounds := newPeer(t), newJudge(t, nil, views.P50, views.Rate), []float64{1, 2, 4}
	pairs, restart := []string{"series", "0"}, at(2).Add(6*time.Second)
	for _, s := range []struct {
		when, start time.Time
		counts      []uint64
		collected   bool
	}{
		{at(1), began, []uint64{10, 0, 0, 0}, true},
		{at(2), began, []uint64{100, 0, 0, 0}, true},
		{at(2).Add(5 * time.Second), began, []uint64{100, 0, 40, 0}, false},
		{at(3), restart, []uint64{30, 0, 0, 0}, true},
		{at(4), restart, []uint64{90, 0, 0, 0}, true},
	} {
		e := explicit{counts: s.counts}
		for _, n := range s.counts {
			e.total += n
		}
		p.write(func(app storage.Appender) { e.append(p, app, s.when, bounds, pairs) })
		if !s.collected {
			continue
		}
		j.see(metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.HistogramDataPoint[float64]{{
			StartTime: s.start, Time: s.when, Bounds: bounds, BucketCounts: s.counts, Count: e.total,
		}}})
		ours := j.values(s.when)
		switch s.when {
		case at(2), at(4): // before and after, both agree
			a := agreement{}
			a.compare(t, "whole", views.P50, has(t, "whole", views.P50, ours), p.ask(s.when, `histogram_quantile(0.5, sum by (le) (m_bucket - m_bucket offset 10s))`))
			a.compare(t, "whole", views.Rate, has(t, "whole", views.Rate, ours), p.ask(s.when, `sum(m_count - m_count offset 10s) / 10`))
		case at(3):
			if v := has(t, "cut", views.Rate, ours); v != 3 {
				t.Errorf("cut: the rate is %v here, want the 30 since the restart in ten seconds", v)
			}
			// The 30 since the restart are all at or below 1.
			since := p.ask(s.when, `histogram_quantile(0.5, sum by (le) (m_bucket))`)
			if v := has(t, "cut", views.P50, ours); !near(v, since) {
				t.Errorf("cut: p50 is %v here and %v of what was measured since", v, since)
			}
			// With the 40 between 2 and 4 that the scrape saw, 40 of 70 are above 2.
			if both := p.ask(s.when, `histogram_quantile(0.5, sum by (le) (increase(m_bucket[10001ms])))`); both <= 2 {
				t.Errorf("cut: p50 is %v in Prometheus, which saw both sides: what the documentation says is not so", both)
			}
			if r := p.ask(s.when, `sum(rate(m_count[10001ms]))`); r < 6.9 || r > 7.1 {
				t.Errorf("cut: the rate is %v in Prometheus, want the 70 of both sides in ten seconds", r)
			}
		}
	}
}
