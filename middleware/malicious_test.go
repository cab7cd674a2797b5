package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelperf/otelperf-go/middleware"
)

// unlimited switches the SDK's own limit off, so that only ours hold.
func unlimited(t *testing.T) *meter {
	return newMeter(t, sdkmetric.WithCardinalityLimit(0))
}

// distinct is how many values of everything that a client chooses there are, and
// malicious how many requests it takes: each is junk in half of them.
const distinct, malicious = 100_000, 200_000

// TestMaliciousClient sends 100,000 methods, as many hosts, as many paths, and as
// many of each header that is looked at, and of the names of those that are not.
// The bound that holds is the one that the package's documentation gives.
func TestMaliciousClient(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/users/{id}", nothing)
	mux.HandleFunc("POST /orders", nothing)
	junkRoute := middleware.WithRoute(func(r *http.Request) string { return r.URL.Path })
	junkAttribute := middleware.WithAttributes(func(r *http.Request) []attribute.KeyValue {
		return []attribute.KeyValue{attribute.String("agent", r.UserAgent())}
	})
	everything := []middleware.Option{
		middleware.WithServerAddresses("example.com", "example.org"),
		middleware.WithTrustedProxies(netip.MustParsePrefix("0.0.0.0/0")),
		middleware.WithBodySizes(),
	}
	for name, c := range map[string]struct {
		opts        []middleware.Option
		least, most int
		dropped     string
	}{
		// 5 methods that are known or not × 2 schemes × (2 names or none) × 4
		// versions or none × a route, none, or 405.
		"routes of a mux": {everything, 1, 5 * 2 * 3 * 5 * 3, ""},
		// A faulty route function, and a faulty attribute: the limit itself, and
		// what stands in for all beyond it.
		"path as route":       {append(everything, junkRoute), 500, 1500 + 4, "otelperf.http.server.routes.dropped"},
		"header as attribute": {append(everything, junkAttribute), 1500, 1500 + 4, "otelperf.http.server.series.dropped"},
	} {
		t.Run(name, func(t *testing.T) {
			m := unlimited(t)
			h := m.server(c.opts...).Handler(middleware.Route(mux))
			w := discard{make(http.Header)}
			for i := range malicious {
				h.ServeHTTP(w, maliciousRequest(i))
			}
			collected := m.collect()
			for _, name := range []string{
				"http.server.request.duration", "http.server.request.body.size", "http.server.response.body.size",
			} {
				samples := samplesOf(t, collected[name])
				var n int64
				for _, s := range samples {
					n += s.n
				}
				if len(samples) < c.least || len(samples) > c.most || n != malicious {
					t.Errorf("%s: %d series of %d requests, want %d to %d of %d", name, len(samples), n, c.least, c.most, malicious)
				}
			}
			for _, name := range []string{"http.server.active_requests", "otelperf.http.server.streams"} {
				if got, want := len(samplesOf(t, collected[name])), 5*2*3; got != want {
					t.Errorf("%d series of %s, want %d", got, name, want)
				}
			}
			if dropped := samplesOf(t, collected[c.dropped]); c.dropped != "" && (len(dropped) != 1 || dropped[0].n < distinct/2) {
				t.Errorf("%s: %v", c.dropped, dropped)
			}
		})
	}
}

// TestMaliciousRequestsDiffer counts the values that the test above sends.
func TestMaliciousRequestsDiffer(t *testing.T) {
	values := make(map[string]map[string]bool)
	note := func(what, value string) {
		if values[what] == nil {
			values[what] = make(map[string]bool, distinct)
		}
		values[what][value] = true
	}
	for i := range malicious {
		r := maliciousRequest(i)
		note("method", r.Method)
		note("host", r.Host)
		note("path", r.URL.Path)
		for name, v := range r.Header {
			if strings.HasPrefix(name, "X-Junk") {
				note("name", name)
			} else {
				note(name, v[0])
			}
		}
	}
	for what, v := range values {
		if len(v) < distinct {
			t.Errorf("%d values of %s, want %d", len(v), what, distinct)
		}
	}
	if len(values) != 7 {
		t.Errorf("%d kinds of values, want 7", len(values))
	}
}

