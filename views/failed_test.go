package views

import (
	"testing"

	"go.opentelemetry.io/otel/attribute"
)

// TestFailed: which series are of failures, as the generated rules have it too.
func TestFailed(t *testing.T) {
	kind := func(v string) attribute.KeyValue { return attribute.String("error.type", v) }
	status := func(n int) attribute.KeyValue { return attribute.Int("http.response.status_code", n) }
	const served, other = "http.server.request.duration", "otelperf.operation.duration"
	for _, c := range []struct {
		metric string
		attrs  []attribute.KeyValue
		want   bool
	}{
		{other, nil, false},
		{other, []attribute.KeyValue{kind("timeout")}, true},
		{other, []attribute.KeyValue{kind("canceled")}, false},
		{other, []attribute.KeyValue{kind("")}, false},
		{other, []attribute.KeyValue{status(500)}, false},
		{served, []attribute.KeyValue{status(500)}, true},
		{served, []attribute.KeyValue{status(499)}, false},
		{served, []attribute.KeyValue{kind(""), status(503)}, true},
		{served, []attribute.KeyValue{kind(""), status(200)}, false},
		{served, []attribute.KeyValue{kind("canceled"), status(503)}, false},
	} {
		set := attribute.NewSet(c.attrs...)
		if got := failed(c.metric, &set); got != c.want {
			t.Errorf("failed(%s, %v) = %v, want %v", c.metric, c.attrs, got, c.want)
		}
	}
}
