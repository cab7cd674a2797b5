package notify_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/otelperf/otelperf-go/views"
	"github.com/otelperf/otelperf-go/views/notify"
)

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

// Where all ask to be left alone, the one that asks for the least decides.
func TestAlertmanagerRetryAfter(t *testing.T) {
	for _, test := range []struct {
		headers []string
		want    time.Duration
	}{
		{[]string{"900", "700"}, 700 * time.Second},
		{[]string{"700", "900"}, 700 * time.Second},
		{[]string{"700", ""}, 0},
	} {
		var urls []string
		for _, h := range test.headers {
			s := serve(t, http.StatusServiceUnavailable)
			s.header = http.Header{"Retry-After": {h}}
			urls = append(urls, s.URL)
		}
		err := alertmanager(t, notify.AlertmanagerConfig{URLs: urls}).Notify(background(), firing("x"))
		synctest.Test(t, func(t *testing.T) {
			r := receiver{fail: func(attempt int, _ views.Alert) error {
				if attempt == 1 {
					return err
				}
				return nil
			}}
			d := dispatcher(t, []notify.Target{{Name: "a", Send: r.send}}, notify.WithBackoff(time.Second, time.Second))
			d.Notify(firing("x"))
			pass(time.Hour)
			check(t, d.Shutdown(background()))
			got := r.at[1].Sub(r.at[0])
			if test.want > 0 && got != test.want || test.want == 0 && got > 2*time.Second {
				t.Errorf("%q: tried again after %s, want %s", test.headers, got, test.want)
			}
		})
	}
}

// Those that failed the last time are not awaited where another has accepted,
// but where none has, each may be the one that is back.
func TestAlertmanagerThatComesBackSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet("a", "b")
		down := func(*http.Request) error { return errors.New("connection refused") }
		f.behave("a", down)
		f.behave("b", down)
		am := alertmanager(t, f.config("a", "b"))
		if err := am.Notify(background(), now(firing("x"), time.Now())); err == nil {
			t.Error("no error, though all are down")
		}
		f.behave("b", func(r *http.Request) error {
			select {
			case <-time.After(time.Second):
				return nil
			case <-r.Context().Done():
				return r.Context().Err()
			}
		})
		check(t, am.Notify(background(), now(firing("x"), time.Now())))
		if got := f.take("b"); len(got) != 1 {
			t.Errorf("got %v, want the alert", got)
		}
	})
}

// Without a handler of its own otel.Handle is told of those that fail, by name,
// and of nothing while all is well.
func TestAlertmanagerTellsOtel(t *testing.T) {
	var told []string
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { told = append(told, err.Error()) }))
	t.Cleanup(func() { otel.SetErrorHandler(otel.ErrorHandlerFunc(ignore)) })
	good, bad := serve(t, http.StatusOK), serve(t, http.StatusBadRequest)
	check(t, alertmanager(t, notify.AlertmanagerConfig{URLs: []string{good.URL, good.URL}}).Notify(background(), firing("x")))
	if len(told) != 0 {
		t.Errorf("got %q, and nothing is wrong", told)
	}
	check(t, alertmanager(t, notify.AlertmanagerConfig{URLs: []string{good.URL, bad.URL}}).Notify(background(), firing("x")))
	if len(told) != 1 || !strings.Contains(told[0], "1 of 2 instances failed: POST "+bad.URL) {
		t.Errorf("got %q", told)
	}
}

// A repetition that nobody accepts is an error.
func TestAlertmanagerRepeatFails(t *testing.T) {
	s := serve(t, http.StatusInternalServerError)
	am := alertmanager(t, notify.AlertmanagerConfig{URLs: []string{s.URL}})
	am.Resume(firing("x"))
	if err := am.Repeat(background()); err == nil || !strings.Contains(err.Error(), "500 Internal Server Error") {
		t.Errorf("got %v", err)
	}
}
