package otelperf_test

import (
	"context"
	"errors"
	"testing"

	"github.com/otelperf/otelperf-go/internal/stripe/stripetest"
)

// TestActiveSpreads: calls that are not alone at an operation spread its active count,
// however steady their durations are.
func TestActiveSpreads(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for outcome, err := range map[string]error{"success": nil, "failure": errors.New("failed")} {
		t.Run(outcome, func(t *testing.T) {
			t.Parallel()
			op := newKit(t).operation("search")
			call := func() { _ = op.Do(ctx, func(context.Context) error { return err }) }
			stripetest.Spreads(t, op.ActiveCell, call, func(during func()) {
				defer op.Start(ctx).End(nil)
				during()
			})
		})
	}
}
