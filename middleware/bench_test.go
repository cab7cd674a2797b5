package middleware_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/otelperf/otelperf-go/middleware"
)

// The benchmarks show what a request costs with the SDK, and what of it is our
// own: with histograms that record nothing. Comparisons with other libraries are
// in internal/bench.

// silent is a MeterProvider whose histograms bind and record nothing. It is not
// the no-op provider, which switches the middleware off.
type silent struct{ metric.MeterProvider }

func (s silent) Meter(name string, opts ...metric.MeterOption) metric.Meter {
	return silentMeter{s.MeterProvider.Meter(name, opts...)}
}

type silentMeter struct{ metric.Meter }

func (silentMeter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return silentHistogram{}, nil
}

type silentHistogram struct{ noop.Float64Histogram }

func (silentHistogram) Record(context.Context, float64, ...metric.RecordOption) {}

func (h silentHistogram) Bind(...attribute.KeyValue) metric.Float64Histogram { return h }

func providers(b *testing.B) map[string]metric.MeterProvider {
	return map[string]metric.MeterProvider{"sdk": newMeter(b).provider, "own": silent{noop.NewMeterProvider()}}
}

func BenchmarkServer(b *testing.B) {
	ok := []byte("ok")
	leaf := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Pattern = "GET /users/{id}"
		w.Write(ok)
	})
	for name, mp := range providers(b) {
		mw, err := middleware.New(middleware.WithMeterProvider(mp))
		if err != nil {
			b.Fatal(err)
		}
		h := mw.Handler(middleware.Route(leaf))
		b.Run(name, func(b *testing.B) {
			r, w := httptest.NewRequest(http.MethodGet, "/users/7", nil), discard{make(http.Header)}
			b.ReportAllocs()
			for b.Loop() {
				r.Pattern = ""
				h.ServeHTTP(w, r)
			}
		})
		b.Run(name+"-parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				r, w := httptest.NewRequest(http.MethodGet, "/users/7", nil), discard{make(http.Header)}
				for pb.Next() {
					r.Pattern = ""
					h.ServeHTTP(w, r)
				}
			})
		})
	}
}

func BenchmarkClient(b *testing.B) {
	for name, mp := range providers(b) {
		tr, err := middleware.NewTransport(fixed{resp: &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}}, middleware.WithMeterProvider(mp))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, "http://example.com/", nil)
			b.ReportAllocs()
			for b.Loop() {
				resp, err := tr.RoundTrip(r)
				if err != nil {
					b.Fatal(err)
				}
				resp.Body.Close()
			}
		})
	}
}
