package views_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/views"
)

// lives lets series of a world end and come in another order.
func lives(rng *rand.Rand, w *world) {
	if w.live() > 4 && rng.IntN(6) == 0 {
		i := rng.IntN(w.live())
		w.series, w.levels, w.active = slices.Delete(w.series, i, i+1), slices.Delete(w.levels, i, i+1), slices.Delete(w.active, i, i+1)
	}
	rng.Shuffle(w.live(), func(a, b int) {
		if rng.IntN(3) == 0 {
			w.series[a], w.series[b] = w.series[b], w.series[a]
			w.levels[a], w.levels[b] = w.levels[b], w.levels[a]
			w.active[a], w.active[b] = w.active[b], w.active[a]
		}
	})
}

// TestJudgedTogetherAsAlone: baselines that judge the same series share their
// sums, and find what each finds in a Processor of its own.
func TestJudgedTogetherAsAlone(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 3))
		w := &world{rng: rng, delta: seed%2 == 0}
		baselines := append(randomBaselines(rng), randomBaselines(rng)...)
		for i := range baselines {
			baselines[i].Name = fmt.Sprint("b", i)
			if rng.IntN(3) == 0 {
				baselines[i].Match = []attribute.KeyValue{attribute.Int("id", rng.IntN(5))}
			}
		}
		together := judging(t, w.delta, baselines)
		var alone []*judge
		for _, b := range baselines {
			alone = append(alone, judging(t, w.delta, []views.Baseline{b}))
		}
		for minute := range 80 {
			lives(rng, w)
			d := time.Minute
			if rng.IntN(10) == 0 {
				d = time.Duration(rng.IntN(150)) * time.Second
			}
			m := w.minute(together)
			if rng.IntN(20) == 0 {
				together.skip(d)
				for _, j := range alone {
					j.skip(d)
				}
				continue
			}
			together.after(d, m...)
			var want []views.Status
			var alerts []string
			for _, j := range alone {
				j.after(d, m...)
				want = append(want, j.p.Status()...)
				for _, a := range j.alerts {
					alerts = append(alerts, a.String())
				}
				j.alerts = nil
			}
			var told []string
			for _, a := range together.alerts {
				told = append(told, a.String())
			}
			together.alerts = nil
			slices.Sort(alerts)
			slices.Sort(told)
			if !slices.Equal(told, alerts) {
				t.Fatalf("seed %d, minute %d: got %q, want %q", seed, minute, told, alerts)
			}
			got := together.p.Status()
			for i := range max(len(got), len(want)) {
				if i >= len(got) || i >= len(want) || describe(got[i]) != describe(want[i]) {
					t.Fatalf("seed %d, minute %d: got\n%v, want\n%v", seed, minute, got, want)
				}
			}
		}
	}
}

// describe is all of a status, with the value to nine digits, because sums in
// another order round otherwise.
func describe(s views.Status) string {
	value := fmt.Sprintf("%.9g %.9g", s.Value, s.Excess)
	group := s.Group.Encoded(attribute.DefaultEncoder())
	s.Value, s.Excess, s.Group = 0, 0, attribute.Set{}
	return fmt.Sprintf("%+v %s %s", s, value, group)
}
