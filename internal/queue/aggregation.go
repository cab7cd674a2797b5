package queue

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// shape returns how many data points data has, and whether they are deltas,
// which no later point repeats. Gauges and summaries are not.
func shape(data metricdata.Aggregation) (points int, delta bool) {
	var temporality metricdata.Temporality
	switch a := data.(type) {
	case metricdata.Gauge[int64]:
		points = len(a.DataPoints)
	case metricdata.Gauge[float64]:
		points = len(a.DataPoints)
	case metricdata.Sum[int64]:
		points, temporality = len(a.DataPoints), a.Temporality
	case metricdata.Sum[float64]:
		points, temporality = len(a.DataPoints), a.Temporality
	case metricdata.Histogram[int64]:
		points, temporality = len(a.DataPoints), a.Temporality
	case metricdata.Histogram[float64]:
		points, temporality = len(a.DataPoints), a.Temporality
	case metricdata.ExponentialHistogram[int64]:
		points, temporality = len(a.DataPoints), a.Temporality
	case metricdata.ExponentialHistogram[float64]:
		points, temporality = len(a.DataPoints), a.Temporality
	case metricdata.Summary:
		points = len(a.DataPoints)
	}
	return points, temporality == metricdata.DeltaTemporality
}

// slice returns data with its points from lo to hi only, in the same memory.
func slice(data metricdata.Aggregation, lo, hi int) metricdata.Aggregation {
	switch a := data.(type) {
	case metricdata.Gauge[int64]:
		a.DataPoints = a.DataPoints[lo:hi:hi]
		return a
	case metricdata.Gauge[float64]:
		a.DataPoints = a.DataPoints[lo:hi:hi]
		return a
	case metricdata.Sum[int64]:
		a.DataPoints = a.DataPoints[lo:hi:hi]
		return a
	case metricdata.Sum[float64]:
		a.DataPoints = a.DataPoints[lo:hi:hi]
		return a
	case metricdata.Histogram[int64]:
		a.DataPoints = a.DataPoints[lo:hi:hi]
		return a
	case metricdata.Histogram[float64]:
		a.DataPoints = a.DataPoints[lo:hi:hi]
		return a
	case metricdata.ExponentialHistogram[int64]:
		a.DataPoints = a.DataPoints[lo:hi:hi]
		return a
	case metricdata.ExponentialHistogram[float64]:
		a.DataPoints = a.DataPoints[lo:hi:hi]
		return a
	case metricdata.Summary:
		a.DataPoints = a.DataPoints[lo:hi:hi]
		return a
	default:
		return data
	}
}

// filter returns data without the points whose attributes keep refuses, in
// the same memory. It calls keep once for every point.
func filter(data metricdata.Aggregation, keep func(attribute.Set) bool) metricdata.Aggregation {
	switch a := data.(type) {
	case metricdata.Gauge[int64]:
		left := slices.DeleteFunc(a.DataPoints, func(p metricdata.DataPoint[int64]) bool { return !keep(p.Attributes) })
		if len(left) < len(a.DataPoints) {
			a.DataPoints = left
			return a
		}
	case metricdata.Gauge[float64]:
		left := slices.DeleteFunc(a.DataPoints, func(p metricdata.DataPoint[float64]) bool { return !keep(p.Attributes) })
		if len(left) < len(a.DataPoints) {
			a.DataPoints = left
			return a
		}
	case metricdata.Sum[int64]:
		left := slices.DeleteFunc(a.DataPoints, func(p metricdata.DataPoint[int64]) bool { return !keep(p.Attributes) })
		if len(left) < len(a.DataPoints) {
			a.DataPoints = left
			return a
		}
	case metricdata.Sum[float64]:
		left := slices.DeleteFunc(a.DataPoints, func(p metricdata.DataPoint[float64]) bool { return !keep(p.Attributes) })
		if len(left) < len(a.DataPoints) {
			a.DataPoints = left
			return a
		}
	case metricdata.Histogram[int64]:
		left := slices.DeleteFunc(a.DataPoints, func(p metricdata.HistogramDataPoint[int64]) bool { return !keep(p.Attributes) })
		if len(left) < len(a.DataPoints) {
			a.DataPoints = left
			return a
		}
	case metricdata.Histogram[float64]:
		left := slices.DeleteFunc(a.DataPoints, func(p metricdata.HistogramDataPoint[float64]) bool { return !keep(p.Attributes) })
		if len(left) < len(a.DataPoints) {
			a.DataPoints = left
			return a
		}
	case metricdata.ExponentialHistogram[int64]:
		left := slices.DeleteFunc(a.DataPoints, func(p metricdata.ExponentialHistogramDataPoint[int64]) bool { return !keep(p.Attributes) })
		if len(left) < len(a.DataPoints) {
			a.DataPoints = left
			return a
		}
	case metricdata.ExponentialHistogram[float64]:
		left := slices.DeleteFunc(a.DataPoints, func(p metricdata.ExponentialHistogramDataPoint[float64]) bool { return !keep(p.Attributes) })
		if len(left) < len(a.DataPoints) {
			a.DataPoints = left
			return a
		}
	case metricdata.Summary:
		left := slices.DeleteFunc(a.DataPoints, func(p metricdata.SummaryDataPoint) bool { return !keep(p.Attributes) })
		if len(left) < len(a.DataPoints) {
			a.DataPoints = left
			return a
		}
	}
	return data
}
