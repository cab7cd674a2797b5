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
	for gap, want := range map[int]uint64{1: 50, 8: 50, 12: 150} {
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
