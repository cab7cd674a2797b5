//go:build !race

package otelperf_test

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/otelperf/otelperf-go/otelperf"
)

// atOnce is how many calls are held open at a time.
const atOnce = 10_000

// A call that succeeds allocates nothing. The SDK keeps buffers in pools that
// the race detector empties at random, hence the build tag.
func TestNoAllocations(t *testing.T) {
	providers := map[string]metric.MeterProvider{
		"SDK":          sdkProvider(),
		"no-op":        noop.NewMeterProvider(),
		"global unset": nil,
		"binding":      newBindingProvider(),
	}
	for name, provider := range providers {
		t.Run(name, func(t *testing.T) {
			testAllocations(t, searchOn(t, provider, attribute.String("index", "docs")))
		})
	}
	t.Run("nil operation", func(t *testing.T) { testAllocations(t, nil) })
}

func testAllocations(t *testing.T, op *otelperf.Operation) {
	ctx := t.Context()
	wrapped := otelperf.Wrap(op, echo)
	total := 0
	forms := map[string]func(){
		"Do":   func() { _ = op.Do(ctx, nothing) },
		"Call": func() { _, _ = otelperf.Call(ctx, op, answer) },
		"Wrap": func() { _, _ = wrapped(ctx, 1) },
		"StartEnd": func() {
			var err error
			defer op.Start(ctx).End(&err)
			err = nothing(ctx)
		},
		"StartEnd without an error": func() { defer op.Start(ctx).End(nil) },
		"Record":                    func() { op.Record(ctx, time.Millisecond, nil) },
		"nested Do": func() {
			_ = op.Do(ctx, func(ctx context.Context) error { return op.Do(ctx, nothing) })
		},
	}
	for name, fn := range forms {
		fn() // The first one makes the series.
		if got := testing.AllocsPerRun(200, fn); got != 0 {
			t.Errorf("%s allocates %v times", name, got)
		}
	}
	// A function that captures what is around it costs its caller's closure,
	// if that has to be on the heap at all, and nothing else.
	capturing := func() {
		n := total
		_ = op.Do(ctx, func(context.Context) error { n++; return nil })
		m, _ := otelperf.Call(ctx, op, func(context.Context) (int, error) { return n, nil })
		total = m
	}
	capturing()
	if got := testing.AllocsPerRun(200, capturing); got > 0 {
		t.Errorf("Do and Call with functions that capture allocate %v times", got)
	}
}

// With labels a call pays for the context that carries them.
func TestLabelAllocations(t *testing.T) {
	ctx := t.Context()
	op := labelled(t, "search")
	for name, tt := range map[string]struct {
		call func()
		want float64
	}{
		"Do":       {func() { _ = op.Do(ctx, nothing) }, 2},
		"StartEnd": {func() { op.Start(ctx).End(nil) }, 2},
		"Record":   {func() { op.Record(ctx, time.Millisecond, nil) }, 0},
	} {
		tt.call()
		if got := testing.AllocsPerRun(200, tt.call); got > tt.want {
			t.Errorf("%s allocates %v times, want %v", name, got, tt.want)
		}
	}
}

func TestCounterAllocatesNothing(t *testing.T) {
	var c otelperf.Counter
	if got := testing.AllocsPerRun(200, func() {
		c.Record(time.Millisecond)
		_, _, _, _ = c.Count(), c.Total(), c.Average(), c.PerSecond()
	}); got != 0 {
		t.Errorf("a Counter allocates %v times", got)
	}
}
