package notify_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/otelperf/otelperf-go/views"
	"github.com/otelperf/otelperf-go/views/notify"
)

// A receiver is a sink that keeps what it got, as "name state".
type receiver struct {
	mu   sync.Mutex
	got  []string
	at   []time.Time
	fail func(attempt int, a views.Alert) error // nil: never
	n    int
}

func (r *receiver) send(_ context.Context, a views.Alert) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	r.at = append(r.at, time.Now())
	if r.fail != nil {
		if err := r.fail(r.n, a); err != nil {
			return err
		}
	}
	r.got = append(r.got, a.Name+" "+a.State.String())
	return nil
}

func (r *receiver) list() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func dispatcher(t *testing.T, targets []notify.Target, opts ...notify.Option) *notify.Dispatcher {
	t.Helper()
	d, err := notify.NewDispatcher(targets, append([]notify.Option{notify.WithErrorHandler(ignore)}, opts...)...)
	check(t, err)
	return d
}

func equal(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDispatcherDeliversToAllInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a, b receiver
		d := dispatcher(t, []notify.Target{{Name: "a", Send: a.send}, {Name: "b", Send: b.send}})
		d.Notify(firing("x"))
		d.Notify(resolved("x"))
		d.Notify(firing("x"))
		check(t, d.Shutdown(background()))
		want := []string{"x firing", "x resolved", "x firing"}
		equal(t, a.list(), want)
		equal(t, b.list(), want)
		for _, s := range d.Stats() {
			if s.Delivered != 3 || s.Waiting != 0 || s.Failed != 0 || len(s.Dropped) != 0 {
				t.Errorf("%+v", s)
			}
		}
	})
}

func TestDispatcherRetriesWithGrowingPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := receiver{fail: func(attempt int, _ views.Alert) error {
			if attempt <= 8 {
				return errors.New("down")
			}
			return nil
		}}
		d := dispatcher(t, []notify.Target{{Name: "a", Send: r.send}}, notify.WithBackoff(time.Second, 16*time.Second))
		d.Notify(firing("x"))
		pass(10 * time.Minute)
		check(t, d.Shutdown(background()))
		equal(t, r.list(), []string{"x firing"})
		base := time.Second
		for i := 1; i < len(r.at); i++ {
			pause := r.at[i].Sub(r.at[i-1])
			if pause < base/2 || pause > base*3/2+time.Millisecond {
				t.Errorf("pause %d was %s, want %s give or take half", i, pause, base)
			}
			base = min(2*base, 16*time.Second)
		}
		if s := d.Stats()[0]; s.Failed != 8 || s.Delivered != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// A backend that is down for an hour: who is woken, once, and told of the end.
func TestDispatcherOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		r := receiver{fail: func(int, views.Alert) error {
			if !up.Load() {
				return errors.New("connection refused")
			}
			return nil
		}}
		var errs []error
		d := dispatcher(t, []notify.Target{{Name: "a", Send: r.send}},
			notify.WithErrorHandler(func(err error) { errs = append(errs, err) }))
		d.Notify(firing("x"))
		d.Notify(firing("y"))
		pass(30 * time.Minute)
		d.Notify(resolved("x"))
		for range 10 { // reminders
			pass(3 * time.Minute)
			d.Notify(firing("y"))
		}
		synctest.Wait()
		up.Store(true)
		pass(2 * time.Minute)
		synctest.Wait()
		got := r.list()
		slices.Sort(got)
		equal(t, got, []string{"x firing", "x resolved", "y firing"})
		if len(errs) < 30 || len(errs) > 61 {
			t.Errorf("%d errors reported in an hour, want at most one a minute", len(errs))
		}
		if !strings.Contains(errs[len(errs)-1].Error(), "more like it") {
			t.Errorf("the last error does not summarise: %v", errs[len(errs)-1])
		}
		check(t, d.Shutdown(background()))
	})
}

func TestDispatcherPermanentError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := receiver{fail: func(_ int, a views.Alert) error {
			if a.Name == "bad" {
				return fmt.Errorf("wrapped: %w", notify.Permanent(errors.New("400 Bad Request")))
			}
			return nil
		}}
		d := dispatcher(t, []notify.Target{{Name: "a", Send: r.send}})
		d.Notify(firing("bad"))
		d.Notify(firing("good"))
		check(t, d.Shutdown(background()))
		equal(t, r.list(), []string{"good firing"})
		if s := d.Stats()[0]; s.Dropped[notify.Rejected] != 1 || s.Failed != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestDispatcherRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := receiver{fail: func(attempt int, _ views.Alert) error {
			switch attempt {
			case 1:
				return notify.RetryAfter(errors.New("429"), 5*time.Minute)
			case 2:
				return notify.RetryAfter(errors.New("429"), 1000*time.Hour)
			}
			return nil
		}}
		d := dispatcher(t, []notify.Target{{Name: "a", Send: r.send}})
		d.Notify(firing("x"))
		pass(3 * time.Hour)
		check(t, d.Shutdown(background()))
		equal(t, r.list(), []string{"x firing"})
		if got := r.at[1].Sub(r.at[0]); got != 5*time.Minute {
			t.Errorf("waited %s, want what was asked for", got)
		}
		if got := r.at[2].Sub(r.at[1]); got != time.Hour {
			t.Errorf("waited %s, want no more than an hour", got)
		}
	})
}

func TestDispatcherGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := receiver{fail: func(int, views.Alert) error { return errors.New("down") }}
		d := dispatcher(t, []notify.Target{{Name: "a", Send: r.send}}, notify.WithMaxElapsed(10*time.Minute))
		d.Notify(firing("x"))
		pass(time.Hour)
		if s := d.Stats()[0]; s.Dropped[notify.Expired] != 1 || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
		if got := r.at[len(r.at)-1].Sub(r.at[0]); got < 9*time.Minute || got > 11*time.Minute {
			t.Errorf("gave up after %s, want about 10m", got)
		}
		check(t, d.Shutdown(background()))
	})
}

// One alert that the backend chokes on does not hold the others up.
func TestDispatcherPoison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := receiver{fail: func(_ int, a views.Alert) error {
			if a.Name == "poison" {
				return errors.New("500")
			}
			return nil
		}}
		d := dispatcher(t, []notify.Target{{Name: "a", Send: r.send}})
		d.Notify(firing("poison"))
		d.Notify(firing("x"))
		d.Notify(firing("y"))
		pass(time.Minute)
		equal(t, r.list(), []string{"x firing", "y firing"})
		err := d.Shutdown(background())
		if err == nil || !strings.Contains(err.Error(), `sink "a": 1 notifications not delivered: 500`) {
			t.Errorf("got %v", err)
		}
	})
}

func TestDispatcherHangingSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var r receiver
		var mu sync.Mutex
		var errs []string
		d := dispatcher(t, []notify.Target{
			{Name: "hangs", Send: func(context.Context, views.Alert) error { <-release; return nil }},
			{Name: "fine", Send: r.send},
		}, notify.WithErrorHandler(func(err error) {
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err.Error())
		}))
		d.Notify(firing("x"))
		d.Notify(firing("y"))
		synctest.Wait()
		equal(t, r.list(), []string{"x firing", "y firing"})
		pass(time.Minute)
		mu.Lock()
		if len(errs) != 1 || !strings.Contains(errs[0], `sink "hangs" ignores its context`) {
			t.Errorf("got %q", errs)
		}
		mu.Unlock()

		ctx, cancel := context.WithTimeout(background(), 3*time.Second)
		defer cancel()
		begun := time.Now()
		err := d.Shutdown(ctx)
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("Shutdown took %s, want as long as its context", took)
		}
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), `sink "hangs": 2 notifications not delivered`) {
			t.Errorf("got %v", err)
		}
		if again := d.Shutdown(background()); again == nil || again.Error() != err.Error() {
			t.Errorf("a second Shutdown returned %v, want %v", again, err)
		}
		if s := d.Stats()[0]; s.Dropped[notify.Stopped] != 2 || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
		close(release) // the bubble ends only without goroutines
	})
}

func TestDispatcherAttemptTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var durations []time.Duration
		n := 0
		d := dispatcher(t, []notify.Target{{Name: "a", Send: func(ctx context.Context, _ views.Alert) error {
			if n++; n > 2 {
				return nil
			}
			begun := time.Now()
			<-ctx.Done()
			durations = append(durations, time.Since(begun))
			return ctx.Err()
		}}}, notify.WithTimeout(7*time.Second))
		d.Notify(firing("x"))
		pass(time.Minute)
		check(t, d.Shutdown(background()))
		if !slices.Equal(durations, []time.Duration{7 * time.Second, 7 * time.Second}) {
			t.Errorf("attempts took %v", durations)
		}
	})
}

func TestDispatcherContainsPanicsAndGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs []string
		var good receiver
		d := dispatcher(t, []notify.Target{{Name: "a", Send: func(ctx context.Context, a views.Alert) error {
			switch a.Name {
			case "panic":
				panic("boom")
			case "goexit":
				runtime.Goexit()
			}
			return good.send(ctx, a)
		}}}, notify.WithErrorHandler(func(err error) { errs = append(errs, err.Error()) }))
		d.Notify(firing("panic"))
		pass(2 * time.Minute)
		d.Notify(firing("goexit"))
		pass(2 * time.Minute)
		d.Notify(firing("x"))
		check(t, d.Shutdown(background()))
		equal(t, good.list(), []string{"x firing"})
		if s := d.Stats()[0]; s.Dropped[notify.Panicked] != 2 || s.Failed != 2 || s.Delivered != 1 {
			t.Errorf("%+v", s)
		}
		if len(errs) != 2 || !strings.Contains(errs[0], "panic: boom") || !strings.Contains(errs[0], "dispatcher_test.go") ||
			!strings.Contains(errs[1], "ended its goroutine") {
			t.Errorf("got %q", errs)
		}
	})
}
