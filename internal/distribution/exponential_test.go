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
