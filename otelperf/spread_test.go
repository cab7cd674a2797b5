package otelperf_test

import (
	"context"
	"errors"
	"testing"

	"github.com/otelperf/otelperf-go/internal/stripe"
	"github.com/otelperf/otelperf-go/internal/stripe/stripetest"
)

// TestActiveSpreads: calls that are not alone at an operation spread its active count
// over cache lines, however steady their durations are; calls that are alone do not.
func TestActiveSpreads(t *testing.T) {
	t.Parallel()
	if stripe.Limit() == 1 {
		t.Skip("one core")
	}
	ctx := context.Background()
	for outcome, want := range map[string]error{"success": nil, "failure": errors.New("failed")} {
		for _, alone := range []bool{true, false} {
			op := newKit(t).operation("search")
			if !alone {
				held := op.Start(ctx)
				defer held.End(nil)
			}
			for range 10000 {
				_ = op.Do(ctx, func(context.Context) error { return want })
			}
			if n := len(stripetest.Cells(op.ActiveCell)); (n == 1) != alone {
				t.Errorf("%s, alone %v: %d cells", outcome, alone, n)
			}
		}
	}
}
