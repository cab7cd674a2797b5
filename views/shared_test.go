package views

import (
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// TestTalliesGoWithTheirSeries: the series of the same groups have one tally,
// which is there as long as one of them, and leaves nothing behind.
func TestTalliesGoWithTheirSeries(t *testing.T) {
	at := time.Unix(1_000_000, 0)
	baseline := func(name string, s Statistic) Baseline {
		return Baseline{Name: name, Metric: "m", Statistic: s, Target: 1, By: []attribute.Key{"route"}}
	}
	e, err := newEvaluator([]Baseline{baseline("a", P95), baseline("b", Mean)}, &config{
		interval: time.Minute, clock: func() time.Time { return at }, handle: func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	m := e.metrics["m"]
	collect := func(series int) {
		h := metricdata.Histogram[float64]{Temporality: metricdata.DeltaTemporality}
		for i := range series {
			h.DataPoints = append(h.DataPoints, metricdata.HistogramDataPoint[float64]{
				Attributes: attribute.NewSet(attribute.Int("route", i/3), attribute.Int("status", i%3)),
				StartTime:  at, Time: at.Add(time.Minute),
				Count: 1, Sum: 1, Bounds: []float64{1}, BucketCounts: []uint64{1, 0},
			})
		}
		at = at.Add(time.Minute)
		e.evaluate(&metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{
			Metrics: []metricdata.Metrics{{Name: "m", Data: h}},
		}}}, at)
		if slices.ContainsFunc(m.tallied[:cap(m.tallied)], func(t *tally) bool { return t != nil }) {
			t.Error("a collection's tallies are held on to")
		}
	}
	want := func(when string, want ...int) {
		t.Helper()
		var got []int
		for _, t := range m.tallies {
			got = append(got, t.series)
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s: tallies of %v series, want %v", when, got, want)
		}
	}
	collect(7)
	want("three routes", 1, 3, 3)
	for range silentAfter {
		collect(3)
	}
	want("one route", 3)
	m.detach(e.rules[0])
	want("one rule")
	for _, s := range m.series {
		if s.tally != nil || len(s.groups) != 1 {
			t.Errorf("a series of %d groups has the tally %v", len(s.groups), s.tally)
		}
	}
	collect(3)
}