// maliciousRequest makes the i-th request. Each of its parts is junk of its own
// in every other request, in every combination with the others; otherwise it is
// one of a few. It is written for speed: under the race detector the requests
// cost more to make than to measure.
func maliciousRequest(i int) *http.Request {
	n := strconv.Itoa(i)
	some := i >> 4 // of the few
	junk := func(bit int) bool { return i>>bit&1 != 0 }
	method, host, path, proto := "M"+n, "host"+n+".example", "/users/"+n, n
	if !junk(0) {
		method = [...]string{"GET", "POST", "PUT", "QUERY"}[some%4]
	}
	if !junk(1) {
		host = [...]string{"example.com", "EXAMPLE.org:99"}[some/4%2]
	}
	if !junk(2) {
		path = [...]string{"/nowhere", "/orders", "/users/7"}[some%3]
	}
	if !junk(3) {
		proto = [...]string{"http", "https"}[some/8%2]
	}
	return &http.Request{
		Method: method,
		URL:    &url.URL{Path: path},
		Host:   host,
		Header: http.Header{
			"X-Forwarded-Proto": {proto},
			"Forwarded":         {"for=" + n},
			"User-Agent":        {n},
			"X-Junk-" + n:       {"x"},
		},
		RemoteAddr: "10.0.0.1:80",
		ProtoMajor: 1 + some/16%3,
		ProtoMinor: some / 48 % 3,
		RequestURI: "*",
	}
}

// TestMaliciousServer is a server whose statuses a backend decides.
func TestMaliciousServer(t *testing.T) {
	m := unlimited(t)
	h := m.server().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(100 + int(r.ContentLength))
		w.Header()["Content-Type"] = nil
	}))
	for method := range 30 {
		for status := range 900 {
			r := maliciousRequest(method)
			r.Method = []string{"GET", "PUT", "POST", "HEAD", "X"}[method%5]
			r.ContentLength = int64(status)
			h.ServeHTTP(discard{make(http.Header)}, r)
		}
	}
	if got := len(m.samples("http.server.request.duration")); got > 1504 {
		t.Errorf("%d series, want at most 1504", got)
	}
}

// FuzzServer looks at the attributes of any request: they must be among those
// that are possible, and nothing else of the request may be seen in them.
func FuzzServer(f *testing.F) {
	f.Add("GET", "example.com", "/users/7", "proto=https", "https", "127.0.0.1:1", 1, 1, 200, "k", "v")
	f.Add("get", "[::1]:80", "//", `;proto="`, ",", "@", 2, 0, 599, "http.route", "\xff")
	f.Add("", "", "", "", "", "", -1, -1, 100, "", "")
	f.Add("0", "0", "/users/0", "0", "0", "0", 1, -37, 889, "0", "0")
	f.Fuzz(func(t *testing.T, method, host, path, forwarded, proto, remote string, major, minor, status int, key, value string) {
		m := newMeter(t)
		mw := m.server(middleware.WithBodySizes(), middleware.WithContextAttributes(),
			middleware.WithServerAddresses("example.com", "[::1]:80"),
			middleware.WithTrustedProxies(netip.MustParsePrefix("127.0.0.0/8")))
		mux := http.NewServeMux()
		mux.HandleFunc("/users/{id}", func(w http.ResponseWriter, r *http.Request) {
			middleware.AddAttributes(w, attribute.String(key, value))
			middleware.AddContextAttributes(r.Context(), attribute.String("fuzz."+key, value))
			w.WriteHeader(100 + int(uint(status)%900))
		})
		r := &http.Request{
			Method: method, Host: host, URL: &url.URL{Path: path}, RemoteAddr: remote, RequestURI: path,
			Header:     http.Header{"Forwarded": {forwarded}, "X-Forwarded-Proto": {proto}},
			ProtoMajor: major, ProtoMinor: minor,
		}
		mw.Handler(http.StripPrefix("", middleware.Route(mux))).ServeHTTP(httptest.NewRecorder(), r)
		s := m.collect()["http.server.request.duration"]
		for _, set := range setsOf(t, s) {
			checkAttributes(t, set, key)
		}
		if len(setsOf(t, s)) != 1 {
			t.Errorf("%d series of one request", len(setsOf(t, s)))
		}
	})
}

func FuzzClient(f *testing.F) {
	f.Add("GET", "http", "example.com:80", 200, "/{id}")
	f.Add("", "", "[::1", -1, "")
	f.Fuzz(func(t *testing.T, method, scheme, host string, status int, template string) {
		m := newMeter(t)
		tr := m.transport(answer(status, http.NoBody), middleware.WithBodyEnd(), middleware.WithBodySizes(),
			middleware.WithURLTemplate(func(*http.Request) string { return template }))
		resp, err := tr.RoundTrip(&http.Request{Method: method, URL: &url.URL{Scheme: scheme, Host: host}, Header: make(http.Header)})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if s := m.samples("http.client.request.duration"); len(s) != 1 || s[0].n != 1 {
			t.Error(s)
		}
	})
}

