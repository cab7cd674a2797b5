package middleware_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/otelperf/otelperf-go/middleware"
)

// A kind is one way to speak HTTP to a real server.
type kind struct {
	name, version, scheme string
	protocols             http.Protocols
	tls                   bool
}

func kinds() []kind {
	var h1, h2, h2c http.Protocols
	h1.SetHTTP1(true)
	h2.SetHTTP2(true)
	h2c.SetUnencryptedHTTP2(true)
	return []kind{
		{name: "HTTP/1.1", version: "1.1", scheme: "http", protocols: h1},
		{name: "HTTP/1.1 TLS", version: "1.1", scheme: "https", protocols: h1, tls: true},
		{name: "HTTP/2", version: "2", scheme: "https", protocols: h2, tls: true},
		{name: "h2c", version: "2", scheme: "http", protocols: h2c},
	}
}

// start runs a real server and returns a client of it. The server's own log goes
// to the returned buffer.
func (k kind) start(t *testing.T, h http.Handler) (*httptest.Server, *http.Client, *lockedBuffer) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	logged := new(lockedBuffer)
	s.Config.ErrorLog = log.New(logged, "", 0)
	s.Config.Protocols = &k.protocols
	if k.tls {
		s.TLS = &tls.Config{NextProtos: []string{"http/1.1"}}
		if k.version == "2" {
			s.EnableHTTP2 = true
			s.TLS.NextProtos = []string{"h2"}
		}
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	tr := &http.Transport{Protocols: &k.protocols, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(tr.CloseIdleConnections)
	return s, &http.Client{Transport: tr}, logged
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// onEach runs a test over every kind of server. finish closes the server, so
// that all is recorded, and returns the attributes of the one request.
func onEach(t *testing.T, h http.HandlerFunc, opts []middleware.Option, test func(t *testing.T, m *meter, url string, c *http.Client, finish func() map[string]string)) {
	t.Helper()
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			m := newMeter(t)
			s, c, logged := k.start(t, m.server(opts...).Handler(middleware.Route(muxOf("/{path...}", h))))
			test(t, m, s.URL, c, func() map[string]string {
				c.CloseIdleConnections()
				s.Close()
				got := m.only()
				wantAttrs(t, got, "network.protocol.version="+k.version, "url.scheme="+k.scheme)
				if l := logged.String(); l != "" {
					t.Errorf("the server logged %q", l)
				}
				return got
			})
		})
	}
}

// do sends a request and reads the answer.
func do(t *testing.T, c *http.Client, method, url string, body io.Reader) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

func TestRealServers(t *testing.T) {
	onEach(t, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Trailer", "X-Sum")
		w.WriteHeader(http.StatusCreated)
		w.Write(bytes.ToUpper(b))
		w.Header().Set("X-Sum", "6")
		w.Header().Set(http.TrailerPrefix+"X-Late", "yes")
	}, []middleware.Option{middleware.WithBodySizes()}, func(t *testing.T, m *meter, url string, c *http.Client, finish func() map[string]string) {
		resp, body := do(t, c, "PUT", url+"/x", strings.NewReader("sesame"))
		if body != "SESAME" || resp.StatusCode != http.StatusCreated {
			t.Errorf("got %d %q", resp.StatusCode, body)
		}
		if resp.Trailer.Get("X-Sum") != "6" || resp.Trailer.Get("X-Late") != "yes" {
			t.Errorf("trailers %v", resp.Trailer)
		}
		wantAttrs(t, finish(), "http.request.method=PUT", "http.response.status_code=201", "http.route=/{path...}")
		for _, name := range []string{"http.server.request.body.size", "http.server.response.body.size"} {
			if s := m.samples(name); len(s) != 1 || s[0].sum != 6 {
				t.Errorf("%s: %v, want 6", name, s)
			}
		}
	})
}

func TestHead(t *testing.T) {
	onEach(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("not sent"))
	}, []middleware.Option{middleware.WithBodySizes()}, func(t *testing.T, m *meter, url string, c *http.Client, finish func() map[string]string) {
		resp, body := do(t, c, "HEAD", url+"/x", nil)
		if body != "" || resp.ContentLength != 8 {
			t.Errorf("got %q, length %d", body, resp.ContentLength)
		}
		wantAttrs(t, finish(), "http.request.method=HEAD", "http.response.status_code=200")
		if s := m.samples("http.server.response.body.size"); s[0].sum != 0 {
			t.Errorf("body of %v bytes", s[0].sum)
		}
	})
}

func TestEarlyHints(t *testing.T) {
	onEach(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusProcessing)
		w.WriteHeader(http.StatusNotFound)
	}, nil, func(t *testing.T, m *meter, url string, c *http.Client, finish func() map[string]string) {
		var hints []int
		r, err := http.NewRequest(http.MethodGet, url+"/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
				hints = append(hints, code)
				return nil
			},
		}))
		resp, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if fmt.Sprint(hints) != "[103 102]" || resp.StatusCode != http.StatusNotFound {
			t.Errorf("got %v, then %d", hints, resp.StatusCode)
		}
		wantAttrs(t, finish(), "http.response.status_code=404", "error.type=")
	})
}

