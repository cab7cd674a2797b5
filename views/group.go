package views

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/internal/distribution"
)

// silentAfter is how many intervals without data make a silence.
const silentAfter = 3

// Why an alert is told, where a comparison alone does not say it.
const (
	reasonNoData    = "no data"
	reasonCompleted = "calls complete again"
)

// A group is the sum of the series that a rule judges together.
type group struct {
	rule  *rule
	id    uint64 // among the groups of the metric, ever
	attrs attribute.Set
	// reported are attrs and the baseline's name: the attributes of the
	// metrics about the group.
	reported attribute.Set
	refs     int // series that feed it

	interval // being summed up
	life     lifecycle

	anchor  time.Time     // where the time that a rate divides by begins
	silence time.Duration // since something was last measured
	calls   inFlight      // now
	before  inFlight      // at the interval's start

	past *past // of a relative baseline, else nil
	burn *burn // of a burn rate, else nil

	last       reading // the newest that had a value
	lastEnd    time.Time
	lastFrom   time.Time
	measured   bool // anything, ever
	silenced   bool // for so long that NoData decided
	incomplete bool // in the newest interval
	judged     bool // the newest interval had a verdict
	covered    bool // it fires, and a summary tells of it
}

// An interval is what the points of a collection add up to.
type interval struct {
	seen      bool      // there was a point in this collection
	seenFrom  time.Time // where its points begin
	lastSpan  uint64    // the number of the last point's; 0: it has none
	lost      time.Duration
	points    int
	from, end time.Time
	sum       distribution.Distribution
	number    float64 // level or increase
	level     bool    // number is a level: intervals cannot be added
	amount    float64 // of a rate
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
	if r.Relative > 0 {
		g.past = &past{own: r.Baseline}
		g.past.own.Target = math.NaN()
	}
	if r.Objective > 0 {
		g.burn = &burn{own: r.Baseline}
		g.burn.own.Target = r.Burn[0].Factor
		g.burn.own.ThresholdPercent, g.burn.own.ClearPercent = 100, min(r.ClearPercent, 100)
	}
	return g
}

func (i *interval) reset() {
	sum := i.sum
	sum.Reset()
	*i = interval{sum: sum}
}

func (i *interval) saw(sp *span) {
	i.points++
	if i.seen && i.lastSpan == sp.number && sp.number != 0 {
		return
	}
	i.lastSpan = sp.number
	if !i.seen || sp.from.Before(i.seenFrom) {
		i.seenFrom = sp.from
	}
	i.seen = true
	if !sp.from.IsZero() && (i.from.IsZero() || sp.from.Before(i.from)) {
		i.from = sp.from
	}
	if sp.to.After(i.end) {
		i.end = sp.to
	}
}

func (i *interval) addNumber(v float64, level, failed bool, sp *span) {
	i.saw(sp)
	i.number += v
	i.amount += v * sp.share
	i.level = level
	if failed {
		i.failures += v
	}
}

// addDistribution adds what a series has added to its distribution. Without
// buckets the count is all that is needed of it.
func (i *interval) addDistribution(d *distribution.Distribution, buckets, failed bool, sp *span) {
	i.saw(sp)
	if failed {
		i.failures += float64(d.Count)
	}
	i.amount += float64(d.Count) * sp.share
	if buckets {
		i.sum.Add(d)
	} else {
		i.sum.Count += d.Count
	}
}

