package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/views"
	"github.com/otelperf/otelperf-go/views/notify"
)

// posted is an alert as Alertmanager reads it.
type posted struct {
	Labels, Annotations map[string]string
	StartsAt, EndsAt    time.Time
	GeneratorURL        string
}

func decode(t *testing.T, body []byte) []posted {
	t.Helper()
	var list []posted
	check(t, json.Unmarshal(body, &list))
	return list
}

func alertmanager(t *testing.T, c notify.AlertmanagerConfig) *notify.Alertmanager {
	t.Helper()
	am, err := notify.NewAlertmanager(c)
	check(t, err)
	t.Cleanup(func() { check(t, am.Close()) })
	return am
}

func TestAlertmanagerPayload(t *testing.T) {
	s := serve(t, http.StatusOK)
	am := alertmanager(t, notify.AlertmanagerConfig{
		URLs:         []string{s.URL + "/prefix/"},
		GeneratorURL: `https://grafana/d/shop?service={{attr . "service.name" | urlquery}}&name={{.Name | urlquery}}`,
		Labels:       map[string]string{"cluster": "eu", "team": "nobody"},
	})
	a := firing("search ms")
	a.Reason, a.Evidence = "3 calls hang", "/evidence/1"
	a.Annotations = map[string]string{"runbook": "https://wiki/search", "summary": "Search is slow"}
	a.Exemplars = []views.Exemplar{{TraceID: [16]byte{0xab}}}
	before := time.Now()
	check(t, am.Notify(background(), a))
	got := s.got()[0]
	if got.method != "POST" || got.path != "/prefix/api/v2/alerts" || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("got %+v", got)
	}
	p := decode(t, got.body)[0]
	wantLabels := map[string]string{
		"alertname": "search ms", "service_name": "shop", "service_instance_id": "a-1", "http_route": "/search",
		"severity": "critical", "team": "search", "cluster": "eu",
	}
	if !maps.Equal(p.Labels, wantLabels) {
		t.Errorf("labels: got %v, want %v", p.Labels, wantLabels)
	}
	wantAnnotations := map[string]string{
		"summary": "Search is slow", "runbook": "https://wiki/search",
		"value": "140", "target": "100", "threshold": "120", "unit": "ms", "excess": "0.4",
		"reason": "3 calls hang", "evidence": "/evidence/1", "trace_id": "ab000000000000000000000000000000",
	}
	if !maps.Equal(p.Annotations, wantAnnotations) {
		t.Errorf("annotations: got %v, want %v", p.Annotations, wantAnnotations)
	}
	if !p.StartsAt.Equal(began) {
		t.Errorf("startsAt: got %s, want %s", p.StartsAt, began)
	}
	if d := p.EndsAt.Sub(before); d < 4*time.Minute || d > 5*time.Minute {
		t.Errorf("endsAt: in %s, want in four intervals", d)
	}
	if want := "https://grafana/d/shop?service=shop&name=search+ms"; p.GeneratorURL != want {
		t.Errorf("generatorURL: got %q, want %q", p.GeneratorURL, want)
	}

	check(t, am.Notify(background(), resolved("search ms")))
	p = decode(t, s.got()[1].body)[0]
	if !maps.Equal(p.Labels, wantLabels) || !p.StartsAt.Equal(began) || !p.EndsAt.Equal(began.Add(5*time.Minute)) {
		t.Errorf("resolve: got %+v", p)
	}
}

