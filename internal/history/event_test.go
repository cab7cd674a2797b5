package history_test

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/internal/history"
	"github.com/otelperf/otelperf-go/views"
)

func alertAt(end time.Time, name string) views.Alert {
	return views.Alert{
		Name: name, Metric: "m", State: views.Firing, Value: 140, Target: 100, Threshold: 120, Excess: 0.4, Unit: "ms",
		End: end, Since: end, Severity: "page", Group: attribute.NewSet(attribute.String("http.route", "/a")),
		Evidence: filepath.Join("data", "evidence", "20260102T000000.000Z-a-1"),
	}
}

func TestEventSaysWhatTheAlertSays(t *testing.T) {
	h := open(t)
	defer closeHistory(t, h)
	h.Observe(interval(minute(1), 1), nil)
	a := alertAt(minute(1), "a")
	h.Alert(a)
	id := history.StatusID(views.Status{Name: "a", Metric: "m", Group: a.Group})
	got := h.Events()
	a.Evidence = ""
	want := history.Event{
		Time: minute(1), State: views.Firing, SeriesID: id, Name: "a", Group: a.Group, Value: 140, Target: 100, Excess: 0.4,
		Unit: "ms", Since: minute(1), Severity: "page", Message: a.String(), Evidence: "20260102T000000.000Z-a-1",
	}
	if len(got) != 1 || fmt.Sprint(got[0]) != fmt.Sprint(want) {
		t.Errorf("the events are\n%+v, want\n%+v", got, want)
	}
	if strings.Contains(got[0].Message, "evidence=") {
		t.Errorf("the message says where the evidence is again: %s", got[0].Message)
	}
}

// The newest five hundred, and none older than what is kept, newest first.
func TestEventsAreBounded(t *testing.T) {
	h := open(t, history.WithRetention(time.Hour))
	defer closeHistory(t, h)
	h.Observe(interval(minute(60), 1), nil)
	h.Alert(alertAt(minute(0), "an hour old"))
	h.Alert(alertAt(minute(0).Add(time.Nanosecond), "not quite"))
	h.Alert(alertAt(minute(60), "new"))
	var names []string
	for _, e := range h.Events() {
		names = append(names, e.Name)
	}
	if fmt.Sprint(names) != "[new not quite]" {
		t.Errorf("there are %q", names)
	}
	for i := range 600 {
		h.Alert(alertAt(minute(60), fmt.Sprint(i)))
	}
	if got := h.Events(); len(got) != 500 || got[0].Name != "599" || got[499].Name != "100" {
		t.Errorf("of 600 there are %d, from %s to %s", len(got), got[0].Name, got[len(got)-1].Name)
	}
	if got := (*history.History)(nil).Events(); got != nil {
		t.Errorf("nothing has events: %v", got)
	}
}

