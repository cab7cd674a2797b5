package views

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
)

// MaxStateAge is how old a saved state may be to be taken up again: what was
// true longer ago says nothing about now.
const MaxStateAge = time.Hour

// stateVersion changes with the meaning of a saved state.
const stateVersion = 1

// maxStateSize bounds what WithState reads.
const maxStateSize = 64 << 20

// A savedState is the JSON of [Processor.SaveState].
type savedState struct {
	Version int          `json:"version"`
	Saved   time.Time    `json:"saved"`
	Groups  []savedGroup `json:"groups"`
}

// A savedGroup is what has to survive of one baseline and group.
type savedGroup struct {
	Name     string        `json:"name"`
	Metric   string        `json:"metric"`
	Group    []savedAttr   `json:"group,omitempty"`
	State    State         `json:"state"`
	Since    time.Time     `json:"since,omitzero"`
	Last     time.Time     `json:"last,omitzero"`
	Held     time.Duration `json:"held_ns,omitempty"`
	Told     time.Duration `json:"told_ns,omitempty"`
	Clearing bool          `json:"clearing,omitempty"`
	Silenced bool          `json:"silenced,omitempty"`
	Covered  bool          `json:"covered,omitempty"`
	Past     []float64     `json:"past,omitempty"`
}

type savedAttr struct {
	Key   string `json:"key"`
	Type  string `json:"type"`
	Value string `json:"value"`
}

// SaveState writes what has to survive a restart of the process: which alerts
// fire or are pending and since when, and what relative baselines have learnt.
// It is one JSON object, to be given to [WithState] by the next process. The
// caller sees to it that it is written to its place whole. Groups told apart
// by attributes that are no string (of valid UTF-8), number or truth value are
// left out.
func (p *Processor) SaveState(w io.Writer) error {
	p.mu.Lock()
	s := p.eval.save(p.clock())
	p.mu.Unlock()
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("views: the state cannot be written as JSON: %w", err)
	}
	if _, err := w.Write(append(data, '\n')); err != nil {
		return fmt.Errorf("views: the state was not saved: %w", err)
	}
	return nil
}

// WithState has the Processor go on from a state that [Processor.SaveState]
// wrote: an alert that fires does not fire again, and a For does not begin
// anew. Baselines that are no longer there, or group by something else now,
// are passed over. A state that cannot be read, is of another version or is
// older than [MaxStateAge] is reported to the error handler, and everything
// starts afresh; so it does with nil.
func WithState(r io.Reader) Option {
	return optionFunc(func(c *config) { c.state = r })
}

func (e *evaluator) save(now time.Time) savedState {
	out := savedState{Version: stateVersion, Saved: writable(now), Groups: []savedGroup{}}
	for _, r := range e.rules {
		for _, g := range r.order {
			l := &g.life
			if l.state != Firing && l.state != Pending && (g.past == nil || len(g.past.values) == 0) {
				continue
			}
			attrs, ok := saveAttributes(g.attrs)
			if !ok {
				continue
			}
			s := savedGroup{
				Name: r.Name, Metric: r.Metric, Group: attrs, State: l.state, Since: writable(l.since), Last: writable(l.last),
				Held: l.held, Told: l.told, Clearing: l.clearing, Silenced: l.silenced, Covered: g.covered,
			}
			if s.Since.IsZero() && (l.state == Firing || l.state == Pending) {
				s.Since = out.Saved // better wrong than a state that nobody can read
			}
			if g.past != nil { // oldest first
				n := g.past.next % max(len(g.past.values), 1)
				s.Past = slices.Concat(g.past.values[n:], g.past.values[:n])
			}
			out.Groups = append(out.Groups, s)
		}
	}
	return out
}

