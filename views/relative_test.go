package views_test

import (
	"math"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

func TestRelativeBaseline(t *testing.T) {
	b := recorded(0)
	b.Relative, b.WarmUp = 4, 2
	j := newJudge(t, b)
	step := func(ms float64) { j.tick(gauge("recorded", "s", ms/1000)) }
	step(100)
	if s := j.status(); !math.IsNaN(s.Target) || s.State != views.OK || s.Value != 100 {
		t.Errorf("got %+v while it warms up", s)
	}
	step(200) // whatever comes, nothing is known yet
	step(180) // exactly 120 % of 150
	j.want()
	step(200) // the mean is 160 now
	j.want("ALERT search_ms = 200.000 exceeds baseline 160.000 by 25.0%")
	for range 20 { // a breach teaches nothing: the target stays
		step(500)
	}
	j.want()
	if s := j.status(); s.Target != 160 || s.Threshold != 192 || !near(s.Excess, 500.0/160-1) {
		t.Errorf("got %+v", s)
	}
	step(160)
	j.want("RESOLVED search_ms = 160.000 is back within baseline 160.000 after 21m0s")
	for range 4 {
		step(100) // the old ones are forgotten
	}
	step(121)
	j.want("ALERT search_ms = 121.000 exceeds baseline 100.000 by 21.0%")
}

func TestRelativeBaselineOfEachGroup(t *testing.T) {
	b := recorded(0)
	b.Relative, b.By, b.Direction = 2, []attribute.Key{"id"}, views.LowerIsWorse
	j := newJudge(t, b)
	one, two := attribute.String("id", "1"), attribute.String("id", "2")
	step := func(x, y float64) {
		m := gauge("recorded", "s", x, one)
		n := gauge("recorded", "s", y, two)
		n.Name = "recorded"
		j.tick(m, n)
	}
	for range 4 {
		step(1, 1000)
	}
	step(1, 700)
	j.want("ALERT search_ms = 700000.000 falls below baseline 1000000.000 by 30.0% id=2")
}

// TestRelativeToNothing: there is no share of zero that would be too much.
func TestRelativeToNothing(t *testing.T) {
	b := recorded(0)
	b.Relative = 3
	j := newJudge(t, b)
	for range 5 {
		j.tick(gauge("recorded", "s", 0))
	}
	j.tick(gauge("recorded", "s", 1))
	j.want()
}

// TestRelativeBaselineBeforeItKnows: there is no target yet, not one of zero.
func TestRelativeBaselineBeforeItKnows(t *testing.T) {
	b := recorded(0)
	b.Relative = 2
	if s := newJudge(t, b).status(); !math.IsNaN(s.Target) || !math.IsNaN(s.Threshold) {
		t.Errorf("got %+v", s)
	}
}

// TestRelativeBaselineLearnsFromWhatWasJudged: neither from intervals of which
// the overflow series hides a part, nor from those with too little in them or
// nothing, and from those between the clear level and the threshold.
func TestRelativeBaselineLearnsFromWhatWasJudged(t *testing.T) {
	b := latency()
	b.Statistic, b.Target, b.Relative, b.WarmUp, b.ClearPercent = views.Mean, 0, 3, 1, 105
	both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
		j, s, over := newJudge(b), calls(search), calls(attribute.Bool("otel.metric.overflow", true))
		step := func(n uint64, ms float64, hidden uint64) {
			j.tick(j.durations(opDuration, s.add(n, ms/1000), over.add(hidden, 1)))
		}
		step(50, 900, 1) // before anything is known
		step(50, 100, 0)
		step(50, 90, 1)
		step(5, 90, 0)
		step(0, 0, 0)
		step(50, 100, 0)
		if target := j.status().Target; target != 100 {
			t.Fatalf("got a target of %v, want 100", target)
		}
		step(50, 115, 0)
		step(50, 100, 0)
		if target := j.status().Target; !near(target, 105) {
			t.Fatalf("got a target of %v, want 105", target)
		}
		j.want()
	})
}

// TestRelativeBaselineClears at its clear level, not at the threshold.
func TestRelativeBaselineClears(t *testing.T) {
	b := recorded(0)
	b.Relative, b.ClearPercent = 2, 110
	j := newJudge(t, b)
	for _, ms := range []float64{100, 100, 130, 115} {
		j.tick(gauge("recorded", "s", ms/1000))
	}
	j.wantStates(views.Firing)
	if excess, ok := j.find("otelperf.baseline.excess").(metricdata.Gauge[float64]); !ok || !near(excess.DataPoints[0].Value, 0.15) {
		t.Errorf("between the levels: got an excess of %+v, want 0.15", excess)
	}
	j.tick(gauge("recorded", "s", 0.1)) // of 107.5
	j.wantStates(views.Resolved)
}
