package otelperf_test

import (
	"context"
	"errors"
	"maps"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/otelperf/otelperf-go/otelperf"
)

func TestResultsAreUntouched(t *testing.T) {
	k := newKit(t)
	op := k.operation("search")
	ctx := context.WithValue(t.Context(), ctxKey{}, "value")
	see := func(ctx context.Context) {
		t.Helper()
		if ctx.Value(ctxKey{}) != "value" {
			t.Error("the function was given another context")
		}
	}

	n, err := otelperf.Call(ctx, op, func(ctx context.Context) (int, error) { see(ctx); return 7, errFailure })
	if n != 7 || err != errFailure { //nolint:errorlint // The very same error is what is tested.
		t.Errorf("Call = %d, %v, want 7 and the very error", n, err)
	}
	double := otelperf.Wrap(op, func(ctx context.Context, n int) (int, error) { see(ctx); return 2 * n, errFailure })
	if n, err = double(ctx, 21); n != 42 || err != errFailure { //nolint:errorlint // As above.
		t.Errorf("Wrap = %d, %v, want 42 and the very error", n, err)
	}
	for _, f := range forms {
		if err := f.run(ctx, op, func(ctx context.Context) error { see(ctx); return errFailure }); err != errFailure { //nolint:errorlint // As above.
			t.Errorf("%s = %v, want the very error", f.name, err)
		}
		if err := f.run(ctx, op, func(ctx context.Context) error { see(ctx); return nil }); err != nil {
			t.Errorf("%s = %v, want nil", f.name, err)
		}
	}
	if got, want := k.outcomes("search"), (map[string]uint64{"": 4, "*errors.errorString": 6}); !maps.Equal(got, want) {
		t.Errorf("outcomes = %v, want %v", got, want)
	}
}

type ctxKey struct{}

func TestNilFunction(t *testing.T) {
	k := newKit(t)
	for name, op := range map[string]*otelperf.Operation{"an": k.operation("search"), "no": nil} {
		errs := []error{op.Do(t.Context(), nil)}
		_, err := otelperf.Call[int](t.Context(), op, nil)
		errs = append(errs, err)
		_, err = otelperf.Wrap[int, int](op, nil)(t.Context(), 1)
		errs = append(errs, err)
		for i, err := range errs {
			if err == nil || !strings.HasPrefix(err.Error(), "otelperf: ") {
				t.Errorf("%s operation, form %d: a nil function gave the error %v", name, i, err)
			}
		}
	}
	if got := k.outcomes("search"); len(got) != 0 {
		t.Errorf("nil functions were recorded: %v", got)
	}
	if got := k.active()["search"]; got != 0 {
		t.Errorf("active = %d after nil functions", got)
	}
}

// Every form of a call, ten thousand of them at the same time, with errors,
// panics and goroutines that end among them: exactly as many in the export.
func TestEveryCallIsCountedOnce(t *testing.T) {
	const calls = 10_000
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			k := newKit(t)
			op := k.operation("search")
			for range calls / atOnce {
				var inside, ended sync.WaitGroup
				release := make(chan struct{})
				inside.Add(atOnce)
				for i := range atOnce {
					ended.Go(func() {
						defer func() { _ = recover() }()
						_ = f.run(t.Context(), op, func(ctx context.Context) error {
							inside.Done()
							<-release
							return body(i)(ctx)
						})
					})
				}
				inside.Wait()
				if got := k.active()["search"]; got != atOnce {
					t.Errorf("active = %d with %d calls under way", got, atOnce)
				}
				close(release)
				ended.Wait()
			}
			want := map[string]uint64{"": calls * 6 / 10, "*errors.errorString": calls * 2 / 10, "panic": calls / 10}
			want[f.goexit] += calls / 10
			if got := k.outcomes("search"); !maps.Equal(got, want) {
				t.Errorf("outcomes = %v, want %v", got, want)
			}
			if got := k.active()["search"]; got != 0 {
				t.Errorf("active = %d after the end", got)
			}
		})
	}
	t.Run("Record", func(t *testing.T) {
		k := newKit(t)
		op := k.operation("search")
		var wg sync.WaitGroup
		for range calls / atOnce {
			for i := range atOnce {
				wg.Go(func() {
					var err error
					if i%10 == 0 {
						err = errFailure
					}
					op.Record(t.Context(), 1, err)
				})
			}
			wg.Wait()
		}
		want := map[string]uint64{"": calls * 9 / 10, "*errors.errorString": calls / 10}
		if got := k.outcomes("search"); !maps.Equal(got, want) {
			t.Errorf("outcomes = %v, want %v", got, want)
		}
	})
}

func TestPanicGoesOn(t *testing.T) {
	type thing struct{ n int }
	value := &thing{1}
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			k := newKit(t)
			op := k.operation("search")
			if got := alone(func() { _ = f.run(t.Context(), op, func(context.Context) error { panic(value) }) }); got != value {
				t.Errorf("recovered %v, want the very value", got)
			}
			got := alone(func() { _ = f.run(t.Context(), op, func(context.Context) error { panic(nil) }) })
			var nilError *runtime.PanicNilError
			if err, ok := got.(error); !ok || !errors.As(err, &nilError) {
				t.Errorf("recovered %v from panic(nil), want a PanicNilError", got)
			}
			var m map[string]int
			got = alone(func() { _ = f.run(t.Context(), op, func(context.Context) error { m["x"]++; return nil }) })
			if _, ok := got.(runtime.Error); !ok {
				t.Errorf("recovered %v, want a runtime.Error", got)
			}
			if got, want := k.outcomes("search"), (map[string]uint64{"panic": 3}); !maps.Equal(got, want) {
				t.Errorf("outcomes = %v, want %v", got, want)
			}
			if got := k.active()["search"]; got != 0 {
				t.Errorf("active = %d", got)
			}
		})
	}
}

