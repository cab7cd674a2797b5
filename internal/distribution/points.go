package distribution

import (
	"math"
	"slices"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Buckets calls yield with every bucket that holds something, by rising value,
// until it returns false: n measurements in (lo, hi]. The outer bounds may be
// infinite; without buckets there is no call.
func (d *Distribution) Buckets(yield func(lo, hi float64, n uint64) bool) {
	switch d.Kind {
	case Explicit:
		for i, n := range d.counts {
			lo, hi := math.Inf(-1), math.Inf(1)
			if i > 0 {
				lo = d.bounds[i-1]
			}
			if i < len(d.bounds) {
				hi = d.bounds[i]
			}
			if n > 0 && !yield(lo, hi, n) {
				return
			}
		}
	case Exponential:
		for i, n := range slices.Backward(d.neg.counts) {
			at := int(d.neg.offset) + i
			if n > 0 && !yield(-d.bound(at+1), -d.bound(at), n) {
				return
			}
		}
		if lo, hi := d.zero(); d.zeroCount > 0 && !yield(lo, hi, d.zeroCount) {
			return
		}
		for i, n := range d.pos.counts {
			at := int(d.pos.offset) + i
			if n > 0 && !yield(d.bound(at), d.bound(at+1), n) {
				return
			}
		}
	}
}

// Bounds returns the bounds of explicit buckets, nil of others. They belong to d.
func (d *Distribution) Bounds() []float64 {
	if d.Kind != Explicit {
		return nil
	}
	return d.bounds
}

// StoreExplicit sets the numbers of p to a copy of d's: everything but
// attributes and times. Of a d without explicit buckets it is count, sum and
// extremes.
func (d *Distribution) StoreExplicit(p *metricdata.HistogramDataPoint[float64]) {
	p.Count, p.Sum, p.Min, p.Max = d.Count, d.Sum, known(d.Lo), known(d.Hi)
	p.Bounds, p.BucketCounts = nil, nil
	if d.Kind == Explicit {
		p.Bounds, p.BucketCounts = slices.Clone(d.bounds), slices.Clone(d.counts)
	}
}

// StoreExponential is StoreExplicit for exponential buckets.
func (d *Distribution) StoreExponential(p *metricdata.ExponentialHistogramDataPoint[float64]) {
	p.Count, p.Sum, p.Min, p.Max = d.Count, d.Sum, known(d.Lo), known(d.Hi)
	p.Scale, p.ZeroCount, p.ZeroThreshold = d.scale, d.zeroCount, d.zeroThreshold
	p.PositiveBucket = metricdata.ExponentialBucket{Offset: d.pos.offset, Counts: slices.Clone(d.pos.counts)}
	p.NegativeBucket = metricdata.ExponentialBucket{Offset: d.neg.offset, Counts: slices.Clone(d.neg.counts)}
}

func known(v float64) metricdata.Extrema[float64] {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return metricdata.Extrema[float64]{}
	}
	return metricdata.NewExtrema(v)
}
