package middleware_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/otelperf/otelperf-go/middleware"
)

type (
	reads    struct{ io.Reader }
	writes   struct{}
	writesTo struct{}
)

func (reads) Close() error                 { return nil }
func (writes) Write(p []byte) (int, error) { return len(p), nil }
func (writesTo) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, "body")
	return int64(n), err
}
func body() reads { return reads{strings.NewReader("body")} }

// TestResponseBodyKeepsItsInterfaces covers every combination of io.Writer and
// io.WriterTo.
func TestResponseBodyKeepsItsInterfaces(t *testing.T) {
	for name, b := range map[string]io.ReadCloser{
		"reader": body(),
		"writer": struct {
			reads
			writes
		}{body(), writes{}},
		"writerTo": struct {
			reads
			writesTo
		}{body(), writesTo{}},
		"both": struct {
			reads
			writes
			writesTo
		}{body(), writes{}, writesTo{}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMeter(t)
			resp, err := get(t, m.transport(answer(200, b), middleware.WithBodyEnd(), middleware.WithBodySizes()), "http://example.com/")
			if err != nil {
				t.Fatal(err)
			}
			_, wantWriter := b.(io.Writer)
			w, isWriter := resp.Body.(io.Writer)
			if isWriter != wantWriter {
				t.Errorf("io.Writer: %v, want %v", isWriter, wantWriter)
			}
			if isWriter {
				if n, err := w.Write([]byte("abc")); n != 3 || err != nil {
					t.Error(n, err)
				}
			}
			_, wantWriterTo := b.(io.WriterTo)
			to, isWriterTo := resp.Body.(io.WriterTo)
			if isWriterTo != wantWriterTo {
				t.Errorf("io.WriterTo: %v, want %v", isWriterTo, wantWriterTo)
			}
			if isWriterTo {
				if n, err := to.WriteTo(io.Discard); n != 4 || err != nil {
					t.Error(n, err)
				}
			} else if b, err := io.ReadAll(resp.Body); string(b) != "body" || err != nil {
				t.Error(b, err)
			}
			resp.Body.Close()
			wantAttrs(t, m.call(), "error.type=")
			if s := m.samples("http.client.response.body.size"); len(s) != 1 || s[0].sum != 4 {
				t.Errorf("size %v, want 4", s)
			}
		})
	}
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }
func (broken) Close() error               { return nil }

func TestBodyThatBreaks(t *testing.T) {
	for err, want := range map[error]string{
		io.EOF:                   "",
		io.ErrUnexpectedEOF:      "unexpected_eof",
		errors.New("something"):  "_OTHER",
		context.DeadlineExceeded: "timeout", // not the request's own context
		context.Canceled:         "canceled",
	} {
		m := newMeter(t)
		resp, e := get(t, m.transport(answer(200, broken{err}), middleware.WithBodyEnd()), "http://example.com/")
		if e != nil {
			t.Fatal(e)
		}
		if _, e := resp.Body.Read(make([]byte, 1)); !errors.Is(e, err) {
			t.Errorf("got %v, want %v", e, err)
		}
		wantAttrs(t, m.call(), "error.type="+want, "http.response.status_code=200")
	}
}

// brokenWriterTo is a body that fails once it has written some of itself.
type brokenWriterTo struct{ broken }

func (b brokenWriterTo) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, "half")
	if err != nil || n < 4 {
		return int64(n), cmp.Or(err, io.ErrShortWrite)
	}
	return int64(n), b.err
}

// limitedWriter takes n bytes.
type limitedWriter struct {
	n   int
	err error
}

func (w limitedWriter) Write(p []byte) (int, error) {
	if len(p) > w.n {
		return w.n, w.err
	}
	return len(p), nil
}

