package notify_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/views"
	"github.com/otelperf/otelperf-go/views/notify"
)

func TestNewDispatcherValidates(t *testing.T) {
	send := func(context.Context, views.Alert) error { return nil }
	repeat := func(context.Context) error { return nil }
	for _, test := range []struct {
		name    string
		targets []notify.Target
		opts    []notify.Option
		want    string
	}{
		{"blank name", []notify.Target{{Name: " ", Send: send}}, nil, "target 0 has no name"},
		{"no name", []notify.Target{{Send: send}}, nil, "target 0 has no name"},
		{"long name", []notify.Target{{Name: strings.Repeat("x", 65), Send: send}}, nil, "longer than 64 bytes"},
		{"twice", []notify.Target{{Name: "a", Send: send}, {Name: "a", Send: send}}, nil, `two targets are named "a"`},
		{"no sink", []notify.Target{{Name: "a"}}, nil, `target "a" has no Send`},
		{"no interval", []notify.Target{{Name: "a", Send: send, Repeat: repeat}}, nil, "less than a second"},
		{"queue", nil, []notify.Option{notify.WithQueueSize(0)}, "queue size of 0"},
		{"timeout", nil, []notify.Option{notify.WithTimeout(0)}, "timeout 0s"},
		{"backoff", nil, []notify.Option{notify.WithBackoff(time.Minute, time.Second)}, "not positive and rising"},
		{"large queue", nil, []notify.Option{notify.WithQueueSize(1<<20 + 1)}, "queue size of 1048577"},
		{"negative timeout", nil, []notify.Option{notify.WithTimeout(-1)}, "timeout -1ns"},
		{"no backoff", nil, []notify.Option{notify.WithBackoff(0, time.Second)}, "not positive and rising"},
		{"elapsed", nil, []notify.Option{notify.WithMaxElapsed(-1)}, "is negative"},
	} {
		d, err := notify.NewDispatcher(test.targets, test.opts...)
		if d != nil || err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "notify: ") {
			t.Errorf("%s: got %v, %v, want an error with %q", test.name, d, err, test.want)
		}
	}
}

// The edges of what NewDispatcher takes.
func TestNewDispatcherTakes(t *testing.T) {
	send := func(context.Context, views.Alert) error { return nil }
	repeat := func(context.Context) error { return nil }
	d := dispatcher(t, []notify.Target{{Name: strings.Repeat("x", 64), Send: send, Repeat: repeat, RepeatEvery: time.Second}},
		notify.WithQueueSize(1<<20), notify.WithBackoff(1, 1), notify.WithTimeout(1))
	check(t, d.Shutdown(background()))
	d = dispatcher(t, nil, notify.WithQueueSize(1))
	check(t, d.Shutdown(background()))
}

func TestDispatcherWithoutTargets(t *testing.T) {
	d := dispatcher(t, nil)
	d.Notify(firing("x"))
	if got := d.Stats(); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	check(t, d.Shutdown(background()))
}
