package hotroad

import (
	"math"
	"math/big"
	"slices"
	"sort"
	"sync"
)

// An explicit finds the bucket of a value among explicit boundaries. Its table
// is addressed by a value's own bits, the exponent and the three highest bits
// of the mantissa, and says which bucket the search begins in: for the usual
// boundaries no more than one or two comparisons remain.
type explicit struct {
	bounds []float64 // rising, finite
	first  []uint16
	low    uint64 // key of first[0]
}

const (
	keyShift = 52 - 3
	maxKeys  = 1 << 12 // 512 octaves; boundaries further apart are searched for
)

// newExplicit needs boundaries that are rising.
func newExplicit(bounds []float64) *explicit {
	e := &explicit{bounds: slices.Clone(bounds)}
	n := len(e.bounds)
	if n == 0 || e.bounds[n-1] <= 0 {
		return e
	}
	lowest := e.bounds[sort.Search(n, func(i int) bool { return e.bounds[i] > 0 })]
	low, high := math.Float64bits(lowest)>>keyShift, math.Float64bits(e.bounds[n-1])>>keyShift
	if high-low >= maxKeys {
		return e
	}
	e.low = low
	e.first = make([]uint16, high-low+1)
	for k := range e.first {
		smallest := math.Float64frombits((low + uint64(k)) << keyShift)
		// Of 2^16 boundaries and more a search may begin too low, which takes longer.
		e.first[k] = uint16(sort.SearchFloat64s(e.bounds, smallest))
	}
	return e
}

// bucket returns the index of the first boundary that is not less than v, or
// the number of boundaries if there is none, also for NaN.
func (e *explicit) bucket(v float64) int {
	if len(e.bounds) == 0 || v <= e.bounds[0] {
		return 0
	}
	k := math.Float64bits(v)>>keyShift - e.low
	if k >= uint64(len(e.first)) {
		return sort.SearchFloat64s(e.bounds, v)
	}
	i := int(e.first[k])
	for i < len(e.bounds) && e.bounds[i] < v {
		i++
	}
	return i
}

// guess is bucket where the table alone decides, or one comparison does. It is
// small enough to be part of its caller.
func (e *explicit) guess(v float64) (b int, ok bool) {
	k := math.Float64bits(v)>>keyShift - e.low
	if k >= uint64(len(e.first)) {
		return 0, false
	}
	b = int(e.first[k]) // a boundary: no key begins above the last one
	return b, v <= e.bounds[b]
}

// Exponential histograms count at this scale: 64 buckets for each power of two,
// 1.1 % wide. A collection merges them as far as the aggregation's size asks for.
const (
	scale    = 6
	perOct   = 1 << scale
	octaves  = 128
	lowestOf = -64 // the first octave begins at 2^lowestOf
)

// grid holds the boundaries between the buckets of one octave.
type grid struct {
	above [perOct + 1]uint64 // above[k]: the largest mantissa that is not above 2^(k/64)
	first [2 * perOct]uint8  // by the mantissa's highest bits: the bucket of the smallest such value
}

const mantissa = 1<<52 - 1

var octaveGrid = sync.OnceValue(func() *grid {
	g := new(grid)
	root := big.NewFloat(2).SetPrec(256)
	for range scale {
		root.Sqrt(root)
	}
	bound := big.NewFloat(1).SetPrec(256)
	for k := 1; k < perOct; k++ {
		bound.Mul(bound, root)
		frac := new(big.Float).SetPrec(256).Sub(bound, big.NewFloat(1))
		m, _ := frac.SetMantExp(frac, 52).Uint64() // rounds down
		g.above[k] = m
	}
	g.above[perOct] = math.MaxUint64
	bucket := 0
	for slot := range g.first {
		for uint64(slot)<<(52-scale-1) > g.above[bucket+1] {
			bucket++
		}
		g.first[slot] = uint8(bucket)
	}
	return g
})

// place returns the octave and the bucket in it of v, which counts from the
// octave's lower end, exclusive, to its upper end, inclusive. It is ok if v is
// positive and within the octaves there are.
func (g *grid) place(v float64) (octave, bucket int, ok bool) {
	b := math.Float64bits(v)
	octave = int(b>>52) - 1023 - lowestOf // negative values have a larger one
	m := b & mantissa
	if m == 0 {
		octave-- // a power of two belongs to the octave that it ends
		return octave, perOct - 1, uint(octave) < octaves
	}
	bucket = int(g.first[m>>(52-scale-1)])
	// A slot is narrower than a bucket: there is at most one boundary in it.
	if m > g.above[bucket+1] {
		bucket++
	}
	return octave, bucket, uint(octave) < octaves
}

// oddOctave is the exponent e for which |v|, not zero and finite, lies above
// 2^e and not above 2^(e+1).
func oddOctave(v float64) int32 {
	frac, exp := math.Frexp(math.Abs(v))
	if frac == 0.5 {
		return int32(exp) - 2
	}
	return int32(exp) - 1
}