// TestWhoseErrorOfWriteTo tells an error of the body from one of what it is
// written to, which is nothing that the server or the network did.
func TestWhoseErrorOfWriteTo(t *testing.T) {
	full := errors.New("disk full")
	for name, c := range map[string]struct {
		to        io.Writer
		err       error // of the body
		want      error
		errorType string
		size      float64
	}{
		"neither":           {limitedWriter{n: 9}, nil, nil, "", 4},
		"body":              {limitedWriter{n: 9}, io.ErrUnexpectedEOF, io.ErrUnexpectedEOF, "unexpected_eof", 4},
		"destination":       {limitedWriter{2, full}, io.ErrUnexpectedEOF, full, "", 2},
		"destination, mute": {limitedWriter{3, nil}, io.ErrUnexpectedEOF, io.ErrShortWrite, "", 3},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMeter(t)
			tr := m.transport(answer(200, brokenWriterTo{broken{c.err}}), middleware.WithBodyEnd(), middleware.WithBodySizes())
			resp, err := get(t, tr, "http://example.com/")
			if err != nil {
				t.Fatal(err)
			}
			n, err := resp.Body.(io.WriterTo).WriteTo(c.to)
			if !errors.Is(err, c.want) || float64(n) != c.size {
				t.Errorf("got %d, %v, want %v, %v", n, err, c.size, c.want)
			}
			resp.Body.Close()
			wantAttrs(t, m.call(), "error.type="+c.errorType, "http.response.status_code=200")
			if s := m.samples("http.client.response.body.size"); len(s) != 1 || s[0].n != 1 || s[0].sum != c.size {
				t.Errorf("size %v, want %v", s, c.size)
			}
		})
	}
}

func TestBodyClosedEarlyIsNoFault(t *testing.T) {
	m := newMeter(t)
	resp, err := get(t, m.transport(answer(404, body()), middleware.WithBodyEnd(), middleware.WithBodySizes()), "http://example.com/")
	if err != nil {
		t.Fatal(err)
	}
	io.ReadFull(resp.Body, make([]byte, 2))
	resp.Body.Close()
	wantAttrs(t, m.call(), "error.type=404")
	if s := m.samples("http.client.response.body.size"); s[0].sum != 2 {
		t.Error(s)
	}
}

func TestNoBodyStaysNoBody(t *testing.T) {
	m := newMeter(t)
	resp, err := get(t, m.transport(answer(204, http.NoBody), middleware.WithBodyEnd(), middleware.WithBodySizes()), "http://example.com/")
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body != http.NoBody {
		t.Errorf("got %T", resp.Body)
	}
	if s := m.samples("http.client.response.body.size"); len(s) != 1 || s[0].sum != 0 {
		t.Error(s)
	}
}

// TestStreamsOfAClientEndWithTheHeader has an event stream that nobody closes.
func TestStreamsOfAClientEndWithTheHeader(t *testing.T) {
	m := newMeter(t)
	b := body()
	events := tripper(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: b, Request: r}, nil
	})
	resp, err := get(t, m.transport(events, middleware.WithBodyEnd()), "http://example.com/")
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body != io.ReadCloser(b) {
		t.Errorf("the body was replaced by %T", resp.Body)
	}
	wantAttrs(t, m.call(), "http.response.status_code=200")
}

func TestPhases(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			m := newMeter(t)
			s, c, _ := k.start(t, http.HandlerFunc(nothing))
			c.Transport = m.transport(c.Transport, middleware.WithPhases())
			target := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
			traced, made := 0, int64(0)
			ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
				GotConn: func(i httptrace.GotConnInfo) {
					if !i.Reused {
						made++
					}
				},
				GotFirstResponseByte: func() { traced++ },
			})
			const requests = 5
			for range requests {
				r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := c.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
			}
			got := make(map[string]int64)
			for _, s := range m.samples("otelperf.http.client.phase.duration") {
				phase, _, _ := strings.Cut(strings.TrimPrefix(s.attrs, "otelperf.http.client.phase="), " ")
				got[phase] = s.n
				if !strings.Contains(s.attrs, " server.address=localhost server.port=") {
					t.Error(s)
				}
			}
			handshakes := int64(0)
			if k.tls {
				handshakes = made
			}
			// One that is held up in a write net/http gives up by itself, but not each.
			if made == 0 || made == requests || got["dns"] != made || got["connect"] != made || got["tls"] != handshakes || got["first_byte"] != requests {
				t.Errorf("got %v by %d connections", got, made)
			}
			if traced != requests {
				t.Errorf("the caller's own trace saw %d responses", traced)
			}
		})
	}
}

