//go:build !race

package middleware_test

import (
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/middleware"
)

// handle returns the allocations of one request to h.
func handle(h http.Handler, r *http.Request) float64 {
	w := discard{make(http.Header)}
	return testing.AllocsPerRun(1000, func() { h.ServeHTTP(w, r) })
}

func TestServerAllocations(t *testing.T) {
	ok := []byte("ok")
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(ok) })
	hit := attribute.Bool("cache.hit", true)
	labelled := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		middleware.AddAttributes(w, hit)
		w.Write(ok)
	})
	nested := func() http.Handler {
		inner := http.NewServeMux()
		inner.Handle("/users", hello)
		outer := http.NewServeMux()
		outer.Handle("/api/", http.StripPrefix("/api", middleware.Route(inner)))
		return middleware.Route(outer)
	}()
	bareNested := func() http.Handler {
		inner := http.NewServeMux()
		inner.Handle("/users", hello)
		outer := http.NewServeMux()
		outer.Handle("/api/", http.StripPrefix("/api", inner))
		return outer
	}()
	for name, c := range map[string]struct {
		h    http.Handler
		bare http.Handler // what h costs without us
		opts []middleware.Option

		pattern string // of a mux outside
		want    float64
	}{
		"plain":    {h: hello, bare: hello, want: 1},
		"route":    {h: middleware.Route(hello), bare: hello, want: 1},
		"labelled": {h: labelled, bare: labelled, want: 1},
		"nested":   {h: nested, bare: bareNested, want: 1},
		"replaced": {h: replace(middleware.Route(muxOf("/api/{what}", hello))), bare: replace(muxOf("/api/{what}", hello)), want: 1},
		"inherits": {h: replace(middleware.Route(hello)), bare: replace(hello), pattern: "POST /api/users", want: 1},
		"sizes":    {h: hello, bare: hello, opts: []middleware.Option{middleware.WithBodySizes()}, want: 1},
		"filtered": {
			h: hello, bare: hello, want: 0,
			opts: []middleware.Option{middleware.WithFilter(func(*http.Request) bool { return false })},
		},
		"names and proxies": {
			h: hello, bare: hello, want: 1,
			opts: []middleware.Option{middleware.WithServerAddresses("example.com")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/api/users", strings.NewReader("x"))
			r.Pattern = c.pattern
			bare := handle(c.bare, r)
			if got := handle(newMeter(t).server(c.opts...).Handler(c.h), r) - bare; got != c.want {
				t.Errorf("%v allocations, want %v", got, c.want)
			}
		})
	}
}

// TestServerAllocatedBytes: the one allocation is two cache lines.
func TestServerAllocatedBytes(t *testing.T) {
	h := newMeter(t).server().Handler(middleware.Route(http.HandlerFunc(nothing)))
	w, r := discard{make(http.Header)}, httptest.NewRequest(http.MethodGet, "/", nil)
	h.ServeHTTP(w, r) // makes the series
	const requests = 10_000
	least := uint64(math.MaxUint64)
	for range 5 { // others allocate too, now and then
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range requests {
			h.ServeHTTP(w, r)
		}
		runtime.ReadMemStats(&after)
		least = min(least, (after.TotalAlloc-before.TotalAlloc)/requests)
	}
	if least == 0 || least > 128 {
		t.Errorf("%d bytes for each request, want no more than 128", least)
	}
}

// TestAllocationsPastTheLimitOfRoutes has more patterns than are remembered: what
// was said of a route is each request's own then, and costs no more than that.
func TestAllocationsPastTheLimitOfRoutes(t *testing.T) {
	nested := pathAsPattern(pathAsPattern(http.HandlerFunc(nothing)))
	h := newMeter(t).server(middleware.WithRouteLimit(1)).Handler(nested)
	for _, path := range []string{"/b/1", "/b/2", "/b/3", "/b/4"} {
		serve(h, "GET", path)
	}
	r := httptest.NewRequest(http.MethodGet, "/a/users", nil)
	if got := handle(h, r) - handle(nested, r); got != 5 {
		t.Errorf("%v allocations, want 5: the writer, what three Routes noted, and the joined route", got)
	}
}

// TestAllocationsOfManyKindsOfWriters has more types than are remembered.
func TestAllocationsOfManyKindsOfWriters(t *testing.T) {
	h := newMeter(t).server().Handler(http.HandlerFunc(nothing))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, combine := range combinations {
		w := combine(&plain{header: make(http.Header)})
		if got := testing.AllocsPerRun(100, func() { h.ServeHTTP(w, r) }); got != 1 {
			t.Errorf("%T: %v allocations, want 1", w, got)
		}
	}
}

func TestClientAllocations(t *testing.T) {
	for name, c := range map[string]struct {
		base http.RoundTripper
		opts []middleware.Option
		want float64
	}{
		"header": {base: fixed{resp: &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}}, want: 0},
		// errors.As takes one for each type that the error might be.
		"error": {base: fixed{err: errors.New("broken")}, want: 8},
		"body end": {
			base: fixed{resp: &http.Response{StatusCode: http.StatusOK, Body: endless{}}},
			opts: []middleware.Option{middleware.WithBodyEnd()},
			want: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMeter(t)
			tr, err := middleware.NewTransport(c.base, append(c.opts, middleware.WithMeterProvider(m.provider))...)
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodGet, "http://example.com/", nil)
			got := testing.AllocsPerRun(1000, func() {
				if resp, err := tr.RoundTrip(r); err == nil {
					body := resp.Body
					body.Close()
					if f, ok := c.base.(fixed); ok && len(c.opts) > 0 {
						f.resp.Body = endless{}
					}
				}
			})
			if got > c.want {
				t.Errorf("%v allocations, want at most %v", got, c.want)
			}
		})
	}
}
