package notify_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/views/notify"
)

// idle counts how often it is asked to end its connections.
type idle struct {
	http.RoundTripper
	closed int
}

func (i *idle) CloseIdleConnections() { i.closed++ }

func TestCloseEndsConnections(t *testing.T) {
	transport := &idle{}
	client := notify.ClientConfig{Transport: transport}
	am, err := notify.NewAlertmanager(notify.AlertmanagerConfig{URLs: []string{"http://a"}, RepeatEvery: time.Second, Client: client})
	check(t, err)
	check(t, am.Close())
	w, err := notify.NewWebhook(notify.WebhookConfig{URL: "http://a", Client: client})
	check(t, err)
	check(t, w.Close())
	if transport.closed != 2 {
		t.Errorf("connections were ended %d times, want once by each", transport.closed)
	}
}

// last sends an alert through a webhook with the client and returns what
// arrived.
func last(t *testing.T, s *server, c notify.ClientConfig) request {
	t.Helper()
	check(t, webhook(t, notify.WebhookConfig{URL: s.URL, Client: c}).Notify(background(), firing("x")))
	requests := s.got()
	return requests[len(requests)-1]
}

// A user without a password, or the other way round, is basic authentication
// too, and clashes with a token.
func TestClientHalfOfBasicAuthentication(t *testing.T) {
	s := serve(t, http.StatusOK)
	for _, c := range []notify.ClientConfig{{Username: "u"}, {Password: "p"}} {
		if got := last(t, s, c); got.authorization == "" || got.user != c.Username || got.password != c.Password {
			t.Errorf("%+v: got %q", c, got.authorization)
		}
		for _, set := range []func(*notify.ClientConfig){
			func(c *notify.ClientConfig) { c.BearerToken = "t" },
			func(c *notify.ClientConfig) { c.BearerTokenFile = "f" },
		} {
			both := c
			set(&both)
			if _, err := notify.NewWebhook(notify.WebhookConfig{URL: s.URL, Client: both}); err == nil || !strings.Contains(err.Error(), "more than one of") {
				t.Errorf("%+v: got %v", both, err)
			}
		}
	}
}

func TestClientHeaders(t *testing.T) {
	s := serve(t, http.StatusOK)
	all := "!#$%&'*+-.^_`|~azAZ09"
	header := http.Header{all: {"a\tb c~"}, "host": {"hooks.example"}}
	w := webhook(t, notify.WebhookConfig{URL: s.URL, Client: notify.ClientConfig{Header: header}})
	header.Set("X-Late", "changed by the caller")
	check(t, w.Notify(background(), firing("x")))
	got := s.got()[0]
	if v := got.header[http.CanonicalHeaderKey(all)]; len(v) != 1 || v[0] != "a\tb c~" {
		t.Errorf("got %v", got.header)
	}
	if got.header.Get("X-Late") != "" {
		t.Error("the header is the caller's, not a clone")
	}
	if got.host != "hooks.example" {
		t.Errorf("the host is %q", got.host)
	}
	if got := last(t, s, notify.ClientConfig{}); "http://"+got.host != s.URL {
		t.Errorf("the host is %q, want the address's", got.host)
	}
	for _, c := range "/:@[{}()<>\"\\, \x00\x7fä" {
		header := http.Header{"A" + string(c): {"v"}}
		if _, err := notify.NewWebhook(notify.WebhookConfig{URL: s.URL, Client: notify.ClientConfig{Header: header}}); err == nil {
			t.Errorf("the header name %q was accepted", "A"+string(c))
		}
	}
	for name, value := range map[string]string{"": "no name", "A": "\x7f", "B": "\x1f", "C": "\x00"} {
		if _, err := notify.NewWebhook(notify.WebhookConfig{URL: s.URL, Client: notify.ClientConfig{Header: http.Header{name: {"fine", value}}}}); err == nil {
			t.Errorf("the header %q: %q was accepted", name, value)
		}
	}
}

// A client with TLS of its own speaks HTTP/2, as the default one does.
func TestClientSpeaksHTTP2(t *testing.T) {
	protocol := make(chan string, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { protocol <- r.Proto }))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	c := notify.ClientConfig{TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	check(t, webhook(t, notify.WebhookConfig{URL: s.URL, Client: c}).Notify(background(), firing("x")))
	if got := <-protocol; got != "HTTP/2.0" {
		t.Errorf("got %s", got)
	}
}

// An answer that is too long to be read is given up with its connection, and
// one that is not leaves it for the next alert.
func TestClientConnections(t *testing.T) {
	var answer atomic.Int64
	answer.Store(1 << 10)
	opened, closed := make(chan struct{}, 10), make(chan struct{}, 10)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, answer.Load()))
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			opened <- struct{}{}
		case http.StateClosed:
			closed <- struct{}{}
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	w := webhook(t, notify.WebhookConfig{URL: s.URL})
	for range 3 {
		check(t, w.Notify(background(), firing("x")))
	}
	if n := len(opened); n > 2 { // net/http gives one up by itself if its writer is held up
		t.Errorf("%d connections for three alerts", n)
	}
	answer.Store(8 << 20)
	check(t, w.Notify(background(), firing("x")))
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Error("the connection of an endless answer stays open")
	}
}