// What is read back from the file becomes the same alerts again, as far as
// judged values tell.
func TestEventsAreReadBack(t *testing.T) {
	file := filepath.Join(t.TempDir(), "metrics.json")
	now := time.Now().Truncate(time.Second)
	at := func(n int) time.Time { return now.Add(time.Duration(n-20) * time.Minute) }
	h := open(t, history.WithFile(file))
	<-h.Loaded()
	type step struct {
		value, target float64
		state         views.State
	}
	for i, s := range []step{
		1: {50, 100, views.OK}, 2: {150, 100, views.Pending}, 3: {150, 100, views.Firing}, 4: {160, 100, views.Firing},
		5: {50, 100, views.Resolved}, 6: {50, 100, views.OK},
		7: {75, 100, views.Firing}, 8: {math.NaN(), 100, views.Silent}, 9: {80, 0, views.Firing}, 10: {50, 0, views.OK},
	} {
		if i == 0 {
			continue
		}
		judged := []views.Status{{
			Name: "search_ms", Metric: "otelperf.operation.duration", Unit: "ms", End: at(i), State: s.state, Value: s.value, Target: s.target,
		}}
		if i == 4 { // fires later, and for ever
			judged = append(judged, views.Status{Name: "other", Metric: "m", Unit: "ms", End: at(4), State: views.Firing, Value: 1, Target: 1})
		}
		h.Observe(interval(at(i), 1), judged)
	}
	closeHistory(t, h)
	again := open(t, history.WithFile(file))
	defer closeHistory(t, again)
	<-again.Loaded()
	type event struct {
		at, since int
		state     views.State
		excess    float64
	}
	want := []event{
		{10, 9, views.Resolved, math.NaN()}, {9, 9, views.Firing, math.NaN()}, {8, 7, views.Resolved, math.NaN()},
		{7, 7, views.Firing, 0.25}, {5, 3, views.Resolved, math.NaN()}, {4, 4, views.Firing, 0}, {3, 3, views.Firing, 0.5},
	}
	got := again.Events()
	if len(got) != len(want) {
		t.Fatalf("there are %d events: %+v", len(got), got)
	}
	for i, e := range got {
		w := want[i]
		if !e.Time.Equal(at(w.at)) || !e.Since.Equal(at(w.since)) || e.State != w.state || !near(e.Excess, w.excess) || e.Unit != "ms" {
			t.Errorf("event %d is %+v, want %+v", i, e, w)
		}
	}
	for i, word := range map[int]string{3: " falls below baseline ", 6: " exceeds baseline "} {
		if !strings.Contains(got[i].Message, word) {
			t.Errorf("event %d says %s", i, got[i].Message)
		}
	}
}

func TestKindsAsText(t *testing.T) {
	for k := history.Judged; k <= history.Number; k++ {
		text, err := json.Marshal(k)
		var back history.Kind
		if err != nil || json.Unmarshal(text, &back) != nil || back != k {
			t.Errorf("%v is %s and then %v: %v", k, text, back, err)
		}
	}
	if got := (history.Number + 1).String(); got != "Kind(6)" {
		t.Errorf("an unknown kind is called %s", got)
	}
	var k history.Kind
	if err := k.UnmarshalText([]byte("x")); err == nil || !strings.HasPrefix(err.Error(), "history: ") {
		t.Errorf("no kind is read as %v, %v", k, err)
	}
}

// Series of other names, metrics or groups have other IDs, whatever is in them.
func TestIDsDiffer(t *testing.T) {
	seen := make(map[string]string)
	group := func(kvs ...attribute.KeyValue) attribute.Set { return attribute.NewSet(kvs...) }
	for _, s := range []views.Status{
		{Name: "a", Metric: "b"}, {Name: "b", Metric: "a"}, {Name: "ab"}, {Metric: "ab"}, {Name: "a\x001\x00b"}, {},
		{Name: "a", Metric: "b", Group: group(attribute.String("x", "y"))},
		{Name: "a", Metric: "b", Group: group(attribute.String("x", ""), attribute.String("y", ""))},
		{Name: "a", Metric: "b", Group: group(attribute.String("x\"\x00\"y", ""))},
	} {
		id := history.StatusID(s)
		what := fmt.Sprintf("%q %q %v", s.Name, s.Metric, s.Group.ToSlice())
		if other, ok := seen[id]; ok {
			t.Errorf("%s and %s have the same ID", what, other)
		}
		seen[id] = what
		if len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
			t.Errorf("%s has the ID %q", what, id)
		}
	}
}

func TestSeriesAsJSON(t *testing.T) {
	for want, group := range map[string]attribute.Set{
		`{"id":"i","kind":"route","name":"/a","metric":"m","unit":"s"}`:                               attribute.NewSet(),
		`{"id":"i","kind":"route","name":"/a","metric":"m","unit":"s","group":{"ok":"true","z":"é"}}`: attribute.NewSet(attribute.String("z", "é"), attribute.Bool("ok", true)),
	} {
		got, err := json.Marshal(history.Series{ID: "i", Kind: history.Route, Name: "/a", Metric: "m", Unit: "s", Group: group})
		if err != nil || string(got) != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	}
}
