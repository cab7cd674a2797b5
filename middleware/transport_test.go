package middleware_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/trial"
	"github.com/otelperf/otelperf-go/middleware"
)

// transport returns a Transport that reports to m.
func (m *meter) transport(base http.RoundTripper, opts ...middleware.Option) *middleware.Transport {
	m.t.Helper()
	tr, err := middleware.NewTransport(base, append(opts, middleware.WithMeterProvider(m.provider))...)
	if err != nil {
		m.t.Fatal(err)
	}
	return tr
}

// call returns the attributes of the one request that was sent.
func (m *meter) call() map[string]string {
	m.t.Helper()
	all := m.samples("http.client.request.duration")
	if len(all) != 1 || all[0].n != 1 {
		m.t.Fatalf("got %v, want one request", all)
	}
	attrs := make(map[string]string)
	for part := range strings.SplitSeq(all[0].attrs, " ") {
		k, v, _ := strings.Cut(part, "=")
		attrs[k] = v
	}
	return attrs
}

// tripper is a base transport made of a function.
type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answer is a base transport that answers with a status and a body.
func answer(status int, body io.ReadCloser) tripper {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Header: make(http.Header), Body: body, Request: r,
		}, nil
	}
}

func get(t testing.TB, rt http.RoundTripper, target string) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rt.RoundTrip(r)
}

func TestClientRequestIsMeasured(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			m := newMeter(t)
			s, c, _ := k.start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }))
			c.Transport = m.transport(c.Transport, middleware.WithBodySizes())
			resp, body := do(t, c, "POST", s.URL+"/x", strings.NewReader("four"))
			if body != "hello" || resp.Request.URL.Path != "/x" {
				t.Errorf("got %q of %v", body, resp.Request.URL)
			}
			host, port, err := net.SplitHostPort(s.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			want := []string{
				"http.request.method=POST", "http.response.status_code=200", "network.protocol.name=http",
				"network.protocol.version=" + k.version, "server.address=" + host, "server.port=" + port,
			}
			got := m.samples("http.client.request.duration")
			if len(got) != 1 || got[0].n != 1 || got[0].attrs != strings.Join(want, " ") {
				t.Errorf("got  %v\nwant %v", got, want)
			}
			for name, size := range map[string]float64{"request": 4, "response": 5} {
				if s := m.samples("http.client." + name + ".body.size"); len(s) != 1 || s[0].sum != size || s[0].attrs != got[0].attrs {
					t.Errorf("%s size %v, want %v", name, s, size)
				}
			}
			mm := m.collect()["http.client.request.duration"]
			if b := mm.Data.(metricdata.Histogram[float64]).DataPoints[0].Bounds; mm.Unit != "s" || len(b) != 14 || b[0] != 0.005 || b[13] != 10 {
				t.Errorf("unit %q, boundaries %v", mm.Unit, b)
			}
		})
	}
}

// TestClientWithoutMethod sends what net/http takes for a GET.
func TestClientWithoutMethod(t *testing.T) {
	m := newMeter(t)
	r := httptest.NewRequest(http.MethodGet, "http://example.com/", nil)
	r.Method = ""
	resp, err := m.transport(answer(200, http.NoBody)).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	wantAttrs(t, m.call(), "http.request.method=GET")
}

func TestClientStatusAndErrorType(t *testing.T) {
	for status, want := range map[int]string{
		101: "", 200: "", 204: "", 302: "", 399: "", 400: "400", 404: "404", 499: "499", 500: "500", 599: "599",
	} {
		m := newMeter(t)
		resp, err := get(t, m.transport(answer(status, http.NoBody)), "http://example.com/")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		wantAttrs(t, m.call(), fmt.Sprint("http.response.status_code=", status), "error.type="+want)
	}
}

