package middleware_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/middleware"
)

func TestAddAttributes(t *testing.T) {
	m := newMeter(t)
	mw := m.server(
		middleware.WithContextAttributes(),
		middleware.WithAttributes(func(r *http.Request) []attribute.KeyValue {
			return []attribute.KeyValue{attribute.String("tenant.tier", r.Header.Get("X-Tier"))}
		}))
	h := mw.Handler(cloning(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !middleware.AddAttributes(w, attribute.Bool("cache.hit", false), attribute.Int("shard", 3)) {
			t.Error("no middleware found through the writers")
		}
		if !middleware.AddContextAttributes(r.Context(), attribute.Bool("cache.hit", true), attribute.Float64("share", 0.5)) {
			t.Error("no middleware found through the context")
		}
	})))
	for range 3 {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("X-Tier", "gold")
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	s := m.samples("http.server.request.duration")
	want := "cache.hit=true http.request.method=GET http.response.status_code=200 " +
		"network.protocol.name=http network.protocol.version=1.1 shard=3 share=0.5 tenant.tier=gold url.scheme=http"
	if len(s) != 1 || s[0].attrs != want || s[0].n != 3 {
		t.Errorf("got %v\nwant %q ×3", s, want)
	}
}

func TestAddAttributesWithoutMiddleware(t *testing.T) {
	if middleware.AddAttributes(httptest.NewRecorder(), attribute.Bool("a", true)) {
		t.Error("found a middleware in a recorder")
	}
	if middleware.AddContextAttributes(context.Background(), attribute.Bool("a", true)) {
		t.Error("found a middleware in an empty context")
	}
}

// TestAttributesAreBounded tries to get past every bound that an additional
// attribute has, and to change the standard ones.
func TestAttributesAreBounded(t *testing.T) {
	m := newMeter(t)
	h := m.server().Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		middleware.AddAttributes(w,
			attribute.String("http.request.method", "HACK"),
			attribute.String("http.route", "/raw/path"),
			attribute.Int("http.response.status_code", 1),
			attribute.String("error.type", "none"),
			attribute.String("url.scheme", "ftp"),
			attribute.String("server.address", "evil"),
			attribute.Int("server.port", 1),
			attribute.String("network.protocol.name", "x"),
			attribute.String("network.protocol.version", "x"),
			attribute.Bool("otel.metric.overflow", true),
			attribute.String("", "no key"),
			attribute.String(strings.Repeat("k", 129), "long key"),
			attribute.String("long", strings.Repeat("v", 257)),
			attribute.String("not UTF-8", "\xff"),
			attribute.String("nor this: \xff", "x"),
			attribute.StringSlice("slice", []string{"a"}),
			attribute.KeyValue{Key: "invalid"},
		)
		for i := range 10 {
			middleware.AddAttributes(w, attribute.Int(fmt.Sprint("extra", i), i))
		}
	}))
	serve(h, "GET", "/")
	want := "extra0=0 extra1=1 extra2=2 extra3=3 extra4=4 extra5=5 extra6=6 extra7=7 " +
		"http.request.method=GET http.response.status_code=200 " +
		"network.protocol.name=http network.protocol.version=1.1 url.scheme=http"
	if got := m.samples("http.server.request.duration"); got[0].attrs != want {
		t.Errorf("got  %q\nwant %q", got[0].attrs, want)
	}
	if got := m.samples("otelperf.http.server.attributes.dropped"); len(got) != 1 || got[0].n != 19 {
		t.Errorf("dropped %v, want 19", got)
	}
}

// TestAttributesMakeBoundedSeries gives each request a value of its own.
func TestAttributesMakeBoundedSeries(t *testing.T) {
	m := newMeter(t)
	h := m.server(middleware.WithSeriesLimit(10)).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		middleware.AddAttributes(w, attribute.String("user", r.URL.Path))
		if r.URL.Path > "/50" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	for i := range 90 {
		serve(h, "GET", fmt.Sprintf("/%02d", i+10))
	}
	s := m.samples("http.server.request.duration")
	if len(s) != 12 {
		t.Errorf("%d series, want 10 and two for the rest", len(s))
	}
	var n, failed int64
	for _, s := range s {
		n += s.n
		if strings.Contains(s.attrs, "error.type=") {
			failed += s.n
		}
	}
	if n != 90 || failed != 49 {
		t.Errorf("%d requests and %d failures, want 90 and 49", n, failed)
	}
	if got := m.samples("otelperf.http.server.series.dropped"); got[0].n != 80 {
		t.Errorf("dropped %v, want 80", got)
	}
}

func TestNaNAttributeIsOneSeries(t *testing.T) {
	m := newMeter(t)
	h := m.server().Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		middleware.AddAttributes(w, attribute.Float64("x", math.NaN()))
	}))
	for range 5 {
		serve(h, "GET", "/")
	}
	if s := m.samples("http.server.request.duration"); len(s) != 1 || s[0].n != 5 {
		t.Error(s)
	}
}

