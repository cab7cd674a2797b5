package hotroad

import (
	"math"
	"math/big"
	"math/rand/v2"
	"sort"
	"testing"
)

// TestBuckets compares the table with a search, at and around every boundary and
// anywhere else.
func TestBuckets(t *testing.T) {
	t.Parallel()
	grids := [][]float64{
		nil,
		{0},
		{-1},
		{-2, -1, 0, 1},
		{0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000},
		{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10},
		{1e-300, 1, 1e300},
		{math.SmallestNonzeroFloat64, 1e-310, 1},
		{1, 1.0001, 1.0002, 1.0003, 1.1},
		manyBounds(1e-300, 1e7, 20),       // tiny, and far apart
		manyBounds(1, 1.0001, 1<<16+1000), // more than the table can tell
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i, bounds := range grids {
		e := newExplicit(bounds)
		check := func(v float64) {
			if got, want := e.bucket(v), sort.SearchFloat64s(bounds, v); got != want {
				t.Errorf("boundaries %d: %v is in bucket %d, want %d", i, v, got, want)
			}
			if got, ok := e.guess(v); ok && got != e.bucket(v) {
				t.Errorf("boundaries %d: the guess for %v is %d", i, v, got)
			}
		}
		for _, v := range []float64{0, math.Copysign(0, -1), 1, -1, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64} {
			check(v)
		}
		for _, b := range bounds {
			check(b)
			check(math.Nextafter(b, math.Inf(1)))
			check(math.Nextafter(b, math.Inf(-1)))
		}
		for range 10000 {
			check(math.Float64frombits(r.Uint64()))
			check(math.Exp(r.Float64()*40 - 30))
		}
	}
}

func manyBounds(first, factor float64, n int) (out []float64) {
	for b := first; len(out) < n; b *= factor {
		out = append(out, b)
	}
	return out
}

// TestPlaces holds the octaves' buckets against their definition: above
// 2^(i/64), up to and with 2^((i+1)/64), calculated exactly.
func TestPlaces(t *testing.T) {
	t.Parallel()
	g := octaveGrid()
	check := func(v float64) {
		o, b, ok := g.place(v)
		if want := v > 0x1p-64 && v <= 0x1p64; ok != want {
			t.Fatalf("%v has a place: %v", v, ok)
		}
		if !ok {
			return
		}
		// v^64 and 2^i compare as v and 2^(i/64) do.
		i := (o+lowestOf)<<scale + b
		power := new(big.Float).SetPrec(8000).SetFloat64(v)
		for range scale {
			power.Mul(power, power)
		}
		lower := new(big.Float).SetMantExp(big.NewFloat(1), i)
		upper := new(big.Float).SetMantExp(big.NewFloat(1), i+1)
		if power.Cmp(lower) <= 0 || power.Cmp(upper) > 0 {
			t.Errorf("%v is not in bucket %d", v, i)
		}
	}
	for k := range perOct + 1 {
		v := math.Exp2(float64(k) / perOct)
		for _, v := range []float64{v, math.Nextafter(v, 0), math.Nextafter(v, 9), v / 1024, v * 4096} {
			check(v)
		}
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		check(math.Exp2(r.Float64()*140 - 70))
	}
	for _, v := range []float64{0, -1, 0x1p-64, 0x1p64, math.Nextafter(0x1p64, math.Inf(1)), math.SmallestNonzeroFloat64, math.MaxFloat64} {
		check(v)
	}
}

func TestOddOctaves(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]int32{1: -1, 1.5: 0, 2: 0, -2: 0, -3: 1, 0x1p100: 99, math.SmallestNonzeroFloat64: -1075} {
		if got := oddOctave(v); got != want {
			t.Errorf("oddOctave(%v) = %d, want %d", v, got, want)
		}
	}
}

// TestExtremaWithinTheirBuckets plays what a collection finds while a goroutine
// is between noting an extreme and counting its value.
func TestExtremaWithinTheirBuckets(t *testing.T) {
	t.Parallel()
	e := newExplicit([]float64{1, 2, 3})
	ask := func(p *seen, first, last int) (lo, hi float64) {
		low, high := p.extrema(
			span{e.bucket(p.lowest), first, e.edge(first - 1), e.edge(first)},
			span{e.bucket(p.highest), last, e.edge(last - 1), e.edge(last)}, true)
		lo, _ = low.Value()
		hi, _ = high.Value()
		return lo, hi
	}
	p := &seen{lowest: 0.5, highest: 2.5} // 2.5 and 0.5 are noted, and only 1.5 is counted
	if lo, hi := ask(p, 1, 1); lo != 1 || hi != 2 {
		t.Errorf("extremes %v and %v of a count in (1, 2]", lo, hi)
	}
	// Now they are counted, and nothing else was noted.
	if lo, hi := ask(p, 0, 2); lo != 0.5 || hi != 2.5 {
		t.Errorf("extremes %v and %v, want those of before", lo, hi)
	}
	// Noted before the last collection and hidden there by others.
	if lo, hi := ask(p, 0, 3); lo != 1 || hi != 3 {
		t.Errorf("extremes %v and %v of counts in (-Inf, 1] and (3, Inf)", lo, hi)
	}
	if lo, hi := ask(p, 3, 3); lo != 3 || hi != 3 {
		t.Errorf("extremes %v and %v of counts in (3, Inf)", lo, hi)
	}
	if lo, hi := ask(p, 0, 0); lo != 1 || hi != 1 {
		t.Errorf("extremes %v and %v of counts in (-Inf, 1]", lo, hi)
	}
}
