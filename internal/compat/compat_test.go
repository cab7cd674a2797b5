package compat

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/middleware"
)

// measured returns a Middleware and what collects from it.
func measured(t *testing.T, opts ...middleware.Option) (*middleware.Middleware, *sdkmetric.ManualReader) {
	t.Helper()
	mp, reader := provider(t)
	mw, err := middleware.New(append(opts, middleware.WithMeterProvider(mp))...)
	if err != nil {
		t.Fatal(err)
	}
	return mw, reader
}

func provider(t *testing.T) (*sdkmetric.MeterProvider, *sdkmetric.ManualReader) {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	t.Cleanup(func() {
		if err := mp.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return mp, reader
}

// points returns the request durations that were collected.
func points(t *testing.T, r *sdkmetric.ManualReader, name string) []metricdata.HistogramDataPoint[float64] {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := r.Collect(context.Background(), &rm); err != nil {
		t.Fatal(err)
	}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			if h, ok := m.Data.(metricdata.Histogram[float64]); ok && m.Name == name {
				return h.DataPoints
			}
		}
	}
	return nil
}

// value returns the sum of an observable's series.
func value(t *testing.T, r *sdkmetric.ManualReader, name string) (n int64) {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := r.Collect(context.Background(), &rm); err != nil {
		t.Fatal(err)
	}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			if s, ok := m.Data.(metricdata.Sum[int64]); ok && m.Name == name {
				for _, p := range s.DataPoints {
					n += p.Value
				}
			}
		}
	}
	return n
}

const duration = "http.server.request.duration"

// routes returns "METHOD route status" of each series, with its count.
func routes(t *testing.T, r *sdkmetric.ManualReader) map[string]uint64 {
	t.Helper()
	got := make(map[string]uint64)
	for _, p := range points(t, r, duration) {
		var parts []string
		for _, k := range []attribute.Key{"http.request.method", "http.route", "http.response.status_code"} {
			if v, ok := p.Attributes.Value(k); ok {
				parts = append(parts, v.String())
			}
		}
		got[strings.Join(parts, " ")] += p.Count
	}
	return got
}

func wantRoutes(t *testing.T, r *sdkmetric.ManualReader, want map[string]uint64) {
	t.Helper()
	if got := routes(t, r); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func ok(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
