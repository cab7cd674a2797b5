package views_test

import (
	"math"
	"testing"

	"go.opentelemetry.io/otel/attribute"

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
