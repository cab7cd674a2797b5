package views

import (
	"errors"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/internal/distribution"
)

// What a Processor holds at the most. Beyond it points are rejected and counted.
const (
	maxSeries = 100_000 // of one metric
	maxGroups = 10_000  // of one baseline
	maxScopes = 1_000
)

// Why a point is rejected.
const (
	rejectInvalid   = iota // buckets, bounds, counts or a value that make no sense
	rejectDuplicate        // a second point of one series in one collection
	rejectLimit            // more series or groups than are held
	rejectUnknown          // an aggregation that this version does not know
)

// rejectReasons are the values of the attribute otelperf.reason of
// otelperf.baseline.points.rejected.
var rejectReasons = [...]string{
	rejectDuplicate: "duplicate", rejectInvalid: "invalid", rejectLimit: "limit", rejectUnknown: "unknown",
}

var errUnitChanged = errors.New("the metric changed its unit")

// A metric is what is known of all series under one metric name.
type metric struct {
	name    string
	rules   []*rule      // that judge it
	actives []activeRule // that take it for the calls in flight

	// companions judge what calls leave behind when they end. A call in flight
	// tells that there will be something to judge.
	companions []*rule

	series  map[seriesKey]*series
	order   []*series // as the points of the last evaluation came, which mostly is how they come again
	present bool      // a point of it was seen, ever
	seen    int       // series of this evaluation

	grids    distribution.Grids
	tallies  map[string]*tally // by the numbers of their groups
	tallied  []*tally          // in this collection
	numbered uint64            // groups, ever
	key      []byte            // scratch

	delta bool // its temporality, when last seen
	held  int  // series whose level stands until a delta changes it
}

// An activeRule is judged with the help of a count of calls in flight.
type activeRule struct {
	rule *rule
	sign float64 // -1 for open streams, which are meant to stay
}

type seriesKey struct {
	scope uint32
	attrs attribute.Distinct
}

// A series is one stream of points, as it was when last seen.
type series struct {
	key        seriesKey
	evaluation uint64 // the last one that saw it
	begun      bool   // prev and value are of a point
	start, end time.Time
	unseen     time.Duration // since it was seen last

	groups   []*group // that it is summed into
	tally    *tally   // by way of this, unless it is nil
	actives  []activeGroup
	failed   bool
	overflow bool
	unplaced bool // a rule had no room for its group
	lost     bool // a change of its level was, and so the level is not known

	kind  aggregation
	delta bool
	value float64 // the cumulative or accumulated value of a number
	prev  distribution.Distribution
}

type activeGroup struct {
	group *group
	sign  float64
}

// A span is the part of time that a point of a series tells of.
type span struct {
	number   uint64 // among the spans of an evaluator; 0: it has none
	first    bool   // nothing is known of the series before
	from, to time.Time
	// share is how much of the point belongs to the interval at hand: less
	// than 1 if the series was missing in collections before.
	share float64
}

// times are all that a span depends on, besides the collection and the metric.
type times struct {
	begun                bool
	unseen               time.Duration
	lastStart, lastEnd   time.Time
	pointStart, pointEnd time.Time
}

// equal tells whether a point of s with that start and end has the same.
func (t *times) equal(s *series, start, end time.Time) bool {
	return end == t.pointEnd && start == t.pointStart && s.end == t.lastEnd && s.start == t.lastStart &&
		s.unseen == t.unseen && s.begun == t.begun
}

