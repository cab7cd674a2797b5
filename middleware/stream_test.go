package middleware_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/middleware"
)

// epochPlusYears is a time far from now.
func epochPlusYears(n int) time.Time { return time.Unix(0, 0).AddDate(n, 0, 0) }

// TestStreams states for each way to answer whether it is a stream: then the
// histogram has the time until it became one, and not the hour that it took.
func TestStreams(t *testing.T) {
	header := func(contentType string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(http.StatusOK)
		}
	}
	for name, c := range map[string]struct {
		begin  func(http.ResponseWriter)
		stream bool
		status string
	}{
		"plain text":                  {header("text/plain"), false, "200"},
		"server-sent events":          {header("text/event-stream"), true, "200"},
		"with a charset":              {header("Text/Event-Stream; charset=utf-8"), true, "200"},
		"another type that begins so": {header("text/event-streams"), false, "200"},
		"implicit header": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, "data: x\n\n")
		}, true, "200"},
		"flushed header": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.(http.Flusher).Flush()
		}, true, "200"},
		"switching protocols": {func(w http.ResponseWriter) { w.WriteHeader(http.StatusSwitchingProtocols) }, true, "101"},
		"hijacked":            {func(w http.ResponseWriter) { w.(http.Hijacker).Hijack() }, true, ""},
		"101, then hijacked": {func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusSwitchingProtocols)
			w.(http.Hijacker).Hijack()
		}, true, "101"},
		"hijacked, then answered": {func(w http.ResponseWriter) {
			w.(http.Hijacker).Hijack()
			w.WriteHeader(http.StatusSwitchingProtocols)
		}, true, ""},
		"marked before the header": {func(w http.ResponseWriter) {
			if !middleware.Stream(w) {
				t.Error("no middleware found")
			}
			w.WriteHeader(http.StatusPartialContent)
		}, true, "206"},
		"marked after the header": {func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusPartialContent)
			middleware.Stream(w)
		}, true, "206"},
		"marked, and nothing sent": {func(w http.ResponseWriter) { middleware.Stream(w) }, false, "200"},
		"marked twice": {func(w http.ResponseWriter) {
			middleware.Stream(w)
			w.WriteHeader(http.StatusOK)
			middleware.Stream(w)
		}, true, "200"},
		"failed": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/event-stream")
			http.Error(w, "no", http.StatusInternalServerError) // replaces the type
		}, false, "500"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMeter(t)
				h := m.server().Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					pass(time.Second)
					c.begin(w)
					recorded, open := 0, int64(0)
					if c.stream {
						recorded, open = 1, 1
					}
					if got := len(m.samples("http.server.request.duration")); got != recorded {
						t.Errorf("%d recorded at the beginning, want %d", got, recorded)
					}
					if got := m.samples("otelperf.http.server.streams"); got[0].n != open {
						t.Errorf("streams %v, want %d", got, open)
					}
					if got := m.samples("http.server.active_requests"); got[0].n != 1 {
						t.Errorf("active %v, want 1", got)
					}
					pass(time.Hour)
				}))
				rec := &hijackable{ResponseRecorder: httptest.NewRecorder()}
				h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", nil))
				want := 3601.0
				if c.stream {
					want = 1
				}
				if s := m.samples("http.server.request.duration"); len(s) != 1 || s[0].n != 1 || s[0].sum != want {
					t.Errorf("recorded %v, want one of %v s", s, want)
				}
				wantAttrs(t, m.only(), "http.response.status_code="+c.status)
				for _, name := range []string{"otelperf.http.server.streams", "http.server.active_requests"} {
					if got := m.samples(name); got[0].n != 0 {
						t.Errorf("%s after the end: %v", name, got)
					}
				}
			})
		})
	}
}

