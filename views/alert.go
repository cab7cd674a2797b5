package views

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
)

// An Alert is one notification: a baseline's group began to fire, or
// resolved, or fires still where reminders are asked for. It is plain data
// that its receiver owns; maps and the resource are shared and must not be
// changed.
type Alert struct {
	// Name is the baseline's, Metric and Statistic what it judges.
	Name      string
	Metric    string
	Statistic Statistic

	// State is Firing or Resolved.
	State State

	// Value, Target, Threshold and Clear are in Unit. Value is NaN where an
	// alert is about, or resolves for, the lack of data.
	Value     float64
	Target    float64
	Threshold float64
	Clear     float64
	Unit      string
	Direction Direction

	// Excess is how much worse than the target Value is: 0.2 is 20 % worse.
	// NaN where the target is zero.
	Excess float64

	// Count is how many measurements the interval had.
	Count uint64

	// Start and End bound the interval judged, in the data points' own time.
	Start, End time.Time

	// Since is when the alert began to fire. It is the same in every
	// notification of one alert, until it has resolved.
	Since time.Time

	// Groups is how many groups an alert stands for that is told instead of
	// one for each, and 0 otherwise. Its Group is otelperf.alert.summary=true,
	// its numbers are of the worst.
	Groups int

	// Reminder says that the alert was told before and fires still.
	Reminder bool

	// Reason is empty for a plain comparison, else says what else was seen,
	// such as calls that hang.
	Reason string

	// Group holds the values of the baseline's By attributes.
	Group attribute.Set

	// Resource is the judged process; nil if the data had none. Service name
	// and instance are part of an alert's identity, see [Alert.ID].
	Resource *resource.Resource

	Severity    string
	Labels      map[string]string
	Annotations map[string]string

	// Exemplars are the slowest sampled calls of the interval that belong to
	// a trace, slowest first, at most five.
	Exemplars []Exemplar

	// Evidence is the folder where proof is gathered; empty if none is.
	Evidence string
}

// An Exemplar is one measurement that belongs to a trace.
type Exemplar struct {
	Value   float64 // in the alert's unit
	Time    time.Time
	TraceID [16]byte
	SpanID  [8]byte
}

// ID identifies what the alert is about: name, service.name,
// service.instance.id and group. Two processes never share one.
func (a Alert) ID() string {
	var b strings.Builder
	b.WriteString(strconv.Quote(a.Name))
	for _, key := range []attribute.Key{"service.name", "service.instance.id"} {
		b.WriteByte(',')
		if v, ok := a.Resource.Set().Value(key); ok {
			b.WriteString(strconv.Quote(v.String()))
		}
	}
	for _, kv := range a.Group.ToSlice() {
		b.WriteByte(',')
		b.WriteString(quoted(string(kv.Key)))
		b.WriteByte('=')
		if kv.Value.Type() != attribute.STRING { // 1 and "1" are two groups
			b.WriteString(kv.Value.Type().String())
			b.WriteByte(':')
		}
		b.WriteString(strconv.Quote(kv.Value.String()))
	}
	return b.String()
}

// String returns the line a person reads, without a line break:
//
//	ALERT search_ms = 140.000 exceeds baseline 100.000 by 40.0%
//	ALERT throughput_qps = 700.000 falls below baseline 1000.000 by 30.0%
//	RESOLVED search_ms = 90.000 is back within baseline 100.000 after 1m0s
//
// followed by the group's attributes, the reason if there is one, and the
// place of the evidence.
func (a Alert) String() string {
	b := make([]byte, 0, 128)
	number := func(v float64) { b = strconv.AppendFloat(b, v, 'f', 3, 64) }
	if a.State == Resolved {
		b = append(b, "RESOLVED "...)
	} else {
		b = append(b, "ALERT "...)
	}
	b = append(b, clean(a.Name)...)
	switch {
	case math.IsNaN(a.Value) && a.State == Resolved && a.Reason == reasonNoData:
		b = append(b, " has no data any more, baseline "...)
		number(a.Target)
	case math.IsNaN(a.Value) && a.State == Resolved:
		b = append(b, " is back within baseline "...)
		number(a.Target)
	case math.IsNaN(a.Value):
		b = append(b, " has no data, baseline "...)
		number(a.Target)
	default:
		b = append(b, " = "...)
		number(a.Value)
		switch {
		case a.State == Resolved:
			b = append(b, " is back within baseline "...)
		case a.Direction == LowerIsWorse:
			b = append(b, " falls below baseline "...)
		default:
			b = append(b, " exceeds baseline "...)
		}
		number(a.Target)
		if a.State != Resolved && !math.IsNaN(a.Excess) {
			b = append(b, " by "...)
			b = strconv.AppendFloat(b, a.Excess*100, 'f', 1, 64)
			b = append(b, '%')
		}
	}
	if d := a.End.Sub(a.Since); a.State == Resolved && !a.Since.IsZero() && d > 0 {
		b = append(b, " after "...)
		b = append(b, d.Round(time.Millisecond).String()...)
	}
	b = list(b, &a.Group)
	if a.Reason != "" && !(math.IsNaN(a.Value) && a.Reason == reasonNoData) {
		b = append(b, " ("...)
		b = append(b, clean(a.Reason)...)
		b = append(b, ')')
	}
	if a.Evidence != "" {
		b = append(b, " evidence="...)
		b = append(b, quoted(a.Evidence)...)
	}
	return string(b)
}

