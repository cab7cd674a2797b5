package views_test

import (
	"slices"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/views"
)

// TestBurnWindows: a burn rate has the windows that it names, or the default
// ones, and they are the caller's own; nothing else has any.
func TestBurnWindows(t *testing.T) {
	t.Parallel()
	own := []views.BurnWindow{{Long: time.Hour, Short: time.Minute, Factor: 3}}
	b := views.Baseline{Objective: 0.99, Burn: own}
	got := b.BurnWindows()
	if !slices.Equal(got, own) {
		t.Errorf("got %v, want %v", got, own)
	}
	if got[0].Factor = 9; own[0].Factor != 3 {
		t.Error("a change of what was returned changes the baseline")
	}
	b.Burn = nil
	want := []views.BurnWindow{
		{Long: time.Hour, Short: 5 * time.Minute, Factor: 14.4},
		{Long: 6 * time.Hour, Short: 30 * time.Minute, Factor: 6},
	}
	if got := b.BurnWindows(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := (views.Baseline{Burn: own}).BurnWindows(); got != nil {
		t.Errorf("a baseline without an objective has the windows %v", got)
	}
}
