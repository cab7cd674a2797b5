package middleware_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelperf/otelperf-go/middleware"
)

func nothing(http.ResponseWriter, *http.Request) {}

// replace hands on another request than it got, as most middleware does.
func replace(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), meter{}, 1)))
	})
}

func cloning(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(hiding{w}, r.Clone(r.Context()))
	})
}

// muxOf returns a mux with one pattern.
func muxOf(pattern string, h http.Handler) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle(pattern, h)
	return mux
}

func TestRoute(t *testing.T) {
	leaf := http.HandlerFunc(nothing)
	hook := middleware.Route
	strip := http.StripPrefix
	type wrap = func(http.Handler) http.Handler
	for _, c := range []struct {
		name   string
		target string
		build  func(mw wrap) http.Handler
		want   string
	}{
		{"mux directly inside", "/users/7",
			func(mw wrap) http.Handler { return mw(muxOf("GET /users/{id}", leaf)) }, "/users/{id}"},
		{"mux directly outside", "/users/7",
			func(mw wrap) http.Handler { return muxOf("GET /users/{id}", mw(leaf)) }, "/users/{id}"},
		{"host and method are cut off", "http://example.com/users/7",
			func(mw wrap) http.Handler { return mw(hook(muxOf("GET example.com/users/{id}", leaf))) }, "/users/{id}"},
		{"a request replaced in between hides it", "/users/7",
			func(mw wrap) http.Handler { return mw(replace(muxOf("/users/{id}", leaf))) }, ""},
		{"hook behind WithContext", "/users/7",
			func(mw wrap) http.Handler { return mw(replace(hook(muxOf("/users/{id}", leaf)))) }, "/users/{id}"},
		{"hook behind Clone and a writer", "/users/7",
			func(mw wrap) http.Handler { return mw(cloning(replace(hook(muxOf("/users/{id}", leaf))))) }, "/users/{id}"},
		{"hook behind StripPrefix alone", "/api/users/7",
			func(mw wrap) http.Handler { return mw(strip("/api", hook(muxOf("/users/{id}", leaf)))) }, "/users/{id}"},
		{"nested with StripPrefix", "/api/users/7",
			func(mw wrap) http.Handler {
				return mw(hook(muxOf("/api/", strip("/api", hook(muxOf("GET /users/{id}", leaf))))))
			}, "/api/users/{id}"},
		{"nested with StripPrefix, outer without a hook", "/api/users/7",
			func(mw wrap) http.Handler {
				return mw(muxOf("/api/", strip("/api", hook(muxOf("/users/{id}", leaf)))))
			}, "/api/users/{id}"},
		{"nested without StripPrefix", "/api/users/7",
			func(mw wrap) http.Handler {
				return mw(hook(muxOf("/api/", replace(hook(muxOf("/api/users/{id}", leaf))))))
			}, "/api/users/{id}"},
		{"nested three deep", "/a/b/c/7",
			func(mw wrap) http.Handler {
				return mw(hook(muxOf("/a/", strip("/a", hook(muxOf("/b/", strip("/b", hook(muxOf("/c/{id}", leaf)))))))))
			}, "/a/b/c/{id}"},
		{"wildcard in the prefix", "/t/acme/users/7",
			func(mw wrap) http.Handler {
				outer := muxOf("/t/{tenant}/", strip("/t/acme", hook(muxOf("/users/{id}", leaf))))
				return mw(hook(outer))
			}, "/t/{tenant}/users/{id}"},
		{"part of the prefix stays", "/t/acme/users/7",
			func(mw wrap) http.Handler {
				return mw(hook(muxOf("/t/{tenant}/", strip("/t", hook(muxOf("/{tenant}/users/{id}", leaf))))))
			}, "/t/{tenant}/users/{id}"},
		{"rest wildcard outside", "/files/a/b",
			func(mw wrap) http.Handler {
				return mw(hook(muxOf("/files/{path...}", strip("/files", hook(muxOf("/{dir}/{name}", leaf))))))
			}, "/files/{dir}/{name}"},
		{"catch-all outside", "/api/users/7",
			func(mw wrap) http.Handler {
				return mw(hook(muxOf("/", strip("/api", hook(muxOf("/users/{id}", leaf))))))
			}, "/users/{id}"},
		{"middleware between the muxes", "/api/users/7",
			func(mw wrap) http.Handler {
				return muxOf("/api/", strip("/api", mw(muxOf("/users/{id}", leaf))))
			}, "/api/users/{id}"},
		{"middleware below StripPrefix around a leaf", "/api/users/7",
			func(mw wrap) http.Handler { return muxOf("/api/", strip("/api", mw(leaf))) }, "/api/"},
		{"not found", "/nowhere",
			func(mw wrap) http.Handler { return mw(hook(muxOf("/users/{id}", leaf))) }, ""},
		{"not found in the inner mux", "/api/nowhere",
			func(mw wrap) http.Handler {
				return mw(hook(muxOf("/api/", strip("/api", hook(muxOf("/users/{id}", leaf))))))
			}, "/api/"},
		{"one mux after the other", "/b/7",
			func(mw wrap) http.Handler {
				a := hook(muxOf("/a/{id}", leaf))
				b := hook(muxOf("/b/{id}", leaf))
				return mw(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					a.ServeHTTP(httptest.NewRecorder(), r)
					a.ServeHTTP(w, r)
					b.ServeHTTP(w, r)
				}))
			}, "/b/{id}"},
		{"one mux after the other, each with a request of its own", "/b/7",
			func(mw wrap) http.Handler {
				return mw(inTurn(replace(hook(muxOf("/a/{id}", leaf))), replace(hook(muxOf("/b/{id}", leaf)))))
			}, "/b/{id}"},
		{"one mux after the other below a mux", "/x/b/7",
			func(mw wrap) http.Handler {
				return mw(replace(hook(muxOf("/x/", strip("/x",
					inTurn(hook(muxOf("/{a}/7", leaf)), replace(hook(muxOf("/b/{id}", leaf)))))))))
			}, "/x/b/{id}"},
		{"one mux with a request of its own, then another with the first one", "/b/7",
			func(mw wrap) http.Handler {
				return mw(inTurn(replace(hook(muxOf("/{a}/7", leaf))), hook(muxOf("/b/{id}", leaf))))
			}, "/b/{id}"},
		{"the same below a mux", "/b/7",
			func(mw wrap) http.Handler {
				return muxOf("/", mw(inTurn(replace(hook(muxOf("/{a}/7", leaf))), hook(muxOf("/b/{id}", leaf)))))
			}, "/b/{id}"},
		{"not found in an inner mux that sees the same request", "/api/nowhere",
			func(mw wrap) http.Handler { return mw(muxOf("/api/", hook(muxOf("/users/{id}", leaf)))) }, "/api/"},
		{"the same below a mux outside", "/api/nowhere",
			func(mw wrap) http.Handler {
				return muxOf("/", mw(muxOf("/api/", hook(muxOf("/users/{id}", leaf)))))
			}, "/api/"},
		{"hook around a leaf below StripPrefix", "/api/users/7",
			func(mw wrap) http.Handler { return mw(hook(muxOf("/api/", strip("/api", hook(leaf))))) }, "/api/"},
		{"part of the prefix stays, request replaced", "/t/acme/users/7",
			func(mw wrap) http.Handler {
				return mw(replace(hook(muxOf("/t/{tenant}/", strip("/t", hook(muxOf("/{tenant}/users/{id}", leaf)))))))
			}, "/t/{tenant}/users/{id}"},
		{"part of the prefix stays, below StripPrefix", "/api/t/acme/7",
			func(mw wrap) http.Handler {
				return mw(strip("/api", hook(muxOf("/t/{tenant}/", strip("/t", hook(muxOf("/{tenant}/{id}", leaf)))))))
			}, "/t/{tenant}/{id}"},
		{"no router at all", "/raw/path/7",
			func(mw wrap) http.Handler { return mw(leaf) }, ""},
		{"hook around no router", "/raw/path/7",
			func(mw wrap) http.Handler { return mw(hook(leaf)) }, ""},
		{"exact root", "/",
			func(mw wrap) http.Handler { return mw(hook(muxOf("/{$}", leaf))) }, "/{$}"},
		{"path changed in place", "/a/b/c/7",
			func(mw wrap) http.Handler {
				inner := hook(muxOf("/c/{id}", leaf))
				return muxOf("/{x}/{y}/c/{id}", strip("/a", mw(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					r.URL.Path = strings.TrimPrefix(r.URL.Path, "/b")
					inner.ServeHTTP(w, r)
				}))))
			}, "/{x}/{y}/c/{id}"},
		{"base that ends before what is cut off", "/a/b/c/7",
			func(mw wrap) http.Handler {
				return mw(hook(muxOf("/a/", strip("/a/b", hook(muxOf("/c/{id}", leaf))))))
			}, "/a/c/{id}"},
		{"base that ends with what is cut off", "/a/b",
			func(mw wrap) http.Handler {
				return mw(hook(muxOf("/{x}/{y}", strip("/a/b", hook(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { r.Pattern = "/{$}" }))))))
			}, "/{x}/{y}/{$}"},
		{"base that ends in a rest wildcard", "/a/b/c/7",
			func(mw wrap) http.Handler {
				return mw(hook(muxOf("/{x}/{rest...}", strip("/a/b", hook(muxOf("/c/{id}", leaf))))))
			}, "/{x}/c/{id}"},
		{"escaped path below StripPrefix", "/api/a%2Fb/7",
			func(mw wrap) http.Handler {
				return muxOf("/api/", strip("/api", mw(hook(muxOf("/{x}/{id}", leaf)))))
			}, "/api/{x}/{id}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMeter(t)
			h := c.build(m.server().Handler)
			serve(h, "GET", c.target)
			wantAttrs(t, m.only(), "http.route="+c.want)
		})
	}
}

