package middleware_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/otelperf/otelperf-go/middleware"
)

// A plain writer has no optional interface. The parts below each give one; the
// matrix test puts every combination of them into one writer.
type plain struct {
	header http.Header
	calls  []string
	body   bytes.Buffer
}

func (p *plain) Header() http.Header { return p.header }

func (p *plain) Write(b []byte) (int, error) {
	p.calls = append(p.calls, "Write")
	return p.body.Write(b)
}

func (p *plain) WriteHeader(code int) { p.calls = append(p.calls, fmt.Sprint("WriteHeader ", code)) }

type (
	flusher       struct{ p *plain }
	errorFlusher  struct{ p *plain }
	hijacker      struct{ p *plain }
	pusher        struct{ p *plain }
	readerFrom    struct{ p *plain }
	closeNotifier struct{ p *plain }
	stringWriter  struct{ p *plain }
)

var errPart = errors.New("from the part")

func (x flusher) Flush() { x.p.calls = append(x.p.calls, "Flush") }

func (x errorFlusher) FlushError() error {
	x.p.calls = append(x.p.calls, "FlushError")
	return errPart
}

func (x hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	x.p.calls = append(x.p.calls, "Hijack")
	return nil, nil, nil
}

func (x pusher) Push(target string, _ *http.PushOptions) error {
	x.p.calls = append(x.p.calls, "Push "+target)
	return errPart
}

func (x readerFrom) ReadFrom(r io.Reader) (int64, error) {
	x.p.calls = append(x.p.calls, "ReadFrom")
	return x.p.body.ReadFrom(r)
}

var closed = make(chan bool)

func (x closeNotifier) CloseNotify() <-chan bool {
	x.p.calls = append(x.p.calls, "CloseNotify")
	return closed
}

func (x stringWriter) WriteString(s string) (int, error) {
	x.p.calls = append(x.p.calls, "WriteString")
	return x.p.body.WriteString(s)
}

// optional are the interfaces that the wrapper has to mirror, in the order of
// the bits of a combination.
var optional = []reflect.Type{
	reflect.TypeFor[http.Flusher](),
	reflect.TypeFor[interface{ FlushError() error }](),
	reflect.TypeFor[http.Hijacker](),
	reflect.TypeFor[http.Pusher](),
	reflect.TypeFor[io.ReaderFrom](),
	reflect.TypeFor[http.CloseNotifier](), //nolint:staticcheck // mirrored like any other
	reflect.TypeFor[io.StringWriter](),
}

// TestEveryCombinationOfInterfaces wraps a writer of each of the 128
// combinations, checks that the handler sees exactly those interfaces, and calls
// each of them through the wrapper.
func TestEveryCombinationOfInterfaces(t *testing.T) {
	m := newMeter(t)
	mw := m.server(middleware.WithBodySizes())
	if want := 1 << len(optional); len(combinations) != want {
		t.Fatalf("%d combinations, want %d", len(combinations), want)
	}
	for i, combine := range combinations {
		p := &plain{header: make(http.Header)}
		w := combine(p)
		for bit, typ := range optional {
			if got, want := reflect.TypeOf(w).Implements(typ), i>>bit&1 == 1; got != want {
				t.Fatalf("the test's own writer %#x implements %v: %v", i, typ, got)
			}
		}
		ran := false
		h := mw.Handler(http.HandlerFunc(func(wrapped http.ResponseWriter, r *http.Request) {
			ran = true
			for bit, typ := range optional {
				if got, want := reflect.TypeOf(wrapped).Implements(typ), i>>bit&1 == 1; got != want {
					t.Errorf("combination %#x implements %v: %v, want %v", i, typ, got, want)
				}
			}
			if got := wrapped.(interface{ Unwrap() http.ResponseWriter }).Unwrap(); got != w {
				t.Errorf("combination %#x unwraps to %T", i, got)
			}
			useAll(t, i, wrapped, p)
		}))
		r, err := http.NewRequest(http.MethodGet, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		h.ServeHTTP(w, r)
		if !ran {
			t.Fatal("the handler did not run")
		}
	}
}

// useAll calls every method of a wrapped writer and looks at what arrives.
func useAll(t *testing.T, combination int, w http.ResponseWriter, p *plain) {
	t.Helper()
	expect := func(call string, f func()) {
		t.Helper()
		p.calls = nil
		f()
		if got := strings.Join(p.calls, ", "); got != call {
			t.Errorf("combination %#x: %q arrived, want %q", combination, got, call)
		}
	}
	expect("WriteHeader 201", func() { w.WriteHeader(http.StatusCreated) })
	expect("Write", func() { w.Write([]byte("x")) })
	if x, ok := w.(http.Flusher); ok {
		expect("Flush", x.Flush)
	}
	if x, ok := w.(interface{ FlushError() error }); ok {
		expect("FlushError", func() {
			if err := x.FlushError(); !errors.Is(err, errPart) {
				t.Error(err)
			}
		})
	}
	if x, ok := w.(http.Pusher); ok {
		expect("Push /style.css", func() {
			if err := x.Push("/style.css", nil); !errors.Is(err, errPart) {
				t.Error(err)
			}
		})
	}
	if x, ok := w.(io.ReaderFrom); ok {
		expect("ReadFrom", func() {
			if n, err := x.ReadFrom(strings.NewReader("four")); n != 4 || err != nil {
				t.Error(n, err)
			}
		})
	}
	if x, ok := w.(http.CloseNotifier); ok { //nolint:staticcheck // mirrored like any other
		expect("CloseNotify", func() {
			if c := x.CloseNotify(); c != closed {
				t.Error("another channel")
			}
		})
	}
	if x, ok := w.(io.StringWriter); ok {
		expect("WriteString", func() {
			if n, err := x.WriteString("four"); n != 4 || err != nil {
				t.Error(n, err)
			}
		})
	}
	if x, ok := w.(http.Hijacker); ok {
		expect("Hijack", func() { x.Hijack() })
	}
}

// hiding is a writer of somebody's middleware that offers nothing but Unwrap.
type hiding struct{ http.ResponseWriter }

func (h hiding) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// TestHijackBehindAHidingWriter hijacks through a writer that has no Hijack
// method but lets http.ResponseController find one below it.
func TestHijackBehindAHidingWriter(t *testing.T) {
	for i, combine := range combinations {
		m := newMeter(t)
		p := &plain{header: make(http.Header)}
		h := m.server().Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _, err := http.NewResponseController(w).Hijack()
			if hijacks := i&4 != 0; (err == nil) != hijacks {
				t.Errorf("combination %#x: %v", i, err)
			}
		}))
		r, err := http.NewRequest(http.MethodGet, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		h.ServeHTTP(hiding{hiding{combine(p)}}, r)
		status := "200"
		if i&4 != 0 {
			status = ""
		}
		wantAttrs(t, m.only(), "http.response.status_code="+status)
	}
}

