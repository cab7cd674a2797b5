package differential_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/views"
)

// A walk is a random life of a metric: counts grow, the process or one series
// of it restarts, the reader skips a collection, a series is missing from one.
type walk struct {
	*rand.Rand
	delta bool
	tick  int
	last  int // the tick that was collected before this one, 0: none
	lives []*life
}

// A life is one series of a walk.
type life struct {
	set    attribute.Set
	pairs  []string // the same for Prometheus
	failed bool
	start  time.Time
	seen   int  // the tick of the last point, 0: none yet
	fresh  bool // nothing that is known of it goes before start
	here   bool // in this collection
}

const ticks = 40

// newWalk has four series: two of the route that is matched, one of them failed,
// one of another route, and the one that takes what is over the SDK's limit.
func newWalk(seed, kind uint64, delta bool) *walk {
	w := &walk{Rand: rand.New(rand.NewPCG(seed, kind)), delta: delta}
	route, failure := attribute.Key("route"), attribute.Key("error.type")
	for i, attrs := range [][]attribute.KeyValue{
		{route.String("a")},
		{route.String("a"), failure.String("500")},
		{route.String("b")},
		{attribute.Bool("otel.metric.overflow", true)},
	} {
		w.lives = append(w.lives, &life{
			set: attribute.NewSet(attrs...), pairs: []string{"series", fmt.Sprint(i)}, failed: len(attrs) == 2, start: began, fresh: true,
		})
	}
	return w
}

// matched are the series of route a.
func (w *walk) matched() []*life { return w.lives[:2] }

// overflow is the series of what is over the limit.
func (w *walk) overflow() *life { return w.lives[3] }

// next moves on to the next tick. restart is called for every series that
// begins afresh; skip says that nothing is collected.
func (w *walk) next(restart func(i int)) (skip bool) {
	w.tick++
	all := w.IntN(12) == 0
	for i, l := range w.lives {
		// Deltas know no restart, and a missing one had nothing to tell.
		if !w.delta && (all || w.IntN(25) == 0) {
			l.start, l.fresh = at(w.tick-1).Add(time.Second), true
			restart(i)
		}
		l.here = w.IntN(8) > 0
	}
	return !w.delta && w.IntN(12) == 0
}

// grows reports whether series i gains anything in this interval.
func (w *walk) grows(i int) bool {
	if w.delta && !w.lives[i].here {
		return false
	}
	return w.IntN(6) > 0
}

// collected ends a tick that was not skipped.
func (w *walk) collected() {
	for _, l := range w.lives {
		if l.here {
			l.seen, l.fresh = w.tick, false
		}
	}
	w.last = w.tick
}

// since is the time that the interval began, for deltas.
func (w *walk) since() time.Time { return at(w.last) }

// gain writes in PromQL what the series gained in the interval: all of one that
// began afresh, else what was added since its last point. It is empty if none
// of them is in the collection. If spread, the gain of one that was missing in
// collections before counts with the part of it that falls to this interval.
func (w *walk) gain(name string, lives []*life, spread bool) string {
	var parts []string
	for _, l := range lives {
		x := fmt.Sprintf("%s{series=%q}", name, l.pairs[1])
		switch {
		case !l.here:
			continue
		case !l.fresh:
			x = fmt.Sprintf("(%s - %s offset %ds)", x, x, int(at(w.tick).Sub(at(l.seen)).Seconds()))
		}
		if spread && !w.delta && !l.fresh && l.seen < w.last { // a missing delta is none
			x += fmt.Sprintf(" * %v", float64(w.tick-w.last)/float64(w.tick-l.seen))
		}
		parts = append(parts, x)
	}
	return strings.Join(parts, " or ")
}

func failures(lives []*life) (failed []*life) {
	for _, l := range lives {
		if l.failed {
			failed = append(failed, l)
		}
	}
	return failed
}

// seconds is how long the interval was.
func (w *walk) seconds() float64 { return at(w.tick).Sub(at(w.last)).Seconds() }

// ask is peer.ask at this tick.
func (w *walk) ask(p *peer, format string, args ...any) float64 {
	p.t.Helper()
	return p.ask(at(w.tick), fmt.Sprintf(format, args...))
}

// distribution are the statistics of histograms.
var distribution = []views.Statistic{views.P50, views.P90, views.P95, views.P99, "p0.1", views.P999, views.Mean, views.Rate, views.ErrorRatio}

// judges are a judge of all series together, which has nothing to leave out, and
// one of route a, which cannot see what the overflow series hides.
type judges struct{ all, some *judge }

func newJudges(t *testing.T, statistics ...views.Statistic) judges {
	return judges{newJudge(t, nil, statistics...), newJudge(t, []attribute.KeyValue{attribute.String("route", "a")}, statistics...)}
}

// each compares what both judges found.
func (j judges) each(t *testing.T, w *walk, grew bool, compare func(where string, lives []*life, ours map[views.Statistic]float64)) {
	t.Helper()
	compare(fmt.Sprintf("tick %d, all", w.tick), w.lives, j.all.values(at(w.tick)))
	compare(fmt.Sprintf("tick %d, route a", w.tick), w.matched(), j.some.values(at(w.tick)))
	for _, s := range j.all.watch.Status() {
		if strings.Contains(s.Reason, "incomplete") {
			t.Errorf("tick %d: the sum of all series is said to be incomplete", w.tick)
		}
	}
	for _, s := range j.some.watch.Status() {
		if s.End.Equal(at(w.tick)) && strings.Contains(s.Reason, "incomplete") != (grew && w.overflow().here) {
			t.Errorf("tick %d: %s of route a has the reason %q, the overflow series grew: %v", w.tick, s.Statistic, s.Reason, grew)
		}
	}
}

// rate looks up the rate, which has to be there from the second interval of a
// group on, but after a collection without any point, which has no time. Where
// a restart cut the interval it is of what came since: see
// TestRestartCutsTheInterval.
func (w *walk) rate(t *testing.T, where string, lives []*life, ours map[views.Statistic]float64) (v float64, ok bool) {
	t.Helper()
	timed := slices.ContainsFunc(w.lives, func(l *life) bool { return l.seen > 0 && l.seen == w.last })
	known := slices.ContainsFunc(lives, func(l *life) bool { return l.seen > 0 })
	if v, ok = ours[views.Rate]; !ok && timed && known {
		t.Errorf("%s: no rate here", where)
	}
	return v, ok
}

// has looks up a value that both sides have to have.
func has(t *testing.T, where string, s views.Statistic, ours map[views.Statistic]float64) float64 {
	t.Helper()
	v, ok := ours[s]
	if !ok {
		t.Errorf("%s: no %s here", where, s)
		return math.NaN()
	}
	return v
}
