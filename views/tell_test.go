package views_test

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

func TestStormIsOneAlert(t *testing.T) {
	b := recorded(100)
	b.By, b.MaxFiring, b.Remind = []attribute.Key{"http.route"}, 3, 5*time.Minute
	j := newJudge(t, b)
	route := func(i int) attribute.KeyValue { return attribute.String("http.route", "/"+string(rune('a'+i))) }
	step := func(n int, ms float64) {
		data := metricdata.Gauge[float64]{}
		for i := range 20 {
			p := metricdata.DataPoint[float64]{Attributes: attribute.NewSet(route(i)), Value: 0.01}
			if i < n {
				p.Value = (ms + float64(i)) / 1000
			}
			data.DataPoints = append(data.DataPoints, p)
		}
		j.tick(metricUnit("recorded", "s", data))
	}
	step(2, 200)
	j.want(
		"ALERT search_ms = 200.000 exceeds baseline 100.000 by 100.0% http.route=/a",
		"ALERT search_ms = 201.000 exceeds baseline 100.000 by 101.0% http.route=/b",
	)
	step(12, 200) // ten more: one alert
	if len(j.alerts) != 1 || j.alerts[0].Groups != 10 {
		t.Fatalf("got %v", j.alerts)
	}
	summary := j.alerts[0].ID()
	j.want("ALERT search_ms = 211.000 exceeds baseline 100.000 by 111.0% otelperf.alert.summary=true (10 groups fire, the worst: http.route=/l)")
	step(15, 200)
	j.want()
	for range 4 {
		step(15, 300)
	}
	reminders := 0
	for _, a := range j.alerts {
		if !a.Reminder {
			t.Errorf("got %s", a)
		}
		if a.Groups > 0 {
			reminders++
			if a.Groups != 13 || a.ID() != summary {
				t.Errorf("got %+v", a)
			}
		}
	}
	if reminders != 1 || len(j.alerts) != 3 {
		t.Errorf("got %v, want a reminder of each of two groups and one of the others", j.alerts)
	}
	j.alerts = nil
	if active := j.find("otelperf.alert.active").(metricdata.Gauge[int64]); len(active.DataPoints) != 20 || active.DataPoints[14].Value != 1 {
		t.Errorf("the metrics do not tell the groups apart: %v", active)
	}
	step(3, 300) // one of the covered ones fires still
	j.want()
	step(2, 300)
	j.want("RESOLVED search_ms is back within baseline 100.000 after 7m0s otelperf.alert.summary=true")
	step(3, 300) // there is room again
	j.want("ALERT search_ms = 302.000 exceeds baseline 100.000 by 202.0% http.route=/c")
	step(0, 0)
	j.wantStates(views.Resolved, views.Resolved, views.Resolved)
}

// A crowd is a number of groups, by id, that report one level each.
func crowd(levels map[int]float64) metricdata.Metrics {
	data := metricdata.Gauge[float64]{}
	for id := range 100 {
		if v, ok := levels[id]; ok {
			data.DataPoints = append(data.DataPoints, metricdata.DataPoint[float64]{Attributes: attribute.NewSet(attribute.Int("id", id)), Value: v})
		}
	}
	return metricUnit("recorded", "1", data)
}

// TestStormNamesTheWorst, whichever side is the bad one, and wherever there is
// no share of the target; of equal ones the first.
func TestStormNamesTheWorst(t *testing.T) {
	levels := map[int]float64{1: 300, 2: 500, 3: 700, 4: 500}
	for _, tt := range []struct {
		target    float64
		direction views.Direction
		levels    map[int]float64
		want      string
	}{
		{100, views.HigherIsWorse, levels, "ALERT search_ms = 700.000 exceeds baseline 100.000 by 600.0% otelperf.alert.summary=true (4 groups fire, the worst: id=3)"},
		{1000, views.LowerIsWorse, levels, "ALERT search_ms = 300.000 falls below baseline 1000.000 by 70.0% otelperf.alert.summary=true (4 groups fire, the worst: id=1)"},
		{0, views.HigherIsWorse, levels, "ALERT search_ms = 700.000 exceeds baseline 0.000 otelperf.alert.summary=true (4 groups fire, the worst: id=3)"},
		{100, views.HigherIsWorse, map[int]float64{7: 300, 8: 300}, "ALERT search_ms = 300.000 exceeds baseline 100.000 by 200.0% otelperf.alert.summary=true (2 groups fire, the worst: id=7)"},
	} {
		b := recorded(tt.target)
		b.Unit, b.By, b.MaxFiring, b.Direction = "", []attribute.Key{"id"}, 1, tt.direction
		j := newJudge(t, b)
		all := func(level float64) map[int]float64 {
			out := map[int]float64{}
			for id := range tt.levels {
				out[id] = level
			}
			return out
		}
		j.tick(crowd(all(tt.target)))
		j.tick(crowd(tt.levels))
		j.want(tt.want)
	}
}