// stacked is a writer of somebody's middleware above another one.
type stacked struct {
	http.ResponseWriter
	below http.ResponseWriter
}

func (s stacked) Unwrap() http.ResponseWriter { return s.below }

type stackedFlusher struct {
	stacked
	http.Flusher
}

type stackedHijacker struct {
	stacked
	http.Hijacker
}

// TestUnwrapPastHalfAWriter has a writer that flushes above one that is hijacked,
// and the other way round, and above one that can do no more than itself: there
// is no step in between then.
func TestUnwrapPastHalfAWriter(t *testing.T) {
	p := &plain{header: make(http.Header)}
	of := func(i int) http.ResponseWriter { return combinations[i](p) }
	s := func(below int) stacked { return stacked{of(0), of(below)} }
	const flush, hijack = 1, 4
	for name, c := range map[string]struct {
		w     http.ResponseWriter
		steps bool
	}{
		"flush above flush":   {stackedFlusher{s(flush), flusher{p}}, false},
		"flush above hijack":  {stackedFlusher{s(hijack), flusher{p}}, true},
		"hijack above hijack": {stackedHijacker{s(hijack), hijacker{p}}, false},
		"hijack above flush":  {stackedHijacker{s(flush), hijacker{p}}, true},
	} {
		m := newMeter(t)
		h := m.server().Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			below := w.(interface{ Unwrap() http.ResponseWriter }).Unwrap()
			if steps := below != c.w; steps != c.steps {
				t.Errorf("%s: unwrapped to %T", name, below)
			}
			if _, _, err := http.NewResponseController(w).Hijack(); (err != nil) != (name == "flush above flush") {
				t.Errorf("%s: %v", name, err)
			}
		}))
		serveTo(c.w, h)
		status := ""
		if name == "flush above flush" {
			status = "200"
		}
		wantAttrs(t, m.only(), "http.response.status_code="+status)
	}
}

func serveTo(w http.ResponseWriter, h http.Handler) {
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
}

// TestFlushBehindAHidingWriter sees that a flush from below is a 200 and that
// its error arrives.
func TestFlushBehindAHidingWriter(t *testing.T) {
	for i, combine := range combinations {
		m := newMeter(t)
		p := &plain{header: http.Header{"Content-Type": {"text/event-stream"}}}
		h := m.server().Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			err := http.NewResponseController(w).Flush()
			switch {
			case i&2 != 0:
				if !errors.Is(err, errPart) {
					t.Errorf("combination %#x: %v, want FlushError's error", i, err)
				}
			case (err == nil) != (i&1 != 0):
				t.Errorf("combination %#x: %v", i, err)
			}
			if err == nil || errors.Is(err, errPart) {
				if s := m.samples("otelperf.http.server.streams"); len(s) != 1 || s[0].n != 1 {
					t.Errorf("combination %#x: streams %v after the header", i, s)
				}
			}
		}))
		r, err := http.NewRequest(http.MethodGet, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		h.ServeHTTP(hiding{combine(p)}, r)
	}
}
