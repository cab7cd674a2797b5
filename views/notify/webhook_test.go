package notify_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/otelperf/otelperf-go/internal/trial"
	"github.com/otelperf/otelperf-go/views"
	"github.com/otelperf/otelperf-go/views/notify"
)

// A server keeps the requests it got and answers with status.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	status   int
	header   http.Header
	requests []request
}

type request struct {
	method, path, host, user, password, authorization string
	header                                            http.Header
	body                                              []byte
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	got := request{method: r.Method, path: r.URL.RequestURI(), host: r.Host, authorization: r.Header.Get("Authorization"), header: r.Header, body: body}
	got.user, got.password, _ = r.BasicAuth()
	s.requests = append(s.requests, got)
	for k, v := range s.header {
		w.Header()[k] = v
	}
	w.WriteHeader(s.status)
	if s.status >= 300 {
		_, _ = io.WriteString(w, "said by the server")
	}
}

func (s *server) got() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]request(nil), s.requests...)
}

func serve(t *testing.T, status int) *server {
	t.Helper()
	s := &server{status: status}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func webhook(t *testing.T, c notify.WebhookConfig) *notify.Webhook {
	t.Helper()
	w, err := notify.NewWebhook(c)
	check(t, err)
	t.Cleanup(func() { check(t, w.Close()) })
	return w
}

func TestWebhookSendsTheAlert(t *testing.T) {
	s := serve(t, http.StatusNoContent)
	w := webhook(t, notify.WebhookConfig{URL: s.URL + "/hook?key=1"})
	check(t, w.Notify(background(), firing("search_ms")))
	want, err := json.Marshal(firing("search_ms"))
	check(t, err)
	got := s.got()[0]
	if string(got.body) != string(want) || got.method != "POST" || got.path != "/hook?key=1" ||
		got.header.Get("Content-Type") != "application/json" || got.header.Get("User-Agent") != "otelperf-go" {
		t.Errorf("got %+v", got)
	}
}

func TestWebhookTemplate(t *testing.T) {
	s := serve(t, http.StatusOK)
	for _, test := range []struct {
		body, contentType, want string
	}{
		{`{"text": {{json .String}}, "v": {{json .Value}}}`, "", `{"text": "ALERT search_ms = 140.000 exceeds baseline 100.000 by 40.0% http.route=/search", "v": 140}`},
		{`{"service": {{json (attr . "service.name")}}, "route": {{json (attr . "http.route")}}, "none": {{json (attr . "x")}}}`, "",
			`{"service": "shop", "route": "/search", "none": ""}`},
		{`{{.State}} {{.Labels.team}}{{.Labels.none}} {{printf "%.1f" .Value}} {{.ID}}`, "text/plain; charset=utf-8",
			`firing search 140.0 "search_ms","shop","a-1",http.route="/search"`},
		{`{{if eq .State.String "firing"}}down{{else}}up{{end}}`, "text/plain", "down"},
	} {
		w := webhook(t, notify.WebhookConfig{URL: s.URL, Body: test.body, ContentType: test.contentType, Method: "PUT"})
		check(t, w.Notify(background(), firing("search_ms")))
		requests := s.got()
		got := requests[len(requests)-1]
		if string(got.body) != test.want || got.method != "PUT" {
			t.Errorf("%s: got %s %q, want %q", test.body, got.method, got.body, test.want)
		}
	}
	// A number that does not exist stays valid JSON.
	w := webhook(t, notify.WebhookConfig{URL: s.URL, Body: `{"v": {{json .Value}}}`})
	for _, none := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		a := firing("search_ms")
		a.Value = none
		check(t, w.Notify(background(), a))
		requests := s.got()
		if got := string(requests[len(requests)-1].body); got != `{"v": null}` {
			t.Errorf("%v: got %q", none, got)
		}
	}
}

