package history_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/history"
	"github.com/otelperf/otelperf-go/views"
)

// midnight is where the charts of these tests begin: a round time.
var midnight = time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)

func minute(n int) time.Time { return midnight.Add(time.Duration(n) * time.Minute) }

// hour observes sixty minutes, of which number i has i searches, and a judged
// value that is i but for what is in odd.
func hour(t *testing.T, without func(i int) bool, odd map[int]views.Status) (h *history.History, search, judged string) {
	t.Helper()
	h = open(t)
	t.Cleanup(func() { closeHistory(t, h) })
	for i := 1; i <= 60; i++ {
		if without != nil && without(i) {
			continue
		}
		s := views.Status{Name: "search_ms", Metric: "otelperf.operation.duration", Unit: "ms", Value: float64(i), State: views.OK}
		if o, ok := odd[i]; ok {
			s.Value, s.State = o.Value, o.State
		}
		s.End = minute(i)
		h.Observe(interval(minute(i), uint64(i)), []views.Status{s})
		judged = history.StatusID(s)
	}
	for _, s := range h.Series() {
		if s.Name == "search" {
			search = s.ID
		}
	}
	return h, search, judged
}

func chart(t *testing.T, h *history.History, id string, w history.Window, lower bool) history.Chart {
	t.Helper()
	c, ok := h.Chart(id, w, lower)
	if !ok {
		t.Fatal("there is no such series")
	}
	return c
}

// How wide the points of a chart are, and that they lie at round times.
func TestChartSteps(t *testing.T) {
	h, search, _ := hour(t, nil, nil)
	for _, tt := range []struct {
		from, to, columns int
		step              time.Duration
		times             int
		first, last       int
	}{
		{0, 60, 60, 0, 60, 1, 60},
		{0, 60, 41, 0, 60, 1, 60}, // to one and a half points a column
		{0, 60, 40, 0, 60, 1, 60},
		{0, 60, 39, 2 * time.Minute, 30, 2, 60},
		{0, 60, 12, 5 * time.Minute, 12, 5, 60},
		{0, 60, 11, 10 * time.Minute, 6, 10, 60}, // the next round number
		{0, 60, 1, time.Hour, 1, 60, 60},
		{3, 60, 12, 5 * time.Minute, 12, 5, 60}, // edges do not move with the window
		{5, 60, 11, 5 * time.Minute, 11, 10, 60},
		{0, 60, 0, 0, 60, 1, 60},
		{0, 60, -1, 0, 60, 1, 60},
		{0, 60, history.MaxColumns + 1, 0, 60, 1, 60},
		{10, 20, 100, 0, 10, 11, 20}, // what ended after the first time, and up to the last
		{20, 20, 100, 0, 0, 0, 0},
		{20, 10, 100, 0, 0, 0, 0},
	} {
		c := chart(t, h, search, history.Window{From: minute(tt.from), To: minute(tt.to), Columns: tt.columns}, false)
		if c.Step != tt.step || len(c.Times) != tt.times || len(c.Count) != tt.times {
			t.Errorf("%+v: the step is %s, there are %d times and %d counts", tt, c.Step, len(c.Times), len(c.Count))
			continue
		}
		if tt.times > 0 && (!c.Times[0].Equal(minute(tt.first)) || !c.Times[tt.times-1].Equal(minute(tt.last))) {
			t.Errorf("%+v: from %s to %s", tt, c.Times[0], c.Times[tt.times-1])
		}
	}
	for _, step := range []time.Duration{
		2 * time.Minute, 3 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 20 * time.Minute,
		30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
	} {
		w := history.Window{From: midnight, To: midnight.Add(2 * step), Columns: 2}
		if c := chart(t, h, search, w, false); c.Step != step {
			t.Errorf("%s in two columns has the step %s", 2*step, c.Step)
		}
	}
	seconds := open(t, history.WithInterval(500*time.Millisecond))
	defer closeHistory(t, seconds)
	seconds.Observe(interval(minute(1), 1), nil)
	for _, n := range []time.Duration{1, 2, 5, 10, 15, 20, 30} {
		w := history.Window{From: midnight, To: midnight.Add(2 * n * time.Second), Columns: 2}
		if c := chart(t, seconds, search, w, false); c.Step != n*time.Second {
			t.Errorf("%s in two columns has the step %s", 2*n*time.Second, c.Step)
		}
	}
	const day = 24 * time.Hour
	if c := chart(t, h, search, history.Window{From: midnight, To: midnight.Add(40 * day), Columns: 2}, false); c.Step != 20*day {
		t.Errorf("beyond the round numbers the step is %s", c.Step)
	}
}