// TestStreamCountedOnce: where a function of the user's panics while a connection is
// taken over, the stream is open, and whatever the handler does then does not open it
// again.
func TestStreamCountedOnce(t *testing.T) {
	m := newMeter(t)
	panics := true
	attributes := func(*http.Request) []attribute.KeyValue {
		if panics {
			panic("once")
		}
		return nil
	}
	h := m.server(middleware.WithAttributes(attributes)).Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		func() {
			defer func() { recover(); panics = false }()
			w.(http.Hijacker).Hijack()
		}()
		w.WriteHeader(http.StatusSwitchingProtocols)
		if got := m.samples("otelperf.http.server.streams"); got[0].n != 1 {
			t.Errorf("streams %v, want 1", got)
		}
	}))
	h.ServeHTTP(&hijackable{ResponseRecorder: httptest.NewRecorder()}, httptest.NewRequest(http.MethodGet, "/", nil))
	if panics {
		t.Error("the function was not called")
	}
	for _, name := range []string{"otelperf.http.server.streams", "http.server.active_requests"} {
		if got := m.samples(name); got[0].n != 0 {
			t.Errorf("%s after the end: %v", name, got)
		}
	}
}

type hijackable struct{ *httptest.ResponseRecorder }

func (*hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, nil }

func TestStreamWithoutMiddleware(t *testing.T) {
	if middleware.Stream(httptest.NewRecorder()) {
		t.Error("found a middleware in a recorder")
	}
}

// TestPanicOfAStream is recorded once: as the request that it was.
func TestPanicOfAStream(t *testing.T) {
	m := newMeter(t)
	h := m.server().Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusSwitchingProtocols)
		panic("boom")
	}))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was stopped")
			}
		}()
		serve(h, "GET", "/")
	}()
	wantAttrs(t, m.only(), "http.response.status_code=101", "error.type=")
	if got := m.samples("otelperf.http.server.streams"); got[0].n != 0 {
		t.Error(got)
	}
}

// TestUpgradeThroughAProxy upgrades a connection by hand, through a reverse
// proxy with a Middleware and a Transport, to a server with a Middleware.
func TestUpgradeThroughAProxy(t *testing.T) {
	m, pm := newMeter(t), newMeter(t)
	backend := httptest.NewServer(m.server().Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		rw.Flush()
		line, err := rw.ReadString('\n')
		if err != nil {
			t.Error(err)
		}
		fmt.Fprint(rw, line)
		rw.Flush()
	})))
	defer backend.Close()
	target, err := url.Parse(backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := middleware.NewTransport(nil, middleware.WithMeterProvider(pm.provider), middleware.WithBodyEnd(), middleware.WithBodySizes())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = tr
	front := httptest.NewServer(pm.server().Handler(proxy))
	defer front.Close()

	conn, err := net.Dial("tcp", front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	br := bufio.NewReader(conn)
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %d", resp.StatusCode)
	}
	fmt.Fprint(conn, "hello\n")
	if line, err := br.ReadString('\n'); line != "hello\n" {
		t.Errorf("echo %q, %v", line, err)
	}
	conn.Close()
	front.Close()
	backend.Close()
	// Both take the connection over and write the 101 themselves, past net/http.
	wantAttrs(t, pm.only(), "http.response.status_code=", "error.type=")
	wantAttrs(t, m.only(), "http.response.status_code=", "error.type=")
	if s := pm.samples("http.client.request.duration"); len(s) != 1 || s[0].n != 1 {
		t.Error(s)
	}
}

// TestFunctionsSeeTheHandlersRequest has a stream recorded while its handler runs:
// the functions of the options see what the mux has put into the request, also
// where the handler got a copy of it.
func TestFunctionsSeeTheHandlersRequest(t *testing.T) {
	for name, opts := range map[string][]middleware.Option{
		"the request itself": nil,
		"a copy":             {middleware.WithContextAttributes()},
		"a counted body":     {middleware.WithBodySizes()},
		"both":               {middleware.WithContextAttributes(), middleware.WithBodySizes()},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMeter(t)
			h := m.server(append(opts,
				middleware.WithRoute(func(r *http.Request) string { return "/of/" + r.PathValue("id") }),
				middleware.WithAttributes(func(r *http.Request) []attribute.KeyValue {
					return []attribute.KeyValue{attribute.String("id", r.PathValue("id"))}
				}))...).Handler(muxOf("/{id}", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				middleware.Stream(w)
				w.WriteHeader(http.StatusOK)
				wantAttrs(t, m.only(), "http.route=/of/7", "id=7")
			})))
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/7", strings.NewReader("x")))
		})
	}
}