// inTurn passes a request to one handler after the other.
func inTurn(hs ...http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, h := range hs {
			h.ServeHTTP(w, r)
		}
	})
}

// TestRoutesPastTheLimitOfNotes has one route, and more patterns that lead to it
// than are remembered.
func TestRoutesPastTheLimitOfNotes(t *testing.T) {
	m := newMeter(t)
	mux := http.NewServeMux()
	h := m.server(middleware.WithRouteLimit(1)).Handler(replace(middleware.Route(muxOf("/users/{id}", http.HandlerFunc(nothing)))))
	methods := []string{"DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}
	for _, method := range methods {
		mux.Handle(method+" /api/", http.StripPrefix("/api", h))
	}
	for _, method := range methods {
		serve(mux, method, "/api/users/7")
	}
	for _, s := range m.durations() {
		if !strings.Contains(s, "http.route=/api/users/{id} ") {
			t.Error(s)
		}
	}
}

// TestRouteOfAPanicAfterAnotherMux has one mux find a route, and another one's
// handler panic.
func TestRouteOfAPanicAfterAnotherMux(t *testing.T) {
	m := newMeter(t)
	boom := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") })
	h := m.server().Handler(inTurn(replace(middleware.Route(muxOf("/{first}", http.HandlerFunc(nothing)))),
		replace(middleware.Route(muxOf("/{second}", boom)))))
	func() {
		defer func() { recover() }()
		serve(h, "GET", "/x")
	}()
	wantAttrs(t, m.only(), "http.route=/{second}", "error.type=panic")
}

func TestRouteOfAPanic(t *testing.T) {
	m := newMeter(t)
	boom := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") })
	inner := middleware.Route(muxOf("/users/{id}", boom))
	h := m.server().Handler(replace(middleware.Route(muxOf("/api/", http.StripPrefix("/api", inner)))))
	func() {
		defer func() { recover() }()
		serve(h, "GET", "/api/users/7")
	}()
	wantAttrs(t, m.only(), "http.route=/api/users/{id}", "error.type=panic", "http.response.status_code=")
}

func TestRouteOfAStream(t *testing.T) {
	m := newMeter(t)
	h := m.server().Handler(middleware.Route(muxOf("/a/", http.StripPrefix("/a", middleware.Route(muxOf("/{id}", eventStream))))))
	serve(h, "GET", "/a/1")
	wantAttrs(t, m.only(), "http.route=/a/{id}", "http.response.status_code=200")
}

// TestRouteWithContextAttributes has the handler see a copy of the request.
func TestRouteWithContextAttributes(t *testing.T) {
	for name, h := range map[string]http.Handler{
		"without a hook": muxOf("/{id}", eventStream), "with one": middleware.Route(muxOf("/{id}", eventStream)),
	} {
		m := newMeter(t)
		serve(m.server(middleware.WithContextAttributes()).Handler(h), "GET", "/1")
		if got := m.only()["http.route"]; got != "/{id}" {
			t.Errorf("%s: route %q", name, got)
		}
	}
}

var eventStream = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.(http.Flusher).Flush()
})

