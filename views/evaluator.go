package views

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelperf/otelperf-go/internal/distribution"
)

// An evaluator holds what has to be remembered from one collection to the
// next: series, groups and their states. It does no I/O and has no clock. It
// is not safe for concurrent use.
type evaluator struct {
	rules    []*rule
	metrics  map[string]*metric
	scopes   map[instrumentation.Scope]uint32
	interval time.Duration // the usual time between two collections
	handle   func(error)

	number   uint64 // of this evaluation
	spans    uint64 // that there have been
	now      time.Time
	lastTime time.Time // now of the previous one; at first, when the evaluator was made
	gap      time.Duration
	tick     tick

	lastClock time.Time // of this process, at the previous evaluation
	missed    int64     // intervals without one

	rejected    [len(rejectReasons)]int64
	transitions map[transitionKey]*transitionCount
	tally       []*transitionCount // in a stable order

	alerts         []Alert                   // of this evaluation, reused
	events         []event                   // of one rule, reused
	current, state distribution.Distribution // scratch
	collection     *metricdata.ResourceMetrics
	resource       *resource.Resource
	unmatched      bool // a rule may still turn out to match nothing
}

// A tick is what an evaluation knows of time.
type tick struct {
	now   time.Time     // of the newest point
	usual time.Duration // between two collections
	// elapsed is the time since the previous evaluation, one usual interval at
	// the most: missed collections and a clock that jumps make no silence.
	elapsed time.Duration
	// jumped says that more time than that went by, and did not the last time:
	// collections were missed or the clock jumped. No rate is known then.
	jumped bool
	// skipped says that a collection is missing, last is when the previous
	// evaluation was.
	skipped bool
	last    time.Time
}

type transitionKey struct {
	name  string
	state State
}

type transitionCount struct {
	attrs attribute.Set
	total int64
}

