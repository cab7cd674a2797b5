package middleware_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/otelperf/otelperf-go/internal/version"
)

// TestScope: backends are told which version of what measured, and by which
// conventions.
func TestScope(t *testing.T) {
	m := newMeter(t)
	h := m.server().Handler(http.NotFoundHandler())
	h.ServeHTTP(discard{make(http.Header)}, httptest.NewRequest(http.MethodGet, "/", nil))
	var rm metricdata.ResourceMetrics
	if err := m.reader.Collect(context.Background(), &rm); err != nil {
		t.Fatal(err)
	}
	if len(rm.ScopeMetrics) != 1 {
		t.Fatalf("%d scopes", len(rm.ScopeMetrics))
	}
	s := rm.ScopeMetrics[0].Scope
	if s.Name != "github.com/otelperf/otelperf-go/middleware" || s.Version != version.Version || s.SchemaURL != semconv.SchemaURL {
		t.Errorf("got %+v", s)
	}
}