// point finds the series of a point and notes that it was seen; nil if the
// point must be left out.
func (in *input) point(attrs *attribute.Set) *series {
	key := seriesKey{in.scope, attrs.Equivalent()}
	s := in.metric.find(key)
	switch {
	case s == nil && len(in.metric.series) >= maxSeries:
		in.reject(rejectLimit)
		return nil
	case s == nil:
		s = &series{key: key, overflow: isOverflow(attrs), failed: failed(in.metric.name, attrs)}
		in.metric.series[key] = s
	case s.evaluation == in.number:
		in.reject(rejectDuplicate)
		return nil
	}
	if s.kind != in.kind || s.delta != in.delta { // new, or it became another
		in.metric.hold(s, -1)
		s.kind, s.delta, s.value, s.begun, s.lost = in.kind, in.delta, 0, false, false
		in.metric.hold(s, 1)
		in.connect(s, attrs)
	} else if s.unplaced && in.metric.room() {
		in.connect(s, attrs)
	}
	if s.unplaced {
		in.reject(rejectLimit)
	}
	s.evaluation = in.number
	in.metric.saw(s)
	in.metric.present, in.metric.delta = true, in.delta
	return s
}

// find returns the series of key, nil if there is none. It looks first where the
// series was the last time.
func (m *metric) find(key seriesKey) *series {
	if m.seen < len(m.order) {
		if s := m.order[m.seen]; s.key == key {
			return s
		}
	}
	return m.series[key]
}

// saw counts a series of this evaluation.
func (m *metric) saw(s *series) {
	if m.seen < len(m.order) {
		m.order[m.seen] = s
	} else {
		m.order = append(m.order, s)
	}
	m.seen++
}

// room reports whether any rule may have one more group.
func (m *metric) room() bool {
	return slices.ContainsFunc(m.rules, (*rule).room) ||
		slices.ContainsFunc(m.actives, func(a activeRule) bool { return a.rule.room() })
}

// spoilt counts a point of s that cannot be used.
func (in *input) spoilt(s *series) {
	in.reject(rejectInvalid)
	s.unseen++
}

// reach tells which part of time a point of s is about, and moves s on to it. The
// span is good until the next call. Nearly all points of a metric have the same
// times as the one before, and with them the same span.
func (in *input) reach(s *series, start, end time.Time) *span {
	if in.span.number == 0 || !in.times.equal(s, start, end) {
		in.sawTime(end)
		in.times = times{s.begun, s.unseen, s.start, s.end, start, end}
		in.span = in.spanOf(s, start, end)
	}
	if in.span.first && s.begun {
		s.restarted()
	}
	s.begun, s.unseen, s.start, s.end = true, 0, start, end
	return &in.span
}

// spanOf compares the times of a point with those of s, and of the collection
// before.
func (in *input) spanOf(s *series, start, end time.Time) span {
	in.spans++
	sp := span{number: in.spans, first: !s.begun, from: s.end, to: end, share: 1}
	if s.begun && !in.delta && in.kind != aggLevel && start.After(s.start) {
		sp.first = true // it began afresh
	}
	switch {
	case !sp.first && !in.delta && !s.end.IsZero():
		gap, d := end.Sub(s.end), end.Sub(in.lastTime)
		if s.unseen > 0 && d > 0 && d < gap {
			sp.share = float64(d) / float64(gap)
		}
	case start.IsZero() || start.Before(in.lastTime) && !in.delta && in.number > 1:
		// A cumulative start is shared by all series of an instrument; one
		// that turns up later began after the last collection.
		sp.from = in.lastTime
	default:
		sp.from = start
	}
	if sp.from.After(end) { // clocks jump
		sp.from = end
	}
	return sp
}

// goesOn reports whether a point with that start goes on from where s was, as a
// cumulative one does whose process has not started again.
func (in *input) goesOn(s *series, start time.Time) bool {
	return s.begun && !in.delta && (start == s.start || !start.After(s.start))
}

// restarted notes that s began afresh within the interval, so that its groups
// know only a part of it.
func (s *series) restarted() {
	for _, g := range s.groups {
		g.restarted = true
	}
}

