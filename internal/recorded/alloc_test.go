//go:build !race

package recorded_test

import (
	"testing"

	"github.com/otelperf/otelperf-go/internal/recorded"
)

func TestRecordAllocatesNothing(t *testing.T) {
	store := mustNew(t, recorded.Def{Name: "search_ms", Metric: "search", Unit: "s", Factor: 1000})
	store.Producer()
	store.Producer()
	v := 0.0
	if got := testing.AllocsPerRun(1000, func() { v++; record(t, store, "search_ms", v) }); got != 0 {
		t.Errorf("Record allocates %v times, want 0", got)
	}
	p := store.Producer()
	if got := testing.AllocsPerRun(1000, func() { _, _ = p.Produce(t.Context()) }); got != 0 {
		t.Errorf("Produce of nothing allocates %v times, want 0", got)
	}
}
