package queue

import (
	"slices"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// copyInto makes dst a deep copy of src, in dst's own memory as far as that
// suffices. What is immutable is shared: the resource, attribute sets, strings.
// It returns how many metrics were left out, because their aggregation is of
// a type that this package does not know how to copy.
//
// Where nothing changed but numbers, which is the steady state, it allocates
// nothing.
func copyInto(dst, src *metricdata.ResourceMetrics) (unknown int) {
	dst.Resource = src.Resource
	dst.ScopeMetrics = resize(dst.ScopeMetrics, len(src.ScopeMetrics))
	for i := range src.ScopeMetrics {
		from, to := &src.ScopeMetrics[i], &dst.ScopeMetrics[i]
		to.Scope = from.Scope
		to.Metrics = resize(to.Metrics, len(from.Metrics))
		n := 0
		for j := range from.Metrics {
			m := &from.Metrics[j]
			data, ok := copyAggregation(to.Metrics[n].Data, m.Data)
			if !ok {
				unknown++
				continue
			}
			to.Metrics[n] = metricdata.Metrics{Name: m.Name, Description: m.Description, Unit: m.Unit, Data: data}
			n++
		}
		to.Metrics = to.Metrics[:n]
	}
	return unknown
}

// copyAggregation returns a copy of src, in the memory of dst where dst is of
// the same type. An aggregation is a struct in an interface, so a changed one
// costs an allocation; dst itself is returned where it says the same already.
func copyAggregation(dst, src metricdata.Aggregation) (_ metricdata.Aggregation, ok bool) {
	switch s := src.(type) {
	case nil:
		return nil, true
	case metricdata.Gauge[int64]:
		return copyGauge(dst, s), true
	case metricdata.Gauge[float64]:
		return copyGauge(dst, s), true
	case metricdata.Sum[int64]:
		return copySum(dst, s), true
	case metricdata.Sum[float64]:
		return copySum(dst, s), true
	case metricdata.Histogram[int64]:
		return copyHistogram(dst, s), true
	case metricdata.Histogram[float64]:
		return copyHistogram(dst, s), true
	case metricdata.ExponentialHistogram[int64]:
		return copyExponential(dst, s), true
	case metricdata.ExponentialHistogram[float64]:
		return copyExponential(dst, s), true
	case metricdata.Summary:
		return copySummary(dst, s), true
	default:
		return nil, false
	}
}

func copyGauge[N int64 | float64](dst metricdata.Aggregation, s metricdata.Gauge[N]) metricdata.Aggregation {
	d, typed := dst.(metricdata.Gauge[N])
	points := resize(d.DataPoints, len(s.DataPoints))
	copyPoints(points, s.DataPoints)
	if typed && sameSlice(points, d.DataPoints) {
		return dst
	}
	return metricdata.Gauge[N]{DataPoints: points}
}

func copySum[N int64 | float64](dst metricdata.Aggregation, s metricdata.Sum[N]) metricdata.Aggregation {
	d, typed := dst.(metricdata.Sum[N])
	points := resize(d.DataPoints, len(s.DataPoints))
	copyPoints(points, s.DataPoints)
	if typed && sameSlice(points, d.DataPoints) && d.Temporality == s.Temporality && d.IsMonotonic == s.IsMonotonic {
		return dst
	}
	return metricdata.Sum[N]{DataPoints: points, Temporality: s.Temporality, IsMonotonic: s.IsMonotonic}
}

func copyPoints[N int64 | float64](dst, src []metricdata.DataPoint[N]) {
	for i := range src {
		from, to := &src[i], &dst[i]
		exemplars := copyExemplars(to.Exemplars, from.Exemplars)
		*to = *from
		to.Exemplars = exemplars
	}
}

func copyHistogram[N int64 | float64](dst metricdata.Aggregation, s metricdata.Histogram[N]) metricdata.Aggregation {
	d, typed := dst.(metricdata.Histogram[N])
	points := resize(d.DataPoints, len(s.DataPoints))
	for i := range s.DataPoints {
		from, to := &s.DataPoints[i], &points[i]
		exemplars := copyExemplars(to.Exemplars, from.Exemplars)
		counts := append(to.BucketCounts[:0], from.BucketCounts...)
		bounds := to.Bounds
		switch {
		case i > 0 && sameSlice(from.Bounds, s.DataPoints[i-1].Bounds):
			bounds = points[i-1].Bounds
		case !slices.Equal(bounds, from.Bounds):
			// Bounds are never overwritten, as points share them.
			bounds = slices.Clone(from.Bounds)
		}
		*to = *from
		to.Exemplars, to.BucketCounts, to.Bounds = exemplars, counts, bounds
	}
	if typed && sameSlice(points, d.DataPoints) && d.Temporality == s.Temporality {
		return dst
	}
	return metricdata.Histogram[N]{DataPoints: points, Temporality: s.Temporality}
}

func copyExponential[N int64 | float64](dst metricdata.Aggregation, s metricdata.ExponentialHistogram[N]) metricdata.Aggregation {
	d, typed := dst.(metricdata.ExponentialHistogram[N])
	points := resize(d.DataPoints, len(s.DataPoints))
	for i := range s.DataPoints {
		from, to := &s.DataPoints[i], &points[i]
		exemplars := copyExemplars(to.Exemplars, from.Exemplars)
		positive := append(to.PositiveBucket.Counts[:0], from.PositiveBucket.Counts...)
		negative := append(to.NegativeBucket.Counts[:0], from.NegativeBucket.Counts...)
		*to = *from
		to.Exemplars, to.PositiveBucket.Counts, to.NegativeBucket.Counts = exemplars, positive, negative
	}
	if typed && sameSlice(points, d.DataPoints) && d.Temporality == s.Temporality {
		return dst
	}
	return metricdata.ExponentialHistogram[N]{DataPoints: points, Temporality: s.Temporality}
}

func copySummary(dst metricdata.Aggregation, s metricdata.Summary) metricdata.Aggregation {
	d, typed := dst.(metricdata.Summary)
	points := resize(d.DataPoints, len(s.DataPoints))
	for i := range s.DataPoints {
		from, to := &s.DataPoints[i], &points[i]
		quantiles := append(to.QuantileValues[:0], from.QuantileValues...)
		*to = *from
		to.QuantileValues = quantiles
	}
	if typed && sameSlice(points, d.DataPoints) {
		return dst
	}
	return metricdata.Summary{DataPoints: points}
}

func copyExemplars[N int64 | float64](dst, src []metricdata.Exemplar[N]) []metricdata.Exemplar[N] {
	dst = resize(dst, len(src))
	for i := range src {
		from, to := &src[i], &dst[i]
		attributes := append(to.FilteredAttributes[:0], from.FilteredAttributes...)
		span := append(to.SpanID[:0], from.SpanID...)
		trace := append(to.TraceID[:0], from.TraceID...)
		*to = *from
		to.FilteredAttributes, to.SpanID, to.TraceID = attributes, span, trace
	}
	return dst
}

// resize returns s with n elements and whatever they held before, even beyond
// the length of s, for their memory.
func resize[T any](s []T, n int) []T {
	if n <= cap(s) {
		return s[:n]
	}
	grown := make([]T, n)
	copy(grown, s[:cap(s)])
	return grown
}

// sameSlice reports whether a and b are one slice, not only equal ones.
func sameSlice[T any](a, b []T) bool {
	return len(a) == len(b) && cap(a) == cap(b) && (cap(a) == 0 || &a[:1][0] == &b[:1][0])
}
