package notify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"math"
	"testing"

	"github.com/otelperf/otelperf-go/views"
	"github.com/otelperf/otelperf-go/views/notify"
)

func TestSlogRecord(t *testing.T) {
	var b bytes.Buffer
	a := firing("search_ms")
	a.Excess = math.NaN()
	a.Groups, a.Reminder = 60, true
	a.Exemplars = []views.Exemplar{{TraceID: [16]byte{0xab}, SpanID: [8]byte{0xcd}}}
	check(t, notify.Slog(slog.NewJSONHandler(&b, nil))(background(), a))
	var got map[string]any
	check(t, json.Unmarshal(b.Bytes(), &got))
	for key, want := range map[string]any{
		"time": "2026-01-02T15:04:00Z", "level": "ERROR", "msg": a.String(),
		"name": "search_ms", "state": "firing", "severity": "critical",
		"metric": "otelperf.operation.duration", "statistic": "p95",
		"value": 140.0, "target": 100.0, "threshold": 120.0, "unit": "ms", "direction": "higher", "count": 200.0,
		"interval_start": "2026-01-02T15:03:00Z", "interval_end": "2026-01-02T15:04:00Z", "since": "2026-01-02T15:04:00Z",
		"groups": 60.0, "reminder": true, "id": a.ID(),
	} {
		if got[key] != want {
			t.Errorf("%s: got %v, want %v", key, got[key], want)
		}
	}
	for key, want := range map[string]string{
		"group":     `{"http.route":"/search"}`,
		"resource":  `{"service.instance.id":"a-1","service.name":"shop"}`,
		"labels":    `{"team":"search"}`,
		"trace_ids": `["ab000000000000000000000000000000"]`,
		"span_ids":  `["cd00000000000000"]`,
	} {
		if b, err := json.Marshal(got[key]); err != nil || string(b) != want {
			t.Errorf("%s: got %s, want %s", key, b, want)
		}
	}
	for _, key := range []string{"excess", "reason", "evidence", "annotations"} {
		if v, ok := got[key]; ok {
			t.Errorf("%s is %v, want none", key, v)
		}
	}

	// The other way round: what was there is gone, and what was not is there.
	a = firing("x")
	a.Value, a.Target, a.Threshold = math.Inf(1), math.Inf(-1), math.NaN()
	a.Reason, a.Evidence, a.Annotations = "3 calls hang", "/evidence/1", map[string]string{"runbook": "https://wiki"}
	a.Resource = nil
	b.Reset()
	check(t, notify.Slog(slog.NewJSONHandler(&b, nil))(background(), a))
	clear(got)
	check(t, json.Unmarshal(b.Bytes(), &got))
	for _, key := range []string{"value", "target", "threshold", "resource", "groups", "reminder", "trace_ids", "span_ids"} {
		if v, ok := got[key]; ok {
			t.Errorf("%s is %v, want none", key, v)
		}
	}
	if got["excess"] != 0.4 || got["reason"] != a.Reason || got["evidence"] != a.Evidence {
		t.Errorf("got %v", got)
	}
	if b, err := json.Marshal(got["annotations"]); err != nil || string(b) != `{"runbook":"https://wiki"}` {
		t.Errorf("annotations: got %s", b)
	}
}

func TestSlogLevels(t *testing.T) {
	for _, test := range []struct {
		state    views.State
		severity string
		want     slog.Level
	}{
		{views.Firing, "", slog.LevelWarn},
		{views.Firing, "warning", slog.LevelWarn},
		{views.Firing, "info", slog.LevelInfo},
		{views.Firing, "critical", slog.LevelError},
		{views.Firing, "page", slog.LevelError},
		{views.Resolved, "critical", slog.LevelInfo},
	} {
		a := firing("x")
		a.State, a.Severity = test.state, test.severity
		var h levels
		check(t, notify.Slog(&h)(background(), a))
		if len(h) != 1 || h[0] != test.want {
			t.Errorf("%s %q: got %v, want %v", test.state, test.severity, h, test.want)
		}
	}
}

// levels is a handler that keeps the levels of its records.
type levels []slog.Level

func (*levels) Enabled(context.Context, slog.Level) bool { return true }
func (l *levels) Handle(_ context.Context, r slog.Record) error {
	*l = append(*l, r.Level)
	return nil
}
func (l *levels) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l *levels) WithGroup(string) slog.Handler      { return l }

func TestSlogPassesErrorsAndSkipsWhatIsDisabled(t *testing.T) {
	broken := slog.NewTextHandler(brokenWriter{}, &slog.HandlerOptions{Level: slog.LevelWarn})
	if err := notify.Slog(broken)(background(), firing("x")); err == nil {
		t.Error("an error of the handler is lost")
	}
	if err := notify.Slog(broken)(background(), resolved("x")); err != nil {
		t.Errorf("below the level: got %v", err)
	}
}

func TestSlogDefault(t *testing.T) {
	old := slog.Default()
	t.Cleanup(func() { slog.SetDefault(old) })
	sink := notify.Slog(nil)
	var b bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&b, nil))) // set later than the sink was made
	check(t, sink(background(), firing("x")))
	if !bytes.Contains(b.Bytes(), []byte("level=ERROR")) {
		t.Errorf("got %q", b.String())
	}
}