// addInterval adds distributions that were summed up elsewhere.
func (i *interval) addInterval(o *interval, buckets bool) {
	i.saw(&span{from: o.from, to: o.end})
	i.points += o.points - 1
	i.failures += o.failures
	i.amount += o.amount
	if buckets {
		i.sum.Add(&o.sum)
	} else {
		i.sum.Count += o.sum.Count
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

// idle reports whether the group can be forgotten: no series feeds it, and
// nobody waits for it.
func (g *group) idle() bool {
	if g.refs > 0 || g.life.state == Firing {
		return false
	}
	return !g.measured || g.silenced || g.rule.Statistic == Rate && g.life.state == OK
}

// silent reports whether nothing has been measured for so long that NoData
// decides. Half an interval less than three allows for jitter.
func (g *group) silent(t *tick) bool {
	return g.measured && g.silence >= silentAfter*t.usual-t.usual/2
}

// read says what the interval that ended at at shows. It decides by its
// arguments and the group alone: completed is how many calls ended in the
// interval, in all groups for a rule whose calls in flight have none.
func (g *group) read(t *tick, at time.Time, completed uint64) reading {
	r := g.rule
	if r.Objective > 0 {
		return g.burning(t)
	}
	threshold, clearing := g.levels()
	if hang, ok := g.hang(t, completed, threshold); ok {
		return hang
	}
	if g.points == 0 {
		switch {
		case g.before.known && completed > 0 && g.life.state == Firing:
			// The group of the calls in flight has no latencies of its own,
			// but calls do complete.
			return g.complete(reading{verdict: good, value: math.NaN(), reason: reasonCompleted})
		case r.Statistic == Rate && r.metric.delta:
			// A delta series that is not there had nothing to tell: rate 0.
		default:
			return reading{verdict: absent, value: math.NaN()}
		}
	}
	v, count, ok := g.value(at)
	out := reading{verdict: abstain, value: v, count: count}
	switch {
	case !ok && count == 0 && r.Statistic != Rate:
		out.verdict = absent
	case g.needsTime() && !g.lastsLongEnough(t, at):
	case !ok, count < r.needed, r.Observed():
	case math.IsNaN(threshold):
		out.verdict = learning
	case r.over(v, threshold):
		out.verdict = breach
	case r.over(v, clearing):
		out.verdict = between
	default:
		out.verdict = good
	}
	return g.complete(out)
}

// complete takes back what a reading cannot know while the overflow series
// hides a part of the data: that all is well.
func (g *group) complete(rd reading) reading {
	if r := g.rule; r.incomplete {
		rd.reason = r.incompleteness
		if rd.verdict == good || rd.verdict == learning {
			rd.verdict = abstain
		}
	}
	return rd
}

// needsTime reports whether a short interval, or a first one that a start has
// cut, would look worse than it was.
func (g *group) needsTime() bool {
	return g.rule.Statistic == Rate || g.rule.Direction == LowerIsWorse
}

func (g *group) lastsLongEnough(t *tick, at time.Time) bool {
	if g.anchor.IsZero() || g.restarted || t.jumped && g.rule.Statistic == Rate {
		return false
	}
	return at.Sub(g.begin()) >= t.usual/2
}

// begin is where the time begins that a rate divides by, the time that the
// group's data do not cover left out.
func (g *group) begin() time.Time { return g.anchor.Add(g.lost) }

// lose takes note of the part of an interval that is lost with a collection
// that the reader gave up on: of delta data nothing makes up for it.
func (g *group) lose(t *tick) {
	if t.skipped && g.rule.metric.delta && g.seenFrom.After(t.last) {
		g.lost += g.seenFrom.Sub(t.last)
	}
}

// at is the time that the interval ends: that of the group's own points, or
// of the collection if it has none.
func (g *group) at(now time.Time) time.Time {
	if g.seen && !g.end.IsZero() {
		return g.end
	}
	return now
}

// value computes the statistic. ok is false if the interval has none.
func (g *group) value(at time.Time) (v float64, count uint64, ok bool) {
	r := g.rule
	count = g.sum.Count
	switch r.Statistic {
	case Value:
		return g.number, uint64(g.points), true
	case Rate:
		count += uint64(g.number) // one of the two is zero: histograms have no number, sums no count
		elapsed := at.Sub(g.begin()).Seconds()
		if g.anchor.IsZero() || elapsed <= 0 {
			return math.NaN(), count, false
		}
		return g.amount / elapsed, count, true
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
		if g.summarized() && count > 0 {
			v = g.quantile
		}
	}
	return v, count, !math.IsNaN(v)
}

// summarized reports whether the quantile is one that a summary tells, alone.
func (g *group) summarized() bool { return g.quantiles == 1 && g.points == 1 }

// bucketless reports whether there were measurements but no buckets, where
// buckets are what the statistic is made of.
func (g *group) bucketless() bool {
	return g.rule.quantile > 0 && !g.summarized() && g.sum.Count > 0 &&
		(g.sum.Kind == distribution.Plain || g.sum.Kind == distribution.Mixed)
}

// hang reports calls that were in flight when the interval began while none
// completed until its end: they take at least as long as the interval. As
// none completed, no fewer calls can be in flight now. What the overflow
// series hides may have completed.
func (g *group) hang(t *tick, completed uint64, threshold float64) (reading, bool) {
	r := g.rule
	if completed > 0 || r.incomplete || g.before.calls <= 0 || g.calls.calls < g.before.calls {
		return reading{}, false
	}
	// No longer than two intervals: a clock that jumps is no hang.
	length := min(g.calls.at.Sub(g.before.at), 2*t.usual).Seconds() * r.perSecond
	if !(length > threshold) {
		return reading{}, false
	}
	return reading{
		verdict: breach,
		value:   length,
		reason:  fmt.Sprintf("at least: %.0f calls in flight, none completed", g.calls.calls),
	}, true
}

// note keeps what a reading says beyond its verdict.
func (g *group) note(t *tick, rd reading, at time.Time) {
	g.incomplete = g.rule.incomplete
	g.judged = (rd.verdict == good || rd.verdict == between || rd.verdict == breach) && !math.IsNaN(rd.value)
	if n := g.rule.Relative; n > 0 && (rd.verdict == learning || g.judged && rd.verdict != breach) {
		g.past.teach(rd.value*g.rule.factor, n)
	}
	if rd.verdict == absent {
		g.silence += t.elapsed
	} else {
		g.measured, g.silenced, g.silence = true, false, 0
	}
	if !math.IsNaN(rd.value) {
		g.last, g.lastFrom, g.lastEnd = rd, g.from, at
	}
}

// baseline is what the group is held against.
func (g *group) baseline() *Baseline {
	switch {
	case g.past != nil:
		return &g.past.own
	case g.burn != nil:
		return &g.burn.own
	}
	return &g.rule.Baseline
}

// levels are the threshold and the clear level, in the metric's unit. Both are
// NaN while a relative baseline knows too little.
func (g *group) levels() (threshold, clearing float64) {
	r := g.rule
	if r.Relative == 0 {
		return r.threshold, r.clear
	}
	b := &g.past.own
	b.Target = g.past.target(cmp.Or(r.WarmUp, r.Relative))
	return b.Threshold() / r.factor, b.Clear() / r.factor
}

// scale is what makes a reading's value one in the baseline's unit.
func (g *group) scale() float64 {
	if g.rule.Objective > 0 {
		return 1
	}
	return g.rule.factor
}

// busy reports whether calls are in flight.
func (g *group) busy() bool { return g.calls.calls > 0 }

// next prepares the group for the following interval. Where time is needed
// and this was too short, the next goes on from the same start.
func (g *group) next(t *tick, at time.Time) {
	elapsed := at.Sub(g.anchor)
	short := g.needsTime() && !g.restarted && elapsed >= 0 && elapsed < t.usual/2
	if !short {
		g.anchor = at
	}
	if !short || g.level {
		g.interval.reset()
	}
	g.seen = false
	g.before, g.calls = g.calls, inFlight{}
}
