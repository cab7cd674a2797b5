package process_test

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/process"
)

// pauses collects the histogram through a reader; ok is false if there is none.
func pauses(t *testing.T, reader sdkmetric.Reader) (p metricdata.HistogramDataPoint[float64], temporality metricdata.Temporality, ok bool) {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	if len(rm.ScopeMetrics) == 0 {
		return p, 0, false
	}
	m := rm.ScopeMetrics[0].Metrics[0]
	h := m.Data.(metricdata.Histogram[float64])
	if m.Name != "go.memory.gc.pause.duration" || m.Unit != "s" || m.Description == "" || len(h.DataPoints) != 1 || h.DataPoints[0].Attributes.Len() != 0 {
		t.Errorf("collected %+v", m)
	}
	return h.DataPoints[0], h.Temporality, true
}

func newReader(t *testing.T, temporality metricdata.Temporality) sdkmetric.Reader {
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(process.NewPauseProducer(temporality)))
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	t.Cleanup(func() { _ = provider.Shutdown(t.Context()) })
	return reader
}

// quiet keeps the collector from running but when it is asked to.
func quiet(t *testing.T) {
	percent := debug.SetGCPercent(-1)
	t.Cleanup(func() { debug.SetGCPercent(percent) })
	runtime.GC()
}

func runtimePauses() (n uint64, total float64) {
	samples := []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}}
	metrics.Read(samples)
	for _, c := range samples[0].Value.Float64Histogram().Counts {
		n += c
	}
	var stats debug.GCStats
	debug.ReadGCStats(&stats)
	return n, stats.PauseTotal.Seconds()
}

func TestCumulativePauses(t *testing.T) {
	quiet(t)
	reader := newReader(t, metricdata.CumulativeTemporality)
	first, temporality, ok := pauses(t, reader)
	if n, total := runtimePauses(); !ok || temporality != metricdata.CumulativeTemporality ||
		first.Count != n || math.Abs(first.Sum-total) > total/2 {
		t.Errorf("collected %+v, the runtime has %d pauses and %v s", first, n, total)
	}
	// The pauses are those since the process began.
	if age := time.Since(first.StartTime); age <= 0 || age > time.Hour || first.Time.Before(first.StartTime) {
		t.Errorf("it starts at %v and is of %v", first.StartTime, first.Time)
	}
	if n := len(first.Bounds); n < 20 || n > 64 || len(first.BucketCounts) != n+1 || !slices.IsSorted(first.Bounds) {
		t.Errorf("the bounds are %v", first.Bounds)
	}
	runtime.GC()
	second, _, _ := pauses(t, reader)
	if second.Count != first.Count+2 || second.Sum < first.Sum || !second.StartTime.Equal(first.StartTime) {
		t.Errorf("a collection pauses twice, but %+v became %+v", first, second)
	}
	sum := uint64(0)
	for i, n := range second.BucketCounts {
		if sum += n; n < first.BucketCounts[i] {
			t.Errorf("bucket %d fell from %d to %d", i, first.BucketCounts[i], n)
		}
	}
	if sum != second.Count {
		t.Errorf("the buckets hold %d, the count is %d", sum, second.Count)
	}
}

func TestDeltaPauses(t *testing.T) {
	quiet(t)
	reader := newReader(t, metricdata.DeltaTemporality)
	first, temporality, ok := pauses(t, reader)
	if n, _ := runtimePauses(); !ok || temporality != metricdata.DeltaTemporality || first.Count != n {
		t.Errorf("the first collection is %+v, the runtime has %d pauses", first, n)
	}
	if p, _, ok := pauses(t, reader); ok {
		t.Errorf("without a pause there is %+v", p)
	}
	for range 5 {
		runtime.GC()
	}
	second, _, _ := pauses(t, reader)
	if second.Count != 10 || second.Sum <= 0 || second.Sum > 5 || second.StartTime.Before(first.Time) {
		t.Errorf("after 5 collections: %+v", second)
	}
}

// Readers do not take from each other.
func TestPausesOfTwoReaders(t *testing.T) {
	quiet(t)
	a, b := newReader(t, metricdata.DeltaTemporality), newReader(t, metricdata.DeltaTemporality)
	pauses(t, a)
	pauses(t, b)
	runtime.GC()
	p, _, _ := pauses(t, a)
	q, _, _ := pauses(t, b)
	if p.Count != 2 || q.Count != 2 {
		t.Errorf("two readers saw %d and %d pauses, want 2 each", p.Count, q.Count)
	}
}

func TestMerge(t *testing.T) {
	inf := math.Inf(1)
	tests := []struct {
		name   string
		edges  []float64
		bounds []float64
		index  []int
	}{
		{"ends at infinity", []float64{-inf, 0, 1e-7, 1e-6, 1.2e-6, 1.5e-6, 1, 20, 40, inf}, []float64{1e-6, 1.5e-6, 1, 20}, []int{0, 0, 0, 1, 1, 2, 3, 4, 4}},
		{"ends before", []float64{0, 1, 2, 3}, []float64{1, 2}, []int{0, 1, 2}},
		{"one bucket", []float64{0, 1}, nil, []int{0}},
		{"all too fine", []float64{0, 1e-9, 1e-8, inf}, nil, []int{0, 0, 0}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bounds, index := process.Merge(test.edges)
			if !slices.Equal(bounds, test.bounds) || !slices.Equal(index, test.index) {
				t.Errorf("got %v and %v, want %v and %v", bounds, index, test.bounds, test.index)
			}
		})
	}
}