// TestBodyThatCannotBeSentAgain hands the error of GetBody on and keeps the count
// of what was sent.
func TestBodyThatCannotBeSentAgain(t *testing.T) {
	m := newMeter(t)
	gone := errors.New("gone")
	tr := m.transport(tripper(func(r *http.Request) (*http.Response, error) {
		io.Copy(io.Discard, r.Body)
		if b, err := r.GetBody(); b != nil || !errors.Is(err, gone) {
			t.Errorf("got %v, %v, want %v", b, err, gone)
		}
		return answer(200, http.NoBody)(r)
	}), middleware.WithBodySizes())
	r, err := http.NewRequest(http.MethodPost, "http://example.com/", body())
	if err != nil {
		t.Fatal(err)
	}
	r.GetBody = func() (io.ReadCloser, error) { return nil, gone }
	if _, err := tr.RoundTrip(r); err != nil {
		t.Fatal(err)
	}
	if s := m.samples("http.client.request.body.size"); len(s) != 1 || s[0].sum != 4 {
		t.Errorf("got %v, want 4 bytes", s)
	}
}

// TestPhasesDoneTwice has what a transport does that dials two addresses at once,
// or one after another: the first beginning and the first success count.
func TestPhasesDoneTwice(t *testing.T) {
	failed := errors.New("failed")
	type trace = *httptrace.ClientTrace
	for name, c := range map[string]struct {
		do   func(trace)
		want string // phase, number of times, seconds
	}{
		"two dials": {func(tr trace) {
			tr.ConnectStart("tcp", "a")
			pass(time.Second)
			tr.ConnectStart("tcp", "b")
			pass(time.Second)
			tr.ConnectDone("tcp", "a", nil)
			pass(time.Second)
			tr.ConnectDone("tcp", "b", nil)
		}, "connect 1 2"},
		"the first dial failed": {func(tr trace) {
			tr.ConnectStart("tcp", "a")
			pass(time.Second)
			tr.ConnectDone("tcp", "a", failed)
			tr.ConnectStart("tcp", "b")
			pass(2 * time.Second)
			tr.ConnectDone("tcp", "b", nil)
		}, "connect 1 3"},
		"two names": {func(tr trace) {
			for range 2 {
				tr.DNSStart(httptrace.DNSStartInfo{})
				pass(time.Second)
				tr.DNSDone(httptrace.DNSDoneInfo{})
			}
		}, "dns 1 1"},
		"no name": {func(tr trace) {
			tr.DNSStart(httptrace.DNSStartInfo{})
			tr.DNSDone(httptrace.DNSDoneInfo{Err: failed})
		}, ""},
		"an end without a beginning": {func(tr trace) { tr.TLSHandshakeDone(tls.ConnectionState{}, nil) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMeter(t)
				tr := m.transport(tripper(func(r *http.Request) (*http.Response, error) {
					c.do(httptrace.ContextClientTrace(r.Context()))
					return answer(200, http.NoBody)(r)
				}), middleware.WithPhases())
				if _, err := get(t, tr, "http://example.com/"); err != nil {
					t.Fatal(err)
				}
				var got string
				for _, s := range m.samples("otelperf.http.client.phase.duration") {
					phase, _, _ := strings.Cut(strings.TrimPrefix(s.attrs, "otelperf.http.client.phase="), " ")
					got += fmt.Sprintf("%s %d %v", phase, s.n, s.sum)
				}
				if got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
			})
		})
	}
}

func TestCloseIdleConnectionsPassesOn(t *testing.T) {
	m := newMeter(t)
	base := &idle{}
	c := &http.Client{Transport: m.transport(base)}
	c.CloseIdleConnections()
	if !base.closed {
		t.Error("the base transport was not asked")
	}
	m.transport(tripper(nil)).CloseIdleConnections()
}

type idle struct {
	http.RoundTripper
	closed bool
}

func (i *idle) CloseIdleConnections() { i.closed = true }
