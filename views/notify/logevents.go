package notify

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelperf/otelperf-go/internal/wellformed"
	"github.com/otelperf/otelperf-go/views"
)

// EventName is the event name of the records that [LogEvents] emits.
const EventName = "otelperf.alert"

// LogEvents returns a sink that emits each alert as an OpenTelemetry log event:
// a record with the event name [EventName], the alert's line as the body, the
// end of its interval as the timestamp, the severity as [Slog] has it (Error,
// Warn or Info, with the alert's own severity as the severity text), and these
// attributes, where they exist:
//
//	otelperf.alert.id                 string    see [views.Alert.ID]
//	otelperf.alert.state              string    firing or resolved
//	otelperf.alert.since              string    RFC 3339
//	otelperf.alert.value              double    in otelperf.baseline.unit
//	otelperf.alert.excess             double    0.2 is 20 % worse than the target
//	otelperf.alert.count              int
//	otelperf.alert.interval.start     string    RFC 3339
//	otelperf.alert.interval.end       string    RFC 3339
//	otelperf.alert.groups             int       that a summary stands for
//	otelperf.alert.reminder           boolean   true: told before, and fires still
//	otelperf.alert.reason             string
//	otelperf.alert.evidence           string
//	otelperf.alert.trace_ids          string[]  of the slowest sampled calls
//	otelperf.alert.span_ids           string[]  in the same order
//	otelperf.alert.labels             map       of strings
//	otelperf.alert.annotations        map       of strings
//	otelperf.baseline.name            string
//	otelperf.baseline.metric          string
//	otelperf.baseline.statistic       string
//	otelperf.baseline.direction       string    higher or lower
//	otelperf.baseline.target          double    in otelperf.baseline.unit
//	otelperf.baseline.threshold       double    in otelperf.baseline.unit
//	otelperf.baseline.unit            string
//
// and the group's own attributes under their own names. The resource is the
// provider's. A record belongs to the trace of the slowest sampled call, if
// there is one.
//
// A nil lp is the global provider. Emitting cannot fail, and whether the record
// arrives is the provider's business, unless its processor is one of
// [NewLogProcessor]: then an error of its exporter is the sink's.
func LogEvents(lp log.LoggerProvider) Sink {
	if lp == nil {
		lp = otel.GetLoggerProvider()
	}
	logger := lp.Logger(scopeName)
	return func(ctx context.Context, a views.Alert) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		severity := logSeverities[urgencyOf(a)]
		ctx = withTrace(ctx, a)
		if !logger.Enabled(ctx, log.EnabledParameters{Severity: severity, EventName: EventName}) {
			return nil
		}
		var r log.Record
		r.SetEventName(EventName)
		r.SetTimestamp(a.End)
		r.SetObservedTimestamp(time.Now())
		r.SetSeverity(severity)
		r.SetSeverityText(a.Severity)
		// OTLP has no other texts than UTF-8, and an alert has to arrive.
		r.SetBody(attribute.StringValue(wellformed.Text(a.String())))
		r.AddAttributes(wellformed.Attributes(eventAttributes(a))...)
		o := new(fate)
		logger.Emit(context.WithValue(ctx, fateKey{}, o), r)
		if o.err != nil {
			return fmt.Errorf("notify: log events: %w", o.err)
		}
		return nil
	}
}

var logSeverities = [...]log.Severity{inform: log.SeverityInfo, warn: log.SeverityWarn, act: log.SeverityError}

// withTrace makes the slowest sampled call the context of the record, which is
// where loggers take its trace from.
func withTrace(ctx context.Context, a views.Alert) context.Context {
	if len(a.Exemplars) == 0 {
		return ctx
	}
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: a.Exemplars[0].TraceID, SpanID: a.Exemplars[0].SpanID, TraceFlags: trace.FlagsSampled,
	}))
}

func eventAttributes(a views.Alert) []attribute.KeyValue {
	// The group comes first: should it use one of our names, ours is the
	// later one and wins.
	attrs := a.Group.ToSlice()
	add := func(kv attribute.KeyValue) {
		attrs = slices.DeleteFunc(attrs, func(have attribute.KeyValue) bool { return have.Key == kv.Key })
		attrs = append(attrs, kv)
	}
	text := func(key, value string) {
		if value != "" {
			add(attribute.String(key, value))
		}
	}
	number := func(key string, value float64) {
		if !math.IsNaN(value) && !math.IsInf(value, 0) {
			add(attribute.Float64(key, value))
		}
	}
	instant := func(key string, t time.Time) {
		if !t.IsZero() {
			text(key, t.UTC().Format(time.RFC3339Nano))
		}
	}
	table := func(key string, m map[string]string) {
		if len(m) > 0 {
			add(attribute.KeyValue{Key: attribute.Key(key), Value: mapValue(m)})
		}
	}
	text("otelperf.alert.id", a.ID())
	text("otelperf.alert.state", a.State.String())
	instant("otelperf.alert.since", a.Since)
	number("otelperf.alert.value", a.Value)
	number("otelperf.alert.excess", a.Excess)
	add(attribute.Int64("otelperf.alert.count", int64(min(a.Count, math.MaxInt64))))
	instant("otelperf.alert.interval.start", a.Start)
	instant("otelperf.alert.interval.end", a.End)
	if a.Groups > 0 {
		add(attribute.Int("otelperf.alert.groups", a.Groups))
	}
	if a.Reminder {
		add(attribute.Bool("otelperf.alert.reminder", true))
	}
	text("otelperf.alert.reason", a.Reason)
	text("otelperf.alert.evidence", a.Evidence)
	if len(a.Exemplars) > 0 {
		traces, spans := exemplarIDs(a)
		add(attribute.StringSlice("otelperf.alert.trace_ids", traces))
		add(attribute.StringSlice("otelperf.alert.span_ids", spans))
	}
	table("otelperf.alert.labels", a.Labels)
	table("otelperf.alert.annotations", a.Annotations)
	text("otelperf.baseline.name", a.Name)
	text("otelperf.baseline.metric", a.Metric)
	text("otelperf.baseline.statistic", string(a.Statistic))
	text("otelperf.baseline.direction", a.Direction.String())
	number("otelperf.baseline.target", a.Target)
	number("otelperf.baseline.threshold", a.Threshold)
	text("otelperf.baseline.unit", a.Unit)
	return attrs
}

func mapValue(m map[string]string) attribute.Value {
	kvs := make([]attribute.KeyValue, 0, len(m))
	for _, k := range sortedKeys(m) {
		kvs = append(kvs, attribute.String(k, m[k]))
	}
	return attribute.MapValue(kvs...)
}

// exemplarIDs returns the traces and the spans of the slowest sampled calls.
func exemplarIDs(a views.Alert) (traces, spans []string) {
	for _, e := range a.Exemplars {
		traces = append(traces, hex.EncodeToString(e.TraceID[:]))
		spans = append(spans, hex.EncodeToString(e.SpanID[:]))
	}
	return traces, spans
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
