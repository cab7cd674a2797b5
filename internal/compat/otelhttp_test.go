package compat

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelperf/otelperf-go/middleware"
)

// traced returns otelhttp as it is used for traces alone.
func traced(t *testing.T) (func(http.Handler) http.Handler, *tracetest.SpanRecorder) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	return otelhttp.NewMiddleware("server", otelhttp.WithTracerProvider(tp), otelhttp.WithMeterProvider(noop.NewMeterProvider())), spans
}

func muxOf(pattern string, h http.HandlerFunc) http.Handler {
	m := http.NewServeMux()
	m.HandleFunc(pattern, h)
	return m
}

// TestOtelhttpOutside is how the two should be put together: the exemplars of
// the duration carry the IDs of the span.
func TestOtelhttpOutside(t *testing.T) {
	mw, reader := measured(t)
	tracing, spans := traced(t)
	h := tracing(mw.Handler(middleware.Route(muxOf("GET /users/{id}", ok))))
	get(h, "/users/7")
	wantRoutes(t, reader, map[string]uint64{"GET /users/{id} 204": 1})
	wantExemplar(t, points(t, reader, duration)[0].Exemplars, spans.Ended()[0].SpanContext())
}

func wantExemplar(t *testing.T, exemplars []metricdata.Exemplar[float64], span trace.SpanContext) {
	t.Helper()
	if len(exemplars) != 1 {
		t.Fatalf("%d exemplars, want 1", len(exemplars))
	}
	tid, sid := span.TraceID(), span.SpanID()
	if e := exemplars[0]; !bytes.Equal(e.TraceID, tid[:]) || !bytes.Equal(e.SpanID, sid[:]) {
		t.Errorf("exemplar of trace %x span %x, want %s %s", e.TraceID, e.SpanID, tid, sid)
	}
}

// TestOtelhttpInside: the span begins within our request and is not in its
// context. With a Route further inside, which sees the span, exemplars carry
// its IDs all the same; without one there are none.
func TestOtelhttpInside(t *testing.T) {
	mw, reader := measured(t)
	tracing, spans := traced(t)
	get(mw.Handler(tracing(middleware.Route(muxOf("GET /users/{id}", ok)))), "/users/7")
	wantRoutes(t, reader, map[string]uint64{"GET /users/{id} 204": 1})
	wantExemplar(t, points(t, reader, duration)[0].Exemplars, spans.Ended()[0].SpanContext())

	mw, reader = measured(t)
	tracing, _ = traced(t)
	get(mw.Handler(tracing(muxOf("GET /users/{id}", ok))), "/users/7")
	if e := points(t, reader, duration)[0].Exemplars; len(e) != 0 {
		t.Errorf("exemplars %v", e)
	}
}

// TestOtelhttpInsideKeepsPanics has otelhttp, which loses them, within.
func TestOtelhttpInsideKeepsPanics(t *testing.T) {
	mw, reader := measured(t)
	tracing, _ := traced(t)
	h := mw.Handler(tracing(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") })))
	func() {
		defer func() {
			if v := recover(); v != "boom" {
				t.Errorf("recovered %v", v)
			}
		}()
		get(h, "/")
	}()
	p := points(t, reader, duration)
	if v, _ := p[0].Attributes.Value("error.type"); len(p) != 1 || v.AsString() != "panic" {
		t.Errorf("got %v", p)
	}
}

// TestOtelhttpClient puts the two transports into each other.
func TestOtelhttpClient(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(ok))
	defer s.Close()
	for _, outside := range []bool{true, false} {
		mp, reader := provider(t)
		spans := tracetest.NewSpanRecorder()
		tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
		opts := []otelhttp.Option{otelhttp.WithTracerProvider(tp), otelhttp.WithMeterProvider(noop.NewMeterProvider())}
		var rt = s.Client().Transport
		if !outside {
			rt = otelhttp.NewTransport(rt, opts...)
		}
		tr, err := middleware.NewTransport(rt, middleware.WithMeterProvider(mp), middleware.WithBodyEnd())
		if err != nil {
			t.Fatal(err)
		}
		rt = tr
		if outside {
			rt = otelhttp.NewTransport(rt, opts...)
		}
		resp, err := (&http.Client{Transport: rt}).Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		p := points(t, reader, "http.client.request.duration")
		if len(p) != 1 || p[0].Count != 1 {
			t.Fatalf("got %v", p)
		}
		if outside {
			wantExemplar(t, p[0].Exemplars, spans.Ended()[0].SpanContext())
		} else if len(p[0].Exemplars) != 0 {
			t.Errorf("exemplars %v", p[0].Exemplars)
		}
	}
}
