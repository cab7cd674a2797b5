package notify_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/log"
	lognoop "go.opentelemetry.io/otel/log/noop"
	sdklog "go.opentelemetry.io/otel/sdk/log"

	"github.com/otelperf/otelperf-go/views"
	"github.com/otelperf/otelperf-go/views/notify"
)

// logExporter keeps what the Logs SDK exports.
type logExporter struct {
	mu  sync.Mutex
	got []sdklog.Record
}

func (e *logExporter) Export(_ context.Context, records []sdklog.Record) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range records {
		e.got = append(e.got, r.Clone())
	}
	return nil
}
func (*logExporter) Shutdown(context.Context) error   { return nil }
func (*logExporter) ForceFlush(context.Context) error { return nil }

func emit(t *testing.T, a views.Alert) sdklog.Record {
	t.Helper()
	var e logExporter
	lp := sdklog.NewLoggerProvider(sdklog.WithAllowKeyDuplication(), sdklog.WithProcessor(sdklog.NewSimpleProcessor(&e)))
	check(t, notify.LogEvents(lp)(background(), a))
	check(t, lp.Shutdown(background()))
	if len(e.got) != 1 {
		t.Fatalf("got %d records, want one", len(e.got))
	}
	return e.got[0]
}

// An alert about a group whose attributes are not UTF-8, and protobuf takes no other,
// arrives by the SDK's exporter.
func TestLogEventOfOddGroup(t *testing.T) {
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
	}))
	defer server.Close()
	e, err := otlploghttp.New(background(), otlploghttp.WithEndpointURL(server.URL))
	check(t, err)
	lp := sdklog.NewLoggerProvider(sdklog.WithProcessor(notify.NewLogProcessor(e)))
	a := firing("search_ms")
	a.Group = attribute.NewSet(attribute.String("caf\xe9", "caf\xe9"))
	check(t, notify.LogEvents(lp)(background(), a))
	check(t, lp.Shutdown(background()))
	if n := bytes.Count(body, []byte(`caf\xe9`)); n < 2 {
		t.Errorf("the group's name and value are %d times in %q", n, body)
	}
}

func TestLogEventRecord(t *testing.T) {
	a := firing("search_ms")
	a.Reason, a.Annotations = "3 calls hang", map[string]string{"runbook": "https://wiki"}
	a.Exemplars = []views.Exemplar{{TraceID: [16]byte{0xab}, SpanID: [8]byte{0xcd}}, {TraceID: [16]byte{0xef}}}
	a.Groups, a.Reminder, a.Evidence = 60, true, "/evidence/1"
	before := time.Now()
	r := emit(t, a)
	if r.EventName() != "otelperf.alert" || r.Severity() != log.SeverityError || r.SeverityText() != "critical" ||
		r.Body().AsString() != a.String() || !r.Timestamp().Equal(began) || r.ObservedTimestamp().Before(before) || r.ObservedTimestamp().After(time.Now()) {
		t.Errorf("got %s %s %q %q %s %s", r.EventName(), r.Severity(), r.SeverityText(), r.Body().AsString(), r.Timestamp(), r.ObservedTimestamp())
	}
	if r.TraceID() != a.Exemplars[0].TraceID || r.SpanID() != a.Exemplars[0].SpanID {
		t.Errorf("the record belongs to the trace %s, not to that of the slowest call", r.TraceID())
	}
	if got := r.InstrumentationScope().Name; got != "github.com/otelperf/otelperf-go/views/notify" {
		t.Errorf("scope %q", got)
	}
	got := make(map[attribute.Key]attribute.Value)
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		if _, twice := got[kv.Key]; twice {
			t.Errorf("%s twice", kv.Key)
		}
		got[kv.Key] = kv.Value
		return true
	})
	want := []attribute.KeyValue{
		attribute.String("http.route", "/search"),
		attribute.String("otelperf.alert.id", a.ID()),
		attribute.String("otelperf.alert.state", "firing"),
		attribute.String("otelperf.alert.since", "2026-01-02T15:04:00Z"),
		attribute.Float64("otelperf.alert.value", 140),
		attribute.Float64("otelperf.alert.excess", 0.4),
		attribute.Int64("otelperf.alert.count", 200),
		attribute.String("otelperf.alert.interval.start", "2026-01-02T15:03:00Z"),
		attribute.String("otelperf.alert.interval.end", "2026-01-02T15:04:00Z"),
		attribute.Int64("otelperf.alert.groups", 60),
		attribute.Bool("otelperf.alert.reminder", true),
		attribute.String("otelperf.alert.reason", "3 calls hang"),
		attribute.String("otelperf.alert.evidence", "/evidence/1"),
		attribute.StringSlice("otelperf.alert.trace_ids", []string{"ab000000000000000000000000000000", "ef000000000000000000000000000000"}),
		attribute.StringSlice("otelperf.alert.span_ids", []string{"cd00000000000000", "0000000000000000"}),
		{Key: "otelperf.alert.labels", Value: attribute.MapValue(attribute.String("team", "search"))},
		{Key: "otelperf.alert.annotations", Value: attribute.MapValue(attribute.String("runbook", "https://wiki"))},
		attribute.String("otelperf.baseline.name", "search_ms"),
		attribute.String("otelperf.baseline.metric", "otelperf.operation.duration"),
		attribute.String("otelperf.baseline.statistic", "p95"),
		attribute.String("otelperf.baseline.direction", "higher"),
		attribute.Float64("otelperf.baseline.target", 100),
		attribute.Float64("otelperf.baseline.threshold", 120),
		attribute.String("otelperf.baseline.unit", "ms"),
	}
	for _, kv := range want {
		if v, ok := got[kv.Key]; !ok || v.String() != kv.Value.String() || v.Type() != kv.Value.Type() {
			t.Errorf("%s: got %v, want %v", kv.Key, v.String(), kv.Value.String())
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d attributes, want %d: %v", len(got), len(want), got)
	}
}

// What does not exist is left out, and no group can take one of our names.
func TestLogEventAttributesAreOnlyWhatExists(t *testing.T) {
	a := views.Alert{Name: "x", State: views.Resolved, Value: math.NaN(), Target: 1, Excess: math.Inf(1),
		Group: attribute.NewSet(attribute.String("otelperf.alert.state", "forged"))}
	r := emit(t, a)
	if r.Severity() != log.SeverityInfo || r.SeverityText() != "" || r.TraceID().IsValid() {
		t.Errorf("got %s %q %s", r.Severity(), r.SeverityText(), r.TraceID())
	}
	states := 0
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		switch kv.Key {
		case "otelperf.alert.value", "otelperf.alert.excess", "otelperf.alert.since", "otelperf.alert.labels",
			"otelperf.alert.trace_ids", "otelperf.alert.span_ids", "otelperf.alert.groups", "otelperf.alert.reminder",
			"otelperf.alert.annotations", "otelperf.alert.reason", "otelperf.alert.evidence", "otelperf.baseline.unit":
			t.Errorf("%s is %s", kv.Key, kv.Value.String())
		case "otelperf.alert.state":
			states++
			if kv.Value.AsString() != "resolved" {
				t.Errorf("state %q", kv.Value.AsString())
			}
		}
		return true
	})
	if states != 1 {
		t.Errorf("%d states", states)
	}
}

func TestLogEventsWithoutALogger(t *testing.T) {
	for name, lp := range map[string]log.LoggerProvider{"global": nil, "no-op": lognoop.NewLoggerProvider()} {
		if err := notify.LogEvents(lp)(background(), firing("x")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(background())
	cancel()
	if err := notify.LogEvents(nil)(ctx, firing("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
