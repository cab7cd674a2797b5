package middleware_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/middleware"
)

// TestFunctionsThatPanic has the functions of options panic, which must not leave
// a request behind that is active for ever.
func TestFunctionsThatPanic(t *testing.T) {
	for name, opt := range map[string]middleware.Option{
		"route":        middleware.WithRoute(func(*http.Request) string { panic("option") }),
		"route filter": middleware.WithRouteFilter(func(string) bool { panic("option") }),
		"attributes":   middleware.WithAttributes(func(*http.Request) []attribute.KeyValue { panic("option") }),
	} {
		m := newMeter(t)
		h := m.server(opt).Handler(http.HandlerFunc(nothing))
		func() {
			defer func() {
				if v := recover(); v != "option" {
					t.Errorf("%s: recovered %v", name, v)
				}
			}()
			serve(h, "GET", "/")
		}()
		if got := m.samples("http.server.active_requests"); len(got) != 1 || got[0].n != 0 {
			t.Errorf("%s: active %v", name, got)
		}
	}
}

func TestClientGoexit(t *testing.T) {
	m := newMeter(t)
	tr := m.transport(tripper(func(*http.Request) (*http.Response, error) {
		runtime.Goexit()
		return nil, nil
	}))
	done := make(chan struct{})
	go func() {
		defer close(done)
		get(t, tr, "http://example.com/")
	}()
	<-done
	wantAttrs(t, m.call(), "error.type=goexit", "http.response.status_code=")
}

// TestResponseBesideAnError hands both on, as they came.
func TestResponseBesideAnError(t *testing.T) {
	m := newMeter(t)
	base := fixed{resp: &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, err: errors.New("and yet")}
	resp, err := get(t, m.transport(base), "http://example.com/")
	if resp != base.resp || !errors.Is(err, base.err) {
		t.Errorf("got %v, %v", resp, err)
	}
	wantAttrs(t, m.call(), "error.type=_OTHER")
}

// TestOddRoundTrippers has what a base transport should not do pass through.
func TestOddRoundTrippers(t *testing.T) {
	m := newMeter(t)
	if resp, err := get(t, m.transport(fixed{}), "http://example.com/"); resp != nil || err != nil {
		t.Errorf("neither response nor error: got %v, %v", resp, err)
	}
	wantAttrs(t, m.call(), "error.type=_OTHER", "http.response.status_code=")

	m = newMeter(t)
	base := fixed{err: errors.New("no URL")}
	if resp, err := m.transport(base).RoundTrip(&http.Request{}); resp != nil || !errors.Is(err, base.err) {
		t.Errorf("no URL: got %v, %v", resp, err)
	}
	if s := m.samples("http.client.request.duration"); len(s) != 0 {
		t.Errorf("no URL: counted %v", s)
	}

	m = newMeter(t)
	redirected := httptest.NewRequest(http.MethodGet, "http://example.org/", nil)
	base = fixed{resp: &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: redirected}}
	resp, err := get(t, m.transport(base, middleware.WithPhases()), "http://example.com/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.Request != redirected {
		t.Errorf("the response's request is %v, want the base transport's own", resp.Request.URL)
	}

	for status, want := range map[int]string{-1: "", 0: "", 1: "1", 999: "999", 1000: "", 1<<16 + 200: ""} {
		m := newMeter(t)
		resp, err := get(t, m.transport(answer(status, http.NoBody)), "http://example.com/")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != status {
			t.Errorf("status %d became %d", status, resp.StatusCode)
		}
		wantAttrs(t, m.call(), "http.response.status_code="+want)
	}
}

// TestClientSeriesAreBounded has more statuses than there is room for.
func TestClientSeriesAreBounded(t *testing.T) {
	m := newMeter(t)
	status := 0
	tr := m.transport(tripper(func(r *http.Request) (*http.Response, error) { return answer(status, http.NoBody)(r) }),
		middleware.WithSeriesLimit(2))
	for _, status = range []int{200, 201, 202, 203, 204, 500, 501} {
		if _, err := get(t, tr, "http://example.com/"); err != nil {
			t.Fatal(err)
		}
	}
	var rest []string
	all := m.samples("http.client.request.duration")
	for _, s := range all {
		if strings.Contains(s.attrs, "server.address=_OTHER") {
			rest = append(rest, fmt.Sprintf("%s ×%d", s.attrs, s.n))
		}
	}
	want := "error.type=_OTHER http.request.method=_OTHER server.address=_OTHER server.port=0 ×2\n" +
		"http.request.method=_OTHER server.address=_OTHER server.port=0 ×3"
	if got := strings.Join(rest, "\n"); len(all) != 4 || got != want {
		t.Errorf("%d series, of them for the rest\n%s\nwant\n%s", len(all), got, want)
	}
	if got := m.samples("otelperf.http.client.series.dropped"); len(got) != 1 || got[0].n != 5 {
		t.Errorf("dropped %v, want 5", got)
	}
}

// TestActiveRequestsAreBounded has more combinations than there is room for.
func TestActiveRequestsAreBounded(t *testing.T) {
	m := newMeter(t)
	h := m.server(middleware.WithSeriesLimit(1), middleware.WithServerAddresses("a", "b", "c")).Handler(http.HandlerFunc(nothing))
	for _, host := range []string{"a", "b", "c"} {
		serve(h, "GET", "http://"+host+"/")
	}
	var got []string
	for _, s := range m.samples("http.server.active_requests") {
		got = append(got, s.attrs)
	}
	want := "http.request.method=GET server.address=a url.scheme=http\nhttp.request.method=_OTHER url.scheme=http"
	if got := strings.Join(got, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestEachAttributeValueIsASeries tells values of every kind apart.
func TestEachAttributeValueIsASeries(t *testing.T) {
	values := []attribute.Value{
		attribute.BoolValue(true), attribute.BoolValue(false), attribute.IntValue(0), attribute.IntValue(1), attribute.IntValue(2),
		attribute.Float64Value(1), attribute.Float64Value(2.5), attribute.StringValue("a"), attribute.StringValue("b"),
	}
	m := newMeter(t)
	var value attribute.Value
	h := m.server().Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		middleware.AddAttributes(w, attribute.KeyValue{Key: "x", Value: value})
	}))
	for range 2 {
		for _, value = range values {
			serve(h, "GET", "/")
		}
	}
	all := m.samples("http.server.request.duration")
	if len(all) != len(values) {
		t.Errorf("%d series of %d values", len(all), len(values))
	}
	for _, s := range all {
		if s.n != 2 {
			t.Errorf("%s was recorded %d times, want 2", s.attrs, s.n)
		}
	}
}

// TestRouteOfARouterBehindTimeoutHandler has a router that is no mux, which tells
// its pattern only once it has run.
func TestRouteOfARouterBehindTimeoutHandler(t *testing.T) {
	m := newMeter(t)
	router := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { r.Pattern = "GET /users/{id}" })
	h := http.TimeoutHandler(middleware.Route(router), time.Hour, "")
	m.server(middleware.WithContextAttributes()).Handler(h).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/users/7", nil))
	wantAttrs(t, m.only(), "http.route=/users/{id}")
}