func TestClientHosts(t *testing.T) {
	for target, want := range map[string][2]string{
		"http://example.com/":       {"example.com", "80"},
		"https://example.com/":      {"example.com", "443"},
		"https://EXAMPLE.com:8443/": {"example.com", "8443"},
		"http://[2001:db8::1]:81/":  {"2001:db8::1", "81"},
		"http://[2001:db8::1]/":     {"2001:db8::1", "80"},
		"gopher://example.com/":     {"example.com", "0"},
		"http:///nowhere":           {"_OTHER", "0"},
		"http://example.com:99999/": {"example.com", "80"},
	} {
		m := newMeter(t)
		if _, err := get(t, m.transport(answer(200, http.NoBody)), target); err != nil {
			t.Fatal(err)
		}
		wantAttrs(t, m.call(), "server.address="+want[0], "server.port="+want[1])
	}
}

// TestClientHostHeader has a Host that is not the URL's, as a reverse proxy's
// requests have.
func TestClientHostHeader(t *testing.T) {
	m := newMeter(t)
	r := httptest.NewRequest(http.MethodGet, "http://backend.example:81/", nil)
	r.Host = "anything.example"
	if _, err := m.transport(answer(200, http.NoBody)).RoundTrip(r); err != nil {
		t.Fatal(err)
	}
	wantAttrs(t, m.call(), "server.address=backend.example", "server.port=81")
}

func TestClientActiveRequests(t *testing.T) {
	m := newMeter(t)
	var during []sample
	tr := m.transport(tripper(func(r *http.Request) (*http.Response, error) {
		during = m.samples("http.client.active_requests")
		return answer(200, http.NoBody)(r)
	}))
	if _, err := get(t, tr, "http://example.com/"); err != nil {
		t.Fatal(err)
	}
	if want := []sample{{"http.request.method=GET server.address=example.com server.port=80", 1, 1}}; !slices.Equal(during, want) {
		t.Errorf("during the request: %v, want %v", during, want)
	}
	if got := m.samples("http.client.active_requests"); got[0].n != 0 {
		t.Errorf("after it: %v", got)
	}
	for range 2 {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	}
	if mm, ok := m.collect()["http.client.active_requests"]; ok {
		t.Errorf("after Close: %v", mm)
	}
}

// TestClientErrors has real errors of a real transport.
func TestClientErrors(t *testing.T) {
	blocked := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/reset":
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		case "/eof":
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			conn.Close()
		default:
			select {
			case <-r.Context().Done():
			case <-blocked:
			}
		}
	}))
	defer slow.Close()
	defer close(blocked)
	secure := httptest.NewUnstartedServer(http.HandlerFunc(nothing))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	refusing := "http://" + trial.Address(t)

	ctx := context.Background()
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	late, cancelLate := context.WithTimeout(ctx, time.Millisecond)
	defer cancelLate()
	caused, cancelCause := context.WithCancelCause(ctx)
	cancelCause(errors.New("enough"))
	deaf := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name servers here")
	}}
	for _, c := range []struct {
		name   string
		ctx    context.Context
		url    string
		client http.Client
		want   string
	}{
		{name: "refused", url: refusing, want: "connection_refused"},
		{name: "DNS", url: "http://does-not-exist.invalid/", want: "dns_error",
			client: http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{Resolver: deaf}).DialContext}}},
		{name: "unknown authority", url: secure.URL, want: "tls_error"},
		{name: "wrong name", url: secure.URL, want: "tls_error", client: http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: secure.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, ServerName: "other.invalid"}}}},
		{name: "TLS to plain", url: strings.Replace(slow.URL, "http:", "https:", 1), want: "tls_error"},
		{name: "alert", url: secure.URL, want: "tls_error", client: http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"none"}}}}},
		{name: "reset", url: slow.URL + "/reset", want: "connection_reset"},
		{name: "end of file", url: slow.URL + "/eof", want: "unexpected_eof"},
		{name: "cancelled", ctx: canceled, url: slow.URL, want: "canceled"},
		{name: "cancelled for a cause", ctx: caused, url: slow.URL, want: "canceled"},
		{name: "deadline", ctx: late, url: slow.URL, want: "context.DeadlineExceeded"},
		{name: "client's timeout", url: slow.URL, client: http.Client{Timeout: time.Millisecond}, want: "context.DeadlineExceeded"},
		{name: "header timeout", url: slow.URL, want: "timeout",
			client: http.Client{Transport: &http.Transport{ResponseHeaderTimeout: time.Millisecond}}},
		{name: "no such scheme", url: "gopher://a/", want: "_OTHER"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMeter(t)
			base := c.client.Transport
			if base == nil {
				base = &http.Transport{}
			}
			c.client.Transport = m.transport(base)
			defer c.client.CloseIdleConnections()
			r, err := http.NewRequestWithContext(cmp.Or(c.ctx, ctx), http.MethodGet, c.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := c.client.Do(r)
			if err == nil {
				resp.Body.Close()
				t.Fatal("no error")
			}
			if got := m.call(); got["error.type"] != c.want || got["http.response.status_code"] != "" {
				t.Errorf("%v: got %v, want %s", err, got, c.want)
			}
		})
	}
}

