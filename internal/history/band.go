package history

import (
	"math"

	"github.com/otelperf/otelperf-go/internal/distribution"
)

// row sums up a distribution's parts. It is good until the next call.
func (in *intake) row(u *sum, s *store) row {
	r := row{mean: math.NaN(), p50: math.NaN(), p95: math.NaN(), p99: math.NaN()}
	d := &in.total
	d.Reset()
	for p := range in.touched(u) {
		if p.failed {
			r.failed += p.dist.Count
		}
		d.Add(&p.dist)
	}
	if r.count = d.Count; r.count == 0 {
		return r
	}
	r.mean, r.p50, r.p95, r.p99 = d.Mean(), d.Quantile(0.5), d.Quantile(0.95), d.Quantile(0.99)
	r.bands = in.bands[:0]
	r.band(d, s)
	in.bands = r.bands
	return r
}

// exponentialGrid stands for exponential buckets in the heat map, whose rows
// must have the same bounds from one interval to the next.
var exponentialGrid = func() (grid []float64) {
	for e := -40; e <= 14; e++ { // 1 µs to 128 s, in steps of √2
		grid = append(grid, math.Exp2(float64(e)/2))
	}
	return grid
}()

// band sets r's part of the heat map.
func (r *row) band(d *distribution.Distribution, s *store) {
	bounds := d.Bounds()
	if d.Kind == distribution.Exponential {
		bounds = exponentialGrid
	}
	if r.bounds = s.intern(bounds); r.bounds == 0 {
		return
	}
	var counts [255]uint64
	first, last := len(bounds), 0
	d.Buckets(func(lo, hi float64, n uint64) bool {
		i := len(bounds)
		for j, b := range bounds {
			if hi <= b || lo > 0 && math.Sqrt(lo*hi) <= b {
				i = j
				break
			}
		}
		counts[i] += n
		first, last = min(first, i), max(last, i)
		return true
	})
	r.first = first
	for _, n := range counts[first : last+1] {
		r.bands = append(r.bands, squeeze(n))
	}
}