// list appends the attributes, each after a space.
func list(b []byte, attrs *attribute.Set) []byte {
	for _, kv := range attrs.ToSlice() {
		b = append(b, ' ')
		b = append(b, quoted(string(kv.Key))...)
		b = append(b, '=')
		b = append(b, quoted(kv.Value.String())...)
	}
	return b
}

// clean quotes s unless it is printable and free of line breaks, so that no
// name can forge a line or move a terminal's cursor.
func clean(s string) string {
	if q := strconv.Quote(s); len(q) != len(s)+2 {
		return q
	}
	return s
}

// quoted is clean for the values of a list: it also quotes what could be taken
// for the next entry of the list.
func quoted(s string) string {
	if s == "" || strings.ContainsAny(s, " =()\"") {
		return strconv.Quote(s)
	}
	return clean(s)
}

// alertJSON fixes the names and the order of an alert's JSON. They are part of
// the API: log processors read them.
type alertJSON struct {
	Time        time.Time         `json:"time"`
	State       State             `json:"state"`
	Name        string            `json:"name"`
	Severity    string            `json:"severity,omitempty"`
	Message     string            `json:"message"`
	Metric      string            `json:"metric"`
	Statistic   Statistic         `json:"statistic"`
	Value       *float64          `json:"value"`
	Target      *float64          `json:"target"`
	Threshold   *float64          `json:"threshold"`
	Unit        string            `json:"unit,omitempty"`
	Excess      *float64          `json:"excess,omitempty"`
	Direction   string            `json:"direction"`
	Count       uint64            `json:"count"`
	Start       time.Time         `json:"interval_start,omitzero"`
	End         time.Time         `json:"interval_end"`
	Since       time.Time         `json:"since,omitzero"`
	Groups      int               `json:"groups,omitempty"`
	Reminder    bool              `json:"reminder,omitempty"`
	Reason      string            `json:"reason,omitempty"`
	Group       map[string]any    `json:"group,omitempty"`
	Resource    map[string]any    `json:"resource,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Exemplars   []exemplarJSON    `json:"exemplars,omitempty"`
	Evidence    string            `json:"evidence,omitempty"`
	ID          string            `json:"id"`
}

type exemplarJSON struct {
	Value   *float64  `json:"value"`
	Time    time.Time `json:"time"`
	TraceID string    `json:"trace_id"`
	SpanID  string    `json:"span_id"`
}

// MarshalJSON writes the alert as one object on one line. Numbers that do
// not exist are null.
func (a Alert) MarshalJSON() ([]byte, error) {
	j := alertJSON{
		Time: writable(a.End), State: a.State, Name: a.Name, Severity: a.Severity, Message: a.String(),
		Metric: a.Metric, Statistic: a.Statistic,
		Value: finite(a.Value), Target: finite(a.Target), Threshold: finite(a.Threshold),
		Unit: a.Unit, Excess: finite(a.Excess), Direction: a.Direction.String(), Count: a.Count,
		Start: writable(a.Start), End: writable(a.End), Since: writable(a.Since), Groups: a.Groups, Reminder: a.Reminder, Reason: a.Reason,
		Group: attributeMap(a.Group.ToSlice()), Labels: a.Labels, Annotations: a.Annotations,
		Evidence: a.Evidence, ID: a.ID(),
	}
	if a.Resource != nil {
		j.Resource = attributeMap(a.Resource.Attributes())
	}
	for _, e := range a.Exemplars {
		j.Exemplars = append(j.Exemplars, exemplarJSON{
			finite(e.Value), writable(e.Time), hex.EncodeToString(e.TraceID[:]), hex.EncodeToString(e.SpanID[:]),
		})
	}
	return json.Marshal(j)
}

// writable is t, or the zero time if JSON has no form for t: an alert must not
// get lost for the clock of whoever measured.
func writable(t time.Time) time.Time {
	if y := t.Year(); y < 0 || y > 9999 {
		return time.Time{}
	}
	return t
}

func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

func attributeMap(kvs []attribute.KeyValue) map[string]any {
	if len(kvs) == 0 {
		return nil
	}
	m := make(map[string]any, len(kvs))
	for _, kv := range kvs {
		switch kv.Value.Type() {
		case attribute.BOOL, attribute.INT64, attribute.STRING,
			attribute.BOOLSLICE, attribute.INT64SLICE, attribute.STRINGSLICE:
			m[string(kv.Key)] = kv.Value.AsInterface()
		case attribute.FLOAT64:
			m[string(kv.Key)] = kv.Value.String() // not a number, or infinite
			if f := kv.Value.AsFloat64(); finite(f) != nil {
				m[string(kv.Key)] = f
			}
		default:
			m[string(kv.Key)] = kv.Value.String()
		}
	}
	return m
}
