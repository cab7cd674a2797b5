package views

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// TestTick: what an evaluation takes the time since the last one for.
func TestTick(t *testing.T) {
	for _, tt := range []struct {
		gaps            []time.Duration // the last one is looked at
		elapsed         time.Duration
		skipped, jumped bool
	}{
		{[]time.Duration{time.Minute}, time.Minute, false, false},
		{[]time.Duration{time.Second}, time.Second, false, false},
		{[]time.Duration{-time.Hour}, 0, false, false},
		{[]time.Duration{90 * time.Second}, time.Minute, false, false},
		{[]time.Duration{90*time.Second + 1}, time.Minute, true, false},
		{[]time.Duration{150 * time.Second}, time.Minute, true, false},
		{[]time.Duration{150*time.Second + 1}, time.Minute, true, true},
		{[]time.Duration{5 * time.Minute, 5 * time.Minute}, time.Minute, true, false}, // a reader that is slower than it says
		{[]time.Duration{2 * time.Minute, 5*time.Minute + 1}, time.Minute, true, true},
	} {
		at := time.Unix(1_000_000, 0)
		c := config{interval: time.Minute, clock: func() time.Time { return at }}
		e, err := newEvaluator(nil, &c)
		if err != nil {
			t.Fatal(err)
		}
		last := at
		for _, gap := range tt.gaps {
			last, at = at, at.Add(gap)
			e.evaluate(&metricdata.ResourceMetrics{}, at)
		}
		if want := (tick{at, time.Minute, tt.elapsed, tt.jumped, tt.skipped, last}); e.tick != want {
			t.Errorf("%v: got %+v, want %+v", tt.gaps, e.tick, want)
		}
	}
}

// TestNothingOfACollectionIsKept: it belongs to the reader.
func TestNothingOfACollectionIsKept(t *testing.T) {
	at := time.Unix(1_000_000, 0)
	e, err := newEvaluator(nil, &config{interval: time.Minute, clock: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	if e.evaluate(&metricdata.ResourceMetrics{}, at); e.collection != nil || e.resource != nil {
		t.Errorf("got %v and %v", e.collection, e.resource)
	}
}

// TestExemplarsOfSeriesThatAreNotHeld are not taken: those beyond the limit.
func TestExemplarsOfSeriesThatAreNotHeld(t *testing.T) {
	r := newRule(Baseline{Name: "b", Metric: "m", Statistic: P95, Target: 1})
	r.metric = &metric{series: make(map[seriesKey]*series)}
	c := exemplarSearch{group: newGroup(r, *attribute.EmptySet())}
	attrs := attribute.NewSet(attribute.Int("id", 1))
	of := attrs.Equivalent()
	x := []metricdata.Exemplar[float64]{{Value: 1, TraceID: make([]byte, 16), SpanID: make([]byte, 8)}}
	if got := search(c, nil, of, x); len(got) != 0 {
		t.Errorf("got %v of a series that is not held", got)
	}
	r.metric.series[seriesKey{attrs: of}] = &series{}
	if got := search(c, nil, of, x); len(got) != 0 {
		t.Errorf("got %v of a series of another group", got)
	}
	r.metric.series[seriesKey{attrs: of}].groups = []*group{c.group}
	if got := search(c, nil, of, x); len(got) != 1 {
		t.Errorf("got %v, want one", got)
	}
}