// TestRouteReachesEveryMiddleware has two of them, as a library and its user
// may bring one each.
func TestRouteReachesEveryMiddleware(t *testing.T) {
	a, b := newMeter(t), newMeter(t)
	inner := b.server().Handler(middleware.Route(muxOf("/users/{id}", http.HandlerFunc(nothing))))
	h := a.server().Handler(replace(http.StripPrefix("/api", inner)))
	outer := a.server().Handler(middleware.Route(muxOf("/api/", h)))
	serve(outer, "GET", "/api/users/7")
	for _, s := range a.durations() {
		if !strings.Contains(s, "http.route=/api/users/{id} ") && !strings.Contains(s, "http.route=/users/{id} ") {
			t.Error(s)
		}
	}
	wantAttrs(t, b.only(), "http.route=/api/users/{id}")
}

func TestRouteFunction(t *testing.T) {
	m := newMeter(t)
	mw := m.server(middleware.WithRoute(func(r *http.Request) string { return r.Header.Get("X-Route") }))
	h := mw.Handler(middleware.Route(muxOf("/users/{id}", http.HandlerFunc(nothing))))
	r := httptest.NewRequest(http.MethodGet, "/users/7", nil)
	r.Header.Set("X-Route", "/members/{id}")
	h.ServeHTTP(httptest.NewRecorder(), r)
	wantAttrs(t, m.only(), "http.route=/members/{id}")

	m = newMeter(t)
	mw = m.server(middleware.WithRoute(func(*http.Request) string { return "" }))
	serve(mw.Handler(muxOf("/users/{id}", http.HandlerFunc(nothing))), "GET", "/users/7")
	wantAttrs(t, m.only(), "http.route=/users/{id}")
}

