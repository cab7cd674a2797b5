package notify

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/views"
)

// labels returns the alert's identity and what it is routed by. An empty value
// is the same as no label to Alertmanager.
func labels(a views.Alert, configured map[string]string) map[string]string {
	l := map[string]string{"alertname": a.Name}
	// Two attributes whose names differ only by characters that labels may not
	// have must stay two labels, or two groups would become one alert.
	identify := func(key, value string) {
		name := labelName(key)
		for l[name] != "" {
			name += "_"
		}
		if value != "" {
			l[name] = value
		}
	}
	for _, key := range []attribute.Key{"service.name", "service.instance.id"} {
		if v, ok := a.Resource.Set().Value(key); ok {
			identify(string(key), v.String())
		}
	}
	for _, kv := range a.Group.ToSlice() {
		identify(string(kv.Key), kv.Value.String())
	}
	describe := func(key, value string) {
		if name := labelName(key); value != "" && l[name] == "" {
			l[name] = value
		}
	}
	describe("severity", a.Severity)
	for _, k := range sortedKeys(a.Labels) {
		describe(k, a.Labels[k])
	}
	for _, k := range sortedKeys(configured) {
		describe(k, configured[k])
	}
	return l
}

func annotations(a views.Alert) map[string]string {
	m := make(map[string]string)
	text := func(name, value string) {
		if value != "" {
			m[name] = value
		}
	}
	number := func(name string, v float64) {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			m[name] = strconv.FormatFloat(v, 'f', -1, 64)
		}
	}
	text("summary", a.String())
	number("value", a.Value)
	number("target", a.Target)
	number("threshold", a.Threshold)
	text("unit", a.Unit)
	number("excess", a.Excess)
	text("reason", a.Reason)
	text("evidence", a.Evidence)
	if len(a.Exemplars) > 0 {
		m["trace_id"] = hex.EncodeToString(a.Exemplars[0].TraceID[:])
		m["span_id"] = hex.EncodeToString(a.Exemplars[0].SpanID[:])
	}
	for _, k := range sortedKeys(a.Annotations) {
		text(labelName(k), a.Annotations[k])
	}
	return m
}

// labelName replaces what the classic rule for label names does not allow. An
// Alertmanager that allows all of UTF-8 takes the result too.
func labelName(s string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_':
			return r
		}
		return '_'
	}, s)
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		return "_" + name
	}
	return name
}
