package views_test

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

// TestRatesBeginWithTheSecondInterval: the first was cut by the start.
func TestRatesBeginWithTheSecondInterval(t *testing.T) {
	both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
		j, s := newJudge(throughput()), calls(search)
		s.add(60, 0.03)
		j.tick(j.durations(opDuration, s))
		j.want()
		s.add(420, 0.03)
		j.tick(j.durations(opDuration, s))
		j.want("ALERT search_qps = 7.000 falls below baseline 10.000 by 30.0%")
	})
}

// TestForcedFlushesDoNotChangeARate: a short interval is not judged, and is
// part of the next.
func TestForcedFlushesDoNotChangeARate(t *testing.T) {
	both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
		j, s := newJudge(throughput()), calls(search)
		step := func(d time.Duration, n uint64) {
			s.add(n, 0.03)
			j.after(d, j.durations(opDuration, s))
		}
		step(time.Minute, 600)
		step(time.Minute, 600)
		for range 20 { // 9 per second on the whole, in bursts, with flushes at odd times
			step(time.Second, 0)
			step(10*time.Second, 0)
			step(49*time.Second, 540)
		}
		j.want()
		if v := j.status().Value; !near(v, 9) {
			t.Errorf("got %v per second, want 9", v)
		}
		step(time.Second, 0)
		step(59*time.Second, 420)
		j.wantStates(views.Firing)
	})
}

// TestLowLevelsAreJudgedBetweenForcedFlushes: no number of flushes may keep a
// level from ever being judged.
func TestLowLevelsAreJudgedBetweenForcedFlushes(t *testing.T) {
	j := newJudge(t, views.Baseline{Name: "free", Metric: "free", Statistic: views.Value, Target: 100, Direction: views.LowerIsWorse})
	for range 6 {
		// As from a producer that dates each point from its own last collection.
		g := gauge("free", "By", 10)
		g.Data.(metricdata.Gauge[float64]).DataPoints[0].StartTime = j.at
		j.after(20*time.Second, g)
	}
	j.want("ALERT free = 10.000 falls below baseline 100.000 by 90.0%")
}

// TestSkippedCollectionsLeaveRatesTrue: where the reader gave up on an export,
// cumulative data make up for it, and of delta data a part is lost.
func TestSkippedCollectionsLeaveRatesTrue(t *testing.T) {
	both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
		j, s := newJudge(throughput()), calls(search)
		for range 3 {
			s.add(600, 0.03)
			j.tick(j.durations(opDuration, s))
		}
		s.add(600, 0.03)
		j.skip(time.Minute)
		if j.delta {
			s.restart(time.Time{}) // lost with the export
		}
		s.add(600, 0.03)
		j.tick(j.durations(opDuration, s))
		j.want()
		if v := j.status().Value; !near(v, 10) {
			t.Errorf("got %v per second, want 10", v)
		}
	})
}

// TestClockThatJumpsFiresNothing: an hour that did not go by is no drop of the
// rate, and no silence.
func TestClockThatJumpsFiresNothing(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
			other := latency()
			other.Match = []attribute.KeyValue{attribute.String("otelperf.operation.name", "other")}
			other.Name, other.NoData = "other_ms", views.NoDataAlert
			j, s, o := newJudge(throughput(), other), calls(search), calls(attribute.String("otelperf.operation.name", "other"))
			step := func(d time.Duration) {
				s.add(600, 0.03)
				j.after(d, j.durations(opDuration, s, o))
			}
			o.add(100, 0.03)
			step(time.Minute)
			step(time.Minute)
			step(time.Minute + by) // the other operation is quiet for this one interval
			if j.delta {
				o.add(100, 0.03)
			} else {
				o.add(100, 0.03)
			}
			step(time.Minute)
			step(time.Minute)
			j.want()
			if v := j.status().Value; !near(v, 10) {
				t.Errorf("got %v per second, want 10", v)
			}
		})
	}
}

func TestAbsentDeltaSeriesHasRateZero(t *testing.T) {
	j, s := newDeltaJudge(t, throughput()), calls(search)
	s.add(600, 0.03)
	j.tick(j.durations(opDuration, s))
	s.add(600, 0.03)
	j.tick(j.durations(opDuration, s))
	j.want()
	for range 20 {
		j.tick()
	}
	j.want("ALERT search_qps = 0.000 falls below baseline 10.000 by 100.0%")
	s.add(600, 0.03)
	j.tick(j.durations(opDuration, s))
	j.want("RESOLVED search_qps = 10.000 is back within baseline 10.000 after 20m0s")
}

// TestReturningSeriesIsSpreadOverItsAbsence: what a cumulative series took in
// while it was missing did not all happen in the last minute.
func TestReturningSeriesIsSpreadOverItsAbsence(t *testing.T) {
	b := throughput()
	b.Direction, b.Match = views.HigherIsWorse, nil
	j := newJudge(t, b)
	j.tick(j.counter(opDuration, "1", num(600)), gauge("alive", "1", 1))
	j.tick(j.counter(opDuration, "1", num(1200)), gauge("alive", "1", 1))
	j.tick(gauge("alive", "1", 1))
	j.tick(gauge("alive", "1", 1))
	j.tick(j.counter(opDuration, "1", num(3000)), gauge("alive", "1", 1))
	j.want()
	if v := j.status().Value; !near(v, 10) {
		t.Errorf("got %v per second, want 10", v)
	}
}

// TestSeriesThatEndsAfterAForcedFlush: what was carried over from the flush
// does not keep the group alive.
func TestSeriesThatEndsAfterAForcedFlush(t *testing.T) {
	b := throughput()
	b.Match = nil
	j := newJudge(t, b)
	j.tick(j.counter(opDuration, "1", num(600)))
	j.tick(j.counter(opDuration, "1", num(1200)))
	j.after(10*time.Second, j.counter(opDuration, "1", num(1300)))
	j.after(50*time.Second, gauge("alive", "1", 1))
	if s := j.status(); s.Value >= 10 || !s.End.Equal(j.at) {
		t.Errorf("got %+v, want 100 in a minute", s)
	}
	for range 3 {
		j.tick(gauge("alive", "1", 1))
	}
	j.want(
		"ALERT search_qps = 1.667 falls below baseline 10.000 by 83.3%",
		"RESOLVED search_qps has no data any more, baseline 10.000 after 3m0s",
	)
}

// TestCounterThatFellBeganAfresh: its start did not move, and what it shows is
// of a part of the interval only.
func TestCounterThatFellBeganAfresh(t *testing.T) {
	b := throughput()
	b.Match = nil
	j := newJudge(t, b)
	for _, total := range []float64{600, 1200, 1800, 50, 650} {
		j.tick(j.counter(opDuration, "1", num(total)))
	}
	j.want()
	if s := j.status(); !near(s.Value, 10) {
		t.Errorf("got %+v", s)
	}
}