func TestAlertmanagerLabels(t *testing.T) {
	s := serve(t, http.StatusOK)
	am := alertmanager(t, notify.AlertmanagerConfig{URLs: []string{s.URL}, GeneratorURL: "no link for {{.Name}}"})
	for _, test := range []struct {
		name  string
		alert views.Alert
		want  map[string]string
	}{
		{"bare", views.Alert{Name: "x"}, map[string]string{"alertname": "x"}},
		{"names that differ by a dot", views.Alert{Name: "x", Group: attribute.NewSet(
			attribute.String("a.b", "1"), attribute.String("a_b", "2"), attribute.Int("a-b", 3))},
			map[string]string{"alertname": "x", "a_b": "3", "a_b_": "1", "a_b__": "2"}},
		{"names of ours", views.Alert{Name: "x", Severity: "info",
			Group:  attribute.NewSet(attribute.String("alertname", "group"), attribute.String("1st", "a"), attribute.String("empty", "")),
			Labels: map[string]string{"alertname": "label", "severity": "label", "größe": "5", "1st": "b"}},
			map[string]string{"alertname": "x", "alertname_": "group", "_1st": "a", "severity": "info", "gr__e": "5"}},
	} {
		check(t, am.Notify(background(), test.alert))
		requests := s.got()
		p := decode(t, requests[len(requests)-1].body)[0]
		if !maps.Equal(p.Labels, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, p.Labels, test.want)
		}
		if p.GeneratorURL != "" {
			t.Errorf("%s: got the link %q", test.name, p.GeneratorURL)
		}
		if p.EndsAt.Before(p.StartsAt) {
			t.Errorf("%s: ends before it starts", test.name)
		}
	}
}

func TestNewAlertmanagerValidates(t *testing.T) {
	ok := []string{"http://localhost"}
	for _, test := range []struct {
		name string
		c    notify.AlertmanagerConfig
		want string
	}{
		{"no address", notify.AlertmanagerConfig{}, "no address"},
		{"address", notify.AlertmanagerConfig{URLs: []string{"localhost:9093"}}, "not one of http or https"},
		{"repeat", notify.AlertmanagerConfig{URLs: ok, RepeatEvery: time.Millisecond}, "less than a second"},
		{"label", notify.AlertmanagerConfig{URLs: ok, Labels: map[string]string{"a.b": "c"}}, `"a.b" cannot be the name`},
		{"template", notify.AlertmanagerConfig{URLs: ok, GeneratorURL: "{{"}, "template: generatorURL"},
		{"field", notify.AlertmanagerConfig{URLs: ok, GeneratorURL: "{{.Nonesuch}}"}, "can't evaluate field Nonesuch"},
		{"client", notify.AlertmanagerConfig{URLs: ok, Client: notify.ClientConfig{Username: "a:b"}}, "colon"},
	} {
		am, err := notify.NewAlertmanager(test.c)
		if am != nil || err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "notify: ") {
			t.Errorf("%s: got %v, %v, want an error with %q", test.name, am, err, test.want)
		}
	}
}

// fleet answers for several Alertmanagers inside a synctest bubble, where no
// network may be.
type fleet struct {
	mu    sync.Mutex
	hosts map[string]func(*http.Request) error // nil: accepts
	got   map[string][]posted
	at    map[string][]time.Time
}

func newFleet(hosts ...string) *fleet {
	f := &fleet{hosts: make(map[string]func(*http.Request) error), got: make(map[string][]posted), at: make(map[string][]time.Time)}
	for _, h := range hosts {
		f.hosts[h] = nil
	}
	return f
}

func (f *fleet) behave(host string, do func(*http.Request) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hosts[host] = do
}

func (f *fleet) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	do := f.hosts[r.URL.Host]
	f.mu.Unlock()
	if do != nil {
		if err := do(r); err != nil {
			return nil, err
		}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var list []posted
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.got[r.URL.Host] = append(f.got[r.URL.Host], list...)
	f.at[r.URL.Host] = append(f.at[r.URL.Host], time.Now())
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
}

// take returns what a host got since the last call.
func (f *fleet) take(host string) []posted {
	f.mu.Lock()
	defer f.mu.Unlock()
	got := f.got[host]
	f.got[host] = nil
	return got
}

func (f *fleet) config(hosts ...string) notify.AlertmanagerConfig {
	c := notify.AlertmanagerConfig{Client: notify.ClientConfig{Transport: f}, ErrorHandler: ignore}
	for _, h := range hosts {
		c.URLs = append(c.URLs, "http://"+h)
	}
	return c
}

// now is an alert whose times are the bubble's.
func now(a views.Alert, since time.Time) views.Alert {
	a.Since, a.End, a.Start = since, time.Now(), time.Now().Add(-time.Minute)
	return a
}