func TestChartFoldsOperations(t *testing.T) {
	h, search, _ := hour(t, nil, nil)
	c := chart(t, h, search, history.Window{From: minute(0), To: minute(60), Columns: 12}, false)
	if c.Kind != history.Operation || c.Value != nil || c.State != nil {
		t.Errorf("the chart is %+v", c)
	}
	whole := chart(t, h, search, history.Window{From: minute(0), To: minute(60)}, false)
	for i, n := range c.Count {
		of := 25*i + 15 // 1+2+3+4+5, and so on
		if n != uint64(of) || !near(c.Rate[i], float64(of)/300) || !near(c.Mean[i], 0.02) || c.ErrorRatio[i] != 0 {
			t.Errorf("point %d: %d, %v/s, mean %v, errors %v, want %d", i, n, c.Rate[i], c.Mean[i], c.ErrorRatio[i], of)
		}
		five := func(all []float64) float64 { return slices.Max(all[5*i : 5*i+5]) }
		if c.P50[i] != five(whole.P50) || c.P95[i] != five(whole.P95) || c.P99[i] != five(whole.P99) || c.P99[i] <= c.P50[i] {
			t.Errorf("point %d: the quantiles are %v, %v, %v, not the worst of five", i, c.P50[i], c.P95[i], c.P99[i])
		}
	}
}

// Of judged values the worst is shown, with the state that asks most to be
// looked at, and nothing where there is none.
func TestChartFoldsJudgedValues(t *testing.T) {
	nan := math.NaN()
	h, _, judged := hour(t, nil, map[int]views.Status{
		7:  {Value: 500, State: views.Firing},
		8:  {Value: nan, State: views.Silent},
		11: {Value: nan, State: views.Silent}, 12: {Value: nan, State: views.Silent}, 13: {Value: nan, State: views.Silent},
		14: {Value: nan, State: views.Silent}, 15: {Value: nan, State: views.Silent},
		16: {Value: 3, State: views.Silent}, 17: {Value: 2, State: views.Incomplete},
		21: {Value: 1, State: views.Pending}, 22: {Value: 1, State: views.Incomplete}, 23: {Value: 1, State: views.Firing}, 24: {Value: 1, State: views.Pending},
		26: {Value: 1, State: views.Incomplete}, 27: {Value: 1, State: views.Pending}, 28: {Value: 1, State: views.Silent},
		31: {Value: 1, State: views.Resolved},
	})
	w := history.Window{From: minute(0), To: minute(60), Columns: 12}
	higher, lower := chart(t, h, judged, w, false), chart(t, h, judged, w, true)
	if higher.Kind != history.Judged || higher.Count != nil || higher.P95 != nil {
		t.Errorf("the chart is %+v", higher)
	}
	for i, want := range []struct {
		high, low float64
		state     views.State
	}{
		{5, 1, views.OK}, {500, 6, views.Firing}, {nan, nan, views.Silent}, {20, 2, views.Incomplete},
		{25, 1, views.Firing}, {30, 1, views.Pending}, {35, 1, views.Resolved},
	} {
		if !near(higher.Value[i], want.high) || !near(lower.Value[i], want.low) || higher.State[i] != want.state {
			t.Errorf("point %d: %v or, where lower is worse, %v, %v, want %+v", i, higher.Value[i], lower.Value[i], higher.State[i], want)
		}
	}
}

// A gap of more than three intervals is a hole in the line.
func TestChartHoles(t *testing.T) {
	for _, tt := range []struct {
		missing, columns int // after the 30th
		times, hole      int // hole: its index
		at               int // minute
	}{
		{0, 60, 60, -1, 0},
		{2, 60, 58, -1, 0},
		{3, 60, 58, 30, 31},
		{20, 60, 41, 30, 31},
		{14, 12, 10, -1, 0},
		{20, 12, 9, 6, 35},
	} {
		h, search, _ := hour(t, func(i int) bool { return i > 30 && i <= 30+tt.missing }, nil)
		c := chart(t, h, search, history.Window{From: minute(0), To: minute(60), Columns: tt.columns}, false)
		if len(c.Times) != tt.times {
			t.Errorf("%+v: there are %d points", tt, len(c.Times))
			continue
		}
		for i := range c.Times {
			if empty := math.IsNaN(c.P95[i]); empty != (i == tt.hole) {
				t.Errorf("%+v: point %d is empty: %t", tt, i, empty)
			}
		}
		if tt.hole >= 0 {
			if i := tt.hole; !c.Times[i].Equal(minute(tt.at)) || c.Count[i] != 0 || !math.IsNaN(c.Rate[i]) || !math.IsNaN(c.Mean[i]) || !math.IsNaN(c.ErrorRatio[i]) {
				t.Errorf("%+v: the hole is at %s: %d, %v/s", tt, c.Times[i], c.Count[i], c.Rate[i])
			}
		}
	}
}

