package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/otelperf/otelperf-go/internal/stripe"
	"github.com/otelperf/otelperf-go/internal/stripe/stripetest"
	"github.com/otelperf/otelperf-go/middleware"
)

// TestServerActiveSpreads: requests that meet others at the active count spread it over
// cache lines.
func TestServerActiveSpreads(t *testing.T) {
	t.Parallel()
	if stripe.Limit() == 1 {
		t.Skip("one core")
	}
	mw := newMeter(t).server()
	get := func(h http.HandlerFunc) {
		mw.Handler(h).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	}
	many := func() {
		for range 10000 {
			get(func(http.ResponseWriter, *http.Request) {})
		}
	}
	many()
	if n := len(stripetest.Cells(mw.ActiveCell)); n != 1 {
		t.Errorf("%d cells after requests that were alone", n)
	}
	get(func(http.ResponseWriter, *http.Request) { many() })
	if n := len(stripetest.Cells(mw.ActiveCell)); n < 2 {
		t.Errorf("%d cells after requests that were not alone", n)
	}
}

// TestClientActiveSpreads is the same of a client.
func TestClientActiveSpreads(t *testing.T) {
	t.Parallel()
	if stripe.Limit() == 1 {
		t.Skip("one core")
	}
	var during func() // the next request
	client, err := middleware.NewTransport(tripper(func(r *http.Request) (*http.Response, error) {
		if f := during; f != nil {
			during = nil
			f()
		}
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
	}), middleware.WithMeterProvider(newMeter(t).provider))
	if err != nil {
		t.Fatal(err)
	}
	get := func() {
		r := httptest.NewRequest(http.MethodGet, "http://example.com/", http.NoBody)
		resp, err := client.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	many := func() {
		for range 10000 {
			get()
		}
	}
	many()
	if n := len(stripetest.Cells(client.ActiveCell)); n != 1 {
		t.Errorf("%d cells after requests that were alone", n)
	}
	during = many
	get()
	if n := len(stripetest.Cells(client.ActiveCell)); n < 2 {
		t.Errorf("%d cells after requests that were not alone", n)
	}
}
