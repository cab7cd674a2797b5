package middleware_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/middleware"
)

func TestRequestIsMeasured(t *testing.T) {
	m := newMeter(t)
	mw := m.server()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
	})
	rec := serve(mw.Handler(middleware.Route(mux)), "POST", "/users/17")
	if rec.Code != http.StatusCreated {
		t.Errorf("the client got %d", rec.Code)
	}
	want := []string{"http.request.method=POST http.response.status_code=201 http.route=/users/{id} " +
		"network.protocol.name=http network.protocol.version=1.1 url.scheme=http ×1"}
	if got := m.durations(); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	mm := m.collect()["http.server.request.duration"]
	if mm.Unit != "s" {
		t.Errorf("unit %q", mm.Unit)
	}
	bounds := mm.Data.(metricdata.Histogram[float64]).DataPoints[0].Bounds
	if !slices.Equal(bounds, []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}) {
		t.Errorf("boundaries %v", bounds)
	}
}

func TestImplicitStatusIsOK(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"silent": func(http.ResponseWriter, *http.Request) {},
		"write":  func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") },
		"flush":  func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMeter(t)
			serve(m.server().Handler(h), "GET", "/")
			wantAttrs(t, m.only(), "http.response.status_code=200", "error.type=")
		})
	}
}

func TestActiveRequests(t *testing.T) {
	m := newMeter(t)
	mw := m.server()
	var during []sample
	h := mw.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		during = m.samples("http.server.active_requests")
	}))
	serve(h, "GET", "/a")
	want := []sample{{"http.request.method=GET url.scheme=http", 1, 1}}
	if !slices.Equal(during, want) {
		t.Errorf("during the request: %v, want %v", during, want)
	}
	want = []sample{{"http.request.method=GET url.scheme=http", 0, 0}}
	if got := m.samples("http.server.active_requests"); !slices.Equal(got, want) {
		t.Errorf("after it: %v, want %v", got, want)
	}
	if err := mw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := mw.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if mm, ok := m.collect()["http.server.active_requests"]; ok {
		t.Errorf("after Close: %v", mm)
	}
	serve(h, "GET", "/a")
	if got := m.samples("http.server.request.duration")[0].n; got != 2 {
		t.Errorf("%d requests counted, want 2", got)
	}
}

func TestFilter(t *testing.T) {
	m := newMeter(t)
	mw := m.server(middleware.WithFilter(func(r *http.Request) bool { return r.URL.Path != "/healthz" }))
	var seen http.ResponseWriter
	h := mw.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { seen = w }))
	rec := serve(h, "GET", "/healthz")
	if seen != http.ResponseWriter(rec) {
		t.Errorf("a request that is not measured got the writer %T", seen)
	}
	serve(h, "GET", "/")
	if got := m.only(); got["http.request.method"] != "GET" {
		t.Error(got)
	}
}

func TestRouteFilter(t *testing.T) {
	m := newMeter(t)
	mw := m.server(middleware.WithRouteFilter(func(route string) bool { return route != "/healthz" }))
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	h := mw.Handler(mux)
	serve(h, "GET", "/healthz")
	serve(h, "GET", "/other")
	wantAttrs(t, m.only(), "http.response.status_code=404")
}

func TestNothingToReportTo(t *testing.T) {
	var none *middleware.Middleware
	off, err := middleware.New(middleware.WithMeterProvider(noop.NewMeterProvider()), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, mw := range []*middleware.Middleware{none, off} {
		var seen http.ResponseWriter
		rec := serve(mw.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { seen = w })), "GET", "/")
		if seen != http.ResponseWriter(rec) {
			t.Errorf("the handler got %T", seen)
		}
		if err := mw.Close(); err != nil {
			t.Error(err)
		}
	}
}

// globalWasSet is for go test -count.
var globalWasSet bool

// TestGlobalProviderIsSetLater makes both sides before the program has set its
// MeterProvider, as package variables do.
func TestGlobalProviderIsSetLater(t *testing.T) {
	if globalWasSet {
		t.Skip("what the global instruments delegate to is set once in a process")
	}
	globalWasSet = true
	mw, err := middleware.New()
	if err != nil {
		t.Fatal(err)
	}
	defer mw.Close()
	tr, err := middleware.NewTransport(answer(200, http.NoBody))
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	h := mw.Handler(http.NotFoundHandler())
	if rec := serve(h, "GET", "/"); rec.Code != http.StatusNotFound {
		t.Errorf("the client got %d", rec.Code)
	}
	m := newMeter(t)
	before := otel.GetMeterProvider()
	otel.SetMeterProvider(m.provider)
	defer otel.SetMeterProvider(before)
	serve(h, "GET", "/")
	if _, err := get(t, tr, "http://example.com/"); err != nil {
		t.Fatal(err)
	}
	wantAttrs(t, m.only(), "http.response.status_code=404")
	wantAttrs(t, m.call(), "http.response.status_code=200")
	if got := m.samples("http.server.active_requests"); len(got) != 1 {
		t.Errorf("active requests %v", got)
	}
}

func TestRequestIsNotReplaced(t *testing.T) {
	m := newMeter(t)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r = r.WithContext(context.WithValue(r.Context(), meter{}, 1))
	m.server().Handler(http.HandlerFunc(func(_ http.ResponseWriter, got *http.Request) {
		if got != r {
			t.Error("the handler got another request")
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
}
