package notify_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/otelperf/otelperf-go/views"
	"github.com/otelperf/otelperf-go/views/notify"
)

// Repeat runs by the clock, between and never beside the calls of Send, also
// while the sink is failing, and may fail in every way.
func TestTargetRepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs []string
		var at []time.Duration
		begun, busy := time.Now(), false
		enter := func() func() {
			if busy {
				t.Error("two calls at once")
			}
			busy = true
			return func() { busy = false }
		}
		d := dispatcher(t, []notify.Target{{
			Name: "a",
			Send: func(ctx context.Context, _ views.Alert) error {
				defer enter()()
				<-ctx.Done()
				return errors.New("down")
			},
			Repeat: func(context.Context) error {
				defer enter()()
				at = append(at, time.Since(begun))
				switch len(at) {
				case 1:
					return errors.New("cannot repeat")
				case 2:
					panic("boom")
				case 3:
					runtime.Goexit()
				}
				return nil
			},
			RepeatEvery: 10 * time.Minute,
		}}, notify.WithErrorHandler(func(err error) { errs = append(errs, err.Error()) }))
		pass(45 * time.Minute)
		synctest.Wait()
		if len(at) != 4 || at[0] != 10*time.Minute || at[3] != 40*time.Minute {
			t.Errorf("repeated at %v, want every ten minutes", at)
		}
		if s := d.Stats()[0]; s.Failed != 2 || len(s.Dropped) != 0 {
			t.Errorf("%+v", s)
		}
		if len(errs) != 2 || !strings.Contains(errs[0], "cannot repeat") || !strings.Contains(errs[1], "panic: boom") {
			t.Errorf("got %q", errs)
		}
		d.Notify(firing("x"))
		pass(time.Hour)
		synctest.Wait()
		if len(at) < 9 {
			t.Errorf("repeated %d times, want on while the sink is failing", len(at))
		}
		if err := d.Shutdown(background()); err == nil {
			t.Error("no error, though the alert is not delivered")
		}
	})
}

func TestDispatcherWithOneAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := receiver{fail: func(int, views.Alert) error { return errors.New("down") }}
		d := dispatcher(t, []notify.Target{{Name: "a", Send: r.send}}, notify.WithMaxElapsed(0))
		d.Notify(firing("x"))
		pass(time.Hour)
		synctest.Wait()
		if s := d.Stats()[0]; len(r.at) != 1 || s.Dropped[notify.Expired] != 1 {
			t.Errorf("%d attempts, %+v", len(r.at), s)
		}
		check(t, d.Shutdown(background()))
	})
}

// While the sink's receiver hangs, what is refused is told all the same.
func TestDispatcherTellsOfDropsWhileASinkHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := make(chan string, 10)
		release := make(chan struct{})
		d := dispatcher(t, []notify.Target{{Name: "a", Send: func(context.Context, views.Alert) error { <-release; return nil }}},
			notify.WithQueueSize(1), notify.WithErrorHandler(func(err error) { told <- err.Error() }))
		d.Notify(firing("x"))
		d.Notify(firing("y"))
		d.Notify(firing("z"))
		pass(time.Minute)
		if got := <-told; !strings.Contains(got, "ignores its context") {
			t.Errorf("got %q", got)
		}
		if got := <-told; !strings.Contains(got, "2 notifications dropped (queue_full)") {
			t.Errorf("got %q", got)
		}
		close(release)
		check(t, d.Shutdown(background()))
	})
}

func TestDefaultErrorHandler(t *testing.T) {
	var got []error
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { got = append(got, err) }))
	t.Cleanup(func() { otel.SetErrorHandler(otel.ErrorHandlerFunc(ignore)) })
	cause := errors.New("no")
	d, err := notify.NewDispatcher([]notify.Target{{Name: "a", Send: func(context.Context, views.Alert) error { return notify.Permanent(cause) }}},
		notify.WithErrorHandler(nil), nil)
	check(t, err)
	d.Notify(firing("x"))
	check(t, d.Shutdown(background()))
	if len(got) != 1 || !errors.Is(got[0], cause) {
		t.Errorf("got %v", got)
	}
}

