package notify_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

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
	a.Exemplars = []views.Exemplar{{TraceID: [16]byte{0xab}, SpanID: [8]byte{0xcd}}, {TraceID: [16]byte{0xef}}}
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
		"reason": "3 calls hang", "evidence": "/evidence/1", "trace_id": "ab000000000000000000000000000000", "span_id": "cd00000000000000",
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
		if len(got) != 16 {
			t.Errorf("the resolve was sent %d times, want at once and each minute for 15", len(got))
		}
		for _, p := range got {
			if !p.StartsAt.Equal(since) || !p.EndsAt.Equal(end) {
				t.Errorf("got %+v, want it to end at %s", p, end)
			}
		}
		check(t, d.Shutdown(background()))
	})
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

// What times an alert may have: it never ends before it begins, and neither
// lies in the future.
func TestAlertmanagerTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet("a")
		am := alertmanager(t, f.config("a"))
		begun := time.Now()
		later, ago, until := begun.Add(time.Hour), begun.Add(-time.Hour), begun.Add(4*time.Minute)
		for _, test := range []struct {
			name                           string
			state                          views.State
			since, end, wantStart, wantEnd time.Time
		}{
			{"no beginning", views.Firing, time.Time{}, ago, ago, until},
			{"a beginning to come", views.Firing, later, later, begun, until},
			{"no end", views.Resolved, ago, time.Time{}, ago, begun},
			{"an end to come", views.Resolved, ago, later, ago, begun},
			{"ended before it began", views.Resolved, begun, ago, ago, ago},
		} {
			a := firing(test.name)
			a.State, a.Since, a.End = test.state, test.since, test.end
			check(t, am.Notify(background(), a))
			got := f.take("a")[0]
			if !got.StartsAt.Equal(test.wantStart) || !got.EndsAt.Equal(test.wantEnd) {
				t.Errorf("%s: from %s to %s, want from %s to %s", test.name, got.StartsAt, got.EndsAt, test.wantStart, test.wantEnd)
			}
		}
		check(t, am.Repeat(background()))
		for _, got := range f.take("a") {
			if got.EndsAt.Before(got.StartsAt) || got.StartsAt.After(begun) {
				t.Errorf("repeated: %+v", got)
			}
		}
	})
}

// What nobody knows to fire resolves under its own labels, again and again.
func TestAlertmanagerResolveOfItsOwn(t *testing.T) {
	s := serve(t, http.StatusOK)
	am := alertmanager(t, notify.AlertmanagerConfig{URLs: []string{s.URL}})
	for i, team := range []string{"search", "shop"} {
		a := resolved("x")
		a.Labels = map[string]string{"team": team}
		check(t, am.Notify(background(), a))
		if got := decode(t, s.got()[i].body)[0].Labels; got["team"] != team || got["alertname"] != "x" {
			t.Errorf("got %v", got)
		}
	}
}

// Where room is needed, what nobody has to hear of any more goes first.
func TestAlertmanagerForgetsWhatIsOverFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet("a")
		am := alertmanager(t, f.config("a"))
		for i := range 4094 {
			am.Resume(now(firing(fmt.Sprint(i)), time.Now()))
		}
		check(t, am.Notify(background(), now(resolved("long ago"), time.Now())))
		pass(16 * time.Minute)
		check(t, am.Notify(background(), now(resolved("lately"), time.Now())))
		check(t, am.Notify(background(), now(firing("new"), time.Now())))
		f.take("a")
		check(t, am.Repeat(background()))
		got := make(map[string]bool)
		for _, p := range f.take("a") {
			got[p.Labels["alertname"]] = true
		}
		if len(got) != 4096 || !got["lately"] || !got["new"] {
			t.Errorf("repeated %d alerts, lately %v, new %v", len(got), got["lately"], got["new"])
		}
	})
}
