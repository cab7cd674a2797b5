package views

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelperf/otelperf-go/views/internal/distribution"
)

// An evaluator holds what has to be remembered from one collection to the
// next: series, groups and their states. It does no I/O and has no clock. It
// is not safe for concurrent use.
type evaluator struct {
	rules    []*rule
	metrics  map[string]*metric
	scopes   map[instrumentation.Scope]uint32
	interval time.Duration
	handle   func(error)

	number   uint64    // of this evaluation
	lastTime time.Time // of the previous one
	now      time.Time // newest point of this one
	rejected map[string]int64

	transitions map[transitionKey]*transitionCount
	tally       []*transitionCount // in a stable order

	alerts           []Alert // of this evaluation, reused
	current, state   distribution.Distribution
	unlessSeen       map[string][]*rule
	matchedByName    map[string]bool
	resource         *resource.Resource
	collection       *metricdata.ResourceMetrics
	warnedUnmatched  map[string]bool
	unmatchedPending bool
}

type transitionKey struct {
	name  string
	state State
}

type transitionCount struct {
	attrs attribute.Set
	total int64
	sent  int64 // of total, by delta exports
}

func newEvaluator(baselines []Baseline, interval time.Duration, handle func(error)) (*evaluator, error) {
	e := &evaluator{
		metrics:          make(map[string]*metric),
		scopes:           make(map[instrumentation.Scope]uint32),
		interval:         interval,
		handle:           handle,
		rejected:         make(map[string]int64),
		transitions:      make(map[transitionKey]*transitionCount),
		unlessSeen:       make(map[string][]*rule),
		matchedByName:    make(map[string]bool),
		warnedUnmatched:  make(map[string]bool),
		unmatchedPending: true,
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
			e.unlessSeen[b.Unless] = append(e.unlessSeen[b.Unless], r)
		}
		if b.Statistic.ofDistribution() && b.Direction == HigherIsWorse && !b.Observed() && b.Active != "-" {
			e.watchActive(r)
		}
	}
	return e, errors.Join(errs...)
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
	r.latency = true
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
		m = &metric{name: name, series: make(map[seriesKey]*series)}
		e.metrics[name] = m
	}
	return m
}

func (e *evaluator) scope(s instrumentation.Scope) uint32 {
	id, ok := e.scopes[s]
	if !ok {
		id = uint32(len(e.scopes))
		e.scopes[s] = id
	}
	return id
}

func (e *evaluator) sawTime(t time.Time) {
	if t.After(e.now) {
		e.now = t
	}
}

func (e *evaluator) reject(reason string) { e.rejected[reason]++ }

// warn reports a problem with a rule once.
func (e *evaluator) warn(r *rule, format string, args ...any) {
	if !r.warned {
		r.warned = true
		e.handle(fmt.Errorf("views: baseline %q is not judged: "+format, append([]any{r.Name}, args...)...))
	}
}

// evaluate judges one collection and returns the alerts it raises, which are
// good until the next call. fallback is the time of a collection without any
// point.
func (e *evaluator) evaluate(rm *metricdata.ResourceMetrics, fallback time.Time) []Alert {
	e.number++
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
		e.now = fallback
	}
	for name, rules := range e.unlessSeen {
		if m := e.metrics[name]; m != nil && len(m.series) > 0 {
			for _, r := range rules {
				r.superseded = true
			}
			delete(e.unlessSeen, name)
		}
	}
	for _, r := range e.rules {
		e.judge(r)
	}
	for _, m := range e.metrics {
		m.forget()
		m.seen = 0
	}
	if e.unmatchedPending {
		e.warnUnmatched()
	}
	e.lastTime, e.collection = e.now, nil
	return e.alerts
}