func TestMarksOfNil(t *testing.T) {
	if notify.Permanent(nil) != nil || notify.RetryAfter(nil, time.Second) != nil {
		t.Error("nil became an error")
	}
	cause := errors.New("cause")
	for _, err := range []error{notify.Permanent(cause), notify.RetryAfter(cause, time.Second)} {
		if !errors.Is(err, cause) || err.Error() != "cause" {
			t.Errorf("got %v", err)
		}
	}
}

// A success ends an outage: the next one begins with a short pause.
func TestBackoffBeginsAnewAfterASuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := receiver{fail: func(attempt int, _ views.Alert) error {
			if attempt == 7 || attempt == 9 {
				return nil
			}
			return errors.New("down")
		}}
		d := dispatcher(t, []notify.Target{{Name: "a", Send: r.send}}, notify.WithBackoff(time.Second, time.Hour))
		d.Notify(firing("x"))
		pass(time.Hour)
		d.Notify(resolved("x"))
		pass(time.Hour)
		check(t, d.Shutdown(background()))
		if got := r.at[8].Sub(r.at[7]); len(r.at) != 9 || got > 2*time.Second {
			t.Errorf("%d attempts; the first pause of the second outage was %s", len(r.at), got)
		}
	})
}

// While Shutdown drains, failures count as long as nothing succeeds between
// them, and each is followed by a pause.
func TestDrainingCountsFailuresInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tried := make(map[string]bool)
		draining := make(chan struct{})
		var failedAt time.Time
		d := dispatcher(t, []notify.Target{{Name: "a", Send: func(_ context.Context, a views.Alert) error {
			<-draining
			if pause := time.Since(failedAt); pause < time.Second/2 {
				t.Errorf("tried %s %s after a failure, want about a second", a.Name, pause)
			}
			if !tried[a.Name] {
				tried[a.Name], failedAt = true, time.Now()
				return errors.New("once")
			}
			failedAt = time.Time{}
			return nil
		}}}, notify.WithBackoff(time.Second, time.Second))
		for _, name := range []string{"a", "b"} {
			d.Notify(firing(name))
		}
		stopped := make(chan error)
		go func() { stopped <- d.Shutdown(background()) }()
		synctest.Wait() // Shutdown has begun, or its beginning might cut a pause short
		close(draining)
		check(t, <-stopped)
		if s := d.Stats()[0]; s.Delivered != 2 || s.Failed != 2 {
			t.Errorf("%+v", s)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		d := dispatcher(t, []notify.Target{{Name: "a", Send: func(context.Context, views.Alert) error {
			if attempts++; attempts%3 != 0 {
				return errors.New("two of three times")
			}
			return nil
		}}})
		for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
			d.Notify(firing(name))
		}
		check(t, d.Shutdown(background()))
		if s := d.Stats()[0]; s.Delivered != 6 || s.Failed != 12 {
			t.Errorf("%+v", s)
		}
	})
}

// A sink without a second attempt is not called without a pause either.
func TestExpiryPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := receiver{fail: func(int, views.Alert) error { return errors.New("down") }}
		d := dispatcher(t, []notify.Target{{Name: "a", Send: r.send}}, notify.WithMaxElapsed(0), notify.WithBackoff(time.Minute, time.Minute))
		d.Notify(firing("x"))
		d.Notify(firing("y"))
		pass(time.Hour)
		synctest.Wait()
		if len(r.at) != 2 || r.at[1].Sub(r.at[0]) < time.Minute/2 {
			t.Errorf("attempts at %v", r.at)
		}
		check(t, d.Shutdown(background()))
	})
}

// A sink that returns a moment after its deadline is not said to hang, and one
// that does not is, a second after.
func TestHangIsReportedAfterASecond(t *testing.T) {
	for took, want := range map[time.Duration]string{10500 * time.Millisecond: "", 12 * time.Second: "has not returned within 11s"} {
		synctest.Test(t, func(t *testing.T) {
			told := make(chan string, 10)
			d := dispatcher(t, []notify.Target{{Name: "a", Send: func(context.Context, views.Alert) error { <-time.After(took); return nil }}},
				notify.WithErrorHandler(func(err error) { told <- err.Error() }))
			d.Notify(firing("x"))
			check(t, d.Shutdown(background()))
			close(told)
			if got := <-told; want == "" && got != "" || !strings.Contains(got, want) {
				t.Errorf("after %s: told %q, want %q", took, got, want)
			}
		})
	}
}
