package views

import (
	"testing"
	"time"
)

// TestSlotLength: fine enough for the shortest window of all pairs, coarse
// enough for the longest, and never finer than an interval.
func TestSlotLength(t *testing.T) {
	const minute, hour = time.Minute, time.Hour
	for _, tt := range []struct {
		pairs          []BurnWindow
		interval, want time.Duration
	}{
		{defaultBurn, minute, minute},
		{defaultBurn, 10 * time.Second, 15 * time.Second},
		{[]BurnWindow{{Long: 3 * hour, Short: hour}, {Long: 2 * hour, Short: 40 * minute}}, minute, 2 * minute},
		{[]BurnWindow{{Long: 2 * hour, Short: 40 * minute}, {Long: 3 * hour, Short: hour}}, minute, 2 * minute},
		{[]BurnWindow{{Long: hour, Short: minute}, {Long: 1000 * hour, Short: hour}}, minute, 30 * minute},
		{[]BurnWindow{{Long: 1000 * hour, Short: hour}, {Long: hour, Short: minute}}, minute, 30 * minute},
	} {
		if got := (&Baseline{Burn: tt.pairs}).slotLength(tt.interval); got != tt.want {
			t.Errorf("%v each %v: got %v, want %v", tt.pairs, tt.interval, got, tt.want)
		}
	}
}

// TestSlotsFillUp: an interval that is short by a fiftieth fills one.
func TestSlotsFillUp(t *testing.T) {
	for short, want := range map[time.Duration]int{1200 * time.Millisecond: 1, 1201 * time.Millisecond: 0} {
		b := &Baseline{Burn: defaultBurn}
		var w burn
		w.add(b, time.Minute-short, time.Minute, 0, 1)
		w.add(b, time.Minute, time.Minute, 0, 1)
		if w.newest != want {
			t.Errorf("%v short: got slot %d, want %d", short, w.newest, want)
		}
	}
}
