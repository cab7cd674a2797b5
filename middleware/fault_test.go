package middleware_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/otelperf/otelperf-go/middleware"
)

// canceledRequest is one whose client has left.
func canceledRequest() *http.Request {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return httptest.NewRequestWithContext(ctx, "GET", "/", nil)
}

func lateRequest(t *testing.T) *http.Request {
	ctx, cancel := context.WithDeadline(context.Background(), time.Unix(0, 0))
	t.Cleanup(cancel)
	return httptest.NewRequestWithContext(ctx, "GET", "/", nil)
}

// TestErrorType states for each way that a request can end what it is recorded
// as.
func TestErrorType(t *testing.T) {
	fine := func() *http.Request { return httptest.NewRequest(http.MethodGet, "/", nil) }
	late := func() *http.Request { return lateRequest(t) }
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	for _, c := range []struct {
		name         string
		request      func() *http.Request
		handler      http.HandlerFunc
		status, kind string
	}{
		{"success", fine, nothing, "200", ""},
		{"client error", fine, status(404), "404", ""},
		{"server error", fine, status(503), "503", "503"},
		{"unusual server error", fine, status(599), "599", "599"},
		{"beyond 5xx", fine, status(600), "600", "600"},
		{"client left, nothing written", canceledRequest, nothing, "", "canceled"},
		{"client left during the body", canceledRequest, status(200), "200", "canceled"},
		{"client left, handler says 499", canceledRequest, status(499), "499", "canceled"},
		{"client left, then an error", canceledRequest, status(500), "500", "canceled"},
		{"client left with all it wanted", canceledRequest, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "2")
			io.WriteString(w, "ok")
		}, "200", ""},
		{"client left with half of it", canceledRequest, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "4")
			io.WriteString(w, "ok")
		}, "200", "canceled"},
		{"client left, then an error with all of its body", canceledRequest, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "2")
			w.WriteHeader(http.StatusInternalServerError)
			io.WriteString(w, "no")
		}, "500", "canceled"},
		{"client left with an answer without a body", canceledRequest, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "0")
			w.WriteHeader(http.StatusOK)
		}, "200", ""},
		{"client left before the answer without a body", canceledRequest, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "0")
		}, "", "canceled"},
		{"deadline passed, nothing written", late, nothing, "", "context.DeadlineExceeded"},
		{"deadline passed, then an error", late, status(504), "504", "context.DeadlineExceeded"},
		{"deadline passed, answered late", late, status(200), "200", "context.DeadlineExceeded"},
		{"panic", fine, func(http.ResponseWriter, *http.Request) { panic("x") }, "", "panic"},
		{"panic after the header", fine, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusCreated)
			panic("x")
		}, "201", "panic"},
		{"panic after a server error", fine, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			panic("x")
		}, "500", "panic"},
		{"abort", fine, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "", "panic"},
		{"abort because the client left", canceledRequest,
			func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "", "canceled"},
		{"bug found when the client left", canceledRequest,
			func(_ http.ResponseWriter, r *http.Request) { _ = strings.Split("", "")[len(r.Method)] }, "", "panic"},
		{"nil pointer when the client left", canceledRequest,
			func(_ http.ResponseWriter, r *http.Request) { r.TLS.Version++ }, "", "panic"},
		{"panic of nil", fine, func(http.ResponseWriter, *http.Request) { panic(nil) }, "", "panic"},
		{"invalid status", fine, status(42), "", "panic"},
		{"panic in a deferred call", fine, func(http.ResponseWriter, *http.Request) {
			defer panic("second")
			panic("first")
		}, "", "panic"},
		{"Goexit", fine, func(http.ResponseWriter, *http.Request) { runtime.Goexit() }, "", "goexit"},
		{"Goexit after the header", fine, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNoContent)
			runtime.Goexit()
		}, "204", "goexit"},
		{"superfluous header", fine, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			w.WriteHeader(http.StatusInternalServerError)
		}, "202", ""},
		{"early hints", fine, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusContinue)
			w.WriteHeader(http.StatusProcessing)
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusPartialContent)
		}, "206", ""},
		{"early hints alone", fine, status(103), "200", ""},
		{"the handler timed out", fine, func(w http.ResponseWriter, _ *http.Request) { failingWrite(w) }, "200", "timeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMeter(t)
			h := m.server().Handler(c.handler)
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer func() { recover() }()
				h.ServeHTTP(timingOut{httptest.NewRecorder()}, c.request())
			}()
			<-done
			wantAttrs(t, m.only(), "http.response.status_code="+c.status, "error.type="+c.kind)
		})
	}
}