func TestUnreadAndHalfReadBodies(t *testing.T) {
	for name, c := range map[string]struct {
		read int64
		want float64
	}{"unread": {0, 0}, "half-read": {1000, 1000}, "to its end": {1 << 20, 9000}} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(_ http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, io.LimitReader(r.Body, c.read))
			}, []middleware.Option{middleware.WithBodySizes()}, func(t *testing.T, m *meter, url string, cl *http.Client, finish func() map[string]string) {
				do(t, cl, "POST", url+"/x", strings.NewReader(strings.Repeat("x", 9000)))
				wantAttrs(t, finish(), "http.response.status_code=200", "error.type=")
				if s := m.samples("http.server.request.body.size"); s[0].sum != c.want {
					t.Errorf("%v bytes, want %v", s[0].sum, c.want)
				}
			})
		})
	}
}

// TestMultipartFilesAreRemoved has the server clean up after the handler, which
// it can only if it finds the form in the request that it knows. With Go 1.27 it
// does not by HTTP/2, without us as well.
func TestMultipartFilesAreRemoved(t *testing.T) {
	var file string // that the last request has made
	h := http.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1); err != nil {
			t.Error(err)
			return
		}
		f, err := r.MultipartForm.File["f"][0].Open()
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		file = f.(*os.File).Name()
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}))
	removed := func(t *testing.T, k kind, h http.Handler) bool {
		t.Helper()
		file = ""
		s, c, logged := k.start(t, h)
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		part, err := w.CreateFormFile("f", "big.bin")
		if err != nil {
			t.Fatal(err)
		}
		part.Write(make([]byte, 1<<16))
		w.Close()
		resp, err := c.Post(s.URL+"/x", w.FormDataContentType(), &b)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		c.CloseIdleConnections()
		s.Close()
		if l := logged.String(); resp.StatusCode != http.StatusOK || file == "" || l != "" {
			t.Fatalf("status %d, file %q, the server logged %q", resp.StatusCode, file, l)
		}
		err = os.Remove(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return err != nil
	}
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			want := removed(t, k, h)
			if k.version == "1.1" && !want {
				t.Fatal("net/http itself does not remove the file")
			}
			for name, opts := range map[string][]middleware.Option{
				"plain": nil, "context": {middleware.WithContextAttributes(), middleware.WithBodySizes()},
			} {
				m := newMeter(t)
				if got := removed(t, k, m.server(opts...).Handler(middleware.Route(muxOf("/{path...}", h)))); got != want {
					t.Errorf("%s: the file is removed: %v; by net/http itself: %v", name, got, want)
				}
				wantAttrs(t, m.only(), "http.response.status_code=200", "network.protocol.version="+k.version)
			}
		})
	}
}

func TestPanicsOnRealServers(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			m := newMeter(t)
			s, c, logged := k.start(t, m.server().Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/abort" {
					panic(http.ErrAbortHandler)
				}
				panic("boom")
			})))
			for _, path := range []string{"/boom", "/abort"} {
				if resp, err := c.Get(s.URL + path); err == nil {
					resp.Body.Close()
					t.Errorf("%s: got %d", path, resp.StatusCode)
				}
			}
			s.Close()
			got := m.durations()
			// The client sends a request once more if its connection was closed.
			if len(got) != 1 || !strings.Contains(got[0], "error.type=panic") {
				t.Errorf("got %q", got)
			}
			if k.version == "2" {
				return // the server resets the stream before it logs
			}
			if l := logged.String(); !strings.Contains(l, "boom") || !strings.Contains(l, "server_test.go") {
				t.Errorf("the server logged %q", l)
			}
		})
	}
}

func TestClientThatLeaves(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			m := newMeter(t)
			entered, done := make(chan struct{}), make(chan struct{})
			h := m.server().Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				close(entered)
				<-r.Context().Done()
			}))
			s, c, _ := k.start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(done)
				h.ServeHTTP(w, r)
			}))
			ctx, cancel := context.WithCancel(context.Background())
			go func() {
				<-entered
				cancel()
			}()
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			// A TLS connection says that it ends before it does, and by then the server
			// may have answered.
			if resp, err := c.Do(r); err == nil {
				resp.Body.Close()
			}
			<-done
			wantAttrs(t, m.only(), "error.type=canceled", "http.response.status_code=")
		})
	}
}

