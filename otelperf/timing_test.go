package otelperf_test

import (
	"context"
	"maps"
	"net/http"
	"testing"

	"github.com/otelperf/otelperf-go/otelperf"
)

func TestEndSeesTheFinalError(t *testing.T) {
	k := newKit(t)
	op := k.operation("search")
	run := func(body func() error) (err error) {
		defer op.Start(t.Context()).End(&err)
		return body()
	}
	if err := run(func() error { return nil }); err != nil {
		t.Error(err)
	}
	if err := run(func() error { return errFailure }); err != errFailure { //nolint:errorlint // The very same error.
		t.Errorf("error = %v", err)
	}
	// An error set by a later deferred call counts, since End runs after it.
	func() (err error) {
		defer op.Start(t.Context()).End(&err)
		defer func() { err = plainError{} }()
		return nil
	}()
	// Without an error to look at, what returns has succeeded.
	func() {
		defer op.Start(t.Context()).End(nil)
	}()
	want := map[string]uint64{"": 2, "*errors.errorString": 1, here + "plainError": 1}
	if got := k.outcomes("search"); !maps.Equal(got, want) {
		t.Errorf("outcomes = %v, want %v", got, want)
	}
}

// A panic counts as one even if an error was set before, and values that
// others compare keep their identity.
func TestEndPanics(t *testing.T) {
	k := newKit(t)
	op := k.operation("search")
	for _, value := range []any{http.ErrAbortHandler, errFailure, "text", 7, &struct{}{}} {
		got := alone(func() {
			err := errFailure
			defer op.Start(t.Context()).End(&err)
			panic(value)
		})
		if got != value {
			t.Errorf("recovered %v, want the very %v", got, value)
		}
		got = alone(func() {
			defer op.Start(t.Context()).End(nil)
			panic(value)
		})
		if got != value {
			t.Errorf("recovered %v, want the very %v", got, value)
		}
	}
	if got, want := k.outcomes("search"), (map[string]uint64{"panic": 10}); !maps.Equal(got, want) {
		t.Errorf("outcomes = %v, want %v", got, want)
	}
}

// What is not deferred itself cannot see a panic, does not end it either, and
// still counts once.
func TestEndNotDeferredItself(t *testing.T) {
	k := newKit(t)
	op := k.operation("search")
	got := alone(func() {
		var err error
		timing := op.Start(t.Context())
		defer func() { timing.End(&err) }()
		panic("text")
	})
	if got != "text" {
		t.Errorf("recovered %v", got)
	}
	if got, want := k.outcomes("search"), (map[string]uint64{"": 1}); !maps.Equal(got, want) {
		t.Errorf("outcomes = %v, want %v", got, want)
	}
}

// Several Timings in one function each see the panic.
func TestSeveralTimings(t *testing.T) {
	k := newKit(t)
	outer, inner := k.operation("outer"), k.operation("inner")
	got := alone(func() {
		var err error
		defer outer.Start(t.Context()).End(&err)
		for range 3 { // Deferred in a loop, which takes another road in the runtime.
			defer inner.Start(t.Context()).End(&err)
		}
		if got := k.active(); got["outer"] != 1 || got["inner"] != 3 {
			t.Errorf("active = %v", got)
		}
		panic("text")
	})
	if got != "text" {
		t.Errorf("recovered %v", got)
	}
	for name, n := range map[string]uint64{"outer": 1, "inner": 3} {
		if got, want := k.outcomes(name), (map[string]uint64{"panic": n}); !maps.Equal(got, want) {
			t.Errorf("outcomes of %s = %v, want %v", name, got, want)
		}
	}
}

// A Timing may be ended in another goroutine.
func TestEndElsewhere(t *testing.T) {
	k := newKit(t)
	op := k.operation("search")
	timings := make(chan otelperf.Timing)
	go func() {
		defer close(timings)
		for range 100 {
			timings <- op.Start(context.WithoutCancel(t.Context()))
		}
	}()
	for timing := range timings {
		timing.End(nil)
	}
	if got, want := k.outcomes("search"), (map[string]uint64{"": 100}); !maps.Equal(got, want) {
		t.Errorf("outcomes = %v, want %v", got, want)
	}
	if got := k.active()["search"]; got != 0 {
		t.Errorf("active = %d", got)
	}
}
