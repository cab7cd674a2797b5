package notify_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/otelperf/otelperf-go/views"
	"github.com/otelperf/otelperf-go/views/notify"
)

func TestDispatcherShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := receiver{fail: func(attempt int, _ views.Alert) error {
			if attempt < 3 {
				return errors.New("restarting")
			}
			return nil
		}}
		d := dispatcher(t, []notify.Target{{Name: "a", Send: r.send}}, notify.WithBackoff(20*time.Second, time.Minute))
		d.Notify(firing("x"))
		synctest.Wait() // the first attempt failed, the next is some 20 s away
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if err := d.Shutdown(background()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		equal(t, r.list(), []string{"x firing"})
		if got := r.at[1].Sub(r.at[0]); got != 0 {
			t.Errorf("Shutdown tried again after %s, want at once", got)
		}
		d.Notify(firing("late"))
		if s := d.Stats()[0]; s.Dropped[notify.Stopped] != 1 {
			t.Errorf("%+v", s)
		}
		check(t, d.Shutdown(background()))
	})
}

// Without a deadline Shutdown ends all the same.
func TestDispatcherShutdownOfADeadSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("down")
		for name, fail := range map[string]error{"plain": cause, "retry after": notify.RetryAfter(cause, time.Hour)} {
			r := receiver{fail: func(int, views.Alert) error { return fail }}
			d := dispatcher(t, []notify.Target{{Name: "a", Send: r.send}})
			for i := range 100 {
				d.Notify(firing(fmt.Sprint(i)))
			}
			begun := time.Now()
			err := d.Shutdown(background())
			if !errors.Is(err, cause) || !strings.Contains(err.Error(), "100 notifications not delivered") {
				t.Errorf("%s: got %v", name, err)
			}
			if took := time.Since(begun); took > 20*time.Second {
				t.Errorf("%s: Shutdown took %s", name, took)
			}
			if got := d.Stats()[0].Dropped[notify.Stopped]; got != 100 {
				t.Errorf("%s: %d counted, want 100", name, got)
			}
		}
	})
}

// The context of an attempt ends with Shutdown's, and what was not delivered
// is reported with the reason, if there is one yet.
func TestDispatcherShutdownCutsAttemptsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended time.Time
		d := dispatcher(t, []notify.Target{{Name: "a", Send: func(ctx context.Context, _ views.Alert) error {
			<-ctx.Done()
			ended = time.Now()
			return ctx.Err()
		}}}, notify.WithTimeout(time.Hour))
		d.Notify(firing("x"))
		synctest.Wait()
		begun := time.Now()
		ctx, cancel := context.WithTimeout(background(), time.Second)
		defer cancel()
		err := d.Shutdown(ctx)
		if want := "notify: sink \"a\": 1 notifications not delivered: no attempt has ended yet\ncontext deadline exceeded"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
		synctest.Wait()
		if got := ended.Sub(begun); got != time.Second {
			t.Errorf("the attempt ended after %s, want Shutdown's second", got)
		}
	})
}

// A context that is over does no harm where nothing is left to do.
func TestDispatcherShutdownWithNothingLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r receiver
		release := make(chan struct{})
		d := dispatcher(t, []notify.Target{
			{Name: "a", Send: r.send},
			{Name: "b", Send: r.send, Repeat: func(context.Context) error { <-release; return nil }, RepeatEvery: time.Second},
		})
		d.Notify(firing("x"))
		pass(2 * time.Second) // b is busy, with nothing that could get lost
		ctx, cancel := context.WithCancel(background())
		cancel()
		check(t, d.Shutdown(ctx))
		equal(t, r.list(), []string{"x firing", "x firing"})
		close(release)
	})
}