// TestRawHTTP sends what clients of net/http would not.
func TestRawHTTP(t *testing.T) {
	for _, c := range []struct {
		name, request string
		answer        []string
		want          []string
	}{
		{"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", []string{"HTTP/1.0 200 OK", "ok"},
			[]string{"network.protocol.version=1.0", "http.response.status_code=200"}},
		{"CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nConnection: close\r\n\r\n", []string{"HTTP/1.1 200 OK", "ok"},
			[]string{"http.request.method=CONNECT", "http.response.status_code=200"}},
		{"unknown method", "BREW / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", []string{"HTTP/1.1 200 OK"},
			[]string{"http.request.method=_OTHER"}},
		{"lower case", "get / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", []string{"HTTP/1.1 200 OK"},
			[]string{"http.request.method=_OTHER"}},
		{"odd version", "GET / HTTP/1.9\r\nHost: a\r\nConnection: close\r\n\r\n", []string{"HTTP/1.1 200 OK"},
			[]string{"network.protocol.version="}},
		{"absolute form", "GET https://evil.example/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", []string{"200 OK"},
			[]string{"url.scheme=http", "server.address="}},
		{"expect", "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi",
			[]string{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK", "ok"}, []string{"http.response.status_code=200"}},
		{"expect, unread", "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n",
			[]string{"HTTP/1.1 417 Expectation Failed"}, []string{"http.response.status_code=417"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMeter(t)
			s := httptest.NewServer(m.server(middleware.WithBodySizes()).Handler(http.HandlerFunc(
				func(w http.ResponseWriter, r *http.Request) {
					if r.Method == http.MethodPut {
						w.WriteHeader(http.StatusExpectationFailed)
						return
					}
					io.Copy(io.Discard, r.Body)
					io.WriteString(w, "ok")
				})))
			defer s.Close()
			conn, err := net.Dial("tcp", s.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, c.request); err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(conn)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range c.answer {
				if !strings.Contains(string(answer), want) {
					t.Errorf("answer %q lacks %q", answer, want)
				}
			}
			s.Close()
			wantAttrs(t, m.only(), c.want...)
		})
	}
}

func TestSuperfluousHeaderReachesTheServer(t *testing.T) {
	m := newMeter(t)
	k := kinds()[0]
	s, c, logged := k.start(t, m.server().Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		w.WriteHeader(http.StatusInternalServerError)
	})))
	resp, _ := do(t, c, "GET", s.URL, nil)
	s.Close()
	if resp.StatusCode != http.StatusAccepted || !strings.Contains(logged.String(), "superfluous response.WriteHeader call") {
		t.Errorf("got %d, the server logged %q", resp.StatusCode, logged)
	}
	wantAttrs(t, m.only(), "http.response.status_code=202", "error.type=")
}

// TestResponseController uses all that a controller reaches on real servers.
func TestResponseController(t *testing.T) {
	onEach(t, func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		if err := rc.SetReadDeadline(epochPlusYears(100)); err != nil {
			t.Error("SetReadDeadline:", err)
		}
		if err := rc.SetWriteDeadline(epochPlusYears(100)); err != nil {
			t.Error("SetWriteDeadline:", err)
		}
		if err := rc.EnableFullDuplex(); err != nil {
			t.Error("EnableFullDuplex:", err)
		}
		first := make([]byte, 1)
		if _, err := io.ReadFull(r.Body, first); err != nil {
			t.Error(err)
		}
		w.Write(first)
		if err := rc.Flush(); err != nil {
			t.Error("Flush:", err)
		}
		rest, err := io.ReadAll(r.Body) // possible after writing with full duplex only
		if err != nil {
			t.Error(err)
		}
		w.Write(rest)
		if r.ProtoMajor == 2 {
			if _, _, err := rc.Hijack(); !errors.Is(err, http.ErrNotSupported) {
				t.Error("Hijack on HTTP/2:", err)
			}
		}
	}, nil, func(t *testing.T, m *meter, url string, c *http.Client, finish func() map[string]string) {
		_, body := do(t, c, "POST", url+"/x", strings.NewReader("duplex"))
		if body != "duplex" {
			t.Errorf("got %q", body)
		}
		wantAttrs(t, finish(), "http.response.status_code=200")
	})
}

// TestFileIsHandedOver looks at what the server's ReadFrom is given: with the
// file itself it can have the kernel send it.
func TestFileIsHandedOver(t *testing.T) {
	name := t.TempDir() + "/file.txt"
	if err := os.WriteFile(name, bytes.Repeat([]byte("x"), 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	m := newMeter(t)
	var src []string
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		spy := readFromSpy{w, w.(io.ReaderFrom), &src}
		m.server(middleware.WithBodySizes()).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.ServeFile(w, r, name)
		})).ServeHTTP(spy, r)
	})
	s := httptest.NewServer(h)
	defer s.Close()
	_, body := do(t, s.Client(), "GET", s.URL, nil)
	s.Close()
	if len(body) != 100_000 {
		t.Errorf("got %d bytes", len(body))
	}
	if fmt.Sprint(src) != "[*io.LimitedReader of *os.File]" {
		t.Errorf("ReadFrom was given %v", src)
	}
	if got := m.samples("http.server.response.body.size"); got[0].sum != 100_000 {
		t.Errorf("counted %v bytes", got[0].sum)
	}
}

type readFromSpy struct {
	http.ResponseWriter
	to  io.ReaderFrom
	src *[]string
}

func (s readFromSpy) ReadFrom(r io.Reader) (int64, error) {
	what := fmt.Sprintf("%T", r)
	if l, ok := r.(*io.LimitedReader); ok {
		what += fmt.Sprintf(" of %T", l.R)
	}
	*s.src = append(*s.src, what)
	return s.to.ReadFrom(r)
}
