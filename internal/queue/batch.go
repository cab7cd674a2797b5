package queue

import (
	"unsafe"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// A batch is the copy of what one call of Export was given.
type batch struct {
	data metricdata.ResourceMetrics
	seq  uint64 // counts the calls of Export
	size
	peak int // most points that this batch's memory has ever held
}

// A size says how much a batch, or a part of it, holds.
type size struct {
	points int // data points
	delta  int // those of them that no later batch repeats
	bytes  int // an estimate of the memory, attributes apart
}

func (s *size) add(n int, temporality metricdata.Temporality, bytes int) {
	s.points += n
	s.bytes += bytes
	if temporality == metricdata.DeltaTemporality {
		s.delta += n
	}
}

func measure(rm *metricdata.ResourceMetrics) size {
	var s size
	for i := range rm.ScopeMetrics {
		metrics := rm.ScopeMetrics[i].Metrics
		s.bytes += int(unsafe.Sizeof(metricdata.ScopeMetrics{}))
		for j := range metrics {
			s.bytes += int(unsafe.Sizeof(metricdata.Metrics{}))
			s.measure(metrics[j].Data)
		}
	}
	return s
}

func (s *size) measure(data metricdata.Aggregation) {
	switch a := data.(type) {
	case metricdata.Gauge[int64]:
		s.add(len(a.DataPoints), 0, pointBytes(a.DataPoints))
	case metricdata.Gauge[float64]:
		s.add(len(a.DataPoints), 0, pointBytes(a.DataPoints))
	case metricdata.Sum[int64]:
		s.add(len(a.DataPoints), a.Temporality, pointBytes(a.DataPoints))
	case metricdata.Sum[float64]:
		s.add(len(a.DataPoints), a.Temporality, pointBytes(a.DataPoints))
	case metricdata.Histogram[int64]:
		s.add(len(a.DataPoints), a.Temporality, histogramBytes(a.DataPoints))
	case metricdata.Histogram[float64]:
		s.add(len(a.DataPoints), a.Temporality, histogramBytes(a.DataPoints))
	case metricdata.ExponentialHistogram[int64]:
		s.add(len(a.DataPoints), a.Temporality, exponentialBytes(a.DataPoints))
	case metricdata.ExponentialHistogram[float64]:
		s.add(len(a.DataPoints), a.Temporality, exponentialBytes(a.DataPoints))
	case metricdata.Summary:
		n := 0
		for i := range a.DataPoints {
			n += len(a.DataPoints[i].QuantileValues) * int(unsafe.Sizeof(metricdata.QuantileValue{}))
		}
		s.add(len(a.DataPoints), 0, n+len(a.DataPoints)*int(unsafe.Sizeof(metricdata.SummaryDataPoint{})))
	}
}

func pointBytes[N int64 | float64](points []metricdata.DataPoint[N]) int {
	n := len(points) * int(unsafe.Sizeof(metricdata.DataPoint[N]{}))
	for i := range points {
		n += exemplarBytes(points[i].Exemplars)
	}
	return n
}

func histogramBytes[N int64 | float64](points []metricdata.HistogramDataPoint[N]) int {
	n := len(points) * int(unsafe.Sizeof(metricdata.HistogramDataPoint[N]{}))
	for i := range points {
		p := &points[i]
		n += len(p.BucketCounts)*8 + exemplarBytes(p.Exemplars)
		if i == 0 || !sameSlice(p.Bounds, points[i-1].Bounds) {
			n += len(p.Bounds) * 8
		}
	}
	return n
}

func exponentialBytes[N int64 | float64](points []metricdata.ExponentialHistogramDataPoint[N]) int {
	n := len(points) * int(unsafe.Sizeof(metricdata.ExponentialHistogramDataPoint[N]{}))
	for i := range points {
		p := &points[i]
		n += (len(p.PositiveBucket.Counts)+len(p.NegativeBucket.Counts))*8 + exemplarBytes(p.Exemplars)
	}
	return n
}

func exemplarBytes[N int64 | float64](exemplars []metricdata.Exemplar[N]) int {
	n := len(exemplars) * int(unsafe.Sizeof(metricdata.Exemplar[N]{}))
	for i := range exemplars {
		e := &exemplars[i]
		n += len(e.SpanID) + len(e.TraceID) + len(e.FilteredAttributes)*int(unsafe.Sizeof(attribute.KeyValue{}))
	}
	return n
}
