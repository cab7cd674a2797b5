package views

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/otelperf/otelperf-go/internal/distribution"
)

// A BurnWindow is one pair of windows of a burn-rate baseline. It is breached
// while the error budget burns more than Factor times as fast as it may in the
// long window and in the short one: the long one says that it matters, the
// short one that it is still so.
type BurnWindow struct {
	Long, Short time.Duration
	Factor      float64
}

// defaultBurn are the pairs of a burn-rate baseline that names none: a
// fiftieth of a month's budget in an hour, or a twentieth in six hours.
var defaultBurn = []BurnWindow{
	{Long: time.Hour, Short: 5 * time.Minute, Factor: 14.4},
	{Long: 6 * time.Hour, Short: 30 * time.Minute, Factor: 6},
}

// BurnWindows returns the pairs of windows of a burn-rate baseline: Burn, or the
// default ones where it is empty. It returns nil for any other baseline.
func (b Baseline) BurnWindows() []BurnWindow {
	switch {
	case b.Objective <= 0:
		return nil
	case len(b.Burn) == 0:
		return slices.Clone(defaultBurn)
	}
	return slices.Clone(b.Burn)
}

// maxSlots bounds what a group remembers of its windows.
const maxSlots = 2000

// A burn is what a group remembers of the windows of its rule: how many
// measurements were bad, in slots of equal length.
type burn struct {
	slots  []slot // a ring
	newest int
	age    time.Duration // that the newest slot covers
	own    Baseline      // with the factor of the worst pair as its target
}

type slot struct{ bad, total float64 }

// slotLength is fine enough for the shortest window and not finer than the
// interval, and coarse enough for the longest.
func (b *Baseline) slotLength(interval time.Duration) time.Duration {
	shortest, longest := b.Burn[0].Short, b.Burn[0].Long
	for _, w := range b.Burn {
		shortest, longest = min(shortest, w.Short), max(longest, w.Long)
	}
	return max(interval, shortest/20, longest/maxSlots)
}

// add takes an interval that was elapsed long.
func (w *burn) add(b *Baseline, elapsed, interval time.Duration, bad, total float64) {
	length := b.slotLength(interval)
	if w.slots == nil {
		longest := time.Duration(0)
		for _, p := range b.Burn {
			longest = max(longest, p.Long)
		}
		w.slots = make([]slot, int((longest+length-1)/length)+1)
	}
	if w.age >= length-length/jitter { // ticks are never exactly an interval apart
		w.newest = (w.newest + 1) % len(w.slots)
		w.slots[w.newest] = slot{}
		w.age = max(w.age-length, 0)
	}
	w.age += elapsed
	w.slots[w.newest].bad += bad
	w.slots[w.newest].total += total
}

// ratio is the share of bad measurements in the newest part of the windows.
func (w *burn) ratio(length, slotLength time.Duration) (share, total float64) {
	n := min(max(int((length+slotLength/2)/slotLength), 1), len(w.slots))
	var bad float64
	for i := range n {
		s := w.slots[(w.newest-i+len(w.slots))%len(w.slots)]
		bad, total = bad+s.bad, total+s.total
	}
	if total == 0 {
		return 0, 0
	}
	return bad / total, total
}

// burning says how much faster than it may the budget of the group burns, by
// the pair that is nearest to its factor or farthest beyond it.
func (g *group) burning(t *tick) reading {
	r, w := g.rule, g.burn
	bad, total, ok := g.badAndTotal()
	if !ok {
		return reading{verdict: abstain, value: math.NaN(), count: g.sum.Count, reason: reasonNoBound}
	}
	w.add(&r.Baseline, t.elapsed, t.usual, bad, total)
	length := r.slotLength(t.usual)
	out := reading{verdict: absent, value: math.NaN()}
	worst := math.Inf(-1)
	for _, p := range r.Burn {
		long, count := w.ratio(p.Long, length)
		short, _ := w.ratio(p.Short, length)
		if count == 0 {
			continue
		}
		rate := min(long, short) / (1 - r.Objective)
		if rate/p.Factor <= worst {
			continue
		}
		worst = rate / p.Factor
		out = reading{verdict: good, value: rate, count: uint64(count)}
		w.own.Target = p.Factor
		switch {
		case count < float64(r.needed):
			out.verdict = abstain
		case rate > p.Factor:
			out.verdict = breach
			out.reason = fmt.Sprintf("%s%% were bad in %v and %s%% in %v, %s%% may be",
				percent(long), p.Long, percent(short), p.Short, percent(1-r.Objective))
		case rate > w.own.Clear():
			out.verdict = between
		}
	}
	if total == 0 && out.verdict != breach {
		out.verdict = absent
	}
	return g.complete(out)
}

const reasonNoBound = "no bucket boundary at the target"

// badAndTotal counts the interval's failures, or its measurements beyond the
// target. ok is false if the buckets cannot tell.
func (g *group) badAndTotal() (bad, total float64, ok bool) {
	if g.rule.Statistic == ErrorRatio {
		return g.failures, float64(g.sum.Count) + g.number, true
	}
	if g.sum.Count == 0 {
		return 0, 0, true
	}
	if g.sum.Kind == distribution.Plain || g.sum.Kind == distribution.Mixed {
		return 0, 0, false
	}
	n, ok := g.sum.Above(g.rule.Target / g.rule.factor)
	return float64(n), float64(g.sum.Count), ok
}

func percent(share float64) string { return fmt.Sprintf("%.3g", share*100) }
