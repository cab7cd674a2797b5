package history

import (
	"math"
	"path/filepath"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/views"
)

// An Event is an alert that began, was told again, or ended. It is plain data.
type Event struct {
	Time     time.Time
	State    views.State // Firing or Resolved
	SeriesID string
	Name     string
	Group    attribute.Set
	Value    float64 // NaN: there was none
	Target   float64
	Excess   float64 // NaN: there is none
	Unit     string
	Since    time.Time // zero if it is not known
	Severity string
	Reminder bool

	// Message is the line that a person reads.
	Message string

	// Evidence is the name of the folder with proof; empty if there is none.
	Evidence string
}

func eventOf(a views.Alert) Event {
	folder := a.Evidence
	a.Evidence = "" // the message need not say it again
	e := Event{
		Time: a.End, State: a.State, Name: a.Name, Group: a.Group,
		SeriesID: identify(Judged, a.Name, a.Metric, a.Group),
		Value:    a.Value, Target: a.Target, Excess: a.Excess, Unit: a.Unit,
		Since: a.Since, Severity: a.Severity, Reminder: a.Reminder, Message: a.String(),
	}
	if folder != "" {
		e.Evidence = filepath.Base(folder)
	}
	return e
}

// event keeps e as the newest one.
func (k *keeper) event(e Event) {
	if n := len(k.events); n >= maxEvents {
		k.events = append(k.events[:0], k.events[n-maxEvents+1:]...)
	}
	k.events = append(k.events, e)
}

// transition makes an event of a change of state that was read back.
func (k *keeper) transition(before views.State, s views.Status) {
	a := views.Alert{
		Name: s.Name, Metric: s.Metric, Group: s.Group, Value: s.Value, Target: s.Target, Unit: s.Unit,
		Excess: math.NaN(), End: s.End, State: views.Firing,
	}
	switch {
	case s.State == views.Firing && before != views.Firing:
		if s.Target > 0 {
			a.Excess = s.Value/s.Target - 1
		}
		if a.Excess < 0 {
			a.Excess, a.Direction = -a.Excess, views.LowerIsWorse
		}
		a.Since = s.End
	case before == views.Firing && (s.State == views.OK || s.State == views.Resolved || s.State == views.Silent):
		a.State = views.Resolved
		for i := len(k.events) - 1; i >= 0; i-- {
			if e := &k.events[i]; e.State == views.Firing && e.SeriesID == StatusID(s) {
				a.Since = e.Time
				break
			}
		}
	default:
		return
	}
	k.event(eventOf(a))
}

// Events returns the alerts of the time that is kept, newest first.
func (h *History) Events() []Event {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	since := h.newest().Add(-h.cfg.retention)
	out := make([]Event, 0, len(h.kept.events))
	for i := len(h.kept.events) - 1; i >= 0; i-- {
		if e := h.kept.events[i]; e.Time.After(since) {
			out = append(out, e)
		}
	}
	return out
}