// TestClientCancelChannel has the older way to cancel a request.
func TestClientCancelChannel(t *testing.T) {
	m := newMeter(t)
	r := httptest.NewRequest(http.MethodGet, "http://example.com/", nil)
	cancel := make(chan struct{})
	close(cancel)
	r.Cancel = cancel //nolint:staticcheck // still supported
	if _, err := m.transport(tripper(func(*http.Request) (*http.Response, error) {
		return nil, errors.New("request canceled")
	})).RoundTrip(r); err == nil {
		t.Error("no error")
	}
	wantAttrs(t, m.call(), "error.type=canceled")
}

func TestClientPanic(t *testing.T) {
	m := newMeter(t)
	tr := m.transport(tripper(func(*http.Request) (*http.Response, error) { panic("boom") }))
	func() {
		defer func() {
			if v := recover(); v != "boom" {
				t.Errorf("recovered %v", v)
			}
		}()
		get(t, tr, "http://example.com/")
	}()
	wantAttrs(t, m.call(), "error.type=panic")
	if got := m.samples("http.client.active_requests"); got[0].n != 0 {
		t.Error(got)
	}
}

func TestURLTemplate(t *testing.T) {
	m := newMeter(t)
	tr := m.transport(answer(200, http.NoBody), middleware.WithRouteLimit(2),
		middleware.WithURLTemplate(func(r *http.Request) string { return r.Header.Get("X-Template") }))
	for _, template := range []string{"", "/users/{id}", "/users/{id}", "/users", "/3", "/4"} {
		r := httptest.NewRequest(http.MethodGet, "http://example.com/", nil)
		r.Header.Set("X-Template", template)
		if _, err := tr.RoundTrip(r); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, s := range m.samples("http.client.request.duration") {
		_, template, _ := strings.Cut(s.attrs, "url.template=")
		got = append(got, fmt.Sprintf("%s ×%d", template, s.n))
	}
	slices.Sort(got)
	if want := []string{" ×1", "/users ×1", "/users/{id} ×2", "_OTHER ×2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := m.samples("otelperf.http.client.templates.dropped"); len(got) != 1 || got[0].n != 2 {
		t.Errorf("dropped %v, want 2", got)
	}
}

func TestClientHostsAreBounded(t *testing.T) {
	m := newMeter(t)
	tr := m.transport(answer(200, http.NoBody))
	for i := range 10_000 {
		target := &url.URL{Scheme: "http", Host: fmt.Sprintf("host%d.example:%d", i, i%60_000+1)}
		resp, err := tr.RoundTrip(&http.Request{Method: http.MethodGet, URL: target})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	var n int64
	s := m.samples("http.client.request.duration")
	for _, s := range s {
		n += s.n
	}
	if len(s) != 101 || n != 10_000 {
		t.Errorf("%d series of %d requests, want 101 of 10000", len(s), n)
	}
	if got := len(m.samples("http.client.active_requests")); got != 101 {
		t.Errorf("%d series of active requests", got)
	}
	if got := m.samples("otelperf.http.client.hosts.dropped"); len(got) != 1 || got[0].n != 9_900 {
		t.Errorf("dropped %v, want 9900", got)
	}
}

func TestClientFilterAndNoop(t *testing.T) {
	m := newMeter(t)
	off, err := middleware.NewTransport(answer(200, http.NoBody), middleware.WithMeterProvider(noop.NewMeterProvider()), middleware.WithBodyEnd())
	if err != nil {
		t.Fatal(err)
	}
	for _, tr := range []*middleware.Transport{
		m.transport(answer(200, http.NoBody), middleware.WithFilter(func(*http.Request) bool { return false })),
		off,
	} {
		resp, err := get(t, tr, "http://example.com/")
		if err != nil || resp.Body != http.NoBody {
			t.Error(resp, err)
		}
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	}
	if s := m.samples("http.client.request.duration"); len(s) != 0 {
		t.Error(s)
	}
	some := m.transport(answer(204, http.NoBody), middleware.WithFilter(func(r *http.Request) bool { return r.URL.Path == "/kept" }))
	for _, path := range []string{"/kept", "/healthz"} {
		resp, err := get(t, some, "http://example.com"+path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	wantAttrs(t, m.call(), "http.response.status_code=204")
}

func TestClientConcurrently(t *testing.T) {
	m := newMeter(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }))
	defer s.Close()
	c := &http.Client{Transport: m.transport(s.Client().Transport, middleware.WithBodyEnd(), middleware.WithBodySizes(), middleware.WithPhases())}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				body := io.MultiReader(bytes.NewReader([]byte("a")), bytes.NewReader([]byte("b")))
				resp, err := c.Post(s.URL, "text/plain", body)
				if err != nil {
					t.Error(err)
					return
				}
				if b, err := io.ReadAll(resp.Body); string(b) != "ab" || err != nil {
					t.Errorf("got %q, %v", b, err)
				}
				resp.Body.Close()
			}
		})
	}
	wg.Wait()
	for _, name := range []string{"http.client.request.duration", "http.client.request.body.size", "http.client.response.body.size"} {
		if s := m.samples(name); len(s) != 1 || s[0].n != 160 || name != "http.client.request.duration" && s[0].sum != 320 {
			t.Errorf("%s: %v", name, s)
		}
	}
}

func TestDurationEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(r *http.Request) (*http.Response, error) {
			pass(time.Second)
			return answer(200, io.NopCloser(strings.NewReader("body")))(r)
		}
		m := newMeter(t)
		resp, err := get(t, m.transport(tripper(slow)), "http://example.com/")
		if err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		resp.Body.Close()
		if s := m.samples("http.client.request.duration"); s[0].sum != 1 {
			t.Errorf("took %v s to the header, want 1", s[0].sum)
		}

		m = newMeter(t)
		resp, err = get(t, m.transport(tripper(slow), middleware.WithBodyEnd()), "http://example.com/")
		if err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if s := m.samples("http.client.active_requests"); s[0].n != 1 {
			t.Errorf("active before the body's end: %v", s)
		}
		if b, err := io.ReadAll(resp.Body); string(b) != "body" || err != nil {
			t.Error(b, err)
		}
		pass(time.Minute)
		resp.Body.Close()
		resp.Body.Close()
		if s := m.samples("http.client.request.duration"); s[0].sum != 61 || s[0].n != 1 {
			t.Errorf("took %v s to the body's end, want 61", s[0].sum)
		}
		if s := m.samples("http.client.active_requests"); s[0].n != 0 {
			t.Errorf("active after the body's end: %v", s)
		}
	})
}
