package middleware_test

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/otelperf/otelperf-go/middleware"
)

// A failing writer writes half of what it gets.
type failing struct {
	discard
	err error
}

func (f failing) Write(p []byte) (int, error)               { return len(p) / 2, f.err }
func (f failing) WriteString(s string) (int, error)         { return len(s) / 2, f.err }
func (f failing) FlushError() error                         { return f.err }
func (f failing) ReadFrom(r io.Reader) (n int64, err error) { return 2, f.err }

// TestErrorsOfWriting sees that each way to write returns what the writer below
// returned, that the bytes that were written count and the rest do not, and that a
// deadline is a timeout whichever way it shows.
func TestErrorsOfWriting(t *testing.T) {
	for name, write := range map[string]func(w http.ResponseWriter) (int64, error){
		"Write": func(w http.ResponseWriter) (int64, error) {
			n, err := w.Write([]byte("body"))
			return int64(n), err
		},
		"WriteString": func(w http.ResponseWriter) (int64, error) {
			n, err := w.(io.StringWriter).WriteString("body")
			return int64(n), err
		},
		"ReadFrom": func(w http.ResponseWriter) (int64, error) {
			return w.(io.ReaderFrom).ReadFrom(strings.NewReader("body"))
		},
		"FlushError":              func(w http.ResponseWriter) (int64, error) { return 0, w.(interface{ FlushError() error }).FlushError() },
		"Flush behind the writer": func(w http.ResponseWriter) (int64, error) { return 0, http.NewResponseController(w).Flush() },
	} {
		for _, c := range []struct {
			err       error
			errorType string
		}{{nil, ""}, {io.ErrClosedPipe, ""}, {os.ErrDeadlineExceeded, "timeout"}, {http.ErrHandlerTimeout, "timeout"}} {
			m := newMeter(t)
			var n int64
			h := m.server(middleware.WithBodySizes()).Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				var err error
				if n, err = write(w); !errors.Is(err, c.err) {
					t.Errorf("%s: got %v, want %v", name, err, c.err)
				}
			}))
			var w http.ResponseWriter = failing{discard{make(http.Header)}, c.err}
			if strings.Contains(name, "behind") {
				w = hiding{w}
			}
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
			wantAttrs(t, m.only(), "error.type="+c.errorType, "http.response.status_code=200")
			want := int64(2)
			if strings.Contains(name, "Flush") {
				want = 0
			}
			if s := m.samples("http.server.response.body.size"); n != want || len(s) != 1 || s[0].sum != float64(want) {
				t.Errorf("%s: returned %d, counted %v, want %d", name, n, s, want)
			}
		}
	}
}

// switchable is a writer whose Hijack can fail.
type switchable struct {
	discard
	err *error
}

func (s switchable) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, *s.err }

// TestHijackCountsOnce hijacks in vain, and more often than once, and after the
// response was a stream already, also where a writer that hides its methods lies
// between ours and the server's.
func TestHijackCountsOnce(t *testing.T) {
	for name, c := range map[string]struct {
		header string
		errs   []error
		stream bool
		status string
	}{
		"in vain":           {"", []error{http.ErrNotSupported}, false, "200"},
		"at the second try": {"", []error{http.ErrNotSupported, nil}, true, ""},
		"twice":             {"", []error{nil, nil}, true, ""},
		"and then in vain":  {"", []error{nil, http.ErrHijacked}, true, ""},
		"an event stream":   {"text/event-stream", []error{nil, nil}, true, "200"},
	} {
		hijack := func(t *testing.T, wrap func(http.ResponseWriter) http.ResponseWriter) {
			m := newMeter(t)
			streams := func() int64 {
				s := m.samples("otelperf.http.server.streams")
				if len(s) != 1 {
					t.Fatalf("streams %v", s)
				}
				return s[0].n
			}
			var err error
			h := m.server().Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if c.header != "" {
					w.Header().Set("Content-Type", c.header)
					w.WriteHeader(http.StatusOK)
				}
				for _, err = range c.errs {
					if _, _, got := http.NewResponseController(w).Hijack(); !errors.Is(got, err) {
						t.Errorf("got %v, want %v", got, err)
					}
				}
				if got := streams() == 1; got != c.stream {
					t.Errorf("%d streams, want one: %v", streams(), c.stream)
				}
			}))
			h.ServeHTTP(wrap(switchable{discard{make(http.Header)}, &err}), httptest.NewRequest(http.MethodGet, "/", nil))
			if got := streams(); got != 0 {
				t.Errorf("%d streams at the end", got)
			}
			wantAttrs(t, m.only(), "http.response.status_code="+c.status)
		}
		t.Run(name, func(t *testing.T) {
			hijack(t, func(w http.ResponseWriter) http.ResponseWriter { return w })
		})
		t.Run(name+", hidden", func(t *testing.T) {
			hijack(t, func(w http.ResponseWriter) http.ResponseWriter { return hiding{w} })
		})
	}
}