// TestLateAttributes has goroutines that add attributes at once, and go on after
// the request: none of theirs may turn up in another one.
func TestLateAttributes(t *testing.T) {
	m := newMeter(t)
	var wg sync.WaitGroup
	h := m.server().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mine := attribute.String("path", r.URL.Path)
		for range 3 {
			wg.Go(func() {
				for range 20 {
					middleware.AddAttributes(w, mine)
				}
			})
		}
		middleware.AddAttributes(w, mine)
	}))
	var requests sync.WaitGroup
	for i := range 50 {
		requests.Go(func() { serve(h, "GET", fmt.Sprintf("/%d", i)) })
	}
	requests.Wait()
	wg.Wait()
	var n int64
	for _, s := range m.samples("http.server.request.duration") {
		if strings.Count(s.attrs, "path=") > 1 {
			t.Error(s)
		}
		n += s.n
	}
	if n != 50 {
		t.Errorf("%d requests counted, want 50", n)
	}
}

func TestContextAttributesThroughTimeoutHandler(t *testing.T) {
	m := newMeter(t)
	h := m.server(middleware.WithContextAttributes()).Handler(http.TimeoutHandler(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			if middleware.AddAttributes(w, attribute.Bool("writer", true)) {
				t.Error("TimeoutHandler's writer has become transparent: the documentation is out of date")
			}
			middleware.AddContextAttributes(r.Context(), attribute.Bool("context", true))
		}), time.Hour, ""))
	serve(h, "GET", "/")
	wantAttrs(t, m.only(), "context=true", "writer=")
}

// TestAttributesOfTheSameHash has lists of attributes that the table cannot tell
// apart by their hashes, which anybody can find for numbers. There is room for
// as many: a list that is not found again would take another one's.
func TestAttributesOfTheSameHash(t *testing.T) {
	const prime uint64 = 0x9e3779b97f4a7c15 // the hash's own
	const lists = 3
	m := newMeter(t)
	var x, y uint64
	h := m.server(middleware.WithSeriesLimit(lists)).Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		middleware.AddAttributes(w, attribute.Int64("x", int64(x)), attribute.Int64("y", int64(y)))
	}))
	for range 2 {
		for x = range uint64(lists) {
			y = -x * prime * prime
			serve(h, "GET", "/")
		}
	}
	got := m.samples("http.server.request.duration")
	if len(got) != lists {
		t.Errorf("%d series of %d lists", len(got), lists)
	}
	for _, s := range got {
		if s.n != 2 {
			t.Errorf("%s was recorded %d times, want 2", s.attrs, s.n)
		}
	}
	if s := m.samples("otelperf.http.server.series.dropped"); len(s) != 0 {
		t.Errorf("dropped %v", s)
	}
}

// TestAttributesAreFoundAgain records each type of attribute more than once, in a
// table that has room for as many series as there are.
func TestAttributesAreFoundAgain(t *testing.T) {
	lists := [][]attribute.KeyValue{
		{attribute.String("a", "x")}, {attribute.String("a", "y")}, {attribute.String("b", "x")},
		{attribute.Bool("a", true)}, {attribute.Bool("a", false)},
		{attribute.Int64("a", 1)}, {attribute.Int64("a", 0)}, {attribute.Float64("a", 2)},
		{attribute.String(strings.Repeat("k", 128), strings.Repeat("v", 256))},
	}
	m := newMeter(t)
	var list []attribute.KeyValue
	h := m.server(middleware.WithSeriesLimit(len(lists))).Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		middleware.AddAttributes(w, list...)
	}))
	for range 3 {
		for _, list = range lists {
			serve(h, "GET", "/")
		}
	}
	got := m.samples("http.server.request.duration")
	for _, s := range got {
		if s.n != 3 {
			t.Errorf("%s was recorded %d times, want 3", s.attrs, s.n)
		}
	}
	if len(got) != len(lists) {
		t.Errorf("%d series of %d lists", len(got), len(lists))
	}
	for _, name := range []string{"series", "attributes"} {
		if s := m.samples("otelperf.http.server." + name + ".dropped"); len(s) != 0 {
			t.Errorf("%s dropped: %v", name, s)
		}
	}
}

// TestAttributesOfManyGoroutines has eight goroutines add one attribute each at the
// same time, and all of them another one, where there is room for eight. That one
// comes first and often, so that they meet.
func TestAttributesOfManyGoroutines(t *testing.T) {
	m := newMeter(t)
	const requests = 100
	shared := attribute.Bool("of.all", true)
	h := m.server().Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var wg sync.WaitGroup
		start := make(chan struct{})
		for i := range 8 {
			attrs := append(slices.Repeat([]attribute.KeyValue{shared}, 1000), attribute.Bool(fmt.Sprintf("of.%d", i), true))
			wg.Go(func() {
				<-start
				middleware.AddAttributes(w, attrs...)
			})
		}
		close(start)
		wg.Wait()
	}))
	for range requests {
		serve(h, "GET", "/")
	}
	for _, s := range m.samples("http.server.request.duration") {
		if got := strings.Count(s.attrs, "of."); got != 8 || !strings.Contains(s.attrs, "of.all") {
			t.Errorf("%d attributes, want 8: %s", got, s.attrs)
		}
	}
	if s := m.samples("otelperf.http.server.attributes.dropped"); len(s) != 1 || s[0].n != requests {
		t.Errorf("dropped %v, want %d", s, requests)
	}
}
