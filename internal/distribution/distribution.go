// Package distribution does the arithmetic of histograms: what one interval
// added to a cumulative one, the sum of several series, and the statistics of
// the result. It knows no clock, no attributes and no baselines.
//
// The buffers of a Distribution are reused, so that a steady state of
// unchanging bounds allocates nothing. A Distribution is not safe for
// concurrent use.
package distribution

import (
	"errors"
	"math"
	"slices"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Kind says which buckets a Distribution has.
type Kind uint8

const (
	// Plain has no buckets: only a count and a sum.
	Plain Kind = iota
	// Explicit has buckets between stated bounds.
	Explicit
	// Exponential has buckets whose bounds are powers of a base.
	Exponential
	// Mixed is the sum of kinds that do not go together: only count, sum and
	// extremes are left.
	Mixed
)

// Errors of a point that no statistic can be trusted with.
var (
	errBuckets = errors.New("the buckets do not fit the bounds")
	errBounds  = errors.New("the bounds are not in rising order")
	errCount   = errors.New("the buckets do not add up to the count")
	errSum     = errors.New("the sum is not a number")
	errScale   = errors.New("the scale, an offset or the zero threshold is out of range")
)

// A Distribution is a set of measurements, summed up.
type Distribution struct {
	Count uint64
	Sum   float64

	// Lo and Hi bound every measurement: lo ≤ x ≤ hi. They are NaN where
	// nothing is known, and tight where they come from a recorded extreme.
	Lo, Hi float64

	Kind Kind

	// Explicit buckets: counts[i] is of (bounds[i-1], bounds[i]]. The bounds may
	// be shared, and are never changed, unless they are in own.
	bounds []float64
	counts []uint64
	// Those outside of [low, high) are empty. What one interval added to a
	// series is in a few of its buckets.
	low, high int

	// Exponential buckets.
	scale         int32
	zeroCount     uint64
	zeroThreshold float64
	pos, neg      span

	own, scratch []float64
}

// span is a run of exponential buckets: counts[i] is of (b^(offset+i), b^(offset+i+1)].
type span struct {
	offset int32
	counts []uint64
}

// Reset empties d and keeps its buffers.
func (d *Distribution) Reset() {
	d.Count, d.Sum = 0, 0
	d.Lo, d.Hi = math.NaN(), math.NaN()
	d.Kind = Plain
	d.bounds, d.counts, d.low, d.high = nil, d.counts[:0], 0, 0
	d.scale, d.zeroCount, d.zeroThreshold = 0, 0, 0
	d.pos.offset, d.pos.counts = 0, d.pos.counts[:0]
	d.neg.offset, d.neg.counts = 0, d.neg.counts[:0]
}

// LoadPlain makes d a count and a sum.
func (d *Distribution) LoadPlain(count uint64, sum float64) error {
	d.Reset()
	d.Count, d.Sum = count, sum
	if math.IsNaN(sum) {
		return errSum
	}
	return nil
}

// LoadExplicit makes d a copy of p's data, or says why p cannot be used. The
// bounds are from g.
func LoadExplicit[N int64 | float64](d *Distribution, g *Grids, p *metricdata.HistogramDataPoint[N]) error {
	d.Reset()
	d.Count, d.Sum = p.Count, float64(p.Sum)
	d.Lo, d.Hi = extreme(p.Min), extreme(p.Max)
	if math.IsNaN(d.Sum) {
		return errSum
	}
	if len(p.BucketCounts) == 0 {
		return nil
	}
	if len(p.BucketCounts) != len(p.Bounds)+1 {
		return errBuckets
	}
	bounds, err := g.of(p.Bounds)
	if err != nil {
		return err
	}
	if !addsUp(p.Count, p.BucketCounts) {
		return errCount
	}
	d.Kind = Explicit
	d.bounds, d.counts = bounds, append(d.counts, p.BucketCounts...)
	if n := len(d.bounds); n > 0 && math.IsInf(d.bounds[n-1], 1) { // says nothing
		d.counts[n-1] += d.counts[n]
		d.bounds, d.counts = d.bounds[:n-1], d.counts[:n]
	}
	d.high = len(d.counts)
	return nil
}

// LoadExponential makes d a copy of p's data, or says why p cannot be used.
func LoadExponential[N int64 | float64](d *Distribution, p *metricdata.ExponentialHistogramDataPoint[N]) error {
	d.Reset()
	d.Count, d.Sum = p.Count, float64(p.Sum)
	d.Lo, d.Hi = extreme(p.Min), extreme(p.Max)
	if math.IsNaN(d.Sum) {
		return errSum
	}
	if p.Scale < minScale || p.Scale > maxScale || !inRange(p.Scale, p.PositiveBucket) || !inRange(p.Scale, p.NegativeBucket) ||
		math.IsNaN(p.ZeroThreshold) || p.ZeroThreshold < 0 {
		return errScale
	}
	if !addsUp(p.Count, p.PositiveBucket.Counts, p.NegativeBucket.Counts, []uint64{p.ZeroCount}) {
		return errCount
	}
	d.Kind = Exponential
	d.scale, d.zeroCount, d.zeroThreshold = p.Scale, p.ZeroCount, p.ZeroThreshold
	d.pos.load(p.PositiveBucket)
	d.neg.load(p.NegativeBucket)
	if d.scale > quantileScale {
		// Finer buckets serve no statistic here, and cost memory.
		d.downscale(quantileScale)
	}
	return nil
}

func rising(bounds []float64) bool {
	for i, b := range bounds {
		if math.IsNaN(b) || math.IsInf(b, -1) || i > 0 && b <= bounds[i-1] {
			return false
		}
	}
	return true
}

func addsUp(count uint64, buckets ...[]uint64) bool {
	var sum uint64
	for _, counts := range buckets {
		for _, c := range counts {
			if sum += c; sum < c {
				return false
			}
		}
	}
	return sum == count
}

func extreme[N int64 | float64](e metricdata.Extrema[N]) float64 {
	if v, ok := e.Value(); ok {
		return float64(v)
	}
	return math.NaN()
}

// Copy makes d equal to src, with buffers of its own.
func (d *Distribution) Copy(src *Distribution) {
	d.Reset()
	d.Count, d.Sum, d.Lo, d.Hi, d.Kind = src.Count, src.Sum, src.Lo, src.Hi, src.Kind
	d.bounds = src.bounds
	if len(src.own) > 0 && identical(src.bounds, src.own) {
		d.setBounds(src.bounds)
	}
	d.counts, d.low, d.high = append(d.counts, src.counts...), src.low, src.high
	d.scale, d.zeroCount, d.zeroThreshold = src.scale, src.zeroCount, src.zeroThreshold
	d.pos.copy(&src.pos)
	d.neg.copy(&src.neg)
}

// setBounds gives d a copy of bounds of its own.
func (d *Distribution) setBounds(bounds []float64) {
	d.own = append(d.own[:0], bounds...)
	d.bounds = d.own
}

// Since turns d, a cumulative state, into what was added since prev, an
// earlier state of the same series. It returns false, and leaves d as it is,
// if d is no continuation of prev: a count fell, or the buckets are others.
//
// The extremes become bounds on the interval's measurements: a cumulative
// maximum that rose was reached in the interval, one that stayed limits it,
// and so does the highest bucket that grew.
func (d *Distribution) Since(prev *Distribution) bool {
	if d.Count < prev.Count || d.Kind != prev.Kind {
		return false
	}
	switch d.Kind {
	case Explicit:
		if !equalBounds(d.bounds, prev.bounds) || fell(d.counts, prev.counts) {
			return false
		}
		for i, c := range prev.counts {
			d.counts[i] -= c
		}
	case Exponential:
		if d.scale > prev.scale || d.zeroThreshold != prev.zeroThreshold || d.zeroCount < prev.zeroCount {
			return false
		}
		if prev.scale > d.scale { // the series gave up resolution since
			prev.downscale(d.scale)
		}
		if !d.pos.covers(&prev.pos) || !d.neg.covers(&prev.neg) {
			return false
		}
		d.zeroCount -= prev.zeroCount
		d.pos.subtract(&prev.pos)
		d.neg.subtract(&prev.neg)
	}
	d.less(prev)
	return true
}

// Advance makes d what p, the newest state of a cumulative series, has added to
// prev, whose buckets add up to its count as LoadExplicit sees to, and prev that
// state. It does the work of [LoadExplicit] and Since in one go, for buckets that go
// on as they were; for all else it returns false with prev as it was, and nothing is
// to be read from d.
func Advance[N int64 | float64](d, prev *Distribution, g *Grids, p *metricdata.HistogramDataPoint[N]) bool {
	n, sum := len(p.BucketCounts), float64(p.Sum)
	if prev.Kind != Explicit || n != len(prev.counts) || n != len(p.Bounds)+1 || math.IsNaN(sum) {
		return false
	}
	bounds, err := g.of(p.Bounds)
	if err != nil || !equalBounds(prev.bounds, bounds) {
		return false
	}
	d.resize(n)
	d.bounds = bounds
	if p.Count < prev.Count || !d.subtract(prev.counts, p.BucketCounts, p.Count-prev.Count) {
		return false
	}
	copy(prev.counts[d.low:d.high], p.BucketCounts[d.low:d.high])
	d.Count, d.Sum, d.Lo, d.Hi = p.Count, sum, extreme(p.Min), extreme(p.Max)
	count, lo, hi := d.Count, d.Lo, d.Hi
	d.less(prev)
	prev.Count, prev.Sum, prev.Lo, prev.Hi = count, sum, lo, hi
	return true
}

// resize makes d n explicit buckets that are empty. If it has as many it clears those
// that are not.
func (d *Distribution) resize(n int) {
	if d.Kind == Explicit && len(d.counts) == n {
		clear(d.counts[d.low:d.high])
		d.low, d.high = 0, 0
		return
	}
	d.Reset()
	d.Kind = Explicit
	d.counts = slices.Grow(d.counts, n)[:n]
	clear(d.counts)
}

// subtract sets d's explicit buckets, which are empty, to what now has more than
// before. It returns false if one has less, or if the differences do not add up to
// count. What one interval adds is in a few buckets, so it looks for their ends first.
func (d *Distribution) subtract(before, now []uint64, count uint64) bool {
	low, high := differing(before, now)
	d.low, d.high = low, high
	before, now, counts := before[low:high], now[low:high], d.counts[low:high]
	var total uint64
	for i, c := range now {
		grown := c - before[i]
		if total += grown; c < before[i] || total < grown {
			return false
		}
		counts[i] = grown
	}
	return total == count
}

// differing returns where two lists of one length begin and cease to differ. Most of
// what it looks at is equal, so it does so by fours.
func differing(a, b []uint64) (low, high int) {
	const step = 4
	n := len(a)
	for low+step <= n && *(*[step]uint64)(a[low:]) == *(*[step]uint64)(b[low:]) {
		low += step
	}
	for low < n && a[low] == b[low] {
		low++
	}
	high = n
	for high-step >= low && *(*[step]uint64)(a[high-step:]) == *(*[step]uint64)(b[high-step:]) {
		high -= step
	}
	for high > low && a[high-1] == b[high-1] {
		high--
	}
	return low, high
}

// less takes prev off d's count and sum, and says of the extremes what the
// difference of the buckets, which is made, leaves.
func (d *Distribution) less(prev *Distribution) {
	maxRose := d.Hi > prev.Hi || math.IsNaN(prev.Hi)
	minFell := d.Lo < prev.Lo || math.IsNaN(prev.Lo)
	d.Count -= prev.Count
	d.Sum -= prev.Sum
	d.narrow()
	if lo, hi, ok := d.span(); ok {
		if !maxRose {
			d.Hi = min(d.Hi, hi)
		}
		if !minFell {
			d.Lo = max(d.Lo, lo)
		}
	}
}

func fell(now, before []uint64) bool {
	for i, c := range before {
		if now[i] < c {
			return true
		}
	}
	return false
}

// narrow finds out which explicit buckets hold anything.
func (d *Distribution) narrow() {
	for d.low < d.high && d.counts[d.low] == 0 {
		d.low++
	}
	for d.low < d.high && d.counts[d.high-1] == 0 {
		d.high--
	}
}

// span returns the outer bounds of the buckets that hold anything.
func (d *Distribution) span() (lo, hi float64, ok bool) {
	lo, hi = math.Inf(-1), math.Inf(1)
	switch d.Kind {
	case Explicit:
		first, end := d.low, d.high
		for first < end && d.counts[first] == 0 {
			first++
		}
		for first < end && d.counts[end-1] == 0 {
			end--
		}
		if first == end {
			return lo, hi, false
		}
		if first > 0 {
			lo = d.bounds[first-1]
		}
		if end <= len(d.bounds) {
			hi = d.bounds[end-1]
		}
		return lo, hi, true
	case Exponential:
		return d.exponentialSpan()
	}
	return lo, hi, false
}

// Add adds o to d: counts, sums and buckets; the extremes widen. Explicit
// buckets of different bounds are merged on the bounds that both have, which
// keeps every count true; kinds that do not go together leave no buckets.
func (d *Distribution) Add(o *Distribution) {
	if o.Count == 0 {
		return
	}
	if d.Count == 0 {
		d.Copy(o)
		return
	}
	d.Count += o.Count
	d.Sum += o.Sum
	// Unknown on one side is unknown for both: NaN goes through min and max.
	d.Lo, d.Hi = min(d.Lo, o.Lo), max(d.Hi, o.Hi)
	switch {
	case d.Kind != o.Kind:
		d.Kind = Mixed
	case d.Kind == Explicit && equalBounds(d.bounds, o.bounds):
		for i := o.low; i < o.high; i++ {
			d.counts[i] += o.counts[i]
		}
		d.low, d.high = min(d.low, o.low), max(d.high, o.high)
	case d.Kind == Explicit:
		d.addOnCommonBounds(o)
	case d.Kind == Exponential:
		d.addExponential(o)
	}
}

// addOnCommonBounds coarsens both to the bounds that they share. A cumulative
// count at a shared bound is the sum of the two: nothing is guessed.
func (d *Distribution) addOnCommonBounds(o *Distribution) {
	common := d.scratch[:0]
	for _, b := range d.bounds {
		if _, ok := slices.BinarySearch(o.bounds, b); ok {
			common = append(common, b)
		}
	}
	d.scratch = common
	d.coarsen(common)
	i := 0
	for j, c := range o.counts {
		if i < len(common) && j > 0 && o.bounds[j-1] >= common[i] {
			i++
		}
		d.counts[i] += c
	}
}

// coarsen merges buckets so that only the given bounds, all of them d's, are left.
func (d *Distribution) coarsen(bounds []float64) {
	i := 0
	for j, c := range d.counts {
		if i < len(bounds) && j > 0 && d.bounds[j-1] >= bounds[i] {
			i++
		}
		if i != j {
			d.counts[j] = 0
			d.counts[i] += c
		}
	}
	d.counts = d.counts[:len(bounds)+1]
	d.low, d.high = 0, len(d.counts)
	d.setBounds(bounds)
}
