package middleware_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"go/build"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/otelperf/otelperf-go/middleware"
)

// An exchange is all that both ends see of a request that waits for 100 Continue.
type exchange struct {
	waited    bool   // the client waited before it sent the body
	continued bool   // it was told to go on
	read      string // what the handler read of the body, and the error
	sent      int    // bytes of the body that the transport took
	status    int
	body      string
	err       string        // of reading the answer
	took      time.Duration // until the client had all of it
}

// How long the client waits for the 100, and for all.
const (
	continueTimeout = time.Hour
	patience        = 3 * time.Hour
)

func (x *exchange) readAll(r *http.Request) {
	b, err := io.ReadAll(r.Body)
	x.read = fmt.Sprintf("%q, %v", b, err)
}

// TestExpectContinue sends requests with Expect: 100-continue by a client that
// waits an hour for it, and compares what both ends see through our middleware and
// our transport with what they see without. Where all options are set both wrap
// the body, whose first Read is what has the server send the 100.
//
// A handler that begins to answer before it reads the body makes both ends wait
// for each other, without us as well: net/http's server sends no 100 after the
// final header, and its client sends no body before the 100. HTTP/2 does so if the
// header was sent, and then they wait for as long as ExpectContinueTimeout says. Until
// Go 1.26 HTTP/1 does so too, also if the header was only set; and a client that has it
// before that takes it for an answer and will never send the body: then they wait for
// each other until one gives up. From Go 1.27 on HTTP/1 gives the handler an error.
//
// Time is that of a bubble and the wire is in memory, so that the hours are
// measured without being waited for.
func TestExpectContinue(t *testing.T) {
	for name, c := range map[string]struct {
		handler func(x *exchange, w http.ResponseWriter, r *http.Request)
		waits   [3]time.Duration // of net/http, by the version of HTTP
		status  int
	}{
		"reads": {func(x *exchange, w http.ResponseWriter, r *http.Request) {
			x.readAll(r)
			io.WriteString(w, "ok")
		}, [3]time.Duration{}, 200},
		"reads nothing": {func(_ *exchange, w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "ok")
		}, [3]time.Duration{}, 200},
		"refuses": {func(_ *exchange, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusExpectationFailed)
		}, [3]time.Duration{}, 417},
		"says 100 itself": {func(x *exchange, w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusContinue)
			x.readAll(r)
		}, [3]time.Duration{}, 200},
		"sets the header, then reads": {func(x *exchange, w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			x.readAll(r)
			io.WriteString(w, "ok")
		}, [3]time.Duration{1: ifHTTP1Waits(continueTimeout)}, 202},
		"sends the header, then reads": {func(x *exchange, w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			http.NewResponseController(w).Flush()
			x.readAll(r)
			io.WriteString(w, "ok")
		}, [3]time.Duration{1: ifHTTP1Waits(patience), 2: continueTimeout}, 202},
	} {
		for _, k := range kinds() {
			t.Run(name+", "+k.name, func(t *testing.T) {
				bare := k.expect(t, c.handler, nil, nil)
				if bare.status != c.status {
					t.Errorf("status %d, want %d", bare.status, c.status)
				}
				if !http1Waits && c.status == http.StatusAccepted && k.version == "1.1" && !strings.Contains(bare.read, http.ErrBodyReadAfterClose.Error()) {
					t.Errorf("the handler read %s: the comment above is out of date", bare.read)
				}
				if want := c.waits[k.version[0]-'0']; bare.took != want {
					t.Errorf("net/http took %v, not %v: the comment above is out of date", bare.took, want)
				}
				all := []middleware.Option{middleware.WithBodySizes()}
				for name, o := range map[string]struct{ server, client []middleware.Option }{
					"without options": {nil, nil},
					"with all": {append(all, middleware.WithContextAttributes()),
						append(all, middleware.WithBodyEnd(), middleware.WithPhases())},
				} {
					m := newMeter(t)
					server := m.server(o.server...).Handler
					client := func(base http.RoundTripper) http.RoundTripper { return m.transport(base, o.client...) }
					if got := k.expect(t, c.handler, server, nil); got != bare {
						t.Errorf("server %s: %+v, want %+v", name, got, bare)
					}
					wantAttrs(t, m.only(), fmt.Sprintf("http.response.status_code=%d", c.status), "network.protocol.version="+k.version)
					if got := k.expect(t, c.handler, nil, client); got != bare {
						t.Errorf("client %s: %+v, want %+v", name, got, bare)
					}
					wantAttrs(t, m.call(), fmt.Sprintf("http.response.status_code=%d", c.status), "network.protocol.version="+k.version)
					if got := k.expect(t, c.handler, server, client); got != bare {
						t.Errorf("both %s: %+v, want %+v", name, got, bare)
					}
				}
			})
		}
	}
}

