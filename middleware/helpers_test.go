package middleware_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/middleware"
)

// A meter collects what a Middleware or a Transport records.
type meter struct {
	t        testing.TB
	reader   *sdkmetric.ManualReader
	provider *sdkmetric.MeterProvider
}

func newMeter(t testing.TB, opts ...sdkmetric.Option) *meter {
	t.Helper()
	m := &meter{t: t, reader: sdkmetric.NewManualReader()}
	m.provider = sdkmetric.NewMeterProvider(append(opts, sdkmetric.WithReader(m.reader))...)
	t.Cleanup(func() {
		if err := m.provider.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return m
}

// server returns a Middleware that reports to m.
func (m *meter) server(opts ...middleware.Option) *middleware.Middleware {
	m.t.Helper()
	mw, err := middleware.New(append(opts, middleware.WithMeterProvider(m.provider))...)
	if err != nil {
		m.t.Fatal(err)
	}
	return mw
}

// collect returns the metrics by name.
func (m *meter) collect() map[string]metricdata.Metrics {
	m.t.Helper()
	var rm metricdata.ResourceMetrics
	if err := m.reader.Collect(context.Background(), &rm); err != nil {
		m.t.Fatal(err)
	}
	byName := make(map[string]metricdata.Metrics)
	for _, sm := range rm.ScopeMetrics {
		for _, mm := range sm.Metrics {
			byName[mm.Name] = mm
		}
	}
	return byName
}

// A sample is a series in a form that tests can print and compare: its
// attributes as key=value, sorted, and its count (of a histogram) or value.
type sample struct {
	attrs string
	n     int64
	sum   float64
}

// samples returns the series of a metric, sorted by their attributes.
func (m *meter) samples(name string) []sample {
	m.t.Helper()
	return samplesOf(m.t, m.collect()[name])
}

func samplesOf(t testing.TB, mm metricdata.Metrics) []sample {
	t.Helper()
	var out []sample
	switch d := mm.Data.(type) {
	case nil:
	case metricdata.Histogram[float64]:
		for _, p := range d.DataPoints {
			out = append(out, sample{encode(p.Attributes), int64(p.Count), p.Sum})
		}
	case metricdata.Histogram[int64]:
		for _, p := range d.DataPoints {
			out = append(out, sample{encode(p.Attributes), int64(p.Count), float64(p.Sum)})
		}
	case metricdata.Sum[int64]:
		for _, p := range d.DataPoints {
			out = append(out, sample{encode(p.Attributes), p.Value, float64(p.Value)})
		}
	default:
		t.Fatalf("unexpected data %T of %s", d, mm.Name)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].attrs < out[j].attrs })
	return out
}

func encode(set attribute.Set) string {
	var parts []string
	for _, kv := range set.ToSlice() {
		parts = append(parts, fmt.Sprintf("%s=%s", kv.Key, kv.Value.String()))
	}
	return strings.Join(parts, " ")
}

// durations returns the request durations of the server as "attributes ×count".
func (m *meter) durations() []string {
	m.t.Helper()
	var out []string
	for _, s := range m.samples("http.server.request.duration") {
		out = append(out, fmt.Sprintf("%s ×%d", s.attrs, s.n))
	}
	return out
}

// only returns the attributes of the one request that was measured.
func (m *meter) only() map[string]string {
	m.t.Helper()
	all := m.samples("http.server.request.duration")
	if len(all) != 1 || all[0].n != 1 {
		m.t.Fatalf("got %v, want one request", all)
	}
	attrs := make(map[string]string)
	for part := range strings.SplitSeq(all[0].attrs, " ") {
		k, v, _ := strings.Cut(part, "=")
		attrs[k] = v
	}
	return attrs
}

// serve sends one request through a handler.
func serve(h http.Handler, method, target string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(method, target, nil))
	return rec
}

// wantAttrs compares some attributes; an empty value means that there is none.
func wantAttrs(t testing.TB, got map[string]string, want ...string) {
	t.Helper()
	for _, w := range want {
		k, v, _ := strings.Cut(w, "=")
		if got[k] != v {
			t.Errorf("%s = %q, want %q (of %v)", k, got[k], v, got)
		}
	}
}

// discard is a ResponseWriter that costs nothing.
type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

// fixed is a base transport with one answer.
type fixed struct {
	resp *http.Response
	err  error
}

func (f fixed) RoundTrip(*http.Request) (*http.Response, error) { return f.resp, f.err }

// endless is a body without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
func (endless) Close() error               { return nil }

// pass lets time pass in a bubble of testing/synctest, where it takes none.
func pass(d time.Duration) { <-time.After(d) }

// setsOf returns the attributes of the series of a histogram.
func setsOf(t testing.TB, mm metricdata.Metrics) (sets []attribute.Set) {
	t.Helper()
	h, ok := mm.Data.(metricdata.Histogram[float64])
	if !ok {
		t.Fatalf("%s has data of type %T", mm.Name, mm.Data)
	}
	for _, p := range h.DataPoints {
		sets = append(sets, p.Attributes)
	}
	return sets
}

// possible are the values that attributes of the fuzzed server may have.
var possible = map[attribute.Key][]string{
	"http.request.method": {
		"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE", "_OTHER",
	},
	"url.scheme":               {"http", "https"},
	"http.route":               {"/users/{id}"},
	"network.protocol.name":    {"http"},
	"network.protocol.version": {"1.0", "1.1", "2", "3"},
	"server.address":           {"example.com", "::1"},
	"server.port":              {"80"},
}

// checkAttributes compares the attributes of a fuzzed request with what they may
// be. The keys that the request added itself are its own affair.
func checkAttributes(t testing.TB, set attribute.Set, added string) {
	t.Helper()
	for _, kv := range set.ToSlice() {
		values, known := possible[kv.Key]
		switch {
		case known:
			if !slices.Contains(values, kv.Value.String()) {
				t.Errorf("%s = %q", kv.Key, kv.Value.String())
			}
		case kv.Key == "http.response.status_code":
			if n := kv.Value.AsInt64(); n < 100 || n > 999 {
				t.Errorf("status %d", n)
			}
		case kv.Key == "error.type":
			if n := kv.Value.AsString(); len(n) != 3 || n < "500" || n > "999" {
				t.Errorf("error.type %q", n)
			}
		case string(kv.Key) != added && string(kv.Key) != "fuzz."+added:
			t.Errorf("unexpected attribute %s = %q", kv.Key, kv.Value.String())
		}
	}
	for _, required := range []attribute.Key{"http.request.method", "url.scheme", "http.response.status_code"} {
		if !set.HasValue(required) {
			t.Errorf("%s is missing", required)
		}
	}
}