// What fires is repeated with an endsAt that stays ahead, what resolved with
// the endsAt it had, until everybody knows.
func TestAlertmanagerRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet("a")
		am := alertmanager(t, f.config("a"))
		d := dispatcher(t, []notify.Target{am.Target("alertmanager")})
		pass(10 * time.Minute)
		if got := f.take("a"); len(got) != 0 {
			t.Errorf("nothing fires, and got %v", got)
		}
		since := time.Now()
		d.Notify(now(firing("x"), since))
		synctest.Wait()
		f.take("a")
		for range 10 {
			pass(time.Minute)
			synctest.Wait()
			got := f.take("a")
			if len(got) != 1 || !got[0].StartsAt.Equal(since) || !got[0].EndsAt.Equal(time.Now().Add(4*time.Minute)) {
				t.Fatalf("got %+v, want one alert that ends in four minutes", got)
			}
		}
		pass(30 * time.Second)
		end := time.Now()
		d.Notify(now(resolved("x"), since))
		pass(30 * time.Minute)
		synctest.Wait()
		got := f.take("a")
		if len(got) < 15 || len(got) > 17 {
			t.Errorf("the resolve was sent %d times, want about 15", len(got))
		}
		for _, p := range got {
			if !p.StartsAt.Equal(since) || !p.EndsAt.Equal(end) {
				t.Errorf("got %+v, want it to end at %s", p, end)
			}
		}
		check(t, d.Shutdown(background()))
	})
}

// An Alertmanager that was down when an alert was raised hears of it later, even
// if the dispatcher has given up.
func TestAlertmanagerIsToldAgainAfterItWasDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet("a", "b")
		f.behave("b", func(*http.Request) error { return errors.New("connection refused") })
		am := alertmanager(t, f.config("a", "b"))
		d := dispatcher(t, []notify.Target{am.Target("alertmanager")})
		d.Notify(now(firing("x"), time.Now()))
		pass(5*time.Minute + time.Second)
		if s := d.Stats()[0]; s.Delivered != 1 || s.Failed != 0 {
			t.Errorf("%+v", s)
		}
		if got := am.Failures(); !reflect.DeepEqual(got, []uint64{0, 6}) {
			t.Errorf("failures: got %v", got)
		}
		f.behave("b", nil)
		pass(time.Minute)
		if got := f.take("b"); len(got) != 1 {
			t.Errorf("got %v, want the alert", got)
		}
		check(t, d.Shutdown(background()))
	})
}

// One instance that hangs costs the others two seconds once, and then nothing.
func TestAlertmanagerThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet("a", "b")
		f.behave("b", func(r *http.Request) error { <-r.Context().Done(); return r.Context().Err() })
		am := alertmanager(t, f.config("a", "b"))
		for i, want := range []time.Duration{2 * time.Second, 0, 0} {
			begun := time.Now()
			check(t, am.Notify(background(), now(firing(fmt.Sprint(i)), begun)))
			if got := time.Since(begun); got != want {
				t.Errorf("alert %d took %s, want %s", i, got, want)
			}
		}
		begun := time.Now()
		check(t, am.Repeat(background()))
		if got := time.Since(begun); got != 2*time.Second {
			t.Errorf("repeating took %s, want 2s", got)
		}
		f.behave("b", nil)
		check(t, am.Repeat(background()))
		if got := f.take("b"); len(got) != 3 {
			t.Errorf("got %d alerts, want 3", len(got))
		}
		if got := am.Failures(); got[0] != 0 || got[1] != 4 {
			t.Errorf("failures: got %v", got)
		}
	})
}

func TestAlertmanagerErrors(t *testing.T) {
	good, bad, busy := serve(t, 200), serve(t, 400), serve(t, 503)
	for _, test := range []struct {
		name  string
		urls  []string
		fails bool
		retry bool
	}{
		{"one accepts", []string{bad.URL, good.URL, busy.URL}, false, false},
		{"all refuse", []string{bad.URL, bad.URL}, true, false},
		{"one may recover", []string{bad.URL, busy.URL}, true, true},
	} {
		var partial []string
		am := alertmanager(t, notify.AlertmanagerConfig{URLs: test.urls, ErrorHandler: func(err error) { partial = append(partial, err.Error()) }})
		err := am.Notify(background(), firing("x"))
		if test.fails != (err != nil) {
			t.Errorf("%s: got %v", test.name, err)
		}
		if err == nil {
			if len(partial) != 1 || !strings.HasPrefix(partial[0], "notify: alertmanager: 2 of 3 instances failed: POST ") {
				t.Errorf("%s: the handler was told %q", test.name, partial)
			}
			continue
		}
		if !strings.HasPrefix(err.Error(), "notify: alertmanager: POST ") || strings.Count(err.Error(), "POST") != len(test.urls) {
			t.Errorf("%s: got %v", test.name, err)
		}
		synctest.Test(t, func(t *testing.T) {
			d := dispatcher(t, []notify.Target{{Name: "a", Send: func(context.Context, views.Alert) error { return err }}})
			d.Notify(firing("x"))
			pass(time.Second)
			if again := d.Stats()[0].Dropped[notify.Rejected] == 0; again != test.retry {
				t.Errorf("%s: tried again: %v, want %v", test.name, again, test.retry)
			}
			_ = d.Shutdown(background())
		})
	}
}

