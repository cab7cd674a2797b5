package views_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

func collection(metrics ...metricdata.Metrics) *metricdata.ResourceMetrics {
	return &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: metrics}}}
}

// A workload makes a Processor with what it judges, of n series, and returns
// one collection interval: data that went on since the last, judged.
type workload func(t testing.TB, n int) (interval func())

var workloads = map[string]workload{
	"explicit cumulative":    distributions(false, false, fiveBaselines()),
	"explicit delta":         distributions(true, false, fiveBaselines()),
	"exponential cumulative": distributions(false, true, fiveBaselines()),
	"grouped by series":      distributions(false, false, grouped(fiveBaselines())),
	"all firing":             distributions(false, false, hopeless(fiveBaselines())),
	"unmatched":              distributions(false, false, unmatched(fiveBaselines())),
	"sums and gauges":        numbers,
}

func fiveBaselines() []views.Baseline {
	var out []views.Baseline
	for _, s := range []views.Statistic{views.P95, views.P99, views.Mean, views.Rate, views.ErrorRatio} {
		out = append(out, views.Baseline{Name: "b_" + string(s), Metric: opDuration, Statistic: s, Target: 1e6})
	}
	return out
}

func grouped(bs []views.Baseline) []views.Baseline {
	for i := range bs {
		bs[i].By = []attribute.Key{"id"}
	}
	return bs
}

func hopeless(bs []views.Baseline) []views.Baseline {
	for i := range bs {
		bs[i].Target = 0
	}
	return grouped(bs)
}

func unmatched(bs []views.Baseline) []views.Baseline {
	for i := range bs {
		bs[i].Match = []attribute.KeyValue{attribute.String("not", "there")}
	}
	return bs
}

func distributions(delta, exponential bool, baselines []views.Baseline) workload {
	return func(t testing.TB, n int) func() {
		p, err := views.NewProcessor(capture{&judge{delta: delta}}, baselines, views.WithInterval(time.Minute), views.WithErrorHandler(func(error) {}))
		if err != nil {
			t.Fatal(err)
		}
		temp := temporality(delta)
		hist := metricdata.Histogram[float64]{Temporality: temp}
		exp := metricdata.ExponentialHistogram[float64]{Temporality: temp}
		for i := range n {
			attrs := attribute.NewSet(attribute.Int("id", i), attribute.String("otelperf.operation.name", "search"))
			if exponential {
				exp.DataPoints = append(exp.DataPoints, metricdata.ExponentialHistogramDataPoint[float64]{
					Attributes: attrs, Scale: int32(i % 7), PositiveBucket: metricdata.ExponentialBucket{Offset: int32(-i % 5), Counts: make([]uint64, 100)},
				})
				continue
			}
			hist.DataPoints = append(hist.DataPoints, metricdata.HistogramDataPoint[float64]{
				Attributes: attrs, Bounds: slices.Clone(grid), BucketCounts: make([]uint64, len(grid)+1),
			})
		}
		rm := collection(metricUnit(opDuration, "s", hist))
		if exponential {
			rm = collection(metricUnit(opDuration, "s", exp))
		}
		at := epoch
		return func() {
			start := epoch
			if delta {
				start = at
			}
			at = at.Add(time.Minute)
			for i := range hist.DataPoints {
				d := &hist.DataPoints[i]
				d.StartTime, d.Time = start, at
				d.BucketCounts[i%len(d.BucketCounts)] += 3
				d.Count += 3
				d.Sum++
			}
			for i := range exp.DataPoints {
				d := &exp.DataPoints[i]
				d.StartTime, d.Time = start, at
				d.PositiveBucket.Counts[i%100] += 3
				d.Count += 3
				d.Sum++
			}
			if err := p.Export(context.Background(), rm); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// grid is what views.For gives operations with a target of 100 ms.
var grid = []float64{
	1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2,
	0.075, 0.09, 0.1, 0.108, 0.12, 0.132, 0.15, 0.18, 0.2, 0.24, 0.25, 0.5, 1, 2.5, 5, 10,
}

func numbers(t testing.TB, n int) func() {
	p, err := views.NewProcessor(capture{&judge{}}, []views.Baseline{
		{Name: "rate", Metric: "sum", By: []attribute.Key{"id"}, Statistic: views.Rate, Target: 1e6},
		{Name: "ratio", Metric: "sum", Statistic: views.ErrorRatio, Target: 1},
		{Name: "level", Metric: "level", By: []attribute.Key{"id"}, Statistic: views.Value, Target: 1e6},
		{Name: "low", Metric: "level", Statistic: views.Value, Target: 1, Direction: views.LowerIsWorse},
		{Name: "bad", Metric: "broken", Statistic: views.Value, Target: 1},
	}, views.WithInterval(time.Minute), views.WithErrorHandler(func(error) {}))
	if err != nil {
		t.Fatal(err)
	}
	sum := metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true}
	level := metricdata.Gauge[float64]{}
	broken := metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true}
	for i := range n {
		attrs := attribute.NewSet(attribute.Int("id", i))
		sum.DataPoints = append(sum.DataPoints, metricdata.DataPoint[int64]{Attributes: attrs})
		level.DataPoints = append(level.DataPoints, metricdata.DataPoint[float64]{Attributes: attrs, Value: float64(i)})
		broken.DataPoints = append(broken.DataPoints, metricdata.DataPoint[int64]{Attributes: attrs, Value: -1})
	}
	rm := collection(metricUnit("sum", "1", sum), metricUnit("level", "By", level), metricUnit("broken", "1", broken))
	at := epoch
	return func() {
		at = at.Add(time.Minute)
		for i := range sum.DataPoints {
			sum.DataPoints[i].Time, level.DataPoints[i].Time = at, at
			sum.DataPoints[i].Value += int64(i)
		}
		if err := p.Export(context.Background(), rm); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkEvaluation is one collection interval of 10,000 series under five
// baselines.
func BenchmarkEvaluation(b *testing.B) {
	for name, w := range workloads {
		b.Run(fmt.Sprintf("%s/10000", name), func(b *testing.B) {
			interval := w(b, 10_000)
			for range 3 {
				interval()
			}
			b.ReportAllocs()
			for b.Loop() {
				interval()
			}
		})
	}
}
