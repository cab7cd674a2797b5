package distribution

import "math"

// Mean returns the mean of the measurements, NaN if there are none.
func (d *Distribution) Mean() float64 {
	if d.Count == 0 {
		return math.NaN()
	}
	return d.clamp(d.Sum / float64(d.Count))
}

// Max returns the least upper bound that is known of the measurements: the
// maximum itself where one was recorded for the interval, else the upper
// bound of the highest bucket that holds anything, or the lower bound of the
// overflow bucket. It is NaN if nothing is known.
func (d *Distribution) Max() float64 {
	if d.Count == 0 {
		return math.NaN()
	}
	if !math.IsNaN(d.Hi) {
		return d.Hi
	}
	_, hi, ok := d.span()
	switch {
	case !ok:
		return math.NaN()
	case math.IsInf(hi, 1) && d.Kind == Explicit && len(d.bounds) > 0:
		return math.Nextafter(d.bounds[len(d.bounds)-1], hi)
	case math.IsInf(hi, 1):
		return math.NaN()
	}
	return hi
}

// Quantile returns the q-quantile (0 < q < 1) by the rule of Prometheus'
// histogram_quantile: linear within an explicit bucket, along the exponential
// within an exponential one, then limited to the extremes that are known. It
// is NaN where there are no measurements or no buckets.
//
// At a bound it is exact: the quantile is beyond a bound if and only if more
// than the share 1 − q of the measurements is.
func (d *Distribution) Quantile(q float64) float64 {
	if d.Count == 0 {
		return math.NaN()
	}
	switch d.Kind {
	case Explicit:
		return d.clamp(d.explicitQuantile(q))
	case Exponential:
		return d.clamp(d.exponentialQuantile(q))
	}
	return math.NaN()
}

// clamp limits v to what is known of the extremes.
func (d *Distribution) clamp(v float64) float64 {
	if d.Hi < v {
		v = d.Hi
	}
	if d.Lo > v {
		v = d.Lo
	}
	return v
}

func (d *Distribution) explicitQuantile(q float64) float64 {
	if len(d.bounds) == 0 {
		return math.NaN()
	}
	var below, upTo uint64
	rank := q * float64(d.Count)
	b := 0
	for ; b < len(d.bounds); b++ {
		below, upTo = upTo, upTo+d.counts[b]
		if float64(upTo) >= rank {
			break
		}
	}
	switch {
	case b == len(d.bounds):
		// In the overflow bucket all that is known is: more than its bound.
		// Prometheus answers the bound itself; the next number says the same
		// and is not "exactly at" a threshold that lies on the bound.
		return math.Nextafter(d.bounds[b-1], math.Inf(1))
	case b == 0 && d.bounds[0] <= 0:
		return d.bounds[0]
	}
	start, end := 0.0, d.bounds[b]
	if b > 0 {
		start = d.bounds[b-1]
	}
	v := start + (end-start)*((rank-float64(below))/float64(d.counts[b]))
	if b > 0 && v <= start {
		v = math.Nextafter(start, end) // rounding must not put it on a bound that it is above
	}
	return min(v, end) // nor above one that it is not
}

// exponentialQuantile walks from the side that is nearer, as Prometheus does,
// because at a tie between two buckets the direction decides.
func (d *Distribution) exponentialQuantile(q float64) float64 {
	total := float64(d.Count)
	rank, reverse := q*total, false
	if q >= 0.5 {
		rank, reverse = (1-q)*total, true
	}
	lower, upper, in, count := d.seek(rank, reverse)
	if reverse {
		rank = float64(count) - rank
	} else {
		rank -= float64(count - in)
	}
	fraction := rank / float64(in)
	switch {
	case lower <= 0 && upper >= 0:
		return lower + (upper-lower)*fraction
	case lower > 0:
		l, u := math.Log2(lower), math.Log2(upper)
		return min(math.Exp2(l+(u-l)*fraction), upper)
	default:
		l, u := math.Log2(-lower), math.Log2(-upper)
		return min(-math.Exp2(u+(l-u)*(1-fraction)), upper)
	}
}

// seek finds the exponential bucket that holds the measurement of the given
// rank, counted from the lowest or, in reverse, from the highest. It returns
// the bucket's bounds, its count, and the count of all buckets passed with it.
func (d *Distribution) seek(rank float64, reverse bool) (lower, upper float64, in, count uint64) {
	neg, pos := len(d.neg.counts), len(d.pos.counts)
	n := neg + 1 + pos // the negative ones, zero, the positive ones, by rising value
	for i := range n {
		if reverse {
			i = n - 1 - i
		}
		var c uint64
		switch {
		case i < neg:
			c = d.neg.counts[neg-1-i]
		case i == neg:
			c = d.zeroCount
		default:
			c = d.pos.counts[i-neg-1]
		}
		if c == 0 {
			continue
		}
		count += c
		if float64(count) < rank && count < d.Count {
			continue
		}
		switch {
		case i < neg:
			at := int(d.neg.offset) + neg - 1 - i
			return -d.bound(at + 1), -d.bound(at), c, count
		case i == neg:
			lower, upper = d.zero()
			return lower, upper, c, count
		default:
			at := int(d.pos.offset) + i - neg - 1
			return d.bound(at), d.bound(at + 1), c, count
		}
	}
	return math.NaN(), math.NaN(), 0, 0
}

// zero returns the bounds of the zero bucket. With values on one side only,
// zero is where the other side begins.
func (d *Distribution) zero() (lower, upper float64) {
	lower, upper = -d.zeroThreshold, d.zeroThreshold
	below, above := d.neg.some(), d.pos.some()
	if !below && above {
		lower = 0
	}
	if !above && below {
		upper = 0
	}
	return lower, upper
}

// Above returns how many measurements were above v, exactly if v is a bound of
// an explicit distribution; ok is false where that cannot be said.
func (d *Distribution) Above(v float64) (n uint64, ok bool) {
	if d.Count == 0 {
		return 0, true
	}
	if d.Hi <= v {
		return 0, true
	}
	if d.Lo > v {
		return d.Count, true
	}
	if d.Kind != Explicit {
		return 0, false
	}
	for i, b := range d.bounds {
		if b == v {
			for _, c := range d.counts[i+1:] {
				n += c
			}
			return n, true
		}
	}
	return 0, false
}
