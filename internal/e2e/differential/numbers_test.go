package differential_test

import (
	"fmt"
	"testing"

	"github.com/prometheus/prometheus/storage"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

// TestSums: rate, increase and ratio of monotonic sums.
func TestSums(t *testing.T) {
	t.Parallel()
	for _, delta := range []bool{false, true} {
		for seed := range uint64(8) {
			t.Run(fmt.Sprintf("delta=%v/%d", delta, seed), func(t *testing.T) {
				t.Parallel()
				w := newWalk(seed, 3, delta)
				p, a := newPeer(t), agreement{}
				j := newJudges(t, views.Rate, views.ErrorRatio, views.Value)
				var counts, before [4]int64
				for range ticks {
					skip := w.next(func(i int) { counts[i], before[i] = 0, 0 })
					for i := range counts {
						if w.grows(i) {
							counts[i] += int64(w.IntN(1000))
						}
					}
					if skip {
						continue
					}
					sum := metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true}
					if delta {
						sum.Temporality = metricdata.DeltaTemporality
					}
					p.write(func(app storage.Appender) {
						for i, l := range w.lives {
							if !l.here {
								continue
							}
							point := metricdata.DataPoint[int64]{Attributes: l.set, StartTime: l.start, Time: at(w.tick), Value: counts[i]}
							if delta {
								point.StartTime, point.Value = w.since(), counts[i]-before[i]
							}
							sum.DataPoints = append(sum.DataPoints, point)
							p.float(app, at(w.tick), float64(counts[i]), "m", l.pairs...)
						}
					})
					j.all.see(sum)
					j.some.see(sum)
					j.each(t, w, counts[3] != before[3], func(where string, lives []*life, ours map[views.Statistic]float64) {
						gain := w.gain("m", lives, false)
						if gain == "" {
							return
						}
						total := w.ask(p, "sum(%s)", gain)
						a.compare(t, where, views.Value, has(t, where, views.Value, ours), total)
						if failed := w.gain("m", failures(lives), false); total > 0 && failed != "" {
							a.compare(t, where, views.ErrorRatio, has(t, where, views.ErrorRatio, ours), w.ask(p, "sum(%s) / sum(%s)", failed, gain))
						}
						if v, ok := w.rate(t, where, lives, ours); ok {
							a.compare(t, where, views.Rate, v, w.ask(p, "sum(%s) / %v", w.gain("m", lives, true), w.seconds()))
						}
					})
					for i, l := range w.lives {
						if l.here {
							before[i] = counts[i]
						}
					}
					w.collected()
				}
				a.atLeast(t, 15, views.Rate, views.ErrorRatio, views.Value)
			})
		}
	}
}

// TestGauges: levels.
func TestGauges(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := newWalk(seed, 4, false)
			p, a, j := newPeer(t), agreement{}, newJudge(t, nil, views.Value)
			for range ticks {
				if w.next(func(int) {}) {
					continue
				}
				gauge, expr := metricdata.Gauge[float64]{}, ""
				p.write(func(app storage.Appender) {
					for _, l := range w.lives {
						if !l.here {
							continue
						}
						v := float64(w.IntN(2000)-1000) / 64 // adds up without rounding
						gauge.DataPoints = append(gauge.DataPoints, metricdata.DataPoint[float64]{Attributes: l.set, Time: at(w.tick), Value: v})
						p.float(app, at(w.tick), v, "m", l.pairs...)
						if expr != "" {
							expr += " or "
						}
						expr += fmt.Sprintf("m{series=%q}", l.pairs[1])
					}
				})
				j.see(gauge)
				if expr != "" {
					a.compare(t, fmt.Sprintf("tick %d", w.tick), views.Value, has(t, "gauge", views.Value, j.values(at(w.tick))), w.ask(p, "sum(%s)", expr))
				}
				w.collected()
			}
			a.atLeast(t, 15, views.Value)
		})
	}
}

// TestSummaries: counts and sums are as good as a histogram's. A quantile is
// the summary's own, as Prometheus has it, and stands only where one series is
// all of the group: quantiles cannot be added up.
func TestSummaries(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := newWalk(seed, 5, false)
			p, a := newPeer(t), agreement{}
			statistics := []views.Statistic{views.P95, views.Mean, views.Rate, views.ErrorRatio}
			j := newJudges(t, statistics...)
			var counts, before [4]uint64
			var sums [4]float64
			for range ticks {
				skip := w.next(func(i int) { counts[i], before[i], sums[i] = 0, 0, 0 })
				for i := range counts {
					if n := uint64(w.IntN(100)); w.grows(i) {
						counts[i] += n
						sums[i] += float64(n) * float64(w.IntN(1000)) / 64
					}
				}
				if skip {
					continue
				}
				data := metricdata.Summary{}
				p.write(func(app storage.Appender) {
					for i, l := range w.lives {
						if !l.here {
							continue
						}
						q := w.Float64() * 10
						data.DataPoints = append(data.DataPoints, metricdata.SummaryDataPoint{
							Attributes: l.set, StartTime: l.start, Time: at(w.tick), Count: counts[i], Sum: sums[i],
							QuantileValues: []metricdata.QuantileValue{{Quantile: 0.5, Value: q / 2}, {Quantile: 0.95, Value: q}},
						})
						p.float(app, at(w.tick), q, "m", append([]string{"quantile", "0.95"}, l.pairs...)...)
						p.float(app, at(w.tick), float64(counts[i]), "m_count", l.pairs...)
						p.float(app, at(w.tick), sums[i], "m_sum", l.pairs...)
					}
				})
				j.all.see(data)
				j.some.see(data)
				j.each(t, w, counts[3] != before[3], func(where string, lives []*life, ours map[views.Statistic]float64) {
					count := w.gain("m_count", lives, false)
					if count == "" || w.ask(p, "sum(%s)", count) == 0 {
						return
					}
					a.compare(t, where, views.Mean, has(t, where, views.Mean, ours), w.ask(p, "sum(%s) / sum(%s)", w.gain("m_sum", lives, false), count))
					if failed := w.gain("m_count", failures(lives), false); failed != "" {
						a.compare(t, where, views.ErrorRatio, has(t, where, views.ErrorRatio, ours), w.ask(p, "sum(%s) / sum(%s)", failed, count))
					}
					if v, ok := w.rate(t, where, lives, ours); ok {
						a.compare(t, where, views.Rate, v, w.ask(p, "sum(%s) / %v", w.gain("m_count", lives, true), w.seconds()))
					}
					var here []*life
					for _, l := range lives {
						if l.here {
							here = append(here, l)
						}
					}
					switch v, ok := ours[views.P95]; {
					case len(here) == 1:
						a.compare(t, where, views.P95, has(t, where, views.P95, ours), w.ask(p, `m{quantile="0.95",series=%q}`, here[0].pairs[1]))
					case ok:
						t.Errorf("%s: p95 is %v of %d summaries, which nobody can know", where, v, len(here))
					}
				})
				for i, l := range w.lives {
					if l.here {
						before[i] = counts[i]
					}
				}
				w.collected()
			}
			a.atLeast(t, 15, views.Mean, views.Rate, views.ErrorRatio)
			a.atLeast(t, 1, views.P95)
		})
	}
}
