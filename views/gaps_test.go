package views_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

// TestAwayFromTheClearLevelBeginsAnew: KeepFiringFor wants its time at the
// clear level in one piece, and what is between the levels breaks it.
func TestAwayFromTheClearLevelBeginsAnew(t *testing.T) {
	b := recorded(100)
	b.ClearPercent, b.KeepFiringFor = 105, 2*time.Minute
	j := newJudge(t, b)
	for _, ms := range []float64{130, 100, 100, 110, 100, 100} {
		j.tick(gauge("recorded", "s", ms/1000))
	}
	j.wantStates(views.Firing)
	j.tick(gauge("recorded", "s", 0.1))
	j.wantStates(views.Resolved)
}

// TestReminderWithoutDataTellsTheLastValue: what is known of a firing alert
// goes with the reminder, not a value that does not exist.
func TestReminderWithoutDataTellsTheLastValue(t *testing.T) {
	b := recorded(100)
	b.NoData, b.Remind = views.NoDataKeep, 2*time.Minute
	j := newJudge(t, b)
	j.tick(gauge("recorded", "s", 0.13))
	j.wantStates(views.Firing)
	j.tick(gauge("other", "s", 1))
	j.tick(gauge("other", "s", 1))
	if len(j.alerts) != 1 || !j.alerts[0].Reminder || j.alerts[0].Value != 130 || j.alerts[0].Count != 1 {
		t.Errorf("got %+v, want a reminder of 130 ms", j.alerts)
	}
}

// TestStormIsRemindedOfOnce for each Remind, whichever of the covered groups it
// is time for.
func TestStormIsRemindedOfOnce(t *testing.T) {
	b := recorded(100)
	b.By, b.MaxFiring, b.Remind = []attribute.Key{"id"}, 1, 2*time.Minute
	j := newJudge(t, b)
	var told []string
	for minute := 1; minute <= 7; minute++ {
		var points []metricdata.DataPoint[float64]
		add := func(seconds float64, id int) {
			points = append(points, metricdata.DataPoint[float64]{Attributes: attribute.NewSet(attribute.Int("id", id)), Value: seconds})
		}
		add(0.13, 1)
		for id := 2; id <= min(minute, 3); id++ { // one more each minute, up to three
			add(0.14, id)
		}
		j.tick(metricUnit("recorded", "s", metricdata.Gauge[float64]{DataPoints: points}))
		for _, a := range j.alerts {
			if a.Groups > 0 {
				told = append(told, fmt.Sprint(minute, " ", a.State, " ", a.Reminder))
			}
		}
		j.alerts = nil
	}
	if want := []string{"2 firing false", "4 firing true", "6 firing true"}; !slices.Equal(told, want) {
		t.Errorf("got summaries %q, want %q", told, want)
	}
}

// TestHeldCallsInFlightHang: delta data leave out a level that does not change,
// and the calls are in flight all the same.
func TestHeldCallsInFlightHang(t *testing.T) {
	j, s := newDeltaJudge(t, latency()), calls(search)
	s.add(100, 0.03)
	j.tick(j.durations(opDuration, s), j.updown(opActive, "{operation}", num(3, search)))
	j.want()
	j.tick(gauge("alive", "1", 1))
	j.want("ALERT search_ms = 60000.000 exceeds baseline 100.000 by 59900.0% (at least: 3 calls in flight, none completed)")
}

// TestCumulativeSeriesIsRememberedLonger: what it took in before a gap is not
// new when it comes back; after ten intervals it is forgotten, delta series
// after three.
func TestCumulativeSeriesIsRememberedLonger(t *testing.T) {
	b := latency()
	b.Match, b.Statistic = nil, views.Max
	for gap, want := range map[int]uint64{1: 50, 8: 50, 9: 50, 10: 150, 12: 150} {
		j, s := newJudge(t, b), calls(search)
		s.add(100, 0.03)
		j.tick(j.durations(opDuration, s))
		for range gap {
			j.tick(gauge("alive", "1", 1))
		}
		s.add(50, 0.04)
		j.tick(j.durations(opDuration, s))
		if got := j.status().Count; got != want {
			t.Errorf("after %d intervals away: got %d calls, want %d", gap, got, want)
		}
	}
}

// TestHeldLevelsAddUp: of a group's series some changed and some did not, and
// each is taken once.
func TestHeldLevelsAddUp(t *testing.T) {
	j := newDeltaJudge(t, views.Baseline{Name: "queue", Metric: "queue", Statistic: views.Value, Target: 100})
	a, b, gone := attribute.Int("id", 1), attribute.Int("id", 2), attribute.Int("id", 3)
	j.tick(j.updown("queue", "{item}", num(5, a), num(2, b), num(0, gone)))
	for _, want := range []float64{10, 13, 16} {
		j.tick(j.updown("queue", "{item}", num(3, a)))
		if v := j.status().Value; v != want {
			t.Errorf("got %v, want %v", v, want)
		}
	}
	j.tick(gauge("alive", "1", 1))
	if v := j.status().Value; v != 16 {
		t.Errorf("got %v of two that are held, want 16", v)
	}
}

// TestHeldCallsInFlightAddUp with those that changed, streams taken off.
func TestHeldCallsInFlightAddUp(t *testing.T) {
	j := newDeltaJudge(t, views.Baseline{Name: "web_ms", Metric: webTime, Statistic: views.P95, Target: 100, Unit: "ms"})
	get, post := attribute.String("http.request.method", "GET"), attribute.String("http.request.method", "POST")
	j.tick(j.updown(webActive, "{request}", num(7, get), num(2, post)), j.updown(webStreams, "{stream}", num(7, get)))
	j.want()
	j.tick(j.updown(webActive, "{request}", num(1, post)))
	j.want("ALERT web_ms = 60000.000 exceeds baseline 100.000 by 59900.0% (at least: 3 calls in flight, none completed)")
}