// After a restart nobody announces again what fires; the repetition goes on.
func TestAlertmanagerResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet("a")
		am := alertmanager(t, f.config("a"))
		since := time.Now().Add(-time.Hour)
		am.Resume(now(firing("x"), since), now(resolved("y"), since))
		check(t, am.Repeat(background()))
		got := f.take("a")
		if len(got) != 1 || got[0].Labels["alertname"] != "x" || !got[0].StartsAt.Equal(since) {
			t.Errorf("got %+v", got)
		}
	})
}

// A resolve ends the alert under the labels that it fires under, whatever has
// changed since, and never in the future.
func TestAlertmanagerResolveFitsItsFiring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet("a")
		am := alertmanager(t, f.config("a"))
		since := time.Now()
		check(t, am.Notify(background(), now(firing("x"), since)))
		end := now(resolved("x"), since)
		end.Severity, end.Labels = "", nil
		end.End = time.Now().Add(time.Hour)
		check(t, am.Notify(background(), end))
		check(t, am.Repeat(background()))
		got := f.take("a")
		for _, p := range got[1:] {
			if !maps.Equal(p.Labels, got[0].Labels) || p.EndsAt.After(time.Now()) || p.EndsAt.Before(p.StartsAt) {
				t.Errorf("got %+v, want the end of %+v", p, got[0])
			}
		}
		if len(got) != 3 {
			t.Errorf("got %d, want 3", len(got))
		}
	})
}

func TestAlertmanagerIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet("a")
		am := alertmanager(t, f.config("a"))
		var batches int
		f.behave("a", func(r *http.Request) error { batches++; return nil })
		for i := range 4200 {
			am.Resume(now(firing(fmt.Sprint(i)), time.Now()))
		}
		check(t, am.Repeat(background()))
		if got := len(f.take("a")); got != 4096 || batches != 16 {
			t.Errorf("repeated %d alerts in %d requests, want 4096 in 16", got, batches)
		}
		for i := range 10 {
			check(t, am.Notify(background(), now(resolved(fmt.Sprint(i)), time.Now())))
		}
		check(t, am.Notify(background(), now(firing("new"), time.Now())))
		f.take("a")
		check(t, am.Repeat(background()))
		// It took the place of what had ended.
		if got := f.take("a"); len(got) != 4087 || !slices.ContainsFunc(got, func(p posted) bool { return p.Labels["alertname"] == "new" }) {
			t.Errorf("repeated %d alerts, want 4087 and the new one among them", len(got))
		}
	})
}

func TestAlertmanagerAuthentication(t *testing.T) {
	s := serve(t, http.StatusOK)
	am := alertmanager(t, notify.AlertmanagerConfig{URLs: []string{s.URL}, Client: notify.ClientConfig{Username: "u", Password: "p"}})
	check(t, am.Notify(background(), firing("x")))
	if got := s.got()[0]; got.user != "u" || got.password != "p" {
		t.Errorf("got %+v", got)
	}
	secure := httptest.NewTLSServer(s)
	t.Cleanup(secure.Close)
	tls := secure.Client().Transport.(*http.Transport).TLSClientConfig
	am = alertmanager(t, notify.AlertmanagerConfig{URLs: []string{secure.URL}, Client: notify.ClientConfig{TLS: tls, BearerToken: "t"}})
	check(t, am.Notify(background(), firing("x")))
	if got := s.got()[1]; got.authorization != "Bearer t" {
		t.Errorf("got %+v", got)
	}
}
