package middleware_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelperf/otelperf-go/middleware"
)

// TestSizesLeaveTheDurationWithTheHeader: that sizes are recorded, at the end of
// the body, moves no duration there.
func TestSizesLeaveTheDurationWithTheHeader(t *testing.T) {
	m := newMeter(t)
	resp, err := get(t, m.transport(answer(http.StatusOK, body()), middleware.WithBodySizes()), "http://example.com/")
	if err != nil {
		t.Fatal(err)
	}
	recorded := func(when string, durations, sizes uint64) {
		t.Helper()
		for name, want := range map[string]uint64{
			"http.client.request.duration": durations, "http.client.response.body.size": sizes,
		} {
			var got uint64
			for _, s := range m.samples(name) {
				got += uint64(s.n)
			}
			if got != want {
				t.Errorf("%s: %d of %s, want %d", when, got, name, want)
			}
		}
	}
	recorded("header", 1, 0)
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	recorded("end", 1, 1)
	resp.Body.Close()
	recorded("close", 1, 1)
}

// TestBodiesThatAreLeftAlone: what has no end to wait for is the base transport's
// own, whatever the options.
func TestBodiesThatAreLeftAlone(t *testing.T) {
	type conn struct {
		reads
		writes
	}
	for name, resp := range map[string]http.Response{
		"switched": {StatusCode: http.StatusSwitchingProtocols, Body: conn{reads: body()}},
		"none":     {StatusCode: http.StatusOK, Body: http.NoBody},
		"nil":      {StatusCode: http.StatusOK},
	} {
		for _, opts := range [][]middleware.Option{{middleware.WithBodySizes()}, {middleware.WithBodyEnd()}, {middleware.WithBodyEnd(), middleware.WithBodySizes()}} {
			m := newMeter(t)
			base := tripper(func(r *http.Request) (*http.Response, error) {
				if r.Body != http.NoBody {
					t.Errorf("%s: the request's empty body became %T", name, r.Body)
				}
				resp := resp
				return &resp, nil
			})
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://example.com/", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			got, err := m.transport(base, opts...).RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			if got.Body != resp.Body {
				t.Errorf("%s: the body is %T, want %T", name, got.Body, resp.Body)
			}
			if s := m.samples("http.client.request.duration"); len(s) != 1 || s[0].n != 1 {
				t.Errorf("%s: recorded %v, want one duration", name, s)
			}
			if got.Body != nil {
				got.Body.Close()
			}
		}
	}
}

// TestExemplarOfAPhase: a phase is recorded in the request's context.
func TestExemplarOfAPhase(t *testing.T) {
	span := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled,
	})
	m := newMeter(t)
	s, c, _ := kinds()[0].start(t, http.HandlerFunc(nothing))
	r, err := http.NewRequestWithContext(trace.ContextWithSpanContext(context.Background(), span), http.MethodGet, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := m.transport(c.Transport, middleware.WithPhases()).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	h := m.collect()["otelperf.http.client.phase.duration"].Data.(metricdata.Histogram[float64])
	for _, d := range h.DataPoints {
		if len(d.Exemplars) != 1 || d.Exemplars[0].SpanID[0] != 2 {
			t.Errorf("%v: exemplars %v, want one of the span", d.Attributes.ToSlice(), d.Exemplars)
		}
	}
	if len(h.DataPoints) < 2 {
		t.Errorf("%d phases, want two or more", len(h.DataPoints))
	}
}
