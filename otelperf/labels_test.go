package otelperf_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric/noop"

	"github.com/otelperf/otelperf-go/otelperf"
)

// labelsHere returns the labels that a profile shows for the calling goroutine,
// as {"key":"value"}; "" if it has none.
//
//go:noinline
func labelsHere(t testing.TB) string {
	t.Helper()
	var buf bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&buf, 1); err != nil {
		t.Fatal(err)
	}
	for block := range strings.SplitSeq(buf.String(), "\n\n") {
		if !strings.Contains(block, "labelsHere") {
			continue
		}
		for line := range strings.Lines(block) {
			if labels, ok := strings.CutPrefix(line, "# labels: "); ok {
				return strings.TrimSpace(labels)
			}
		}
		return ""
	}
	t.Fatalf("the goroutine is not in its own profile:\n%s", buf.String())
	return ""
}

func labelled(t testing.TB, name string, opts ...otelperf.Option) *otelperf.Operation {
	t.Helper()
	rec, err := otelperf.New(append([]otelperf.Option{
		otelperf.WithMeterProvider(sdkProvider()), otelperf.WithProfileLabels(),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	op, err := rec.Operation(name)
	if err != nil {
		t.Fatal(err)
	}
	return op
}

// Every form runs under the label, hands it on in the context, and takes it
// off again however the call ends.
func TestProfileLabels(t *testing.T) {
	const label = `{"operation":"search"}`
	failure := errors.New("failure")
	ends := map[string]func() error{
		"success": func() error { return nil },
		"error":   func() error { return failure },
		"panic":   func() error { panic(failure) },
	}
	for name, op := range map[string]*otelperf.Operation{
		"SDK": labelled(t, "search"), "global unset": labelled(t, "search", otelperf.WithMeterProvider(nil)),
	} {
		for end, outcome := range ends {
			inside := func(ctx context.Context) error {
				if got := labelsHere(t); got != label {
					t.Errorf("%s, %s: inside the labels are %s, want %s", name, end, got, label)
				}
				if got, ok := pprof.Label(ctx, "operation"); !ok || got != "search" {
					t.Errorf("%s, %s: the context's label is %q, %t", name, end, got, ok)
				}
				return outcome()
			}
			forms := map[string]func(ctx context.Context){
				"Do": func(ctx context.Context) { _ = op.Do(ctx, inside) },
				"Call": func(ctx context.Context) {
					_, _ = otelperf.Call(ctx, op, func(ctx context.Context) (int, error) { return 0, inside(ctx) })
				},
				"Wrap": func(ctx context.Context) {
					_, _ = otelperf.Wrap(op, func(ctx context.Context, _ int) (int, error) { return 0, inside(ctx) })(ctx, 1)
				},
				"StartEnd": func(ctx context.Context) {
					var err error
					defer op.Start(ctx).End(&err)
					if got := labelsHere(t); got != label {
						t.Errorf("%s, %s: after Start the labels are %s, want %s", name, end, got, label)
					}
					err = outcome()
				},
			}
			for form, call := range forms {
				func() {
					defer func() { _ = recover() }()
					call(t.Context())
				}()
				if got := labelsHere(t); got != "" {
					t.Errorf("%s, %s, %s: afterwards the labels are %s", name, form, end, got)
				}
			}
		}
	}
}

func TestProfileLabelsAfterGoexit(t *testing.T) {
	op := labelled(t, "search")
	after := make(chan string)
	go func() {
		defer func() { after <- labelsHere(t) }()
		_ = op.Do(t.Context(), func(context.Context) error { runtime.Goexit(); return nil })
	}()
	if got := <-after; got != "" {
		t.Errorf("after Goexit the labels are %s", got)
	}
}

// The caller's own labels stay, an operation within has its own name, and both
// are restored; goroutines inherit them.
func TestProfileLabelsNest(t *testing.T) {
	outer, inner := labelled(t, "outer"), labelled(t, "inner")
	want := func(want string) {
		t.Helper()
		if got := labelsHere(t); got != want {
			t.Errorf("labels are %s, want %s", got, want)
		}
	}
	pprof.Do(t.Context(), pprof.Labels("tenant", "a"), func(ctx context.Context) {
		_ = outer.Do(ctx, func(ctx context.Context) error {
			want(`{"operation":"outer", "tenant":"a"}`)
			_ = inner.Do(ctx, func(context.Context) error {
				want(`{"operation":"inner", "tenant":"a"}`)
				started := make(chan string)
				go func() { started <- labelsHere(t) }()
				if got := <-started; got != `{"operation":"inner", "tenant":"a"}` {
					t.Errorf("a goroutine inherits %s", got)
				}
				return nil
			})
			want(`{"operation":"outer", "tenant":"a"}`)
			return nil
		})
		want(`{"tenant":"a"}`)
	})
	want("")
}

// Without the option, and where nothing is recorded, contexts and goroutines
// are left alone.
func TestProfileLabelsAreOff(t *testing.T) {
	for name, op := range map[string]*otelperf.Operation{
		"not asked for": searchOn(t, sdkProvider()),
		"switched off":  labelled(t, "search", otelperf.WithoutOperations("search")),
		"no-op":         labelled(t, "search", otelperf.WithMeterProvider(noop.NewMeterProvider())),
		"nil":           nil,
	} {
		pprof.Do(t.Context(), pprof.Labels("mine", "1"), func(ctx context.Context) {
			_ = op.Do(ctx, func(inner context.Context) error {
				if got := labelsHere(t); got != `{"mine":"1"}` || inner != ctx {
					t.Errorf("%s: labels %s, context changed: %t", name, got, inner != ctx)
				}
				return nil
			})
			timing := op.Start(ctx)
			if got := labelsHere(t); got != `{"mine":"1"}` {
				t.Errorf("%s: after Start labels %s", name, got)
			}
			timing.End(nil)
		})
	}
}

// A nil context is a caller's mistake that labels must not turn into a panic.
func TestProfileLabelsWithoutAContext(t *testing.T) {
	op := labelled(t, "search")
	var none context.Context
	if err := op.Do(none, func(context.Context) error { return nil }); err != nil {
		t.Error(err)
	}
	op.Start(none).End(nil)
	op.Record(none, time.Millisecond, nil)
}