// connect ties a series to the groups it is summed into.
func (in *input) connect(s *series, attrs *attribute.Set) {
	in.metric.disconnect(s)
	s.unplaced = false
	defer in.metric.join(s)
	for _, r := range in.metric.rules {
		if s.overflow && r.byAttribute() || !r.matches(attrs) {
			continue
		}
		r.matched = true
		if r.Statistic.supports()&in.kind == 0 {
			in.warn(r, "the statistic %s cannot be computed from the kind of metric that %s is", r.Statistic, r.Metric)
			continue
		}
		if err := r.bind(in.unit); err != nil {
			in.warn(r, "%w", err)
			continue
		}
		r.kind = in.kind
		if g := r.group(attrs); g != nil {
			g.refs++
			s.groups = append(s.groups, g)
		} else {
			s.unplaced = true
		}
	}
	if in.kind != aggLevel || s.overflow {
		return
	}
	for _, r := range in.metric.companions {
		r.matched = r.matched || r.matches(attrs)
	}
	for _, a := range in.metric.actives {
		if !a.rule.matches(attrs) {
			continue
		}
		of := attrs
		if a.rule.coarse {
			of = attribute.EmptySet()
		}
		if g := a.rule.group(of); g != nil {
			a.rule.matched = true
			a.rule.assume()
			g.refs++
			s.actives = append(s.actives, activeGroup{g, a.sign})
		} else {
			s.unplaced = true
		}
	}
}

func (m *metric) disconnect(s *series) {
	m.leave(s)
	for _, g := range s.groups {
		g.refs--
	}
	for _, a := range s.actives {
		a.group.refs--
	}
	s.groups, s.actives = s.groups[:0], s.actives[:0]
}

// hold counts the series whose level stands, if no delta changes it.
func (m *metric) hold(s *series, by int) {
	if s.kind == aggLevel && s.delta {
		m.held += by
	}
}

// holdLevels gives the groups the levels of those series that a delta
// collection leaves out because nothing changed them.
func (e *evaluator) holdLevels(m *metric) {
	if m.held == 0 || m.seen == len(m.series) {
		return
	}
	for _, s := range m.series {
		if s.evaluation == e.number || s.kind != aggLevel || !s.delta || s.lost {
			continue
		}
		sp := &span{from: s.end, to: e.now, share: 1}
		s.end = e.now
		for _, g := range s.groups {
			g.addNumber(s.value, true, s.failed, sp)
		}
		for _, a := range s.actives {
			a.group.addActive(a.sign*s.value, e.now)
		}
	}
}

// forget drops the series that ended. A cumulative series is given more time,
// because its whole past would count as new if it came back.
func (m *metric) forget(evaluation uint64, t tick) {
	m.grids.Forget()
	missing := len(m.series) - m.seen
	clear(m.order[m.seen:])
	m.order, m.seen = m.order[:m.seen], 0
	if missing == 0 {
		return
	}
	patience := 10 * t.usual
	if m.delta {
		patience = silentAfter * t.usual
	}
	for key, s := range m.series {
		if s.evaluation == evaluation {
			continue
		}
		if s.unseen += max(t.elapsed, 1); s.unseen < patience || s.delta && s.value != 0 { // a level that stands
			continue
		}
		m.hold(s, -1)
		m.disconnect(s)
		delete(m.series, key)
	}
}

// detach takes a rule off the metric.
func (m *metric) detach(r *rule) {
	n := len(m.rules) + len(m.actives)
	m.rules = slices.DeleteFunc(m.rules, func(of *rule) bool { return of == r })
	m.actives = slices.DeleteFunc(m.actives, func(a activeRule) bool { return a.rule == r })
	if n == len(m.rules)+len(m.actives) {
		return
	}
	for _, s := range m.series {
		m.leave(s)
		s.groups = slices.DeleteFunc(s.groups, func(g *group) bool { return g.rule == r })
		m.join(s)
		s.actives = slices.DeleteFunc(s.actives, func(a activeGroup) bool { return a.group.rule == r })
	}
}

// overflowed notes that a metric's overflow series took new measurements.
func (m *metric) overflowed() {
	for _, r := range m.rules {
		if r.byAttribute() {
			r.incomplete = true
		}
	}
}
