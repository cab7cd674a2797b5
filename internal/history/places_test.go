package history_test

import (
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/history"
)

// levels is a collection of one gauge for each name.
func levels(end time.Time, values map[string]float64) *metricdata.ResourceMetrics {
	var all []metricdata.Metrics
	for name, v := range values {
		all = append(all, metricdata.Metrics{Name: name, Unit: "By", Data: metricdata.Gauge[float64]{
			DataPoints: []metricdata.DataPoint[float64]{{Time: end, Value: v}},
		}})
	}
	return &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: all}}}
}

// values returns those of the only series of the name.
func values(t *testing.T, h *history.History, name string) (out []float64) {
	t.Helper()
	lines := h.History(name, time.Time{})
	if len(lines) != 1 {
		t.Errorf("%s has %d series", name, len(lines))
		return nil
	}
	for _, p := range lines[0].Points {
		out = append(out, p.Value)
	}
	return out
}

// TestBlocksGoWhileReadingBack: what was observed meanwhile has its place, whatever
// the memory has no room for.
func TestBlocksGoWhileReadingBack(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("nothing is told there before the file is read back")
	}
	path := filepath.Join(t.TempDir(), "metrics.json")
	end := time.Now().Add(-10 * time.Hour)
	minute := func() time.Time {
		end = end.Add(time.Minute)
		return end
	}
	first := open(t, history.WithFile(path))
	for i := range 128 { // a whole block
		first.Observe(levels(minute(), map[string]float64{"process.a": 1}), nil)
		for s := first.Stats(); s.Written+s.Dropped <= int64(i); s = first.Stats() {
			runtime.Gosched()
		}
	}
	if s := first.Stats(); s.Dropped > 0 {
		t.Fatalf("%+v", s)
	}
	begun, goOn := make(chan struct{}), make(chan struct{})
	h := open(t, history.WithFile(path), history.WithMemory(1), history.WithErrorHandler(func(error) {
		select {
		case <-begun:
		default: // that the file is in use, before it is read back
			close(begun)
			<-goOn
		}
	}))
	<-begun
	h.Observe(levels(minute(), map[string]float64{"process.a": 2}), nil)
	h.Observe(levels(minute(), map[string]float64{"process.b": 3}), nil)
	close(goOn)
	<-h.Loaded()
	h.Observe(levels(minute(), map[string]float64{"process.c": 4}), nil)
	if s := h.Stats(); s.Forgotten != 1 || s.Series != 3 {
		t.Errorf("%+v", s)
	}
	for name, want := range map[string]float64{"process.a": 2, "process.b": 3, "process.c": 4} {
		if got := values(t, h, name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %v, not %v", name, got, want)
		}
	}
	closeHistory(t, h)
	closeHistory(t, first)
}

// TestASeriesThatComesBack: after it was forgotten, to another one's place.
func TestASeriesThatComesBack(t *testing.T) {
	h := open(t, history.WithRetention(time.Hour))
	end := time.Now().Add(-100 * time.Hour)
	observe := func(n int, name string, v float64) {
		for range n {
			end = end.Add(time.Minute)
			h.Observe(levels(end, map[string]float64{name: v}), nil)
		}
	}
	observe(128, "process.a", 1)
	observe(256, "process.b", 2)
	if n := len(h.History("process.a", time.Time{})); n != 0 {
		t.Fatalf("process.a is there after four hours")
	}
	observe(1, "process.c", 3) // where process.a was
	observe(1, "process.a", 4)
	for name, want := range map[string]float64{"process.a": 4, "process.c": 3} {
		if got := values(t, h, name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %v, not %v", name, got, want)
		}
	}
	if s := h.Stats(); s.Series != 3 {
		t.Errorf("%+v", s)
	}
}

// TestUnitOfARate follows the metric's.
func TestUnitOfARate(t *testing.T) {
	h := open(t)
	end := time.Now()
	for i, unit := range []string{"s", "", "ms"} {
		end = end.Add(time.Minute)
		h.Observe(&metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{
			{Name: "process.a", Unit: unit, Data: metricdata.Sum[int64]{
				Temporality: metricdata.CumulativeTemporality, IsMonotonic: true,
				DataPoints: []metricdata.DataPoint[int64]{{StartTime: end.Add(-time.Minute), Time: end, Value: int64(i)}},
			}},
		}}}}, nil)
		want := map[string]string{"s": "s/s", "": "1/s", "ms": "ms/s"}[unit]
		if all := h.Series(); len(all) != 1 || all[0].Unit != want {
			t.Errorf("unit %q: %+v", unit, all)
		}
	}
}

