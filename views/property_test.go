package views_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

// randomBaselines are of every kind, with all that can delay an alert.
func randomBaselines(rng *rand.Rand) []views.Baseline {
	pick := func(ds ...time.Duration) time.Duration { return ds[rng.IntN(len(ds))] }
	var out []views.Baseline
	for i := range 6 {
		b := views.Baseline{
			Name: fmt.Sprint("b", i), Metric: opDuration, Statistic: views.P95, Target: 100, Unit: "ms", MinCount: 1,
			For: pick(0, 0, time.Minute, 3*time.Minute), KeepFiringFor: pick(0, 0, time.Minute, 2*time.Minute),
			Remind: pick(0, 2*time.Minute), NoData: views.NoData(rng.IntN(3)),
		}
		switch rng.IntN(5) {
		case 0:
			b.Statistic, b.Unit, b.Target, b.Direction = views.Rate, "", 0.5, views.LowerIsWorse
		case 1:
			b.Statistic, b.Unit, b.Target = views.ErrorRatio, "%", 30
		case 2:
			b.Statistic, b.Metric, b.Unit, b.Target = views.Value, "level", "", 50
		case 3:
			b.Statistic, b.ClearPercent = views.Mean, 90
		}
		if rng.IntN(2) == 0 {
			b.By = []attribute.Key{"id"}
		}
		out = append(out, b)
	}
	return out
}

// A world is made of series that are born, work, hang, fail, restart and die.
type world struct {
	rng    *rand.Rand
	delta  bool
	series []*series
	levels []float64 // NaN-free, by id
	active []float64
}

func (w *world) live() int { return len(w.series) }

// minute is what happens in one interval, and the collection that tells of it.
func (w *world) minute(j *judge) []metricdata.Metrics {
	if w.rng.IntN(4) == 0 && w.live() < 12 {
		attrs := []attribute.KeyValue{attribute.Int("id", w.live()%5), attribute.Int("n", w.live())}
		if w.rng.IntN(3) == 0 {
			attrs = append(attrs, attribute.String("error.type", "x"))
		}
		w.series = append(w.series, calls(attrs...))
		w.levels = append(w.levels, 0)
		w.active = append(w.active, 0)
	}
	var durations []*series
	level := metricdata.Gauge[float64]{}
	var active []number
	for i, s := range w.series {
		if w.rng.IntN(3) > 0 {
			s.add(w.rng.Uint64N(50), []float64{0.03, 0.11, 0.2, 3}[w.rng.IntN(4)])
		}
		if w.rng.IntN(30) == 0 {
			s.restart(j.at)
		}
		if w.rng.IntN(5) > 0 {
			durations = append(durations, s)
		}
		w.levels[i] = float64(w.rng.IntN(100))
		if w.rng.IntN(4) > 0 {
			level.DataPoints = append(level.DataPoints, metricdata.DataPoint[float64]{Attributes: s.attrs, Value: w.levels[i]})
		}
		before := w.active[i]
		w.active[i] = float64(w.rng.IntN(3))
		v := w.active[i]
		if w.delta {
			v -= before
		}
		active = append(active, num(v, s.attrs.ToSlice()...))
	}
	out := []metricdata.Metrics{j.durations(opDuration, durations...), metricUnit("level", "1", level), j.updown(opActive, "1", active...)}
	if w.rng.IntN(10) == 0 {
		out = out[w.rng.IntN(3):]
	}
	return out
}

// TestWhateverHappens holds what is true of every run: firing and resolve
// alternate for each alert, reminders come in between only, each carries the
// time of its firing, and the states are no more than there can be.
func TestWhateverHappens(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 1))
		w := &world{rng: rng, delta: seed%2 == 0}
		baselines := randomBaselines(rng)
		j := judging(t, w.delta, baselines)
		firing := map[string]time.Time{}
		for range 100 {
			d := time.Minute
			switch rng.IntN(12) {
			case 0:
				d = time.Duration(rng.IntN(40)) * time.Second
			case 1:
				d = 5 * time.Minute
			case 2:
				d = -time.Minute
			}
			m := w.minute(j)
			if rng.IntN(20) == 0 {
				j.skip(d)
				continue
			}
			j.after(d, m...)
			for _, a := range j.alerts {
				since, fires := firing[a.ID()]
				switch {
				case a.Reminder && (!fires || a.State != views.Firing):
					t.Fatalf("seed %d: a reminder of what does not fire: %s", seed, a)
				case a.Reminder:
				case a.State == views.Firing && fires, a.State == views.Resolved && !fires, a.State != views.Firing && a.State != views.Resolved:
					t.Fatalf("seed %d: %s comes after firing was %t: %s", seed, a.State, fires, a)
				case a.State == views.Firing:
					firing[a.ID()] = a.Since
					continue
				default:
					delete(firing, a.ID())
				}
				if !a.Since.Equal(since) {
					t.Fatalf("seed %d: since %v, it fired at %v: %s", seed, a.Since, since, a)
				}
			}
			j.alerts = nil
			status := j.p.Status()
			groups := 6 // five ids, and none
			if len(status) > groups*len(baselines) {
				t.Fatalf("seed %d: %d states", seed, len(status))
			}
			fires := 0
			for _, s := range status {
				if s.State == views.Firing {
					fires++
				}
			}
			if fires != len(firing) {
				t.Fatalf("seed %d: %d states fire, %d alerts do", seed, fires, len(firing))
			}
			j.reported()
		}
	}
}

// TestOrderOfSeriesDoesNotMatter: the same points in another order give the
// same verdicts.
func TestOrderOfSeriesDoesNotMatter(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 2))
		w := &world{rng: rng, delta: seed%2 == 0}
		baselines := randomBaselines(rng)
		one, two := judging(t, w.delta, baselines), judging(t, w.delta, baselines)
		for range 60 {
			m := w.minute(one)
			shuffled := slices.Clone(m)
			for i := range shuffled {
				shuffle(rng, &shuffled[i])
			}
			rng.Shuffle(len(shuffled), func(a, b int) { shuffled[a], shuffled[b] = shuffled[b], shuffled[a] })
			one.tick(m...)
			two.tick(shuffled...)
			lines := func(j *judge) []string {
				var out []string
				for _, a := range j.alerts {
					out = append(out, a.String())
				}
				slices.Sort(out)
				j.alerts = nil
				return out
			}
			if a, b := lines(one), lines(two); !slices.Equal(a, b) {
				t.Fatalf("seed %d: got %q in one order and %q in another", seed, a, b)
			}
		}
	}
}

func shuffle(rng *rand.Rand, m *metricdata.Metrics) {
	switch d := m.Data.(type) {
	case metricdata.Gauge[float64]:
		d.DataPoints = slices.Clone(d.DataPoints)
		rng.Shuffle(len(d.DataPoints), func(a, b int) { d.DataPoints[a], d.DataPoints[b] = d.DataPoints[b], d.DataPoints[a] })
		m.Data = d
	case metricdata.Sum[float64]:
		d.DataPoints = slices.Clone(d.DataPoints)
		rng.Shuffle(len(d.DataPoints), func(a, b int) { d.DataPoints[a], d.DataPoints[b] = d.DataPoints[b], d.DataPoints[a] })
		m.Data = d
	case metricdata.Histogram[float64]:
		d.DataPoints = slices.Clone(d.DataPoints)
		rng.Shuffle(len(d.DataPoints), func(a, b int) { d.DataPoints[a], d.DataPoints[b] = d.DataPoints[b], d.DataPoints[a] })
		m.Data = d
	}
}