// http1Waits is whether an HTTP/1 server that has answered waits for a body.
var http1Waits = !slices.Contains(build.Default.ReleaseTags, "go1.27")

func ifHTTP1Waits(d time.Duration) time.Duration {
	if http1Waits {
		return d
	}
	return 0
}

// expect sends one request in a bubble. A nil wrapper stands for none.
func (k kind) expect(t *testing.T, handler func(*exchange, http.ResponseWriter, *http.Request),
	server func(http.Handler) http.Handler, client func(http.RoundTripper) http.RoundTripper) (x exchange) {
	t.Helper()
	certificates := certificatesOf()
	synctest.Test(t, func(t *testing.T) {
		handled := make(chan struct{})
		h := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(handled)
			handler(&x, w, r)
		}))
		if server != nil {
			h = server(h)
		}
		l := &memory{conns: make(chan net.Conn), closed: make(chan struct{})}
		s := &http.Server{Handler: h, Protocols: &k.protocols, TLSConfig: &tls.Config{Certificates: certificates}}
		served := make(chan error, 1)
		go func() {
			if k.tls {
				served <- s.ServeTLS(l, "", "")
			} else {
				served <- s.Serve(l)
			}
		}()
		base := &http.Transport{
			Protocols:             &k.protocols,
			DialContext:           l.dial,
			TLSClientConfig:       &tls.Config{InsecureSkipVerify: true},
			ExpectContinueTimeout: continueTimeout,
		}
		tr := http.RoundTripper(base)
		if client != nil {
			tr = client(tr)
		}
		sent := &countingReader{Reader: strings.NewReader("hello")}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			Wait100Continue: func() { x.waited = true },
			Got100Continue:  func() { x.continued = true },
		})
		r, err := http.NewRequestWithContext(ctx, http.MethodPut, k.scheme+"://example.com/x", sent)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Expect", "100-continue")
		start := time.Now()
		resp, err := (&http.Client{Transport: tr}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		x.err = fmt.Sprint(err)
		resp.Body.Close()
		x.took, x.status, x.body = time.Since(start), resp.StatusCode, string(b)
		<-handled
		synctest.Wait()
		x.sent = sent.n
		if x.took == patience {
			// Whether the answer's end or the client's was first is chance.
			x.read, x.body, x.err = "", "", ""
		}
		base.CloseIdleConnections()
		s.Close()
		<-served
		pass(time.Second) // net/http waits before it ends a connection whose request was not read
	})
	return x
}

type countingReader struct {
	io.Reader
	n int
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

// memory is a listener whose connections stay in memory, so that a bubble's time
// passes while both ends wait.
type memory struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (m *memory) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case m.conns <- server:
		return client, nil
	case <-m.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error {
	m.once.Do(func() { close(m.closed) })
	return nil
}

func (m *memory) Addr() net.Addr { return &net.TCPAddr{} }

// certificatesOf borrows httptest's certificate.
func certificatesOf() []tls.Certificate {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return s.TLS.Certificates
}
