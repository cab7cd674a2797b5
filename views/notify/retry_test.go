package notify_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/otelperf/otelperf-go/views"
	"github.com/otelperf/otelperf-go/views/notify"
)

// A firing that was delivered holds its alert's place until its resolve is
// settled, in whatever way; one that nobody took holds none.
func TestQueuePlaceOfWhatIsRejected(t *testing.T) {
	rejected := notify.Permanent(errors.New("400"))
	for _, test := range []struct {
		name    string
		answers []error // to the notifications of x, in order
		x       []views.Alert
		room    bool // for another alert, then
	}{
		{"delivered", []error{nil}, []views.Alert{firing("x")}, false},
		{"never delivered", []error{rejected}, []views.Alert{firing("x")}, true},
		{"a rejected reminder", []error{nil, rejected}, []views.Alert{firing("x"), firing("x")}, false},
		{"a rejected resolve", []error{nil, rejected}, []views.Alert{firing("x"), resolved("x")}, true},
		{"a rejected resolve of nothing", []error{rejected}, []views.Alert{resolved("x")}, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			answers := test.answers
			var y receiver
			d := dispatcher(t, []notify.Target{{Name: "a", Send: func(ctx context.Context, a views.Alert) error {
				if a.Name == "y" {
					return y.send(ctx, a)
				}
				err := answers[0]
				answers = answers[1:]
				return err
			}}}, notify.WithQueueSize(1))
			for _, a := range test.x {
				d.Notify(a)
				synctest.Wait()
			}
			d.Notify(firing("y"))
			check(t, d.Shutdown(background()))
			if room := len(y.list()) == 1; room != test.room {
				t.Errorf("%s: room for another was %v, want %v: %+v", test.name, room, test.room, d.Stats()[0])
			}
		})
	}
}

// What comes while an attempt is under way that then fails.
func TestQueueRetriesBesideNewer(t *testing.T) {
	for _, test := range []struct {
		name      string
		size      int
		meanwhile []views.Alert
		want      []string
		coalesced uint64
	}{
		{"nothing", 2, nil, []string{"x firing"}, 0},
		{"a reminder", 3, []views.Alert{firing("x")}, []string{"x firing"}, 1},
		{"a reminder that fills the queue", 1, []views.Alert{firing("x")}, []string{"x firing"}, 1},
		{"a resolve", 3, []views.Alert{resolved("x")}, []string{"x firing", "x resolved"}, 0},
		{"a resolve, with room for one more", 2, []views.Alert{resolved("x")}, []string{"x firing", "x resolved"}, 0},
		{"a resolve that fills the queue", 1, []views.Alert{resolved("x")}, []string{"x resolved"}, 1},
		{"another alert that fills the queue", 2, []views.Alert{firing("y"), resolved("y")}, []string{"x firing", "y resolved"}, 1},
		{"another alert, with room", 3, []views.Alert{firing("y"), resolved("y")}, []string{"x firing", "y firing", "y resolved"}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			gate := make(chan struct{})
			r := receiver{fail: func(attempt int, _ views.Alert) error {
				if attempt == 1 {
					return errors.New("down")
				}
				return nil
			}}
			d := dispatcher(t, []notify.Target{{Name: "a", Send: gated(gate, &r)}}, notify.WithQueueSize(test.size))
			d.Notify(firing("x"))
			synctest.Wait()
			for _, a := range test.meanwhile {
				d.Notify(a)
			}
			close(gate)
			synctest.Wait()
			if s := d.Stats()[0]; s.Waiting > test.size {
				t.Errorf("%s: %d wait, want no more than %d", test.name, s.Waiting, test.size)
			}
			check(t, d.Shutdown(background()))
			got := r.list()
			slices.Sort(got)
			if s := d.Stats()[0]; !slices.Equal(got, test.want) || s.Dropped[notify.Coalesced] != test.coalesced {
				t.Errorf("%s: got %q, want %q: %+v", test.name, got, test.want, s)
			}
		})
	}
}
