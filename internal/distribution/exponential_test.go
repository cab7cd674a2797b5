package distribution

import (
	"math"
	"math/rand/v2"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// TestSumOfDistantSeriesStaysSmall: two series may be as far apart as numbers
// are; their sum must not take the buckets between them.
func TestSumOfDistantSeriesStaysSmall(t *testing.T) {
	d := loadExponential(t, exponential(8, 1e-300))
	d.Add(loadExponential(t, exponential(8, 1e300)))
	if n := len(d.pos.counts); n > maxBuckets {
		t.Errorf("%d buckets", n)
	}
	if d.Count != 2 || d.Quantile(0.2) > 1 || d.Quantile(0.9) < 1 {
		t.Errorf("got %v and %v", d.Quantile(0.2), d.Quantile(0.9))
	}
}

func TestLoadExponentialRefusesNonsense(t *testing.T) {
	tests := map[string]func(p *metricdata.ExponentialHistogramDataPoint[float64]){
		"a scale too fine":           func(p *metricdata.ExponentialHistogramDataPoint[float64]) { p.Scale = 21 },
		"a negative bucket too high": func(p *metricdata.ExponentialHistogramDataPoint[float64]) { p.NegativeBucket.Offset = math.MaxInt32 },
		"a scale too coarse": func(p *metricdata.ExponentialHistogramDataPoint[float64]) {
			p.Scale, p.PositiveBucket = -11, metricdata.ExponentialBucket{Counts: []uint64{3}}
		},
		"an offset too high":  func(p *metricdata.ExponentialHistogramDataPoint[float64]) { p.PositiveBucket.Offset = math.MaxInt32 },
		"an offset too low":   func(p *metricdata.ExponentialHistogramDataPoint[float64]) { p.PositiveBucket.Offset = math.MinInt32 },
		"a wrong count":       func(p *metricdata.ExponentialHistogramDataPoint[float64]) { p.Count-- },
		"a threshold of NaN":  func(p *metricdata.ExponentialHistogramDataPoint[float64]) { p.ZeroThreshold = math.NaN() },
		"a negative zero":     func(p *metricdata.ExponentialHistogramDataPoint[float64]) { p.ZeroThreshold = -1 },
		"a sum of no number":  func(p *metricdata.ExponentialHistogramDataPoint[float64]) { p.Sum = math.NaN() },
		"a zero count beyond": func(p *metricdata.ExponentialHistogramDataPoint[float64]) { p.ZeroCount = math.MaxUint64 },
	}
	for name, spoil := range tests {
		p := exponential(4, 1, 2, 3)
		spoil(p)
		var d Distribution
		if err := LoadExponential(&d, p); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestScalesOfTheDataModel are all taken, the finest ones at what a quantile is
// taken from.
func TestScalesOfTheDataModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	for scale := int32(-10); scale <= 20; scale++ {
		for range 10 {
			values := drawWide(rng)
			if scale > 8 { // near each other, as a run of buckets has no gaps
				for i := range values {
					values[i] = 1 + rng.Float64()/20
				}
			}
			d := loadExponential(t, exponential(scale, values...))
			same(t, "loaded", d, loadExponential(t, exponential(min(scale, 8), values...)))
			if want := min(scale, 8); d.scale != want {
				t.Errorf("scale %d: got %d, want %d", scale, d.scale, want)
			}
		}
	}
}

// TestQuantileOfEitherSign follows Prometheus: from the nearer side, along the
// exponential, and linear about zero.
func TestQuantileOfEitherSign(t *testing.T) {
	for _, tt := range []struct {
		neg, pos bool
		q, want  float64
	}{
		{true, true, 0.1, -math.Exp2(2.25)}, // 1.5 of the 2 in (-8, -4]
		{true, true, 0.2, -1},               // the one in (-2, -1]
		{true, true, 0.4, 0.25},             // 3 of the 4 about zero
		{true, true, 0.5, math.Exp2(1 + 0.5/3)},
		{true, true, 0.6, math.Exp2(1 + 2.0/3)},
		{true, true, 0.9, math.Exp2(3.7)},
		{false, true, 0.25, 0.375},  // zero begins at zero
		{true, false, 0.9, -0.0875}, // and ends there
		{false, false, 0.25, -0.25},
		{false, false, 0.75, 0.25},
	} {
		if got := loadExponential(t, sided(tt.neg, tt.pos)).Quantile(tt.q); !close9(got, tt.want) {
			t.Errorf("%+v: got %v", tt, got)
		}
	}
}

// TestSumOfWhatIsZeroToOneOnly: its buckets are of no use, its count and sum are.
func TestSumOfWhatIsZeroToOneOnly(t *testing.T) {
	d, other := loadExponential(t, signed()), signed()
	other.ZeroThreshold = 0.25
	d.Add(loadExponential(t, other))
	if d.Kind != Mixed || d.Count != 30 || d.Sum != 120 || !math.IsNaN(d.Quantile(0.5)) {
		t.Errorf("got %+v", d)
	}
}

// TestSumKeepsItsResolution as long as there are buckets for it, on either side.
func TestSumKeepsItsResolution(t *testing.T) {
	at := func(offset int32, negative bool) *Distribution {
		p := &metricdata.ExponentialHistogramDataPoint[float64]{Scale: 8, Count: 1, Sum: 1}
		b := metricdata.ExponentialBucket{Offset: offset, Counts: []uint64{1}}
		if p.PositiveBucket = b; negative {
			p.PositiveBucket, p.NegativeBucket = metricdata.ExponentialBucket{}, b
		}
		return loadExponential(t, p)
	}
	for _, negative := range []bool{false, true} {
		for _, tt := range []struct{ first, second, scale int32 }{
			{0, maxBuckets - 1, 8}, {maxBuckets - 1, 0, 8}, {0, maxBuckets, 7}, {maxBuckets, 0, 7}, {-maxBuckets, maxBuckets, 6},
		} {
			d := at(tt.first, negative)
			d.Add(at(tt.second, negative))
			if d.scale != tt.scale || d.Count != 2 {
				t.Errorf("%+v, negative %t: got scale %d", tt, negative, d.scale)
			}
			n := uint64(0)
			d.Buckets(func(_, _ float64, c uint64) bool { n += c; return true })
			if n != 2 {
				t.Errorf("%+v, negative %t: the buckets hold %d", tt, negative, n)
			}
		}
	}
}

// TestRangeOfBuckets: those that numbers can be in, and a little more.
func TestRangeOfBuckets(t *testing.T) {
	for _, tt := range []struct {
		offset int32
		n      int
		ok     bool
	}{{-1101, 1, true}, {-1102, 1, false}, {1100, 1, true}, {1101, 1, false}, {1000, 101, true}, {1000, 102, false}} {
		p := exponential(0)
		p.PositiveBucket = metricdata.ExponentialBucket{Offset: tt.offset, Counts: make([]uint64, tt.n)}
		var d Distribution
		if err := LoadExponential(&d, p); (err == nil) != tt.ok {
			t.Errorf("%d buckets from %d on: %v", tt.n, tt.offset, err)
		}
	}
}

// TestEmptyBucketsAreNone: neither do they move zero, nor are they missed when
// they are gone.
func TestEmptyBucketsAreNone(t *testing.T) {
	type run = metricdata.ExponentialBucket
	of := func(neg, pos run, n uint64) *Distribution {
		return loadExponential(t, &metricdata.ExponentialHistogramDataPoint[float64]{
			Count: n, ZeroCount: 4, ZeroThreshold: 0.5, NegativeBucket: neg, PositiveBucket: pos,
		})
	}
	if lo, hi := of(run{Counts: []uint64{0}}, run{Counts: []uint64{3}}, 7).zero(); lo != 0 || hi != 0.5 {
		t.Errorf("got %v…%v about zero, want 0…0.5", lo, hi)
	}
	if lo, hi := of(run{Counts: []uint64{3}}, run{Counts: []uint64{0}}, 7).zero(); lo != -0.5 || hi != 0 {
		t.Errorf("got %v…%v about zero, want -0.5…0", lo, hi)
	}
	now := of(run{}, run{Counts: []uint64{4}}, 8)
	if !now.Since(of(run{Offset: 7, Counts: []uint64{0}}, run{Offset: -1, Counts: []uint64{0, 3, 0, 0}}, 7)) || now.Count != 1 || now.pos.counts[0] != 1 {
		t.Errorf("got %+v, want one more", now)
	}
}

// TestSumHasTheBucketsThatItNeeds, and keeps the resolution where there is
// nothing to add on a side.
func TestSumHasTheBucketsThatItNeeds(t *testing.T) {
	at := func(offset int32, n int, negative bool) *Distribution {
		p := &metricdata.ExponentialHistogramDataPoint[float64]{Scale: 8, Count: uint64(n)}
		b := &p.PositiveBucket
		if negative {
			b = &p.NegativeBucket
		}
		*b = metricdata.ExponentialBucket{Offset: offset, Counts: make([]uint64, n)}
		for i := range b.Counts {
			b.Counts[i] = 1
		}
		return loadExponential(t, p)
	}
	for _, tt := range []struct {
		a, b     *Distribution
		pos, neg int
	}{
		{at(100, 1, false), at(100, 1, false), 1, 0},
		{at(100, 3, false), at(101, 1, false), 3, 0},
		{at(100, 3, false), at(98, 2, false), 5, 0},
		{at(100, 3, false), at(102, 4, false), 6, 0},
		{at(20_000, 1, false), at(20_000, 2, true), 1, 2},
		{at(20_000, 2, true), at(0, 1, false), 1, 2},
		{at(0, 1, false), at(20_000, 2, true), 1, 2},
	} {
		tt.a.Add(tt.b)
		if len(tt.a.pos.counts) != tt.pos || len(tt.a.neg.counts) != tt.neg || tt.a.scale != 8 {
			t.Errorf("got %+v and %+v at scale %d, want %d and %d buckets at 8", tt.a.pos, tt.a.neg, tt.a.scale, tt.pos, tt.neg)
		}
	}
}

// TestReusedSumHoldsNothingOld: where a sum grows into a buffer that it had, it
// is empty.
func TestReusedSumHoldsNothingOld(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	var used Distribution
	for range 500 {
		var fresh Distribution
		used.Reset()
		for range 3 {
			o := loadExponential(t, exponential(int32(rng.IntN(6)), drawWide(rng)...))
			used.Add(o)
			fresh.Add(o)
		}
		same(t, "reused", &used, &fresh)
	}
}

// TestSpanOfEitherSign: the outer bounds of what holds anything.
func TestSpanOfEitherSign(t *testing.T) {
	for _, tt := range []struct {
		neg, pos bool
		zero     uint64
		lo, hi   float64
		ok       bool
	}{
		{true, true, 4, -8, 16, true}, {true, false, 0, -8, -1, true}, {false, true, 0, 2, 16, true},
		{false, false, 4, -0.5, 0.5, true}, {false, false, 0, math.Inf(-1), math.Inf(1), false},
	} {
		p := sided(tt.neg, tt.pos)
		p.Count -= p.ZeroCount - tt.zero
		p.ZeroCount = tt.zero
		if lo, hi, ok := loadExponential(t, p).span(); lo != tt.lo || hi != tt.hi || ok != tt.ok {
			t.Errorf("%+v: got %v…%v, %t", tt, lo, hi, ok)
		}
	}
}
