package viewstest

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// Batch returns a collection with every aggregation that metricdata has, each
// in one metric, in memory of its own. It is what the checks export.
func Batch() *metricdata.ResourceMetrics {
	end := time.Date(2026, 1, 1, 0, 1, 0, 0, time.UTC)
	b := batch{start: end.Add(-time.Minute), end: end}
	return &metricdata.ResourceMetrics{
		Resource: resource.NewSchemaless(attribute.String("service.name", "viewstest")),
		ScopeMetrics: []metricdata.ScopeMetrics{
			{
				Scope: instrumentation.Scope{Name: "viewstest/numbers", Version: "1"},
				Metrics: []metricdata.Metrics{
					{Name: "gauge.int", Unit: "By", Data: metricdata.Gauge[int64]{DataPoints: points[int64](b)}},
					{Name: "gauge.float", Unit: "By", Data: metricdata.Gauge[float64]{DataPoints: points[float64](b)}},
					{Name: "sum.int", Unit: "1", Data: metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true, DataPoints: points[int64](b)}},
					{Name: "sum.float", Unit: "1", Data: metricdata.Sum[float64]{Temporality: metricdata.CumulativeTemporality, DataPoints: points[float64](b)}},
				},
			}, {
				Scope: instrumentation.Scope{Name: "viewstest/distributions"},
				Metrics: []metricdata.Metrics{
					{Name: "histogram.int", Unit: "s", Data: metricdata.Histogram[int64]{Temporality: metricdata.CumulativeTemporality, DataPoints: histograms[int64](b)}},
					{Name: "histogram.float", Unit: "s", Data: metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality, DataPoints: histograms[float64](b)}},
					{Name: "exponential.int", Unit: "s", Data: metricdata.ExponentialHistogram[int64]{Temporality: metricdata.CumulativeTemporality, DataPoints: exponentials[int64](b)}},
					{Name: "exponential.float", Unit: "s", Data: metricdata.ExponentialHistogram[float64]{Temporality: metricdata.CumulativeTemporality, DataPoints: exponentials[float64](b)}},
					{Name: "summary", Unit: "s", Data: metricdata.Summary{DataPoints: []metricdata.SummaryDataPoint{{
						Attributes: b.attrs(0), StartTime: b.start, Time: b.end, Count: 4, Sum: 10,
						QuantileValues: []metricdata.QuantileValue{{Quantile: 0.5, Value: 2}, {Quantile: 0.95, Value: 4}},
					}}}},
				},
			},
		},
	}
}

type batch struct{ start, end time.Time }

func (batch) attrs(i int) attribute.Set {
	return attribute.NewSet(attribute.Int("n", i), attribute.String("kind", "viewstest"))
}

func points[N int64 | float64](b batch) []metricdata.DataPoint[N] {
	out := make([]metricdata.DataPoint[N], 2)
	for i := range out {
		out[i] = metricdata.DataPoint[N]{
			Attributes: b.attrs(i), StartTime: b.start, Time: b.end, Value: N(i + 3), Exemplars: exemplars[N](b),
		}
	}
	return out
}

func exemplars[N int64 | float64](b batch) []metricdata.Exemplar[N] {
	return []metricdata.Exemplar[N]{{
		FilteredAttributes: []attribute.KeyValue{attribute.String("user", "7")},
		Time:               b.end, Value: 3, TraceID: []byte{15: 1}, SpanID: []byte{7: 1},
	}}
}

func histograms[N int64 | float64](b batch) []metricdata.HistogramDataPoint[N] {
	out := make([]metricdata.HistogramDataPoint[N], 2)
	for i := range out {
		out[i] = metricdata.HistogramDataPoint[N]{
			Attributes: b.attrs(i), StartTime: b.start, Time: b.end, Count: 4, Sum: 10,
			Bounds: []float64{1, 2, 4}, BucketCounts: []uint64{1, 1, 2, 0},
			Min: metricdata.NewExtrema(N(1)), Max: metricdata.NewExtrema(N(4)), Exemplars: exemplars[N](b),
		}
	}
	return out
}

func exponentials[N int64 | float64](b batch) []metricdata.ExponentialHistogramDataPoint[N] {
	out := make([]metricdata.ExponentialHistogramDataPoint[N], 2)
	for i := range out {
		out[i] = metricdata.ExponentialHistogramDataPoint[N]{
			Attributes: b.attrs(i), StartTime: b.start, Time: b.end, Count: 5, Sum: 10, ZeroCount: 1,
			PositiveBucket: metricdata.ExponentialBucket{Offset: -1, Counts: []uint64{1, 1, 2}},
			Min:            metricdata.NewExtrema(N(0)), Max: metricdata.NewExtrema(N(4)), Exemplars: exemplars[N](b),
		}
	}
	return out
}

// scribble overwrites all of rm's memory that a reader would reuse.
func scribble(rm *metricdata.ResourceMetrics) {
	for i := range rm.ScopeMetrics {
		sm := &rm.ScopeMetrics[i]
		for j := range sm.Metrics {
			switch data := sm.Metrics[j].Data.(type) {
			case metricdata.Gauge[int64]:
				clear(data.DataPoints)
			case metricdata.Gauge[float64]:
				clear(data.DataPoints)
			case metricdata.Sum[int64]:
				clear(data.DataPoints)
			case metricdata.Sum[float64]:
				clear(data.DataPoints)
			case metricdata.Histogram[int64]:
				scribbleHistograms(data.DataPoints)
			case metricdata.Histogram[float64]:
				scribbleHistograms(data.DataPoints)
			case metricdata.ExponentialHistogram[int64]:
				scribbleExponentials(data.DataPoints)
			case metricdata.ExponentialHistogram[float64]:
				scribbleExponentials(data.DataPoints)
			case metricdata.Summary:
				clear(data.DataPoints)
			}
		}
		clear(sm.Metrics)
	}
	clear(rm.ScopeMetrics)
	*rm = metricdata.ResourceMetrics{}
}

func scribbleHistograms[N int64 | float64](points []metricdata.HistogramDataPoint[N]) {
	for i := range points {
		clear(points[i].Bounds)
		clear(points[i].BucketCounts)
	}
	clear(points)
}

func scribbleExponentials[N int64 | float64](points []metricdata.ExponentialHistogramDataPoint[N]) {
	for i := range points {
		clear(points[i].PositiveBucket.Counts)
		clear(points[i].NegativeBucket.Counts)
	}
	clear(points)
}