func TestNewWebhookValidates(t *testing.T) {
	ok := "http://localhost"
	client := func(c notify.ClientConfig) notify.WebhookConfig { return notify.WebhookConfig{URL: ok, Client: c} }
	for _, test := range []struct {
		name string
		c    notify.WebhookConfig
		want string
	}{
		{"no address", notify.WebhookConfig{}, "not one of http or https"},
		{"no host", notify.WebhookConfig{URL: "http://"}, "not one of http or https"},
		{"scheme", notify.WebhookConfig{URL: "ftp://host"}, "not one of http or https"},
		{"not a URL", notify.WebhookConfig{URL: "http://host:x/secret"}, "not a URL"},
		{"method", notify.WebhookConfig{URL: ok, Method: "GET"}, `method "GET"`},
		{"content type", notify.WebhookConfig{URL: ok, ContentType: "a b"}, `content type "a b"`},
		{"syntax", notify.WebhookConfig{URL: ok, Body: "{{"}, "template: body:1"},
		{"field", notify.WebhookConfig{URL: ok, Body: "{{.Nonesuch}}"}, "can't evaluate field Nonesuch"},
		{"function", notify.WebhookConfig{URL: ok, Body: "{{shout .}}"}, `"shout" not defined`},
		{"quotes", notify.WebhookConfig{URL: ok, Body: `{"text": "{{.Name}}"}`}, "{{json .Name}}"},
		{"another JSON", notify.WebhookConfig{URL: ok, Body: "text", ContentType: "application/vnd.me+json"}, "not valid JSON"},
		{"NaN", notify.WebhookConfig{URL: ok, Body: `{"v": {{.Value}}}`}, "not valid JSON"},
		{"endless", notify.WebhookConfig{URL: ok, Body: `{{range 1000000000}}{{printf "%9999d" 1}}{{end}}`, ContentType: "text/plain"}, "longer than 1048576 bytes"},
		{"basic and bearer", client(notify.ClientConfig{Username: "u", BearerToken: "t"}), "more than one of"},
		{"two tokens", client(notify.ClientConfig{BearerTokenFile: "f", BearerToken: "t"}), "more than one of"},
		{"colon", client(notify.ClientConfig{Username: "u:v"}), "colon"},
		{"token", client(notify.ClientConfig{BearerToken: "a\r\nX: y"}), "control characters"},
		{"header name", client(notify.ClientConfig{Header: http.Header{"a b": {"c"}}}), `"a b" cannot be the name`},
		{"header value", client(notify.ClientConfig{Header: http.Header{"A": {"b\nc"}}}), `value of header "A"`},
		{"TLS and transport", client(notify.ClientConfig{TLS: &tls.Config{}, Transport: http.DefaultTransport}), "both TLS and Transport"},
	} {
		w, err := notify.NewWebhook(test.c)
		if w != nil || err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "notify: ") {
			t.Errorf("%s: got %v, %v, want an error with %q", test.name, w, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error shows the address: %v", test.name, err)
		}
	}
}

// Each answer is either good, worth another attempt, or final.
func TestWebhookAnswers(t *testing.T) {
	for _, test := range []struct {
		status int
		header http.Header
		retry  bool
	}{
		{200, nil, true}, // none needed
		{202, nil, true}, {299, nil, true}, {300, nil, false},
		{301, http.Header{"Location": {"/elsewhere"}}, false},
		{399, nil, false}, {400, nil, false}, {401, nil, false}, {404, nil, false}, {410, nil, false},
		{408, nil, true}, {429, http.Header{"Retry-After": {"7"}}, true},
		{500, nil, true}, {502, nil, true}, {503, http.Header{"Retry-After": {"soon"}}, true},
	} {
		s := serve(t, test.status)
		s.header = test.header
		w := webhook(t, notify.WebhookConfig{URL: s.URL + "/secret/path"})
		err := w.Notify(background(), firing("x"))
		if test.status < 300 {
			check(t, err)
			continue
		}
		if err == nil {
			t.Errorf("%d: no error", test.status)
			continue
		}
		text := err.Error()
		want := fmt.Sprintf("notify: webhook: POST %s: %d %s: \"said by the server\"", s.URL, test.status, http.StatusText(test.status))
		if !strings.HasPrefix(text, want) || strings.Contains(text, "secret") || strings.Contains(text, "redirects") != (test.status < 400) {
			t.Errorf("%d: got %q, want %q", test.status, text, want)
		}
		if n := len(s.got()); n != 1 {
			t.Errorf("%d: %d requests", test.status, n)
		}
		// The Dispatcher tells permanent errors from others.
		var sent int
		synctest.Test(t, func(t *testing.T) {
			d := dispatcher(t, []notify.Target{{Name: "a", Send: func(context.Context, views.Alert) error { sent++; return err }}})
			d.Notify(firing("x"))
			pass(time.Minute)
			_ = d.Shutdown(background())
		})
		if again := sent > 1; again != test.retry {
			t.Errorf("%d: tried again: %v, want %v", test.status, again, test.retry)
		}
	}
}

func TestWebhookRetryAfterDate(t *testing.T) {
	s := serve(t, http.StatusServiceUnavailable)
	s.header = http.Header{"Retry-After": {time.Now().Add(40 * time.Minute).UTC().Format(http.TimeFormat)}}
	err := webhook(t, notify.WebhookConfig{URL: s.URL}).Notify(background(), firing("x"))
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		d := dispatcher(t, []notify.Target{{Name: "a", Send: func(context.Context, views.Alert) error {
			at = append(at, time.Now())
			if len(at) > 1 {
				return nil
			}
			return err
		}}})
		d.Notify(firing("x"))
		pass(time.Hour)
		check(t, d.Shutdown(background()))
		if got := at[1].Sub(at[0]); got < 39*time.Minute || got > 40*time.Minute {
			t.Errorf("tried again after %s, want 40m", got)
		}
	})
}

