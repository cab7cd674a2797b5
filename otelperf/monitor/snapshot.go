package monitor

import (
	"math"
	"time"

	"github.com/otelperf/otelperf-go/views"
)

// A Snapshot is where every named metric stood at the last collection. It
// belongs to the caller.
type Snapshot struct {
	// Baselines holds every baseline and group, those that are observed
	// without a target too. The standard names of baseline_targets are always
	// there: allocation_ms, search_ms, memory_mb, cpu_percent and so on, as far
	// as the configuration has not switched them off.
	Baselines []views.Status
}

// Snapshot returns the newest value of every named metric, its baseline and its
// state, as of the last collection; ForceFlush makes a new one.
func (m *Monitor) Snapshot() Snapshot {
	if m == nil || m.processor == nil {
		return Snapshot{}
	}
	return Snapshot{Baselines: m.processor.Status()}
}

// Get returns the status of the name, such as "memory_mb". Of several groups
// it is the one that is firing, else the one with the newest value. ok is
// false if there is no such name.
func (s Snapshot) Get(name string) (_ views.Status, ok bool) {
	var best views.Status
	for _, b := range s.Baselines {
		if b.Name != name {
			continue
		}
		if !ok || better(b, best) {
			best = b
		}
		ok = true
	}
	return best, ok
}

func better(a, b views.Status) bool {
	if f, g := a.State == views.Firing, b.State == views.Firing; f != g {
		return f
	}
	if n, m := math.IsNaN(a.Value), math.IsNaN(b.Value); n != m {
		return m
	}
	return a.End.After(b.End)
}

// Time returns when the newest value was collected, zero if there is none.
func (s Snapshot) Time() time.Time {
	var t time.Time
	for _, b := range s.Baselines {
		if b.End.After(t) {
			t = b.End
		}
	}
	return t
}
