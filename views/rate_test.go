package views_test

import (
	"math"
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
	for _, by := range []time.Duration{time.Hour, -time.Hour, 3 * time.Minute} {
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
			o.add(100, 0.03)
			step(time.Minute)
			step(time.Minute)
			j.want()
			if s := j.status(); !near(s.Value, 10) || !s.End.Equal(j.at) {
				t.Errorf("got %+v, want 10 per second in this interval", s)
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
	for name, of := range map[string]func(j *judge, s *series) metricdata.Metrics{
		"counter":   func(j *judge, s *series) metricdata.Metrics { return j.counter(opDuration, "1", num(float64(s.n))) },
		"histogram": func(j *judge, s *series) metricdata.Metrics { return j.durations(opDuration, s) },
	} {
		j, s := newJudge(t, b), calls()
		for minute := range 5 {
			s.add(600, 0.03)
			if minute == 2 || minute == 3 {
				j.tick(gauge("alive", "1", 1))
			} else {
				j.tick(of(j, s), gauge("alive", "1", 1))
			}
		}
		j.want()
		if st := j.status(); !near(st.Value, 10) || !st.End.Equal(j.at) {
			t.Errorf("%s: got %+v, want 10 per second", name, st)
		}
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

// TestWhatNeedsTimeIsNotJudgedWithoutIt: a rate whichever side is the bad one,
// and whatever is worse when it is lower.
func TestWhatNeedsTimeIsNotJudgedWithoutIt(t *testing.T) {
	higher := throughput()
	higher.Direction = views.HigherIsWorse
	low := latency()
	low.Statistic, low.Direction, low.MinCount = views.Mean, views.LowerIsWorse, 1
	level := views.Baseline{Name: "free", Metric: "free", Statistic: views.Value, Target: 100, Direction: views.LowerIsWorse}
	both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
		j, s := newJudge(higher, low, level), calls(search)
		step := func(d time.Duration, n uint64, seconds, free float64) {
			t.Helper()
			s.add(n, seconds)
			j.after(d, j.durations(opDuration, s), gauge("free", "By", free))
		}
		step(time.Minute, 900, 0.03, 10)
		j.want() // the first interval was cut by the start
		if v := j.p.Status()[0].Value; !math.IsNaN(v) {
			t.Errorf("got %v per second in no time", v)
		}
		step(time.Minute, 600, 0.1, 100)
		step(29*time.Second, 600, 0.03, 100) // a burst, and a flush
		step(0, 60, 0.1, 100)                // another at the same moment
		j.want()
		step(31*time.Second, 90, 0.1, 100)
		j.want(
			"ALERT search_qps = 12.500 exceeds baseline 10.000 by 25.0%", // all of it
			"ALERT search_ms = 44.000 falls below baseline 100.000 by 56.0%",
		)
	})
}

// TestHalfAnIntervalIsTimeEnough, and the next one begins with its end.
func TestHalfAnIntervalIsTimeEnough(t *testing.T) {
	both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
		j, s := newJudge(throughput()), calls(search)
		for i, n := range []uint64{600, 300, 240, 200, 300} {
			s.add(n, 0.03)
			j.after(30*time.Second, j.durations(opDuration, s))
			if st := j.status(); i > 0 && (!near(st.Value, float64(n)/30) || st.Count != n || !st.End.Equal(j.at)) {
				t.Errorf("got %+v, want %d in 30 seconds", st, n)
			}
		}
		j.want(
			"ALERT search_qps = 6.667 falls below baseline 10.000 by 33.3%",
			"RESOLVED search_qps = 10.000 is back within baseline 10.000 after 30s",
		)
	})
}

// TestExportsAtOneMomentHaveNoRate, nor is what they tell lost.
func TestExportsAtOneMomentHaveNoRate(t *testing.T) {
	b := throughput()
	b.Match = nil
	both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
		j, total := newJudge(b), 0.0
		step := func(d time.Duration, n float64) {
			total += n
			if j.delta {
				total = n
			}
			j.after(d, j.counter(opDuration, "1", num(total)))
		}
		step(time.Minute, 600)
		step(time.Minute, 600)
		step(0, 300)
		if v := j.status().Value; v != 10 {
			t.Errorf("got %v per second in no time, want 10 as before", v)
		}
		step(time.Minute, 300)
		if v := j.status().Value; v != 10 {
			t.Errorf("got %v per second, want 10", v)
		}
	})
}

// TestRestartInAShortInterval: what was before it, and what a flush cut off, is
// no part of the next rate.
func TestRestartInAShortInterval(t *testing.T) {
	j, s := newJudge(t, throughput()), calls(search)
	step := func(d time.Duration, n uint64) {
		s.add(n, 0.03)
		j.after(d, j.durations(opDuration, s))
	}
	step(time.Minute, 600)
	step(time.Minute, 600)
	s.restart(j.at.Add(5 * time.Second))
	step(10*time.Second, 0)
	step(time.Minute, 600)
	j.want()
	if st := j.status(); !near(st.Value, 10) || !st.End.Equal(j.at) {
		t.Errorf("got %+v, want 10 per second since the flush", st)
	}
}

// TestLevelsAreJudgedAfterTheClockJumped: they need to know no time that went by.
func TestLevelsAreJudgedAfterTheClockJumped(t *testing.T) {
	j := newJudge(t, views.Baseline{Name: "free", Metric: "free", Statistic: views.Value, Target: 100, Direction: views.LowerIsWorse})
	j.tick(gauge("free", "By", 100))
	j.after(5*time.Hour, gauge("free", "By", 79))
	j.want("ALERT free = 79.000 falls below baseline 100.000 by 21.0%")
	j.tick(gauge("free", "By", 80)) // exactly at the threshold
	j.wantStates(views.Resolved)
}

// TestDeltaRateThatEndsFires though its series is forgotten, and a group that
// is not judged without one is not kept.
func TestDeltaRateThatEndsFires(t *testing.T) {
	patient, few := throughput(), throughput()
	patient.For = 8 * time.Minute
	few.Name, few.MinCount = "few_qps", 1
	j, s := newDeltaJudge(t, patient, few), calls(search)
	for range 3 {
		j.tick(j.durations(opDuration, s.add(600, 0.03)))
	}
	for range 9 {
		j.tick(gauge("alive", "1", 1))
	}
	j.want("ALERT search_qps = 0.000 falls below baseline 10.000 by 100.0%")
	if s := j.p.Status(); s[0].State != views.Firing || s[1].State != views.Silent {
		t.Errorf("got %+v", s)
	}
}

// TestRateOfNothingIsMeasured: a counter that stands at zero is one, whose rate
// is known from the second interval on.
func TestRateOfNothingIsMeasured(t *testing.T) {
	b := throughput()
	b.Match, b.Direction = nil, views.HigherIsWorse
	j := newJudge(t, b)
	j.tick(j.counter(opDuration, "1", num(0)))
	if s := j.status(); s.State != views.OK || !math.IsNaN(s.Value) {
		t.Errorf("got %+v", s)
	}
	j.tick(j.counter(opDuration, "1", num(0)))
	if s := j.status(); s.State != views.OK || s.Value != 0 {
		t.Errorf("got %+v", s)
	}
}