// TestLongValues has a client, and a server, that make routes, templates and hosts
// out of what is as long as a header may be. None of it may become an attribute,
// and none may be kept.
func TestLongValues(t *testing.T) {
	junk := func(i int) string { return strconv.Itoa(i) + strings.Repeat("x", 1<<20) }
	for name, c := range map[string]struct {
		request func(m *meter) func(i int)
		metric  string
		dropped string
		series  int
	}{
		"route": {func(m *meter) func(int) {
			h := m.server(middleware.WithRoute(func(r *http.Request) string { return r.URL.Path })).Handler(http.HandlerFunc(nothing))
			return func(i int) {
				r := maliciousRequest(0)
				r.URL.Path = junk(i)
				h.ServeHTTP(discard{make(http.Header)}, r)
			}
		}, "http.server.request.duration", "otelperf.http.server.routes.dropped", 1},
		"pattern": {func(m *meter) func(int) {
			h := m.server().Handler(replace(pathAsPattern(pathAsPattern(http.HandlerFunc(nothing)))))
			return func(i int) {
				r := maliciousRequest(0)
				r.URL.Path = "/a/" + junk(i)
				h.ServeHTTP(discard{make(http.Header)}, r)
			}
		}, "http.server.request.duration", "otelperf.http.server.routes.dropped", 1},
		"attribute": {func(m *meter) func(int) {
			h := m.server(middleware.WithAttributes(func(r *http.Request) []attribute.KeyValue {
				return []attribute.KeyValue{
					attribute.String("agent", r.UserAgent()),
					attribute.Bool(r.UserAgent(), true),
				}
			})).Handler(http.HandlerFunc(nothing))
			return func(i int) {
				r := maliciousRequest(0)
				r.Header.Set("User-Agent", junk(i))
				h.ServeHTTP(discard{make(http.Header)}, r)
			}
		}, "http.server.request.duration", "otelperf.http.server.attributes.dropped", 1},
		"template": {func(m *meter) func(int) {
			tr := m.transport(answer(200, http.NoBody), middleware.WithURLTemplate(func(r *http.Request) string { return r.URL.Path }))
			return func(i int) {
				send(t, tr, &url.URL{Scheme: "http", Host: "a", Path: junk(i)})
			}
		}, "http.client.request.duration", "otelperf.http.client.templates.dropped", 1},
		"host": {func(m *meter) func(int) {
			tr := m.transport(answer(200, http.NoBody))
			return func(i int) {
				send(t, tr, &url.URL{Scheme: "http", Host: junk(i)})
			}
		}, "http.client.request.duration", "otelperf.http.client.hosts.dropped", 1},
		"host written at length": {func(m *meter) func(int) {
			tr := m.transport(answer(200, http.NoBody))
			return func(i int) {
				send(t, tr, &url.URL{Scheme: "http", Host: "a:" + strings.Repeat("0", 1<<20+i) + "80"})
				send(t, tr, &url.URL{Scheme: strings.Repeat("s", 1<<20+i), Host: "a"})
			}
		}, "http.client.request.duration", "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			m := unlimited(t)
			do := c.request(m)
			const requests = 50
			before := heap()
			for i := range requests {
				do(i)
			}
			if kept := heap() - before; kept > 10<<20 {
				t.Errorf("%d MiB of %d requests of a MiB are kept", kept>>20, requests)
			}
			samples := m.samples(c.metric)
			if len(samples) != c.series {
				t.Errorf("%d series, want %d", len(samples), c.series)
			}
			for _, s := range samples {
				if len(s.attrs) > 500 {
					t.Errorf("attributes of %d bytes", len(s.attrs))
				}
			}
			if c.dropped == "" {
				return
			}
			if got := m.samples(c.dropped); len(got) != 1 || got[0].n < requests {
				t.Errorf("%s: %v, want at least %d", c.dropped, got, requests)
			}
		})
	}
}