// TestRouteBehindTimeoutHandler shows what hides the route from the writers, and
// that the request's context finds it where that was asked for.
func TestRouteBehindTimeoutHandler(t *testing.T) {
	routed := middleware.Route(muxOf("/api/", http.StripPrefix("/api", middleware.Route(muxOf("/{id}", http.HandlerFunc(nothing))))))
	timeout := http.TimeoutHandler(routed, time.Hour, "")

	m := newMeter(t)
	serve(m.server().Handler(timeout), "GET", "/api/7")
	wantAttrs(t, m.only(), "http.route=")

	m = newMeter(t)
	serve(m.server(middleware.WithContextAttributes()).Handler(timeout), "GET", "/api/7")
	wantAttrs(t, m.only(), "http.route=/api/{id}")
}

// TestNoRouteBehindTimeoutHandler has nothing match there: what is known outside
// stays.
func TestNoRouteBehindTimeoutHandler(t *testing.T) {
	m := newMeter(t)
	inner := http.TimeoutHandler(middleware.Route(muxOf("/{id}/more", http.HandlerFunc(nothing))), time.Hour, "")
	outer := middleware.Route(muxOf("/api/", http.StripPrefix("/api", inner)))
	serve(m.server(middleware.WithContextAttributes()).Handler(outer), "GET", "/api/7")
	wantAttrs(t, m.only(), "http.route=/api/")
}

func TestRouteWithoutMiddleware(t *testing.T) {
	teapot := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	rec := serve(middleware.Route(muxOf("/", teapot)), "GET", "/")
	if rec.Code != http.StatusTeapot {
		t.Error(rec.Code)
	}
}

// TestLongestRoute has a route that is as long as one may be, and one that is
// longer.
func TestLongestRoute(t *testing.T) {
	for n, want := range map[int]string{512: strings.Repeat("r", 512), 513: "_OTHER"} {
		m := newMeter(t)
		route := middleware.WithRoute(func(*http.Request) string { return strings.Repeat("r", n) })
		serve(m.server(route).Handler(http.HandlerFunc(nothing)), "GET", "/")
		wantAttrs(t, m.only(), "http.route="+want)
	}
}

// TestExemplarOfASpanInside has a span begin between the middleware and a Route:
// its context is what the request is recorded with. Without a Route it is that of
// the request as the middleware got it.
func TestExemplarOfASpanInside(t *testing.T) {
	span := func(id byte) trace.SpanContext {
		return trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: trace.TraceID{1}, SpanID: trace.SpanID{id}, TraceFlags: trace.FlagsSampled,
		})
	}
	mux := muxOf("/x", http.HandlerFunc(nothing))
	for want, next := range map[byte]http.Handler{1: mux, 2: middleware.Route(mux)} {
		m := newMeter(t)
		r := httptest.NewRequest(http.MethodGet, "/x", nil)
		r = r.WithContext(trace.ContextWithSpanContext(r.Context(), span(1)))
		m.server().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(trace.ContextWithSpanContext(r.Context(), span(2))))
		})).ServeHTTP(httptest.NewRecorder(), r)
		h := m.collect()["http.server.request.duration"].Data.(metricdata.Histogram[float64])
		if got := h.DataPoints[0].Exemplars; len(got) != 1 || got[0].SpanID[0] != want || got[0].TraceID[0] != 1 {
			t.Errorf("exemplars %v, want one of span %d", got, want)
		}
	}
}
