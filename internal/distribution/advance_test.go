package distribution

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// TestAdvanceIsLoadAndSince: the short way gives what the long one does, or
// says that it cannot and leaves the state before as it was.
func TestAdvanceIsLoadAndSince(t *testing.T) {
	bounds := [][]float64{{1, 2, 5, 10}, {1, 2, 5, 20}, {1, 5, 10}, {1, 2, 5, math.Inf(1)}, {}, {0.5, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 20, 30, 40}}
	spoil := []func(*metricdata.HistogramDataPoint[float64]){
		func(p *metricdata.HistogramDataPoint[float64]) { p.Count++ },
		func(p *metricdata.HistogramDataPoint[float64]) { p.Sum = math.NaN() },
		func(p *metricdata.HistogramDataPoint[float64]) { p.BucketCounts = p.BucketCounts[1:] },
		func(p *metricdata.HistogramDataPoint[float64]) {
			p.BucketCounts[0] += math.MaxUint64 - 5
			p.BucketCounts[len(p.BucketCounts)-1] += 6
		},
		func(p *metricdata.HistogramDataPoint[float64]) { // one bucket falls
			p.BucketCounts[0], p.Count = 0, p.Count-p.BucketCounts[0]
		},
		func(p *metricdata.HistogramDataPoint[float64]) { p.BucketCounts, p.Bounds = nil, nil },
		func(p *metricdata.HistogramDataPoint[float64]) {
			p.Min, p.Max = metricdata.Extrema[float64]{}, metricdata.Extrema[float64]{}
		},
	}
	rng := rand.New(rand.NewPCG(1, 1))
	var short, long Distribution // reused, as they are in service
	var grids Grids
	var took, refused int
	for range 20_000 {
		before := draw(rng)
		b := bounds[rng.IntN(len(bounds))]
		prev := load(t, explicit(b, before...))
		p := explicit(b, append(before, draw(rng)...)...)
		if rng.IntN(4) == 0 {
			p = explicit(bounds[rng.IntN(len(bounds))], draw(rng)...)
		}
		if rng.IntN(3) == 0 {
			spoil[rng.IntN(len(spoil))](p)
		}
		switch rng.IntN(6) { // what else leaves its traces in what is reused
		case 0:
			_ = LoadExplicit(&short, &grids, explicit(bounds[rng.IntN(len(bounds))], draw(rng)...))
		case 1:
			_ = LoadExplicit(&short, &grids, p)
			short.Since(prev)
		case 2:
			_ = short.LoadPlain(7, 1)
		}
		var was, next Distribution
		was.Copy(prev)
		err := LoadExplicit(&long, &grids, p)
		next.Copy(&long)
		goesOn := err == nil && long.Since(&was)
		if !Advance(&short, prev, &grids, p) {
			refused++
			// Only what is out of the ordinary is left to the long way.
			if goesOn && long.Kind == Explicit && len(p.Bounds) == len(long.bounds) {
				t.Fatalf("it refuses %+v after %+v", p, was)
			}
			equal(t, "state before", prev, &was)
			continue
		}
		took++
		if !goesOn {
			t.Fatalf("it takes %+v after %+v: %v", p, was, err)
		}
		equal(t, "difference", &short, &long)
		equal(t, "new state", prev, &next)
		for i, c := range short.counts {
			if c != 0 && (i < short.low || i >= short.high) {
				t.Fatalf("bucket %d of %d outside of [%d, %d) holds %d", i, len(short.counts), short.low, short.high, c)
			}
		}
		if short.low != long.low || short.high != long.high {
			t.Fatalf("buckets in [%d, %d), want [%d, %d)", short.low, short.high, long.low, long.high)
		}
	}
	if took < 1000 || refused < 1000 {
		t.Errorf("%d taken, %d refused: not a test of both", took, refused)
	}
}

// TestAdvanceRefusesMoreThanThereIs: what the buckets grew by is what the count did,
// in 64 bits, and together they hold more than that.
func TestAdvanceRefusesMoreThanThereIs(t *testing.T) {
	var grids Grids
	var d, prev, was Distribution
	p := &metricdata.HistogramDataPoint[float64]{Bounds: []float64{1}, BucketCounts: []uint64{5, 0}, Count: 5}
	if err := LoadExplicit(&prev, &grids, p); err != nil {
		t.Fatal(err)
	}
	was.Copy(&prev)
	p.BucketCounts, p.Count = []uint64{1<<63 + 5, 1<<63 - 2}, 3
	if Advance(&d, &prev, &grids, p) {
		t.Errorf("it takes %+v", p)
	}
	equal(t, "state before", &prev, &was)
}

// TestDiffering: all places where two lists can begin and cease to differ.
func TestDiffering(t *testing.T) {
	for n := range 20 {
		for low := range n {
			for high := low + 1; high <= n; high++ {
				a, b := make([]uint64, n), make([]uint64, n)
				b[low], b[high-1] = 1, 1
				if gotLow, gotHigh := differing(a, b); gotLow != low || gotHigh != high {
					t.Fatalf("of %d: [%d, %d), want [%d, %d)", n, gotLow, gotHigh, low, high)
				}
			}
		}
		if low, high := differing(make([]uint64, n), make([]uint64, n)); low != n || high != n {
			t.Fatalf("of %d that are equal: [%d, %d)", n, low, high)
		}
	}
}

// equal compares all that explicit buckets tell.
func equal(t *testing.T, name string, got, want *Distribution) {
	t.Helper()
	if got.Count != want.Count || got.Kind != want.Kind || !slices.Equal(got.bounds, want.bounds) || !slices.Equal(got.counts, want.counts) ||
		!close9(got.Sum, want.Sum) || !close9(got.Lo, want.Lo) || !close9(got.Hi, want.Hi) {
		t.Fatalf("%s: got %+v, want %+v", name, got, want)
	}
}