// load takes up a saved state.
func (e *evaluator) load(r io.Reader, now time.Time) error {
	data, err := io.ReadAll(io.LimitReader(r, maxStateSize+1))
	if err != nil {
		return err
	}
	if len(data) > maxStateSize {
		return fmt.Errorf("it is larger than %d bytes", maxStateSize)
	}
	var s savedState
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	switch age := now.Sub(s.Saved); {
	case s.Version != stateVersion:
		return fmt.Errorf("it has the version %d, not %d", s.Version, stateVersion)
	case age > MaxStateAge:
		return fmt.Errorf("it is %v old, more than %v", age.Round(time.Second), MaxStateAge)
	case age < -MaxStateAge:
		return fmt.Errorf("it was saved at %v, which is yet to come", s.Saved)
	}
	lives := make([]func(), 0, len(s.Groups))
	for _, sg := range s.Groups {
		if err := sg.validate(); err != nil {
			return fmt.Errorf("baseline %q: %w", sg.Name, err)
		}
		attrs, err := loadAttributes(sg.Group)
		if err != nil {
			return fmt.Errorf("baseline %q: %w", sg.Name, err)
		}
		i := slices.IndexFunc(e.rules, func(r *rule) bool { return r.Name == sg.Name && r.Metric == sg.Metric })
		if i < 0 || e.rules[i].Observed() {
			continue
		}
		// Nothing is taken up before all of it was read.
		lives = append(lives, func() { e.rules[i].revive(sg, attrs) })
	}
	for _, revive := range lives {
		revive()
	}
	return nil
}

// revive makes the group of a saved one.
func (r *rule) revive(s savedGroup, attrs attribute.Set) {
	for _, kv := range attrs.ToSlice() {
		if !slices.Contains(r.By, kv.Key) {
			return
		}
	}
	if _, ok := r.groups[attrs.Equivalent()]; ok {
		return
	}
	g := r.group(&attrs)
	if g == nil {
		return
	}
	g.life = lifecycle{
		state: s.State, since: s.Since, last: s.Last, held: s.Held, told: s.Told,
		clearing: s.Clearing, silenced: s.Silenced,
	}
	g.measured = true
	if s.State == Firing {
		if g.covered = s.Covered; g.covered {
			r.storm.covered++
			r.storm.firing = true
			if st := &r.storm; st.since.IsZero() || s.Since.Before(st.since) {
				st.since, st.last = s.Since, s.Last.Add(-s.Told)
			}
		} else {
			r.storm.told++
		}
	}
	if g.past != nil {
		for _, v := range s.Past {
			g.past.teach(v, r.Relative)
		}
	}
}

func (s *savedGroup) validate() error {
	switch {
	case s.State != Firing && s.State != Pending && s.State != OK && s.State != Silent:
		return fmt.Errorf("the state %s cannot be taken up", s.State)
	case s.Held < 0 || s.Told < 0:
		return errors.New("a negative duration")
	case len(s.Past) > maxRelative:
		return fmt.Errorf("a past of %d intervals", len(s.Past))
	case (s.State == Firing || s.State == Pending) && s.Since.IsZero():
		return fmt.Errorf("%s since no time", s.State)
	}
	return nil
}

func saveAttributes(set attribute.Set) (out []savedAttr, ok bool) {
	for _, kv := range set.ToSlice() {
		a := savedAttr{Key: string(kv.Key), Type: kv.Value.Type().String(), Value: kv.Value.String()}
		switch kv.Value.Type() {
		case attribute.STRING:
			if !utf8.ValidString(a.Value) { // JSON would make another group of it
				return nil, false
			}
		case attribute.INT64, attribute.BOOL:
		case attribute.FLOAT64:
			if math.IsNaN(kv.Value.AsFloat64()) {
				return nil, false // no group is found again by it
			}
		default:
			return nil, false
		}
		out = append(out, a)
	}
	return out, true
}

func loadAttributes(saved []savedAttr) (attribute.Set, error) {
	kvs := make([]attribute.KeyValue, 0, len(saved))
	for _, a := range saved {
		kv := attribute.KeyValue{Key: attribute.Key(a.Key)}
		var err error
		switch a.Type {
		case attribute.STRING.String():
			kv.Value = attribute.StringValue(a.Value)
		case attribute.INT64.String():
			var v int64
			v, err = strconv.ParseInt(a.Value, 10, 64)
			kv.Value = attribute.Int64Value(v)
		case attribute.FLOAT64.String():
			var v float64
			v, err = strconv.ParseFloat(a.Value, 64)
			if math.IsNaN(v) {
				err = errors.New("not a number")
			}
			kv.Value = attribute.Float64Value(v)
		case attribute.BOOL.String():
			var v bool
			v, err = strconv.ParseBool(a.Value)
			kv.Value = attribute.BoolValue(v)
		default:
			err = fmt.Errorf("unknown type %q", a.Type)
		}
		if err != nil {
			return attribute.Set{}, fmt.Errorf("attribute %q: %w", a.Key, err)
		}
		kvs = append(kvs, kv)
	}
	return attribute.NewSet(kvs...), nil
}
