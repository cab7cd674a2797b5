package notify

import (
	"context"
	"log/slog"
	"math"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/views"
)

// Slog returns a sink that gives each alert to h as one record: the alert's
// line as the message, the end of its interval as the time, and what the line
// is made of as attributes with the names that the alert has in JSON, the
// exemplars as the lists trace_ids and span_ids. Numbers that do not exist are
// left out.
//
// The level is Error for a firing alert of severity critical, error, page or
// fatal, Info for one of severity info, Warn for any other, and Info for a
// resolve. A record below h's level counts as delivered. A nil h is that of
// [slog.Default] at the time of each alert. The context that h gets is the
// sink's own, without a trace.
func Slog(h slog.Handler) Sink {
	return func(ctx context.Context, a views.Alert) error {
		h := h
		if h == nil {
			h = slog.Default().Handler()
		}
		level := slogLevels[urgencyOf(a)]
		if !h.Enabled(ctx, level) {
			return nil
		}
		r := slog.NewRecord(a.End, level, a.String(), 0)
		r.AddAttrs(slogAttrs(a)...)
		return h.Handle(ctx, r)
	}
}

// An urgency is how much a person is wanted, on the scale that slog and the
// logs data model have in common.
type urgency uint8

const (
	inform urgency = iota
	warn
	act
)

var slogLevels = [...]slog.Level{inform: slog.LevelInfo, warn: slog.LevelWarn, act: slog.LevelError}

func urgencyOf(a views.Alert) urgency {
	if a.State == views.Resolved {
		return inform
	}
	switch a.Severity {
	case "critical", "error", "page", "fatal":
		return act
	case "info":
		return inform
	default:
		return warn
	}
}

func slogAttrs(a views.Alert) []slog.Attr {
	attrs := []slog.Attr{slog.String("name", a.Name), slog.String("state", a.State.String())}
	text := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	number := func(key string, value float64) {
		if !math.IsNaN(value) && !math.IsInf(value, 0) {
			attrs = append(attrs, slog.Float64(key, value))
		}
	}
	text("severity", a.Severity)
	text("metric", a.Metric)
	text("statistic", string(a.Statistic))
	number("value", a.Value)
	number("target", a.Target)
	number("threshold", a.Threshold)
	text("unit", a.Unit)
	number("excess", a.Excess)
	attrs = append(attrs,
		slog.String("direction", a.Direction.String()),
		slog.Uint64("count", a.Count),
		slog.Time("interval_start", a.Start), slog.Time("interval_end", a.End), slog.Time("since", a.Since))
	if a.Groups > 0 {
		attrs = append(attrs, slog.Int("groups", a.Groups))
	}
	if a.Reminder {
		attrs = append(attrs, slog.Bool("reminder", true))
	}
	text("reason", a.Reason)
	attrs = append(attrs, slogGroup("group", a.Group.ToSlice()))
	if a.Resource != nil {
		attrs = append(attrs, slogGroup("resource", a.Resource.Attributes()))
	}
	attrs = append(attrs, slogMap("labels", a.Labels), slogMap("annotations", a.Annotations))
	if len(a.Exemplars) > 0 {
		traces, spans := exemplarIDs(a)
		attrs = append(attrs, slog.Any("trace_ids", traces), slog.Any("span_ids", spans))
	}
	text("evidence", a.Evidence)
	text("id", a.ID())
	return attrs
}

// slogGroup of nothing is an empty group, which handlers leave out.
func slogGroup(key string, kvs []attribute.KeyValue) slog.Attr {
	attrs := make([]slog.Attr, len(kvs))
	for i, kv := range kvs {
		attrs[i] = slog.Any(string(kv.Key), kv.Value.AsInterface())
	}
	return slog.Attr{Key: key, Value: slog.GroupValue(attrs...)}
}

func slogMap(key string, m map[string]string) slog.Attr {
	attrs := make([]slog.Attr, 0, len(m))
	for _, k := range sortedKeys(m) {
		attrs = append(attrs, slog.String(k, m[k]))
	}
	return slog.Attr{Key: key, Value: slog.GroupValue(attrs...)}
}