// TestStormOfSilence: of groups that fire for the lack of data none is the worst.
func TestStormOfSilence(t *testing.T) {
	b := latency()
	b.Match, b.By, b.MaxFiring, b.NoData = nil, []attribute.Key{"id"}, 1, views.NoDataAlert
	j := newJudge(t, b)
	m := j.durations(opDuration, calls(attribute.Int("id", 1)).add(50, 0.03), calls(attribute.Int("id", 2)).add(50, 0.03))
	for i := range m.Data.(metricdata.Histogram[float64]).DataPoints {
		m.Data.(metricdata.Histogram[float64]).DataPoints[i].BucketCounts = nil // nothing was ever known of them
	}
	j.tick(m)
	for range 3 {
		j.tick(gauge("alive", "1", 1))
	}
	j.want("ALERT search_ms has no data, baseline 100.000 otelperf.alert.summary=true (2 groups fire, the worst: id=1)")
}

// TestNoLimitOfFiringGroups: each is told, however many there are.
func TestNoLimitOfFiringGroups(t *testing.T) {
	b := recorded(100)
	b.Unit, b.By, b.MaxFiring = "", []attribute.Key{"id"}, -1
	j, levels := newJudge(t, b), map[int]float64{}
	for id := range 60 {
		levels[id] = 200
	}
	j.tick(crowd(levels))
	if len(j.alerts) != 60 || j.alerts[0].Groups != 0 {
		t.Errorf("got %d alerts, want 60", len(j.alerts))
	}
}

// TestStormBeginsWhileAnotherResolves: what was told by itself resolves by
// itself, in the very interval in which others become too many.
func TestStormBeginsWhileAnotherResolves(t *testing.T) {
	b := recorded(100)
	b.Unit, b.By, b.MaxFiring = "", []attribute.Key{"id"}, 1
	j := newJudge(t, b)
	j.tick(crowd(map[int]float64{1: 200}))
	j.alerts = nil
	j.tick(crowd(map[int]float64{1: 100, 2: 200, 3: 300}))
	j.want(
		"RESOLVED search_ms = 100.000 is back within baseline 100.000 after 1m0s id=1",
		"ALERT search_ms = 300.000 exceeds baseline 100.000 by 200.0% otelperf.alert.summary=true (2 groups fire, the worst: id=3)",
	)
	j.tick(crowd(map[int]float64{1: 100, 2: 100, 3: 100}))
	j.want("RESOLVED search_ms is back within baseline 100.000 after 1m0s otelperf.alert.summary=true")
}

// TestStormIsRemindedOfInTime: a reader's ticks are never exact, and what is
// short by a fiftieth of an interval is not short.
func TestStormIsRemindedOfInTime(t *testing.T) {
	for short, want := range map[time.Duration]int{1200 * time.Millisecond: 1, 1201 * time.Millisecond: 0} {
		b := recorded(100)
		b.Unit, b.By, b.MaxFiring, b.Remind = "", []attribute.Key{"id"}, 1, 2*time.Minute
		j := newJudge(t, b)
		j.tick(crowd(map[int]float64{1: 200}))
		j.tick(crowd(map[int]float64{1: 200, 2: 300}))
		j.alerts = nil
		j.tick(crowd(map[int]float64{1: 200, 2: 300}))
		j.after(time.Minute-short, crowd(map[int]float64{1: 200, 2: 300}))
		n := 0
		for _, a := range j.alerts {
			if a.Groups > 0 && a.Reminder {
				n++
			}
		}
		if n != want {
			t.Errorf("%v before its time: got %v, want %d reminders of the storm", short, j.alerts, want)
		}
	}
}

// TestIntervalOfAnAlert: that of the data, or of the collection where there are
// none.
func TestIntervalOfAnAlert(t *testing.T) {
	b := recorded(100)
	b.NoData = views.NoDataAlert
	j := newJudge(t, b)
	j.tick(gauge("recorded", "s", 1))
	interval := func(start, end time.Time) {
		t.Helper()
		if len(j.alerts) != 1 || !j.alerts[0].Start.Equal(start) || !j.alerts[0].End.Equal(end) {
			t.Errorf("got %+v, want one of %v to %v", j.alerts, start, end)
		}
		j.alerts = nil
	}
	interval(epoch, j.at)
	j.after(30*time.Second, gauge("recorded", "s", 0.01))
	interval(j.last, j.at)
	for range 3 {
		j.tick(gauge("alive", "1", 1))
	}
	interval(j.last, j.at)
}
