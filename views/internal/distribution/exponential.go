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
)

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

// add adds o, growing s on either side as needed.
func (s *span) add(o *span) {
	if len(o.counts) == 0 {
		return
	}
	if len(s.counts) == 0 {
		s.copy(o)
		return
	}
	if missing := int(s.offset) - int(o.offset); missing > 0 {
		n := len(s.counts)
		s.counts = slices.Grow(s.counts, missing)[:n+missing]
		copy(s.counts[missing:], s.counts[:n])
		clear(s.counts[:missing])
		s.offset = o.offset
	}
	if missing := int(o.offset) + len(o.counts) - int(s.offset) - len(s.counts); missing > 0 {
		n := len(s.counts)
		s.counts = slices.Grow(s.counts, missing)[:n+missing]
		clear(s.counts[n:])
	}
	for i, c := range o.counts {
		s.counts[int(o.offset)+i-int(s.offset)] += c
	}
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
	if by := o.scale - d.scale; by > 0 {
		fine := span{offset: o.pos.offset, counts: slices.Clone(o.pos.counts)}
		fine.downscale(by)
		d.pos.add(&fine)
		fine = span{offset: o.neg.offset, counts: slices.Clone(o.neg.counts)}
		fine.downscale(by)
		d.neg.add(&fine)
		return
	}
	d.pos.add(&o.pos)
	d.neg.add(&o.neg)
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