// TestStepsBetweenWriters uses the writer that Unwrap returns where one that
// hides its methods lies between ours and the server's: it is as good as ours.
func TestStepsBetweenWriters(t *testing.T) {
	for i, combine := range combinations {
		m := newMeter(t)
		p := &plain{header: make(http.Header)}
		h := m.server(middleware.WithBodySizes()).Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			step := w.(interface{ Unwrap() http.ResponseWriter }).Unwrap()
			_, hijacks := step.(http.Hijacker)
			_, flushes := step.(interface{ FlushError() error })
			if wantHijack, wantFlush := i&4 != 0, i&3 != 0; hijacks != wantHijack || flushes != wantFlush {
				t.Errorf("combination %#x: hijacks %v, flushes %v, want %v, %v", i, hijacks, flushes, wantHijack, wantFlush)
			}
			if i&7 == 0 {
				step = w // there is no step: Unwrap has led to the writer below
			}
			step.Header().Set("X", "y")
			step.WriteHeader(http.StatusTeapot)
			if n, err := step.Write([]byte("body")); n != 4 || err != nil {
				t.Errorf("combination %#x: %d, %v", i, n, err)
			}
			if flushes {
				if err := step.(interface{ FlushError() error }).FlushError(); (err != nil) != (i&2 != 0) {
					t.Errorf("combination %#x: %v", i, err)
				}
			}
			below := step.(interface{ Unwrap() http.ResponseWriter }).Unwrap()
			if _, ok := below.(hiding); !ok {
				t.Errorf("combination %#x: %T is below, want the wrapped writer", i, below)
			}
		}))
		h.ServeHTTP(hiding{combine(p)}, httptest.NewRequest(http.MethodGet, "/", nil))
		if p.header.Get("X") != "y" || p.body.String() != "body" || p.calls[0] != "WriteHeader 418" {
			t.Errorf("combination %#x: %v, %q", i, p.calls, p.body.String())
		}
		wantAttrs(t, m.only(), "http.response.status_code=418")
		if s := m.samples("http.server.response.body.size"); len(s) != 1 || s[0].sum != 4 {
			t.Errorf("combination %#x: size %v, want 4", i, s)
		}
	}
}

// TestStatusThatIsNone has a writer that takes any number for a status.
func TestStatusThatIsNone(t *testing.T) {
	for code, want := range map[int]string{1000: "200", 1 << 16: "200", 1<<16 + 404: "200", 999: "999", 0: "200", -1: "200"} {
		m := newMeter(t)
		h := m.server().Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }))
		h.ServeHTTP(discard{make(http.Header)}, httptest.NewRequest(http.MethodGet, "/", nil))
		wantAttrs(t, m.only(), "http.response.status_code="+want)
	}
}