// TestUnusable: points that are of no use are counted.
func TestUnusable(t *testing.T) {
	h := open(t)
	end := time.Now()
	rm := levels(end, map[string]float64{"process.a": math.NaN(), "process.b": 1, "process.c": math.Inf(1), "other": math.NaN()})
	rm.ScopeMetrics = append(rm.ScopeMetrics, levels(end, map[string]float64{"process.b": 2}).ScopeMetrics...) // once more
	broken := interval(end, 5)
	data, _ := broken.ScopeMetrics[0].Metrics[0].Data.(metricdata.Histogram[float64])
	data.DataPoints[0].Count = 6 // not what is in the buckets
	rm.ScopeMetrics = append(rm.ScopeMetrics, broken.ScopeMetrics...)
	h.Observe(rm, nil)
	if s := h.Stats(); s.Unusable != 4 || s.Series != 1 {
		t.Errorf("%+v", s)
	}
}

// TestAnotherKind: a metric that becomes a distribution, or is none any more, has no
// further rows in its series, and that is counted.
func TestAnotherKind(t *testing.T) {
	spread := func(end time.Time, name string) *metricdata.ResourceMetrics {
		rm := interval(end, 5)
		rm.ScopeMetrics[0].Metrics[0].Name = name
		return rm
	}
	end := time.Now()
	for _, tc := range []struct{ first, second *metricdata.ResourceMetrics }{
		{levels(end, map[string]float64{"process.a": 1}), spread(end.Add(time.Second), "process.a")},
		{spread(end, "process.a"), levels(end.Add(time.Second), map[string]float64{"process.a": 1})},
	} {
		for _, m := range []*metricdata.ResourceMetrics{tc.first, tc.second} {
			if h, ok := m.ScopeMetrics[0].Metrics[0].Data.(metricdata.Histogram[float64]); ok {
				h.DataPoints[0].Attributes = *attribute.EmptySet() // as the number has
			}
		}
		h := open(t)
		h.Observe(tc.first, nil)
		if s := h.Stats(); s.Unusable != 0 || s.Series != 1 {
			t.Errorf("at first %+v", s)
		}
		h.Observe(tc.second, nil)
		if s := h.Stats(); s.Unusable != 1 || s.Series != 1 {
			t.Errorf("then %+v", s)
		}
		closeHistory(t, h)
	}
}

// TestWideAmongNarrow: a series with many buckets does not make the others take as much.
func TestWideAmongNarrow(t *testing.T) {
	const series, buckets = 300, 10_000
	h := open(t, history.WithMemory(1))
	end := time.Now()
	narrow := metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality}
	for i := range series {
		narrow.DataPoints = append(narrow.DataPoints, metricdata.HistogramDataPoint[float64]{
			Attributes: attribute.NewSet(attribute.String("otelperf.operation.name", fmt.Sprint(i))),
			Bounds:     []float64{1}, BucketCounts: []uint64{1, 0}, Count: 1,
		})
	}
	p := metricdata.HistogramDataPoint[float64]{BucketCounts: make([]uint64, buckets+1), Count: 1}
	p.BucketCounts[0] = 1
	for i := range buckets {
		p.Bounds = append(p.Bounds, float64(i))
	}
	wide := metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.HistogramDataPoint[float64]{p}}
	rm := &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{
		{Name: "otelperf.operation.duration", Unit: "s", Data: narrow}, {Name: "process.something", Unit: "s", Data: wide},
	}}}}
	before := live()
	for range 2 * series {
		end = end.Add(time.Minute)
		for i := range narrow.DataPoints {
			narrow.DataPoints[i].Time = end
		}
		wide.DataPoints[0].Time = end
		h.Observe(rm, nil)
	}
	if grown := int64(live().HeapAlloc - before.HeapAlloc); grown > 2<<20 { // all as wide: 24 MB
		t.Errorf("%d series take %d bytes", series, grown)
	}
	if n := h.Stats().Series; n != series+1 {
		t.Errorf("%d series", n)
	}
	runtime.KeepAlive(rm)
}
