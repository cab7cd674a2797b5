//go:build !race

package views_test

import (
	"context"
	"testing"

	"github.com/otelperf/otelperf-go/views"
)

// TestSteadyStateAllocatesNothing: whatever the temporality, however many
// baselines, whether judged, firing or of no interest.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	for name, w := range workloads {
		t.Run(name, func(t *testing.T) {
			run := w(t, 200)
			for range 5 {
				run()
			}
			if n := testing.AllocsPerRun(50, run); n > 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

// TestPassingOnAllocatesNothing: without a baseline there is nothing to do.
func TestPassingOnAllocatesNothing(t *testing.T) {
	j := newJudge(t)
	rm := collection(gauge("recorded", "s", 1))
	if n := testing.AllocsPerRun(100, func() { _ = j.p.Export(context.Background(), rm) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestFilteringAllocatesNothing(t *testing.T) {
	j := newJudge(t)
	f := filter(t, j.p, views.DropMetrics("a*"), views.RenameMetric("b", "c"))
	rm := collection(gauge("a1", "s", 1), gauge("b", "s", 1), gauge("d", "s", 1))
	if n := testing.AllocsPerRun(100, func() { _ = f.Export(context.Background(), rm) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