// TestRequestIsHandedBack has middleware outside of ours read what a mux and a
// handler put into the request, also where they get a copy of it. The server's
// own keeps its body, at whose type net/http looks, unless the handler itself
// put another in its place.
func TestRequestIsHandedBack(t *testing.T) {
	type outer struct{}
	for name, opts := range map[string][]middleware.Option{
		"the request itself": nil,
		"a copy":             {middleware.WithContextAttributes()},
		"a counted body":     {middleware.WithBodySizes()},
		"both":               {middleware.WithContextAttributes(), middleware.WithBodySizes()},
	} {
		for _, limited := range []bool{false, true} {
			m := newMeter(t)
			r := httptest.NewRequest(http.MethodPost, "/users/7", strings.NewReader("name=x"))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r = r.WithContext(context.WithValue(r.Context(), outer{}, "mine"))
			body, ctx := r.Body, r.Context()
			var limit io.ReadCloser
			routed := middleware.WithRoute(func(r *http.Request) string { return "id/" + r.PathValue("id") })
			h := m.server(append(opts, routed)...).Handler(muxOf("POST /users/{id}", http.HandlerFunc(
				func(w http.ResponseWriter, inner *http.Request) {
					if r.Body != body {
						t.Errorf("%s: the server's request has the body %T", name, r.Body)
					}
					if limited {
						limit = http.MaxBytesReader(w, inner.Body, 100)
						inner.Body = limit
					}
					if got := inner.FormValue("name"); got != "x" {
						t.Errorf("%s: the handler got %q", name, got)
					}
				})))
			h.ServeHTTP(httptest.NewRecorder(), r)
			if r.Pattern != "POST /users/{id}" || r.PathValue("id") != "7" || r.PostForm.Get("name") != "x" {
				t.Errorf("%s: pattern %q, value %q, form %v", name, r.Pattern, r.PathValue("id"), r.PostForm)
			}
			if want := cmp.Or(limit, body); r.Body != want {
				t.Errorf("%s: body %T, want %T", name, r.Body, want)
			}
			if r.Context() != ctx {
				t.Errorf("%s: the server's request has another context", name)
			}
			wantAttrs(t, m.only(), "http.route=id/7")
			if s := m.samples("http.server.request.body.size"); len(s) == 1 && s[0].sum != 6 {
				t.Errorf("%s: size %v, want 6", name, s)
			}
		}
	}
}

// after is a writer whose body is written and whose deadline passes then.
type after struct{ discard }

func (after) Write(p []byte) (int, error) { return len(p), os.ErrDeadlineExceeded }

// TestTimeoutOfAClientThatLeft has a write fail because its client has left, which
// shows as a deadline as well.
func TestTimeoutOfAClientThatLeft(t *testing.T) {
	for want, r := range map[string]*http.Request{
		"canceled":                 canceledRequest(),
		"context.DeadlineExceeded": lateRequest(t),
		"timeout":                  httptest.NewRequest(http.MethodGet, "/", nil),
	} {
		m := newMeter(t)
		m.server().Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "4")
			w.Write([]byte("body"))
		})).ServeHTTP(after{discard{make(http.Header)}}, r)
		wantAttrs(t, m.only(), "error.type="+want, "http.response.status_code=200")
	}
}

// TestWritingAfterHijack uses the writer of a connection that is the handler's
// own, in vain: the stream is counted once, and no status is made up.
func TestWritingAfterHijack(t *testing.T) {
	for name, write := range map[string]func(w http.ResponseWriter){
		"WriteHeader": func(w http.ResponseWriter) { w.WriteHeader(http.StatusSwitchingProtocols) },
		"Write":       func(w http.ResponseWriter) { w.Write(nil) },
		"Flush":       func(w http.ResponseWriter) { http.NewResponseController(w).Flush() },
	} {
		m := newMeter(t)
		var err error
		h := m.server().Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			middleware.Stream(w)
			w.(http.Hijacker).Hijack()
			write(w)
			if s := m.samples("otelperf.http.server.streams"); len(s) != 1 || s[0].n != 1 {
				t.Errorf("%s: streams %v, want 1", name, s)
			}
		}))
		h.ServeHTTP(struct {
			switchable
			http.Flusher
		}{switchable{discard{make(http.Header)}, &err}, httptest.NewRecorder()}, httptest.NewRequest(http.MethodGet, "/", nil))
		wantAttrs(t, m.only(), "http.response.status_code=", "error.type=")
	}
}

// TestBodiesThatAreNone leaves a body that is none as it is: code asks for it.
func TestBodiesThatAreNone(t *testing.T) {
	for _, body := range []io.ReadCloser{nil, http.NoBody} {
		m := newMeter(t)
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Body = body
		m.server(middleware.WithBodySizes()).Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.Body != body {
				t.Errorf("body %T, want %T", r.Body, body)
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
		if s := m.samples("http.server.request.body.size"); len(s) != 1 || s[0].sum != 0 {
			t.Errorf("size %v, want 0", s)
		}
	}
}
