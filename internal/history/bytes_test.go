package history_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/history"
	"github.com/otelperf/otelperf-go/views"
)

// TestBytes holds the memory that doc.go states, over ten hours of a busy
// service at one collection a minute.
func TestBytes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	const rows = 10 * 60
	start := time.Now().Add(-10 * time.Hour)
	measure := func(feed func(h *history.History, end time.Time)) (perRow float64) {
		h := open(t)
		for i := range rows {
			feed(h, start.Add(time.Duration(i)*time.Minute))
		}
		s := h.Stats()
		if s.Forgotten != 0 || s.Turned != 0 {
			t.Errorf("%+v", s)
		}
		return float64(s.Bytes) / float64(s.Series) / rows
	}
	bounds := []float64{1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.08, 0.09, 0.1, 0.11, 0.12, 0.25, 0.5, 1, 2.5, 5, 10}
	const series = 40
	operations := measure(func(h *history.History, end time.Time) {
		data := metricdata.Histogram[float64]{Temporality: metricdata.DeltaTemporality}
		for i := range series {
			p := metricdata.HistogramDataPoint[float64]{
				Attributes: attribute.NewSet(attribute.String("otelperf.operation.name", fmt.Sprintf("operation-%d", i))),
				StartTime:  end.Add(-time.Minute), Time: end, Bounds: bounds, BucketCounts: make([]uint64, len(bounds)+1),
			}
			for range 40 {
				b := min(len(bounds), max(0, int(9+2*random.NormFloat64())))
				p.BucketCounts[b] += 50
				p.Count += 50
				p.Sum += 50 * bounds[min(b, len(bounds)-1)]
			}
			data.DataPoints = append(data.DataPoints, p)
		}
		h.Observe(&metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{
			{Name: "otelperf.operation.duration", Unit: "s", Data: data},
		}}}}, nil)
	})
	numbers := measure(func(h *history.History, end time.Time) {
		data := metricdata.Gauge[float64]{}
		for i := range series {
			data.DataPoints = append(data.DataPoints, metricdata.DataPoint[float64]{
				Attributes: attribute.NewSet(attribute.Int("n", i)), Time: end, Value: random.Float64(),
			})
		}
		h.Observe(&metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{
			{Name: "process.something", Unit: "1", Data: data},
		}}}}, nil)
	})
	judged := measure(func(h *history.History, end time.Time) {
		var all []views.Status
		for i := range series {
			all = append(all, views.Status{
				Name: fmt.Sprintf("baseline-%d", i), Metric: "m", Value: random.Float64(), Target: 1, Count: 2000, End: end, Excess: math.NaN(),
			})
		}
		h.Observe(&metricdata.ResourceMetrics{}, all)
	})
	t.Logf("bytes a row: operation %.1f, number %.1f, baseline %.1f", operations, numbers, judged)
	for _, c := range []struct {
		what      string
		got, most float64
	}{{"operation", operations, 32}, {"number", numbers, 7}, {"baseline", judged, 15}} {
		if c.got > c.most {
			t.Errorf("a row of a %s takes %.1f bytes, more than %.0f", c.what, c.got, c.most)
		}
	}
}

// TestObserveAllocates: keeping a collection allocates the rows' memory and little
// else, nothing for each series.
func TestObserveAllocates(t *testing.T) {
	h := open(t)
	now := time.Now()
	rm := busy(now)
	data, _ := rm.ScopeMetrics[0].Metrics[0].Data.(metricdata.Histogram[float64])
	data.Temporality = metricdata.CumulativeTemporality
	rates := metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true}
	for i := range benchSeries {
		rates.DataPoints = append(rates.DataPoints, metricdata.DataPoint[int64]{Attributes: attribute.NewSet(attribute.Int("n", i))})
	}
	rm.ScopeMetrics[0].Metrics[0].Data = data
	rm.ScopeMetrics[0].Metrics = append(rm.ScopeMetrics[0].Metrics, metricdata.Metrics{Name: "process.something", Unit: "s", Data: rates})
	next := func() {
		now = now.Add(time.Minute)
		for i := range benchSeries {
			p, n := &data.DataPoints[i], &rates.DataPoints[i]
			p.Time, n.Time, n.Value = now, now, n.Value+1
			p.Count, p.BucketCounts[4] = p.Count+1, p.BucketCounts[4]+1
		}
		h.Observe(rm, nil)
	}
	next()
	const series = 2 * benchSeries
	if n := testing.AllocsPerRun(1000, next); n > series/10 { // each block has a buffer for each, that grows
		t.Errorf("a collection of %d series allocates %v times", series, n)
	} else {
		t.Logf("a collection of %d series allocates %v times", series, n)
	}
	if s := h.Stats(); s.Series != series {
		t.Errorf("%+v", s)
	}
}

// live returns what is in the heap after collections of the garbage: what earlier
// tests left takes two.
func live() (m runtime.MemStats) {
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m
}

// TestFewObjects: what a collection of the garbage has to look at is few objects,
// with a metric of its own for each series as the process has them.
func TestFewObjects(t *testing.T) {
	const series = 2000
	rm := &metricdata.ResourceMetrics{ScopeMetrics: make([]metricdata.ScopeMetrics, 1)}
	end := time.Now()
	for i := range series {
		rm.ScopeMetrics[0].Metrics = append(rm.ScopeMetrics[0].Metrics, metricdata.Metrics{
			Name: fmt.Sprint("process.something.", i), Unit: "{something}",
			Data: metricdata.Sum[float64]{
				Temporality: metricdata.CumulativeTemporality, IsMonotonic: true,
				DataPoints: []metricdata.DataPoint[float64]{{StartTime: end.Add(-time.Minute), Time: end, Value: 1}},
			},
		})
	}
	h := open(t)
	before := live()
	h.Observe(rm, nil)
	after := live()
	if n := h.Stats().Series; n != series {
		t.Fatalf("%d series are kept", n)
	}
	// The ID of each, its unit for each second, and its rows.
	if per := (float64(after.HeapObjects) - float64(before.HeapObjects)) / series; per > 3.3 {
		t.Errorf("a series takes %.2f objects", per)
	}
	runtime.KeepAlive(rm)
}

// TestMemoryIsBounded: beyond it the oldest go, and it is said.
func TestMemoryIsBounded(t *testing.T) {
	h := open(t, history.WithMemory(20_000), history.WithSeries(50), history.WithRetention(1000*time.Hour))
	start := time.Now().Add(-100 * time.Hour)
	for i := range 2000 {
		end := start.Add(time.Duration(i) * time.Minute)
		var all []views.Status
		for n := range 80 {
			all = append(all, views.Status{Name: fmt.Sprint("baseline-", n), Metric: "m", Value: 1, End: end})
		}
		h.Observe(&metricdata.ResourceMetrics{}, all)
	}
	s := h.Stats()
	if s.Series != 50 || s.Turned != 30*2000 || s.Forgotten == 0 || s.Bytes > 250_000 {
		t.Errorf("%+v", s)
	}
	if l := h.History("baseline-0", time.Time{}); len(l) != 1 || len(l[0].Points) == 0 || len(l[0].Points) > 300 {
		t.Errorf("%d points are left", len(l[0].Points))
	}
}
