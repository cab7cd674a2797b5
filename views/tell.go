package views

import (
	"fmt"
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
)

// keySummary marks the alert that stands for many groups.
const keySummary = attribute.Key("otelperf.alert.summary")

var summaryGroup = attribute.NewSet(keySummary.Bool(true))

// An event is what the step of one group asks to be told.
type event struct {
	group *group
	reading
	transition
	since, at time.Time
}

// A storm is more firing groups of one rule than a person can be told of one
// by one. Those that are not told are covered by one alert.
type storm struct {
	firing  bool
	since   time.Time
	last    time.Time // when it was last told
	told    int       // groups that fire and were told
	covered int       // groups that fire and were not
}

// tell raises the alerts of a rule's events. Where they would be more than
// MaxFiring at once, one alert covers all that came with the last ones.
func (e *evaluator) tell(r *rule) {
	if len(e.events) == 0 {
		return
	}
	fires := 0
	for i := range e.events {
		if e.events[i].transition == fired {
			fires++
		}
	}
	limit := r.maxFiring()
	cover := limit > 0 && r.storm.told+fires > limit
	remind := false
	for i := range e.events {
		ev := &e.events[i]
		g := ev.group
		switch {
		case ev.transition == fired && cover:
			g.covered = true
			r.storm.covered++
		case ev.transition == fired:
			r.storm.told++
			e.raise(ev, Firing)
		case g.covered && ev.transition == resolved:
			g.covered = false
			r.storm.covered--
		case g.covered:
			remind = true
		case ev.transition == resolved:
			r.storm.told--
			e.raise(ev, Resolved)
		default:
			e.raise(ev, Firing)
			e.alerts[len(e.alerts)-1].Reminder = true
		}
	}
	st, at := &r.storm, e.now
	switch {
	case st.covered > 0 && !st.firing:
		st.firing, st.since, st.last = true, at, at
		e.summarize(r, Firing, at)
	case st.covered == 0 && st.firing:
		e.summarize(r, Resolved, at)
		st.firing = false
	case remind && at.Sub(st.last) >= r.Remind-e.interval/jitter:
		st.last = at
		e.summarize(r, Firing, at)
		e.alerts[len(e.alerts)-1].Reminder = true
	}
}

// raise appends the alert of an event.
func (e *evaluator) raise(ev *event, state State) {
	g := ev.group
	r, b := g.rule, g.baseline()
	a := Alert{
		Name: r.Name, Metric: r.Metric, Statistic: r.Statistic,
		State: state, Value: ev.value * g.scale(), Target: b.Target,
		Threshold: b.Threshold(), Clear: b.Clear(), Unit: r.shownUnit(), Direction: r.Direction,
		Count: ev.count, Start: g.from, End: ev.at, Since: ev.since, Reason: ev.reason,
		Group: g.attrs, Resource: e.resource,
		Severity: r.Severity, Labels: r.Labels, Annotations: r.Annotations,
	}
	if a.Start.IsZero() {
		a.Start = ev.at.Add(-e.tick.elapsed)
	}
	a.Excess, _ = b.Excess(a.Value)
	if state == Firing {
		a.Exemplars = e.exemplars(g)
	}
	e.alerts = append(e.alerts, a)
}

// summarize appends the alert that stands for the groups that are covered,
// with the numbers of the worst of them.
func (e *evaluator) summarize(r *rule, state State, at time.Time) {
	var worst *group
	excess := math.Inf(-1)
	for _, g := range r.order {
		if !g.covered {
			continue
		}
		x, ok := g.baseline().Excess(g.last.value * g.scale())
		if !ok {
			x = g.last.value
		}
		if worst == nil || x > excess {
			worst, excess = g, x
		}
	}
	ev := event{reading: reading{value: math.NaN()}, since: r.storm.since, at: at}
	if worst == nil { // all have resolved
		worst = newGroup(r, *attribute.EmptySet())
	} else {
		ev.value, ev.count = worst.last.value, worst.last.count
		ev.reason = fmt.Sprintf("%d groups fire, the worst:%s", r.storm.covered, list(nil, &worst.attrs))
	}
	ev.group = worst
	e.raise(&ev, state)
	a := &e.alerts[len(e.alerts)-1]
	a.Group, a.Groups = summaryGroup, r.storm.covered
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