func newEvaluator(baselines []Baseline, c *config) (*evaluator, error) {
	e := &evaluator{
		metrics:     make(map[string]*metric),
		scopes:      make(map[instrumentation.Scope]uint32),
		interval:    c.interval,
		handle:      c.handle,
		lastTime:    c.clock(),
		lastClock:   c.clock(),
		transitions: make(map[transitionKey]*transitionCount),
		unmatched:   true,
	}
	var errs []error
	for i, b := range baselines {
		if err := b.Validate(); err != nil {
			errs = append(errs, err)
			continue
		}
		for _, other := range baselines[:i] {
			if other.Name == b.Name && other.Metric == b.Metric {
				errs = append(errs, fmt.Errorf("views: baseline %q judges %s twice: give one of the two another name", b.Name, b.Metric))
			}
		}
		r := newRule(b)
		r.metric = e.metric(b.Metric)
		r.metric.rules = append(r.metric.rules, r)
		e.rules = append(e.rules, r)
		if b.Unless != "" {
			r.unless = e.metric(b.Unless)
		}
		if b.Statistic.ofDistribution() && b.Direction == HigherIsWorse && !b.Observed() && b.Active != "-" {
			e.watchActive(r)
		} else if active, _ := ActiveMetric(b.Metric); active != "" {
			m := e.metric(active)
			m.companions = append(m.companions, r)
		}
	}
	for _, r := range e.rules {
		r.shared = slices.ContainsFunc(e.rules, func(o *rule) bool { return o != r && o.Name == r.Name })
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if c.state != nil {
		if err := e.load(c.state, c.clock()); err != nil {
			e.handle(fmt.Errorf("views: the saved state is not used, and every alert starts afresh: %w", err))
		}
	}
	return e, nil
}

// watchActive lets a latency rule see the calls in flight.
func (e *evaluator) watchActive(r *rule) {
	active, streams := ActiveMetric(r.Metric)
	if r.Active != "" {
		active, streams = r.Active, ""
	}
	if active == "" {
		return
	}
	r.coarse = strings.HasPrefix(active, "http.")
	m := e.metric(active)
	m.actives = append(m.actives, activeRule{r, 1})
	if streams != "" {
		m = e.metric(streams)
		m.actives = append(m.actives, activeRule{r, -1})
	}
}

func (e *evaluator) metric(name string) *metric {
	m := e.metrics[name]
	if m == nil {
		m = &metric{name: name, series: make(map[seriesKey]*series), tallies: make(map[string]*tally)}
		e.metrics[name] = m
	}
	return m
}

func (e *evaluator) sawTime(t time.Time) {
	if t.After(e.now) {
		e.now = t
	}
}

// warn reports a problem with a rule once.
func (e *evaluator) warn(r *rule, format string, args ...any) {
	if !r.warned {
		r.warned = true
		e.handle(fmt.Errorf("views: baseline %q is not judged: "+format, append([]any{r.Name}, args...)...))
	}
}

// evaluate judges one collection and returns the alerts it raises, which are
// good until the next call. clock is the time of this process; a collection
// without any point is dated by it.
func (e *evaluator) evaluate(rm *metricdata.ResourceMetrics, clock time.Time) []Alert {
	e.number++
	e.miss(clock)
	e.now = time.Time{}
	e.alerts = e.alerts[:0]
	e.resource, e.collection = rm.Resource, rm
	for i := range rm.ScopeMetrics {
		sm := &rm.ScopeMetrics[i]
		for j := range sm.Metrics {
			e.ingest(sm.Scope, &sm.Metrics[j])
		}
	}
	if e.now.IsZero() {
		e.now = clock
	}
	gap := max(e.now.Sub(e.lastTime), 0)
	e.tick = tick{
		now: e.now, usual: e.interval,
		elapsed: min(gap, e.interval),
		jumped:  gap > 5*max(e.interval, e.gap)/2,
		skipped: gap > 3*e.interval/2,
		last:    e.lastTime,
	}
	for _, m := range e.metrics {
		m.pour()
		e.holdLevels(m)
	}
	for _, r := range e.rules {
		if r.unless != nil && r.unless.present {
			e.supersede(r)
		}
		e.judge(r)
	}
	for _, m := range e.metrics {
		m.forget(e.number, e.tick)
	}
	if e.unmatched {
		e.warnUnmatched()
	}
	e.gap, e.lastTime = gap, e.now
	e.collection, e.resource = nil, nil
	return e.alerts
}

// judge reads every group of a rule and moves its lifecycle on.
func (e *evaluator) judge(r *rule) {
	var completed uint64
	if r.coarse {
		r.busy = false
		for _, g := range r.order {
			completed += g.sum.Count
			r.busy = r.busy || g.busy()
		}
	}
	e.events = e.events[:0]
	for _, g := range r.order {
		if !r.coarse {
			completed = g.sum.Count
		}
		at := g.at(e.now)
		g.lose(&e.tick)
		rd := g.read(&e.tick, at, completed)
		g.note(&e.tick, rd, at)
		if rd.reason == reasonNoBound {
			e.warn(r, "no bucket boundary of %s is at the target: use views.For", r.Metric)
		} else if g.bucketless() {
			e.warn(r, "the series of %s have no buckets to tell %s from", r.Metric, r.Statistic)
		}
		e.step(g, rd, at)
	}
	e.tell(r)
	for _, g := range r.order {
		g.next(&e.tick, g.at(e.now))
	}
	r.incomplete = false
	r.forget()
}

// step moves the lifecycle of one group on, and notes what is to be told.
func (e *evaluator) step(g *group, rd reading, at time.Time) {
	r, since := g.rule, g.life.since
	tr := g.life.step(&r.Baseline, rd.verdict, at, e.interval)
	if g.silent(&e.tick) && !g.busy() && !r.busy {
		g.silenced = true
		if tr = g.life.silence(&r.Baseline, at); tr != nothing {
			rd.reason = reasonNoData
		}
	}
	switch tr {
	case fired:
		since = g.life.since
		e.count(r.Name, Firing)
	case resolved:
		e.count(r.Name, Resolved)
	case reminded:
		if math.IsNaN(rd.value) { // what is known of it is older than this interval
			rd.value, rd.count = g.last.value, g.last.count
		}
	case nothing:
		return
	}
	e.events = append(e.events, event{g, rd, tr, since, at})
}

// supersede ends a rule whose place another metric has taken: what fires
// resolves, and its groups are dropped.
func (e *evaluator) supersede(r *rule) {
	e.events = e.events[:0]
	for _, g := range r.order {
		if g.life.state == Firing {
			rd := reading{value: math.NaN(), reason: r.Unless + " is judged instead"}
			e.events = append(e.events, event{g, rd, resolved, g.life.since, g.at(e.now)})
			e.count(r.Name, Resolved)
		}
	}
	e.tell(r)
	r.superseded, r.unless = true, nil
	clear(r.groups)
	r.order = nil
	for _, m := range e.metrics {
		m.detach(r)
	}
}

// warnUnmatched says once of each baseline that nothing matched it, after it
// had three intervals to turn up: a misspelt name is silent otherwise. Where
// several baselines have one name, one of them that matches will do.
func (e *evaluator) warnUnmatched() {
	e.unmatched = false
	for _, r := range e.rules {
		if r.waited += e.tick.elapsed; r.absence || e.matched(r.Name) {
			continue
		}
		if r.waited < silentAfter*e.interval-e.interval/2 {
			e.unmatched = true
			continue
		}
		for _, other := range e.rules {
			other.absence = other.absence || other.Name == r.Name
		}
		e.handle(errors.New(unmatched(r)))
	}
}

func (e *evaluator) matched(name string) bool {
	return slices.ContainsFunc(e.rules, func(r *rule) bool {
		return r.Name == name && (r.matched || r.superseded || r.Observed())
	})
}

func unmatched(r *rule) string {
	var b strings.Builder
	fmt.Fprintf(&b, "views: baseline %q has matched nothing for three intervals: ", r.Name)
	if len(r.metric.series) == 0 {
		fmt.Fprintf(&b, "there is no metric %s", r.Metric)
	} else {
		fmt.Fprintf(&b, "no series of %s has", r.Metric)
		for i, kv := range r.Match {
			if i > 0 {
				b.WriteString(" and")
			}
			fmt.Fprintf(&b, " %s=%s", kv.Key, quoted(kv.Value.String()))
		}
	}
	return b.String()
}