// TestOnlyUTF8 has a client, and a server, that make routes, templates, hosts and
// attributes out of bytes that are none: OTLP would refuse all that is exported with them.
func TestOnlyUTF8(t *testing.T) {
	m := newMeter(t)
	h := m.server(
		middleware.WithRoute(func(r *http.Request) string { return r.URL.Path }),
		middleware.WithAttributes(func(r *http.Request) []attribute.KeyValue {
			return []attribute.KeyValue{attribute.String("agent", r.UserAgent()), attribute.Bool(r.UserAgent(), true)}
		}),
	).Handler(http.HandlerFunc(nothing))
	r := maliciousRequest(0)
	r.URL.Path = "/\xff"
	r.Header.Set("User-Agent", "\xc3")
	h.ServeHTTP(discard{make(http.Header)}, r)
	tr := m.transport(answer(200, http.NoBody), middleware.WithURLTemplate(func(r *http.Request) string { return r.URL.Path }))
	send(t, tr, &url.URL{Scheme: "http", Host: "\xff", Path: "/\xff"})
	for _, metric := range []string{"http.server.request.duration", "http.client.request.duration"} {
		s := m.samples(metric)
		if len(s) != 1 || s[0].n != 1 || !utf8.ValidString(s[0].attrs) {
			t.Errorf("%s: %+v", metric, s)
		}
	}
	for metric, want := range map[string]int64{
		"otelperf.http.server.routes.dropped": 1, "otelperf.http.server.attributes.dropped": 2, "otelperf.http.client.templates.dropped": 1,
	} {
		if got := m.samples(metric); len(got) != 1 || got[0].n != want {
			t.Errorf("%s: %v, want %d", metric, got, want)
		}
	}
}

// pathAsPattern is a router that takes each path for a pattern, and passes on
// what follows its first segment.
func pathAsPattern(next http.Handler) http.Handler {
	return middleware.Route(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Pattern = r.URL.Path
		if i := strings.IndexByte(r.URL.Path[1:], '/'); i >= 0 {
			http.StripPrefix(r.URL.Path[:1+i], next).ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	}))
}

// TestKeptStringsAreCopies uses parts of long strings as values that are kept.
func TestKeptStringsAreCopies(t *testing.T) {
	m := newMeter(t)
	part := func(i int) string {
		s := strconv.Itoa(i+100) + strings.Repeat("x", 1<<20)
		return s[:3]
	}
	h := m.server(
		middleware.WithRoute(func(r *http.Request) string { return r.URL.Path }),
		middleware.WithAttributes(func(r *http.Request) []attribute.KeyValue {
			return []attribute.KeyValue{attribute.String(r.Host, r.UserAgent())}
		})).Handler(http.HandlerFunc(nothing))
	tr := m.transport(answer(200, http.NoBody), middleware.WithURLTemplate(func(r *http.Request) string { return r.URL.Path }))
	patterns := newMeter(t)
	routed := patterns.server().Handler(replace(pathAsPattern(pathAsPattern(http.HandlerFunc(nothing)))))
	below := newMeter(t) // a mux that says no more than that it has matched
	joined := below.server().Handler(replace(middleware.Route(muxOf("/",
		http.StripPrefix("/a", pathAsPattern(http.HandlerFunc(nothing)))))))
	before := heap()
	for i := range 50 {
		for _, h := range []http.Handler{routed, joined} {
			r := maliciousRequest(0)
			r.URL.Path = ("/a/" + strconv.Itoa(i+100) + strings.Repeat("x", 1<<20))[:len("/a/100")]
			r.RequestURI = "/a/" + strconv.Itoa(i+100)
			h.ServeHTTP(discard{make(http.Header)}, r)
		}
		r := maliciousRequest(0)
		r.URL.Path, r.Host = part(i), part(i)
		r.Header["User-Agent"] = []string{part(i)}
		h.ServeHTTP(discard{make(http.Header)}, r)
		send(t, tr, &url.URL{Scheme: "http", Host: part(i), Path: part(i)})
	}
	if kept := heap() - before; kept > 10<<20 {
		t.Errorf("%d MiB are kept of what had parts of 3 bytes in use", kept>>20)
	}
	for _, name := range []string{"http.server.request.duration", "http.client.request.duration"} {
		if got := len(m.samples(name)); got != 50 {
			t.Errorf("%d series of %s, want 50", got, name)
		}
	}
	if got := patterns.samples("http.server.request.duration"); len(got) != 50 || !strings.Contains(got[7].attrs, "http.route=/a/1") {
		t.Errorf("%d series of patterns, want 50: %v", len(got), got)
	}
	if got := below.samples("http.server.request.duration"); len(got) != 50 || !strings.Contains(got[7].attrs, "http.route=/107 ") {
		t.Errorf("%d series of patterns below a mux, want 50: %v", len(got), got)
	}
}

// heap returns how much memory is in use.
func heap() int64 {
	var s runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools held is free after the second
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

func send(t testing.TB, rt http.RoundTripper, u *url.URL) {
	t.Helper()
	resp, err := rt.RoundTrip(&http.Request{Method: http.MethodGet, URL: u, Header: make(http.Header)})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}