// A panic and a Goexit can overtake each other on the way out. What counts is
// which of them leaves the call.
func TestUnwinding(t *testing.T) {
	cases := []struct {
		name string
		body func(context.Context) error
		want string
	}{
		{"Goexit", func(context.Context) error { runtime.Goexit(); return nil }, "goexit"},
		{"panic", func(context.Context) error { panic(1) }, "panic"},
		{"runtime error", func(context.Context) error { var p *int; *p = 1; return nil }, "panic"},
		{"deep panic", func(context.Context) error { deep(200, func() { panic(1) }); return nil }, "panic"},
		{"deep Goexit", func(context.Context) error { deep(200, runtime.Goexit); return nil }, "goexit"},
		{"recovered inside", func(context.Context) error {
			defer func() { _ = recover() }()
			panic(1)
		}, ""},
		{"recovered inside into an error", func(context.Context) (err error) {
			defer func() { _ = recover(); err = errFailure }()
			panic(1)
		}, "*errors.errorString"},
		{"a deferred Goexit ends a panic", func(context.Context) error {
			defer runtime.Goexit()
			panic(1)
		}, "goexit"},
		{"a deferred panic overtakes a Goexit", func(context.Context) error {
			defer func() { panic(1) }()
			runtime.Goexit()
			return nil
		}, "panic"},
		{"a Goexit goes on after a deferred panic was recovered", func(context.Context) error {
			defer func() {
				defer func() { _ = recover() }()
				panic(1)
			}()
			runtime.Goexit()
			return nil
		}, "goexit"},
		{"a Goexit goes on after the frame recovered", func(context.Context) error {
			defer func() { _ = recover() }()
			defer func() { panic(1) }()
			runtime.Goexit()
			return nil
		}, "goexit"},
		{"a panic replaces a panic", func(context.Context) error {
			defer func() { panic(2) }()
			panic(1)
		}, "panic"},
	}
	for _, f := range forms[:3] {
		for _, c := range cases {
			t.Run(f.name+"/"+c.name, func(t *testing.T) {
				k := newKit(t)
				op := k.operation("search")
				alone(func() { _ = f.run(t.Context(), op, c.body) })
				if got, want := k.outcomes("search"), (map[string]uint64{c.want: 1}); !maps.Equal(got, want) {
					t.Errorf("outcomes = %v, want %v", got, want)
				}
			})
		}
	}
}

func deep(n int, fn func()) {
	if n == 0 {
		fn()
		return
	}
	defer func() {}()
	deep(n-1, fn)
}

// A call that runs while another panic is on its way through the goroutine is
// an ordinary call.
func TestCallWithinPanicking(t *testing.T) {
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			k := newKit(t)
			op := k.operation("search")
			got := alone(func() {
				defer func() { _ = f.run(t.Context(), op, func(context.Context) error { return errFailure }) }()
				defer func() { _ = f.run(t.Context(), op, func(context.Context) error { return nil }) }()
				panic("outer")
			})
			if got != "outer" {
				t.Errorf("recovered %v, want the outer panic", got)
			}
			if got, want := k.outcomes("search"), (map[string]uint64{"": 1, "*errors.errorString": 1}); !maps.Equal(got, want) {
				t.Errorf("outcomes = %v, want %v", got, want)
			}
		})
	}
}

func TestNestedCalls(t *testing.T) {
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			k := newKit(t)
			outer, inner := k.operation("outer"), k.operation("inner")
			nested := func(body func(context.Context) error) {
				alone(func() {
					_ = f.run(t.Context(), outer, func(ctx context.Context) error { return f.run(ctx, inner, body) })
				})
			}
			for i := range 10 {
				nested(body(i))
			}
			want := map[string]uint64{"": 6, "*errors.errorString": 2, "panic": 1}
			want[f.goexit]++
			for _, name := range []string{"outer", "inner"} {
				if got := k.outcomes(name); !maps.Equal(got, want) {
					t.Errorf("outcomes of %s = %v, want %v", name, got, want)
				}
			}
		})
	}
}

// The trace of a crash shows where the panic began, and the panic's own
// text, as without the wrapper.
func TestCrashShowsItsOrigin(t *testing.T) {
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			output, child, err := inChild(t)
			if child {
				op := newKit(t).operation("search")
				// The testing package recovers what its own goroutines panic with.
				go func() {
					_ = f.run(t.Context(), op, func(context.Context) error { originOfTheCrash(); return nil })
				}()
				select {}
			}
			if err == nil {
				t.Fatalf("the child did not crash:\n%s", output)
			}
			for _, want := range []string{"the very text", "otelperf_test.originOfTheCrash("} {
				if !strings.Contains(output, want) {
					t.Errorf("the output lacks %q:\n%s", want, output)
				}
			}
			if recovered := strings.Contains(output, "recovered"); recovered != (f.name == "StartEnd") {
				t.Errorf("recovered = %v in:\n%s", recovered, output)
			}
		})
	}
}

//go:noinline
func originOfTheCrash() { panic("the very text") }