// judge reads every group of a rule and moves its lifecycle on.
func (e *evaluator) judge(r *rule) {
	var completed uint64
	if r.coarse {
		for _, g := range r.order {
			completed += g.sum.Count
		}
	}
	for _, g := range r.order {
		if !r.coarse {
			completed = g.sum.Count
		}
		at := g.at(e.now)
		rd := g.read(at, e.interval, completed)
		g.incomplete = r.incomplete
		g.judged = rd.verdict != absent && rd.verdict != abstain && !math.IsNaN(rd.value)
		if rd.verdict != absent {
			g.lastData = at
		}
		if !math.IsNaN(rd.value) {
			g.last, g.lastFrom, g.lastEnd = rd, g.from, at
		}
		if !r.superseded {
			e.step(g, rd, at)
		}
		g.next(at, e.interval)
	}
	r.incomplete = false
	r.forget()
}

func (e *evaluator) step(g *group, rd reading, at time.Time) {
	r, since := g.rule, g.life.since
	tr := g.life.step(&r.Baseline, rd.verdict, at, e.interval)
	if rd.verdict == absent && e.silent(g, at) {
		tr = g.life.silence(&r.Baseline, at)
		rd.reason = "no data"
	}
	switch tr {
	case fired:
		e.raise(g, rd, Firing, g.life.since, at)
	case resolved:
		e.raise(g, rd, Resolved, since, at)
	}
}

// silent reports whether a group has had no data for so long that NoData
// decides. Half an interval less than three allows for jitter.
func (e *evaluator) silent(g *group, at time.Time) bool {
	if g.lastData.IsZero() || g.rule.latency && g.busy() {
		return false
	}
	return at.Sub(g.lastData) >= silentAfter*e.interval-e.interval/2
}

func (e *evaluator) raise(g *group, rd reading, state State, since, at time.Time) {
	r := g.rule
	a := Alert{
		Name: r.Name, Metric: r.Metric, Statistic: r.Statistic,
		State: state, Value: rd.value * r.factor, Target: r.Target,
		Threshold: r.Threshold(), Clear: r.Baseline.Clear(), Unit: r.Unit, Direction: r.Direction,
		Count: rd.count, Start: g.from, End: at, Since: since, Reason: rd.reason,
		Group: g.attrs, Resource: e.resource,
		Severity: r.Severity, Labels: r.Labels, Annotations: r.Annotations,
	}
	if a.Unit == "" {
		a.Unit = r.unit
	}
	if a.Start.IsZero() {
		a.Start = e.lastTime
	}
	a.Excess, _ = r.Excess(a.Value)
	if state == Firing {
		a.Exemplars = e.exemplars(g)
	}
	e.alerts = append(e.alerts, a)
	e.count(r.Name, state)
}

func (e *evaluator) count(name string, state State) {
	key := transitionKey{name, state}
	c := e.transitions[key]
	if c == nil {
		c = &transitionCount{attrs: attribute.NewSet(
			keyBaseline.String(name), keyState.String(state.String()),
		)}
		e.transitions[key] = c
		e.tally = append(e.tally, c)
	}
	c.total++
}

// warnUnmatched says once of each baseline that nothing matched it, after it
// had three intervals to turn up: a misspelt name is silent otherwise.
func (e *evaluator) warnUnmatched() {
	for _, r := range e.rules {
		if r.since.IsZero() {
			r.since = e.now
		}
		if r.matched || r.superseded || r.Observed() {
			e.matchedByName[r.Name] = true
		}
	}
	e.unmatchedPending = false
	for _, r := range e.rules {
		if e.matchedByName[r.Name] || e.warnedUnmatched[r.Name] {
			continue
		}
		if e.now.Sub(r.since) < silentAfter*e.interval-e.interval/2 {
			e.unmatchedPending = true
			continue
		}
		e.warnedUnmatched[r.Name] = true
		e.handle(errors.New(unmatched(r)))
	}
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
			fmt.Fprintf(&b, " %s=%s", kv.Key, clean(kv.Value.String()))
		}
	}
	return b.String()
}
