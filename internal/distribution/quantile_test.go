package distribution

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// TestQuantileIsExactAtABound: the quantile is above a bound if and only if
// more than the share 1 − q of the measurements is, for every number of
// measurements up to 10,000 and every split that is near the limit.
func TestQuantileIsExactAtABound(t *testing.T) {
	bounds := []float64{0.1, 0.12, 0.24}
	for _, name := range []string{"50", "75", "90", "95", "99", "99.9"} {
		q, err := strconv.ParseFloat(name+"e-2", 64)
		if err != nil {
			t.Fatal(err)
		}
		exact, _ := new(big.Rat).SetString(name + "/100")
		if exact == nil {
			exact, _ = new(big.Rat).SetString(name)
			exact.Quo(exact, big.NewRat(100, 1))
		}
		for n := uint64(1); n <= 10_000; n++ {
			// allowed is how many may be above without the quantile being so.
			share := new(big.Rat).Sub(big.NewRat(1, 1), exact)
			share.Mul(share, new(big.Rat).SetInt64(int64(n)))
			allowed := new(big.Int).Quo(share.Num(), share.Denom()).Uint64()
			for above := max(allowed, 1) - 1; above <= min(allowed+2, n); above++ {
				for _, bucket := range []int{2, 3} { // the next one, or the overflow
					p := &metricdata.HistogramDataPoint[float64]{
						Bounds: bounds, BucketCounts: make([]uint64, 4), Count: n, Sum: 1,
					}
					p.BucketCounts[1] = n - above
					p.BucketCounts[bucket] = above
					var d Distribution
					if err := LoadExplicit(&d, new(Grids), p); err != nil {
						t.Fatal(err)
					}
					if got, want := d.Quantile(q) > 0.12, above > allowed; got != want {
						t.Fatalf("p%s of %d with %d above: over is %t, want %t (%v)", name, n, above, got, want, d.Quantile(q))
					}
				}
			}
		}
	}
}

// TestQuantileOfHugeCountsStaysAboveTheBound: rounding must not put a quantile
// on the bound that it is above.
func TestQuantileOfHugeCountsStaysAboveTheBound(t *testing.T) {
	const n = 1 << 50
	p := &metricdata.HistogramDataPoint[float64]{
		Bounds: []float64{0.12, 0.1201}, BucketCounts: []uint64{n/2 - 1, n/2 + 1, 0}, Count: n, Sum: 1,
	}
	var d Distribution
	if err := LoadExplicit(&d, new(Grids), p); err != nil {
		t.Fatal(err)
	}
	if q := d.Quantile(0.5); q <= 0.12 {
		t.Errorf("got %v, want more than 0.12", q)
	}
}

// promExplicit is Prometheus' histogram_quantile over classic buckets, written
// down from its documentation.
func promExplicit(q float64, bounds []float64, counts []uint64) float64 {
	var cumulative []float64
	total := 0.0
	for _, c := range counts {
		total += float64(c)
		cumulative = append(cumulative, total)
	}
	rank := q * total
	b := 0
	for b < len(cumulative)-1 && cumulative[b] < rank {
		b++
	}
	if b == len(bounds) {
		return bounds[len(bounds)-1]
	}
	if b == 0 && bounds[0] <= 0 {
		return bounds[0]
	}
	start, count := 0.0, cumulative[b]
	if b > 0 {
		start, count, rank = bounds[b-1], count-cumulative[b-1], rank-cumulative[b-1]
	}
	return start + (bounds[b]-start)*(rank/count)
}

func TestQuantileAgreesWithPrometheus(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 20_000 {
		bounds := make([]float64, 1+rng.IntN(8))
		for i := range bounds {
			bounds[i] = math.Round(rng.NormFloat64()*100) / 10
		}
		slices.Sort(bounds)
		bounds = slices.Compact(bounds)
		p := &metricdata.HistogramDataPoint[float64]{Bounds: bounds, BucketCounts: make([]uint64, len(bounds)+1)}
		for i := range p.BucketCounts {
			if rng.IntN(3) > 0 {
				p.BucketCounts[i] = rng.Uint64N(50)
				p.Count += p.BucketCounts[i]
			}
		}
		if p.Count == 0 {
			continue
		}
		d := load(t, p)
		q := rng.Float64()
		if got, want := d.Quantile(q), promExplicit(q, bounds, p.BucketCounts); !close9(got, want) {
			t.Fatalf("q %v of %v %v: got %v, want %v", q, bounds, p.BucketCounts, got, want)
		}
	}
}

// TestQuantileIsClampedToKnownExtremes: no answer is outside of what is known.
func TestQuantileIsClampedToKnownExtremes(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 5000 {
		values := append(draw(rng), draw(rng)...)
		if len(values) == 0 {
			continue
		}
		d := load(t, explicit([]float64{1, 2, 5, 10}, values...))
		lo, hi := slices.Min(values), slices.Max(values)
		for _, q := range []float64{0.01, 0.5, 0.95, 0.999} {
			if got := d.Quantile(q); got < lo || got > hi {
				t.Fatalf("q %v of %v: %v", q, values, got)
			}
		}
		if m := d.Mean(); m < lo || m > hi {
			t.Fatalf("mean of %v: %v", values, m)
		}
	}
}

