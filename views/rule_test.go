package views

import (
	"errors"
	"testing"
)

// TestBind: the unit of a metric is that of the first series, or what was
// assumed until there was one.
func TestBind(t *testing.T) {
	for _, tt := range []struct {
		name      string
		unit      string // of the baseline
		assumed   bool
		metric    []string // units, one after the other
		err       error    // of the last one
		threshold float64
		perSecond float64
	}{
		{"seconds", "ms", false, []string{"s"}, nil, 0.12, 1},
		{"again", "ms", false, []string{"s", "s"}, nil, 0.12, 1},
		{"milliseconds", "ms", false, []string{"ms"}, nil, 120, 1000},
		{"seconds and then others", "ms", false, []string{"s", "ms"}, errUnitChanged, 0.12, 1},
		{"seconds were assumed", "ms", true, []string{"s"}, nil, 0.12, 1},
		{"wrongly", "ms", true, []string{"ms"}, nil, 120, 1000},
		{"and then others", "ms", true, []string{"ms", "s"}, errUnitChanged, 120, 1000},
		{"its own unit, which is no time", "", false, []string{"s", "By"}, nil, 120, 0},
	} {
		r := newRule(Baseline{Name: "b", Metric: "otelperf.operation.duration", Statistic: P95, Target: 100, Unit: tt.unit})
		if tt.assumed {
			r.assume()
			r.assume()
			if !r.bound || !r.assumed {
				t.Errorf("%s: nothing was assumed", tt.name)
			}
		}
		var err error
		for _, u := range tt.metric {
			err = r.bind(u)
		}
		if !errors.Is(err, tt.err) || r.threshold != tt.threshold || r.perSecond != tt.perSecond || r.assumed {
			t.Errorf("%s: got %v, a threshold of %v and %v per second, want %v, %v and %v", tt.name, err, r.threshold, r.perSecond, tt.err, tt.threshold, tt.perSecond)
		}
	}
}