func TestWebhookDoesNotShowItsAddress(t *testing.T) {
	address := "http://" + trial.Address(t)
	w := webhook(t, notify.WebhookConfig{URL: strings.Replace(address, "http://", "http://user:password@", 1) + "/secret"})
	err := w.Notify(background(), firing("x"))
	if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "password") ||
		!strings.HasPrefix(err.Error(), "notify: webhook: POST "+address+": ") {
		t.Errorf("got %v", err)
	}
}

func TestWebhookHonoursItsContext(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(arrived); <-release }))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithCancel(background())
	go func() { <-arrived; cancel() }()
	err := webhook(t, notify.WebhookConfig{URL: s.URL}).Notify(ctx, firing("x"))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestWebhookAuthentication(t *testing.T) {
	s := serve(t, http.StatusOK)
	last := func(c notify.ClientConfig) request {
		check(t, webhook(t, notify.WebhookConfig{URL: s.URL, Client: c}).Notify(background(), firing("x")))
		requests := s.got()
		return requests[len(requests)-1]
	}
	if got := last(notify.ClientConfig{}); got.authorization != "" {
		t.Errorf("none: got %q", got.authorization)
	}
	if got := last(notify.ClientConfig{Username: "u", Password: "p:q"}); got.user != "u" || got.password != "p:q" {
		t.Errorf("basic: got %q, %q", got.user, got.password)
	}
	if got := last(notify.ClientConfig{BearerToken: "t"}); got.authorization != "Bearer t" {
		t.Errorf("bearer: got %q", got.authorization)
	}
	header := http.Header{"x-scope": {"shop"}, "User-Agent": {"me"}, "Content-Type": {"application/vnd.me+json"}}
	if got := last(notify.ClientConfig{Header: header}); got.header.Get("X-Scope") != "shop" || got.header.Get("User-Agent") != "me" ||
		got.header.Get("Content-Type") != "application/vnd.me+json" {
		t.Errorf("header: got %v", got.header)
	}

	file := filepath.Join(t.TempDir(), "token")
	w := webhook(t, notify.WebhookConfig{URL: s.URL, Client: notify.ClientConfig{BearerTokenFile: file}})
	if err := w.Notify(background(), firing("x")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the file: got %v", err)
	}
	for _, token := range []string{"one\n", "two"} { // rotated
		check(t, os.WriteFile(file, []byte(token), 0o600))
		check(t, w.Notify(background(), firing("x")))
		requests := s.got()
		if got, want := requests[len(requests)-1].authorization, "Bearer "+strings.TrimSpace(token); got != want {
			t.Errorf("token file: got %q, want %q", got, want)
		}
	}
	check(t, os.WriteFile(file, []byte("a\nb"), 0o600))
	if err := w.Notify(background(), firing("x")); err == nil || !strings.Contains(err.Error(), "control characters") {
		t.Errorf("got %v", err)
	}
}

func TestWebhookTLS(t *testing.T) {
	s := &server{status: 200}
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ErrorLog = nil
	s.StartTLS()
	t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	check(t, webhook(t, notify.WebhookConfig{URL: s.URL, Client: notify.ClientConfig{TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}).
		Notify(background(), firing("x")))
	check(t, webhook(t, notify.WebhookConfig{URL: s.URL, Client: notify.ClientConfig{Transport: s.Client().Transport}}).
		Notify(background(), firing("x")))
	err := webhook(t, notify.WebhookConfig{URL: s.URL}).Notify(background(), firing("x"))
	var unknown x509.UnknownAuthorityError
	if !errors.As(err, &unknown) {
		t.Errorf("a certificate of nobody we know: got %v", err)
	}
}

// Whatever template somebody writes and whatever an alert holds: no panic, and
// a body that is sent as JSON is JSON.
func FuzzWebhook(f *testing.F) {
	for _, body := range []string{"", "{{json .}}", `{"a": {{json .Name}}}`, `"{{.Name}}"`, "{{.Labels.x}}", "{{attr . .Name}}", "{{range .Exemplars}}{{.}}{{end}}", "{{.Resource.Attributes}}", "{{.Group.Len}}"} {
		f.Add(body, "name", "value", 1.5)
		f.Add(body, "\"\\\n\x00\xff", "</script>\u2028", math.Inf(1))
	}
	f.Fuzz(func(t *testing.T, body, name, value string, number float64) {
		var got []byte
		w, err := notify.NewWebhook(notify.WebhookConfig{URL: "http://localhost", Body: body, Client: notify.ClientConfig{
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				got, _ = io.ReadAll(r.Body)
				return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
			}),
		}})
		if err != nil {
			return
		}
		a := firing(name)
		a.Value, a.Labels, a.Reason = number, map[string]string{name: value}, value
		if err := w.Notify(background(), a); err == nil && !json.Valid(got) {
			t.Errorf("sent %q", got)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