// exponential makes the point that the measurements give at a scale.
func exponential(scale int32, values ...float64) *metricdata.ExponentialHistogramDataPoint[float64] {
	p := &metricdata.ExponentialHistogramDataPoint[float64]{Scale: scale}
	pos, neg := map[int32]uint64{}, map[int32]uint64{}
	for _, v := range values {
		p.Count++
		p.Sum += v
		switch {
		case v == 0:
			p.ZeroCount++
		case v > 0:
			pos[index(scale, v)]++
		default:
			neg[index(scale, -v)]++
		}
	}
	p.PositiveBucket, p.NegativeBucket = run(pos), run(neg)
	return p
}

// index is the bucket of v by the data model: (base^i, base^(i+1)].
func index(scale int32, v float64) int32 {
	return int32(math.Ceil(math.Ldexp(math.Log2(v), int(scale)))) - 1
}

func run(counts map[int32]uint64) metricdata.ExponentialBucket {
	if len(counts) == 0 {
		return metricdata.ExponentialBucket{}
	}
	lo, hi := int32(math.MaxInt32), int32(math.MinInt32)
	for i := range counts {
		lo, hi = min(lo, i), max(hi, i)
	}
	b := metricdata.ExponentialBucket{Offset: lo, Counts: make([]uint64, hi-lo+1)}
	for i, c := range counts {
		b.Counts[i-lo] = c
	}
	return b
}

func loadExponential(t testing.TB, p *metricdata.ExponentialHistogramDataPoint[float64]) *Distribution {
	t.Helper()
	var d Distribution
	if err := LoadExponential(&d, p); err != nil {
		t.Fatal(err)
	}
	return &d
}

func drawWide(rng *rand.Rand) []float64 {
	values := make([]float64, rng.IntN(12))
	for i := range values {
		values[i] = math.Exp(rng.NormFloat64() * 4)
		switch rng.IntN(8) {
		case 0:
			values[i] = 0
		case 1:
			values[i] = -values[i]
		}
	}
	return values
}

// TestExponentialQuantileIsInTheRightBucket: within the resolution, the
// answer is the measurement of that rank.
func TestExponentialQuantileIsInTheRightBucket(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for range 20_000 {
		values, scale := drawWide(rng), int32(rng.IntN(9))
		if len(values) == 0 {
			continue
		}
		d := loadExponential(t, exponential(scale, values...))
		slices.Sort(values)
		n := float64(len(values))
		q := (float64(rng.IntN(len(values))) + 0.5) / n // never on the edge of a measurement
		want := values[int(math.Ceil(q*n))-1]
		width := math.Exp2(math.Exp2(-float64(scale))) * (1 + 1e-9)
		got := d.Quantile(q)
		if want == 0 && got != 0 || want > 0 && (got > want*width || got < want/width) || want < 0 && (got < want*width || got > want/width) {
			t.Fatalf("q %v of %v at scale %d: got %v, want about %v", q, values, scale, got, want)
		}
	}
}

func TestExponentialAddAndSince(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for i := range 5000 {
		a, b := drawWide(rng), drawWide(rng)
		fine, coarse := int32(rng.IntN(9)), int32(rng.IntN(9))
		common := min(fine, coarse)
		name := fmt.Sprintf("#%d: %v at %d, %v at %d", i, a, fine, b, coarse)

		sum := loadExponential(t, exponential(fine, a...))
		sum.Add(loadExponential(t, exponential(coarse, b...)))
		if len(a) == 0 {
			common = coarse
		} else if len(b) == 0 {
			common = fine
		}
		want := loadExponential(t, exponential(common, append(slices.Clone(a), b...)...))
		same(t, name+": sum", sum, want)

		// The cumulative series lost resolution with the second batch.
		late := loadExponential(t, exponential(min(fine, coarse), append(slices.Clone(a), b...)...))
		if !late.Since(loadExponential(t, exponential(max(fine, coarse), a...))) {
			t.Fatalf("%s: taken for a restart", name)
		}
		same(t, name+": difference", late, loadExponential(t, exponential(min(fine, coarse), b...)))
	}
}

// same compares what every bucket holds.
func same(t *testing.T, name string, got, want *Distribution) {
	t.Helper()
	if got.Count != want.Count || got.zeroCount != want.zeroCount || got.Count > 0 && got.scale != want.scale {
		t.Fatalf("%s: got count %d, zero %d, scale %d; want %d, %d, %d", name,
			got.Count, got.zeroCount, got.scale, want.Count, want.zeroCount, want.scale)
	}
	for _, side := range [][2]*span{{&got.pos, &want.pos}, {&got.neg, &want.neg}} {
		if !side[0].covers(side[1]) || !side[1].covers(side[0]) {
			t.Fatalf("%s: got %+v, want %+v", name, side[0], side[1])
		}
	}
}