// TestLevelThatIsNotKnownIsNotHeld: what was lost is not made up for by what
// there was before.
func TestLevelThatIsNotKnownIsNotHeld(t *testing.T) {
	j := newDeltaJudge(t, views.Baseline{Name: "queue", Metric: "queue", Statistic: views.Value, Target: 10})
	j.tick(j.updown("queue", "1", num(5)))
	j.skip(time.Minute)
	j.tick(j.updown("queue", "1", num(2)))
	end := j.status().End
	for range 5 {
		j.tick(gauge("alive", "1", 1))
	}
	if s := j.status(); s.State != views.Silent || !s.End.Equal(end) {
		t.Errorf("got %+v, want nothing since %v", s, end)
	}
}

// TestDeltaSeriesThatPauses keeps its rate: an interval without it is one of
// rate 0, and the next is judged.
func TestDeltaSeriesThatPauses(t *testing.T) {
	b := throughput()
	b.Direction, b.Match = views.HigherIsWorse, nil
	j := newDeltaJudge(t, b)
	for range 2 {
		j.tick(j.counter(opDuration, "1", num(300)))
	}
	for range 2 {
		j.tick(gauge("alive", "1", 1))
		if s := j.status(); s.Value != 0 || !s.End.Equal(j.at) {
			t.Errorf("got %+v, want a rate of 0", s)
		}
	}
	j.tick(j.counter(opDuration, "1", num(900)))
	j.want("ALERT search_qps = 15.000 exceeds baseline 10.000 by 50.0%")
}

// TestTemporalityThatChangesBeginsAfresh: a level is not added to what it was,
// a total is not compared with it.
func TestTemporalityThatChangesBeginsAfresh(t *testing.T) {
	j := newJudge(t,
		views.Baseline{Name: "level", Metric: "level", Statistic: views.Value, Target: 1e9},
		views.Baseline{Name: "total", Metric: "total", Statistic: views.Value, Target: 1e9})
	for _, tt := range []struct {
		delta                bool
		level, total         float64
		wantLevel, wantTotal float64
	}{
		{false, 5, 100, 5, 100}, {false, 6, 110, 6, 10},
		{true, 3, 10, 3, 10}, {true, 1, 10, 4, 10},
		{false, 7, 130, 7, 130}, {false, 8, 150, 8, 20},
	} {
		j.delta = tt.delta
		j.tick(j.updown("level", "1", num(tt.level)), j.counter("total", "1", num(tt.total)))
		if s := j.p.Status(); s[0].Value != tt.wantLevel || s[1].Value != tt.wantTotal {
			t.Errorf("%+v: got %v and %v", tt, s[0].Value, s[1].Value)
		}
	}
}

// TestSpoiltPointIsAGap: what came in its time is spread over both intervals.
func TestSpoiltPointIsAGap(t *testing.T) {
	b := throughput()
	b.Direction = views.HigherIsWorse
	j, s := newJudge(t, b), calls(search)
	for minute := 1; minute <= 4; minute++ {
		m := j.durations(opDuration, s.add(600, 0.03))
		if minute == 3 {
			m.Data.(metricdata.Histogram[float64]).DataPoints[0].Count++ // more than its buckets hold
		}
		j.tick(m)
	}
	j.want()
	if s := j.status(); !near(s.Value, 10) || !s.End.Equal(j.at) {
		t.Errorf("got %+v, want 10 per second", s)
	}
}

// TestPointsThatLagBehind are of an interval as long as any other, also while
// another series is missing.
func TestPointsThatLagBehind(t *testing.T) {
	b := throughput()
	b.Match = nil
	j := newJudge(t, b)
	for minute := range 6 {
		numbers := []number{num(float64(minute+1) * 600)}
		if minute == 1 {
			numbers = append(numbers, num(0, search)) // is never seen again
		}
		m := j.counter(opDuration, "1", numbers...)
		points := m.Data.(metricdata.Sum[float64]).DataPoints
		for i := range points {
			points[i].Time = j.at.Add(50 * time.Second)
		}
		j.tick(m, gauge("alive", "1", 1))
		if s := j.status(); minute > 0 && (!near(s.Value, 10) || !s.End.Equal(j.at.Add(-10*time.Second))) {
			t.Errorf("minute %d: got %+v, want 10 per second", minute, s)
		}
	}
}

// TestOnlyLevelsToldByTheirChangesAreHeld: a gauge of the same name that is gone
// is gone, and a counter that has nothing to tell adds nothing.
func TestOnlyLevelsToldByTheirChangesAreHeld(t *testing.T) {
	j := newDeltaJudge(t, views.Baseline{Name: "mixed", Metric: "mixed", Statistic: views.Value, Target: 100})
	a, b, c := attribute.Int("id", 1), attribute.Int("id", 2), attribute.Int("id", 3)
	j.tick(j.updown("mixed", "1", num(5, a)), gauge("mixed", "1", 7, b), j.counter("mixed", "1", num(3, c)))
	for range 2 {
		j.tick(gauge("alive", "1", 1))
		if s := j.status(); s.Value != 5 || s.Count != 1 {
			t.Errorf("got %v of %d series, want the 5 that are held", s.Value, s.Count)
		}
	}
}
