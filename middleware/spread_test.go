package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/otelperf/otelperf-go/internal/stripe/stripetest"
	"github.com/otelperf/otelperf-go/middleware"
)

// TestServerActiveSpreads: requests that are not alone spread the active count.
func TestServerActiveSpreads(t *testing.T) {
	t.Parallel()
	mw := newMeter(t).server()
	get := func(handle func()) {
		h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { handle() })
		mw.Handler(h).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	}
	stripetest.Spreads(t, mw.ActiveCell, func() { get(func() {}) }, get)
}

// TestClientActiveSpreads is the same of a client.
func TestClientActiveSpreads(t *testing.T) {
	t.Parallel()
	answer := func() {}
	client, err := middleware.NewTransport(tripper(func(r *http.Request) (*http.Response, error) {
		answer()
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
	}), middleware.WithMeterProvider(newMeter(t).provider))
	if err != nil {
		t.Fatal(err)
	}
	get := func() {
		resp, err := client.RoundTrip(httptest.NewRequest(http.MethodGet, "http://example.com/", http.NoBody))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	stripetest.Spreads(t, client.ActiveCell, get, func(during func()) {
		answer = func() {
			answer = func() {}
			during()
		}
		get()
	})
}