func TestChartOfNothing(t *testing.T) {
	h, _, _ := hour(t, nil, nil)
	for _, h := range []*history.History{nil, h} {
		if c, ok := h.Chart("no such series", history.Window{To: minute(60)}, false); ok {
			t.Errorf("there is a chart %+v", c)
		}
	}
}

// failing is a collection of which so many calls failed, that began so long ago.
func failing(end time.Time, length time.Duration, good, bad uint64) *metricdata.ResourceMetrics {
	rm := interval(end, good)
	h := rm.ScopeMetrics[0].Metrics[0].Data.(metricdata.Histogram[float64])
	p := h.DataPoints[0]
	p.Attributes = attribute.NewSet(attribute.String("otelperf.operation.name", "search"), attribute.String("error.type", "*errors.errorString"))
	p.Count, p.Sum, p.BucketCounts = bad, float64(bad)*0.02, []uint64{0, bad, 0, 0}
	h.DataPoints = append(h.DataPoints, p)
	for i := range h.DataPoints {
		h.DataPoints[i].StartTime = end.Add(-length)
	}
	rm.ScopeMetrics[0].Metrics[0].Data = h
	return rm
}

// A rate needs half an interval, an error ratio calls.
func TestRatesAndErrorRatios(t *testing.T) {
	for _, tt := range []struct {
		length      time.Duration
		good, bad   uint64
		rate, ratio float64
	}{
		{time.Minute, 30, 10, 40.0 / 60, 0.25},
		{30 * time.Second, 30, 0, 1, 0},
		{30*time.Second - 1, 30, 30, math.NaN(), 0.5},
		{time.Minute, 0, 0, 0, math.NaN()},
	} {
		h := open(t)
		h.Observe(failing(minute(1), tt.length, tt.good, tt.bad), nil)
		s := h.Series()[0]
		p := h.Points(s.ID, time.Time{})[0]
		if !near(p.Rate, tt.rate) || !near(p.ErrorRatio, tt.ratio) {
			t.Errorf("%+v: the point has %v/s and %v", tt, p.Rate, p.ErrorRatio)
		}
		c := chart(t, h, s.ID, history.Window{To: minute(1)}, false)
		if !near(c.Rate[0], tt.rate) || !near(c.ErrorRatio[0], tt.ratio) {
			t.Errorf("%+v: the chart has %v/s and %v", tt, c.Rate[0], c.ErrorRatio[0])
		}
		closeHistory(t, h)
	}
}

// A clock that is set back leaves points and charts in the order of time.
func TestClockSetBack(t *testing.T) {
	h := open(t)
	defer closeHistory(t, h)
	for _, n := range []int{1, 2, 3, 7, 4, 5, 6, 8} {
		h.Observe(interval(minute(n), uint64(n)), nil)
	}
	id := h.Series()[0].ID
	c := chart(t, h, id, history.Window{From: minute(0), To: minute(8)}, false)
	if want := []uint64{1, 2, 3, 4, 5, 6, 7, 8}; !slices.Equal(counts(h), want) || !slices.Equal(c.Count, want) {
		t.Errorf("the points are %v, the chart %v", counts(h), c.Count)
	}
}

// Series come by kind, name, metric and group.
func TestSeriesAreSorted(t *testing.T) {
	h := open(t)
	defer closeHistory(t, h)
	group := func(v string) attribute.Set { return attribute.NewSet(attribute.String("g", v)) }
	var statuses []views.Status
	for _, s := range []views.Status{
		{Name: "b", Metric: "m", Group: group("2")}, {Name: "a", Metric: "n"}, {Name: "b", Metric: "m", Group: group("1")}, {Name: "a", Metric: "m"},
	} {
		s.End = minute(1)
		statuses = append(statuses, s)
	}
	h.Observe(interval(minute(1), 1), statuses)
	var got []string
	for _, s := range h.Series() {
		got = append(got, s.Kind.String()+" "+s.Name+" "+s.Metric+" "+s.Group.Encoded(attribute.DefaultEncoder()))
	}
	want := []string{
		"baseline a m ", "baseline a n ", "baseline b m g=1", "baseline b m g=2", "operation search otelperf.operation.duration ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the series are %q, want %q", got, want)
	}
}
