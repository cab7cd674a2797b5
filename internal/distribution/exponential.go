package distribution

import (
	"math"
	"slices"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

const (
	// minScale and maxScale are the limits of the data model.
	minScale, maxScale = -10, 20

	// quantileScale is the finest resolution that Prometheus' native
	// histograms have; finer data is merged down to it, so that a quantile
	// here and one there come from the same buckets.
	quantileScale = 8

	// maxBuckets is how many buckets a sum has on one side: 64 doublings at
	// the finest resolution. What is wider loses resolution.
	maxBuckets = 64 << quantileScale
)

// inRange reports whether all of b's buckets hold numbers that a float64 can be:
// from 2^-1074 to 2^1024.
func inRange(scale int32, b metricdata.ExponentialBucket) bool {
	width := math.Ldexp(1, -int(scale))
	first, last := float64(b.Offset)*width, (float64(b.Offset)+float64(len(b.Counts)))*width
	return first >= -1100-width && last <= 1100+width
}

func (s *span) load(b metricdata.ExponentialBucket) {
	s.offset = b.Offset
	s.counts = append(s.counts[:0], b.Counts...)
}

func (s *span) copy(o *span) {
	s.offset = o.offset
	s.counts = append(s.counts[:0], o.counts...)
}

// at returns the count of the bucket with the given index.
func (s *span) at(index int32) uint64 {
	if i := int(index) - int(s.offset); i >= 0 && i < len(s.counts) {
		return s.counts[i]
	}
	return 0
}

// some reports whether s holds anything.
func (s *span) some() bool {
	return slices.ContainsFunc(s.counts, func(c uint64) bool { return c > 0 })
}

// covers reports whether no bucket of prev holds more than s has.
func (s *span) covers(prev *span) bool {
	for i, c := range prev.counts {
		if c > s.at(prev.offset+int32(i)) {
			return false
		}
	}
	return true
}

// subtract takes prev off s, which covers it.
func (s *span) subtract(prev *span) {
	for i, c := range prev.counts {
		if c > 0 {
			s.counts[int(prev.offset)+i-int(s.offset)] -= c
		}
	}
}

// add adds o, whose buckets are 2^by times as fine, growing s on either side
// as needed.
func (s *span) add(o *span, by int32) {
	if len(o.counts) == 0 {
		return
	}
	first, last := o.offset>>by, (o.offset+int32(len(o.counts))-1)>>by
	if len(s.counts) == 0 {
		s.offset = first
	}
	if missing := int(s.offset) - int(first); missing > 0 {
		n := len(s.counts)
		s.counts = slices.Grow(s.counts, missing)[:n+missing]
		copy(s.counts[missing:], s.counts[:n])
		clear(s.counts[:missing])
		s.offset = first
	}
	if missing := int(last) + 1 - int(s.offset) - len(s.counts); missing > 0 {
		n := len(s.counts)
		s.counts = slices.Grow(s.counts, missing)[:n+missing]
		clear(s.counts[n:])
	}
	for i, c := range o.counts {
		s.counts[(o.offset+int32(i))>>by-s.offset] += c
	}
}

// width is how many buckets the sum of s and o, at o's own scale less by, has.
func (s *span) width(o *span, by int32) int {
	if len(s.counts) == 0 || len(o.counts) == 0 {
		return 0
	}
	first := min(int(s.offset), int(o.offset>>by))
	last := max(int(s.offset)+len(s.counts)-1, int((o.offset+int32(len(o.counts))-1)>>by))
	return last - first + 1
}

// downscale merges 2^by neighbours into one.
func (s *span) downscale(by int32) {
	if len(s.counts) == 0 {
		return
	}
	first := s.offset >> by
	for i, c := range s.counts {
		to := int((s.offset+int32(i))>>by - first)
		if to != i {
			s.counts[i] = 0
			s.counts[to] += c
		}
	}
	s.counts = s.counts[:(s.offset+int32(len(s.counts))-1)>>by-first+1]
	s.offset = first
}

func (d *Distribution) downscale(to int32) {
	by := d.scale - to
	d.pos.downscale(by)
	d.neg.downscale(by)
	d.scale = to
}

func (d *Distribution) addExponential(o *Distribution) {
	if d.zeroThreshold != o.zeroThreshold {
		// What one calls zero the other has buckets for.
		d.Kind = Mixed
		return
	}
	d.zeroCount += o.zeroCount
	if d.scale > o.scale {
		d.downscale(o.scale)
	}
	for max(d.pos.width(&o.pos, o.scale-d.scale), d.neg.width(&o.neg, o.scale-d.scale)) > maxBuckets {
		d.downscale(d.scale - 1)
	}
	d.pos.add(&o.pos, o.scale-d.scale)
	d.neg.add(&o.neg, o.scale-d.scale)
}

// bound returns the lower bound of the positive bucket with the given index.
func (d *Distribution) bound(index int) float64 {
	return math.Exp2(math.Ldexp(float64(index), -int(d.scale)))
}

func (d *Distribution) exponentialSpan() (lo, hi float64, ok bool) {
	lo, hi = math.Inf(1), math.Inf(-1)
	see := func(l, h float64) { lo, hi, ok = min(lo, l), max(hi, h), true }
	for i, c := range d.pos.counts {
		if c > 0 {
			see(d.bound(int(d.pos.offset)+i), d.bound(int(d.pos.offset)+i+1))
		}
	}
	for i, c := range d.neg.counts {
		if c > 0 {
			see(-d.bound(int(d.neg.offset)+i+1), -d.bound(int(d.neg.offset)+i))
		}
	}
	if d.zeroCount > 0 {
		see(-d.zeroThreshold, d.zeroThreshold)
	}
	if !ok {
		return math.Inf(-1), math.Inf(1), false
	}
	return lo, hi, true
}
