package views

import (
	"fmt"
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/views/internal/distribution"
)

// silentAfter is how many intervals without data make a silence.
const silentAfter = 3

// A group is the sum of the series that a rule judges together.
type group struct {
	rule  *rule
	attrs attribute.Set
	// reported are attrs and the baseline's name: the attributes of the
	// metrics about the group.
	reported attribute.Set
	refs     int // series that feed it

	interval // being summed up
	life     lifecycle

	anchor     time.Time // where the time that a rate divides by begins
	lastData   time.Time // when something was last measured
	calls      inFlight  // now
	before     inFlight  // at the interval's start
	last       reading   // the newest that had a value
	lastEnd    time.Time
	lastFrom   time.Time
	incomplete bool // in the newest interval
	judged     bool // the newest interval had a verdict
}

// An interval is what the points of a collection add up to.
type interval struct {
	points    int
	from, end time.Time
	sum       distribution.Distribution
	number    float64 // level or increase
	level     bool    // number is a level: intervals cannot be added
	failures  float64
	quantiles int
	quantile  float64
	restarted bool
}

type inFlight struct {
	known bool
	calls float64
	at    time.Time
}

// A reading is what an interval says about a group.
type reading struct {
	verdict verdict
	value   float64 // in the metric's unit, NaN if there is none
	count   uint64
	reason  string
}

func newGroup(r *rule, attrs attribute.Set) *group {
	g := &group{
		rule:     r,
		attrs:    attrs,
		reported: attribute.NewSet(append(attrs.ToSlice(), keyBaseline.String(r.Name))...),
		last:     reading{value: math.NaN()},
	}
	g.interval.reset()
	return g
}

func (i *interval) reset() {
	sum := i.sum
	sum.Reset()
	*i = interval{sum: sum}
}

func (i *interval) saw(from, end time.Time) {
	i.points++
	if !from.IsZero() && (i.from.IsZero() || from.Before(i.from)) {
		i.from = from
	}
	if end.After(i.end) {
		i.end = end
	}
}

func (i *interval) addNumber(v float64, level, failed bool, from, end time.Time) {
	i.saw(from, end)
	i.number += v
	i.level = level
	if failed {
		i.failures += v
	}
}

func (g *group) addDistribution(d *distribution.Distribution, failed bool, from, end time.Time) {
	g.saw(from, end)
	if failed {
		g.failures += float64(d.Count)
	}
	if g.rule.Statistic.ofDistribution() {
		g.sum.Add(d)
	} else {
		g.sum.Count += d.Count
	}
}

func (i *interval) addQuantile(v float64) {
	i.quantiles++
	i.quantile = v
}

func (g *group) addActive(calls float64, at time.Time) {
	g.calls.known = true
	g.calls.calls += calls
	if at.After(g.calls.at) {
		g.calls.at = at
	}
}

// idle reports whether the group can be forgotten once no series feeds it.
func (g *group) idle() bool {
	return g.life.state == Silent || g.life.state == OK && g.rule.Statistic == Rate && g.rule.Direction == HigherIsWorse
}

// read says what the interval that ended at now shows. It decides by its
// arguments and the group alone: usual is the time between two collections,
// completed how many calls ended in the interval (in all groups, for a rule
// whose calls in flight have no group).
func (g *group) read(now time.Time, usual time.Duration, completed uint64) reading {
	r := g.rule
	if hang, ok := g.hang(completed); ok {
		return hang
	}
	if g.points == 0 {
		switch {
		case r.coarse && g.attrs.Len() == 0 && g.before.known && completed > 0:
			// The group of the calls in flight has no latencies of its own,
			// but calls do complete.
			return reading{verdict: good, value: math.NaN()}
		case r.Statistic == Rate && r.metric.delta && !g.anchor.IsZero():
			// A delta series that is not there had nothing to tell: rate 0.
		default:
			return reading{verdict: absent, value: math.NaN()}
		}
	}
	v, count, ok := g.value(now)
	out := reading{verdict: abstain, value: v, count: count}
	switch {
	case !ok && count == 0 && r.Statistic != Rate:
		out.verdict = absent
	case g.needsTime() && !g.lastsLongEnough(now, usual):
	case !ok, count < r.needed, r.Observed():
	case r.over(v, r.threshold):
		out.verdict = breach
	case r.over(v, r.clear):
		out.verdict = between
	default:
		out.verdict = good
	}
	if r.incomplete {
		out.reason = "incomplete: some series of " + r.Metric + " are in its overflow series"
		if out.verdict == good {
			out.verdict = abstain
		}
	}
	return out
}

// needsTime reports whether a short interval, or a first one that a start has
// cut, would look worse than it was.
func (g *group) needsTime() bool {
	return g.rule.Statistic == Rate || g.rule.Direction == LowerIsWorse
}

func (g *group) lastsLongEnough(now time.Time, usual time.Duration) bool {
	return !g.anchor.IsZero() && !g.restarted && now.Sub(g.anchor) >= usual/2
}

// at is the time that the interval ends: that of the group's own points, or
// of the collection if it has none.
func (g *group) at(now time.Time) time.Time {
	if g.points > 0 && !g.end.IsZero() {
		return g.end
	}
	return now
}

// value computes the statistic. ok is false if the interval has none.
func (g *group) value(now time.Time) (v float64, count uint64, ok bool) {
	r := g.rule
	count = g.sum.Count
	switch r.Statistic {
	case Value:
		return g.number, uint64(g.points), g.points > 0
	case Rate:
		elapsed := now.Sub(g.anchor).Seconds()
		if g.anchor.IsZero() || elapsed <= 0 {
			return math.NaN(), 0, false
		}
		// One of the two is zero: histograms have no number, sums no count.
		return (float64(g.sum.Count) + g.number) / elapsed, uint64(max(g.points, 1)), true
	case ErrorRatio:
		total := float64(g.sum.Count) + g.number
		if total <= 0 {
			return math.NaN(), 0, false
		}
		return g.failures / total, uint64(total), true
	case Mean:
		v = g.sum.Mean()
	case Max:
		v = g.sum.Max()
	default:
		v = g.sum.Quantile(r.quantile)
		if math.IsNaN(v) && g.quantiles == 1 && g.points == 1 && count > 0 {
			v = g.quantile // of a summary
		}
	}
	return v, count, !math.IsNaN(v)
}

// hang reports calls that were in flight when the interval began while none
// completed until its end: they take at least as long as the interval. As
// none completed, no fewer calls can be in flight now.
func (g *group) hang(completed uint64) (reading, bool) {
	r := g.rule
	if !r.latency || completed > 0 || !g.before.known || !g.calls.known ||
		g.before.calls <= 0 || g.calls.calls < g.before.calls {
		return reading{}, false
	}
	length := g.calls.at.Sub(g.before.at).Seconds()
	if !r.bound || length <= r.threshold {
		return reading{}, false
	}
	return reading{
		verdict: breach,
		value:   length,
		reason:  fmt.Sprintf("at least: %.0f calls in flight, none completed", g.calls.calls),
	}, true
}

// busy reports whether calls are in flight.
func (g *group) busy() bool { return g.calls.known && g.calls.calls > 0 }

// next prepares the group for the following interval. Where time is needed
// and this was too short, the next goes on summing.
func (g *group) next(now time.Time, usual time.Duration) {
	short := now.After(g.anchor) && now.Sub(g.anchor) < usual/2
	if !g.needsTime() || g.level || g.anchor.IsZero() || g.restarted || !short {
		g.interval.reset()
		g.anchor = now
	}
	g.before, g.calls = g.calls, inFlight{}
}