// timingOut is a writer whose Write says what http.TimeoutHandler's says, if the
// handler asks for that.
type timingOut struct{ *httptest.ResponseRecorder }

const provoke = "time out"

func failingWrite(w http.ResponseWriter) { w.Write([]byte(provoke)) }

func (w timingOut) Write(p []byte) (int, error) {
	if string(p) == provoke {
		return 0, http.ErrHandlerTimeout
	}
	return w.ResponseRecorder.Write(p)
}

// TestPanicGoesOn looks at what arrives outside: the value itself, and the
// frame that it came from.
func TestPanicGoesOn(t *testing.T) {
	for _, value := range []any{"text", http.ErrAbortHandler, errors.New("an error")} {
		m := newMeter(t)
		h := m.server().Handler(middleware.Route(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { throw(value) })))
		func() {
			defer func() {
				if got := recover(); got != value {
					t.Errorf("recovered %v, want %v", got, value)
				}
				var pcs [64]uintptr
				frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs[:])])
				for {
					f, more := frames.Next()
					if strings.HasSuffix(f.Function, "middleware_test.throw") {
						return
					}
					if !more {
						t.Error("the trace has lost where the panic came from")
						return
					}
				}
			}()
			serve(h, "GET", "/")
		}()
		wantAttrs(t, m.only(), "error.type=panic")
		if s := m.samples("http.server.active_requests"); s[0].n != 0 {
			t.Errorf("still active: %v", s)
		}
	}
}

//go:noinline
func throw(v any) { panic(v) }

func TestTimeoutHandlerInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(t)
		slow := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		rec := serve(m.server().Handler(http.TimeoutHandler(slow, time.Second, "too slow")), "GET", "/")
		if rec.Code != 503 || rec.Body.String() != "too slow" {
			t.Errorf("the client got %d %q", rec.Code, rec.Body)
		}
		wantAttrs(t, m.only(), "http.response.status_code=503", "error.type=timeout")
		if s := m.samples("http.server.request.duration"); s[0].sum != 1 {
			t.Errorf("took %v s, want 1", s[0].sum)
		}
	})
}

// TestTimeoutHandlerPassesAnErrorOn has a handler that answers 503 in time.
func TestTimeoutHandlerPassesAnErrorOn(t *testing.T) {
	m := newMeter(t)
	busy := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "busy", http.StatusServiceUnavailable) })
	serve(m.server().Handler(http.TimeoutHandler(busy, time.Hour, "too slow")), "GET", "/")
	wantAttrs(t, m.only(), "http.response.status_code=503", "error.type=503")
}

func TestTimeoutHandlerInsideWhenTheClientLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(t)
		release := make(chan struct{})
		defer close(release)
		slow := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release })
		m.server().Handler(http.TimeoutHandler(slow, time.Hour, "")).ServeHTTP(httptest.NewRecorder(), canceledRequest())
		wantAttrs(t, m.only(), "http.response.status_code=503", "error.type=canceled")
	})
}

func TestTimeoutHandlerOutside(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"silent": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"writes": func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			pass(time.Second) // in a synctest bubble: until TimeoutHandler has answered
			if _, err := io.WriteString(w, "late"); !errors.Is(err, http.ErrHandlerTimeout) {
				panic(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMeter(t)
				rec := serve(http.TimeoutHandler(m.server().Handler(handler), time.Second, ""), "GET", "/")
				if rec.Code != 503 {
					t.Errorf("the client got %d", rec.Code)
				}
				pass(2 * time.Second)
				synctest.Wait()
				wantAttrs(t, m.only(), "error.type=context.DeadlineExceeded")
			})
		})
	}
}
