package history_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/history"
)

const benchSeries = 200

// busy is a collection of 200 operations.
func busy(end time.Time) *metricdata.ResourceMetrics {
	bounds := []float64{1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}
	data := metricdata.Histogram[float64]{Temporality: metricdata.DeltaTemporality}
	for i := range benchSeries {
		data.DataPoints = append(data.DataPoints, metricdata.HistogramDataPoint[float64]{
			Attributes: attribute.NewSet(attribute.String("otelperf.operation.name", fmt.Sprintf("operation-%d", i))),
			StartTime:  end.Add(-time.Minute), Time: end, Bounds: bounds, Count: 600, Sum: 30,
			BucketCounts: []uint64{0, 0, 0, 100, 200, 200, 50, 40, 10, 0, 0, 0, 0, 0},
		})
	}
	return &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{
		{Name: "otelperf.operation.duration", Unit: "s", Data: data},
	}}}}
}

func BenchmarkObserve(b *testing.B) { benchmarkObserve(b) }

func BenchmarkObserveWithFile(b *testing.B) {
	benchmarkObserve(b, history.WithFile(filepath.Join(b.TempDir(), "metrics.json")))
}

// benchmarkObserve leaves to the writer what it does beside.
func benchmarkObserve(b *testing.B, opts ...history.Option) {
	h, err := history.Open(opts...)
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := h.Close(context.WithoutCancel(b.Context())); err != nil {
			b.Error(err)
		}
	}()
	now := time.Now()
	rm := busy(now)
	data, _ := rm.ScopeMetrics[0].Metrics[0].Data.(metricdata.Histogram[float64])
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Minute)
		for i := range data.DataPoints {
			data.DataPoints[i].Time = now
		}
		h.Observe(rm, nil)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchSeries, "ns/series")
}

// BenchmarkLook is what a page that shows a day costs for each interval.
func BenchmarkLook(b *testing.B) {
	h, err := history.Open()
	if err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	for i := range 24 * 60 {
		h.Observe(busy(now.Add(time.Duration(i-24*60)*time.Minute)), nil)
	}
	w := history.Window{From: now.Add(-24 * time.Hour), To: now, Columns: 96}
	all := h.Series()
	b.ReportAllocs()
	for b.Loop() {
		for _, s := range all {
			if _, ok := h.Chart(s.ID, w, false); !ok {
				b.Fatal("no chart")
			}
		}
	}
}
