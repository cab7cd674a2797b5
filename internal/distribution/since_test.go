package distribution

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// TestSinceOfExponentialBucketsTellsRestarts, and leaves what it has as it is.
func TestSinceOfExponentialBucketsTellsRestarts(t *testing.T) {
	type point = metricdata.ExponentialHistogramDataPoint[float64]
	for name, tt := range map[string]struct {
		change func(p *point)
		goesOn bool
	}{
		"nothing new":             {func(*point) {}, true},
		"one more":                {func(p *point) { p.PositiveBucket.Counts[2]++; p.Count++ }, true},
		"one more of zero":        {func(p *point) { p.ZeroCount++; p.Count++ }, true},
		"fewer in all":            {func(p *point) { p.PositiveBucket.Counts[2]--; p.Count-- }, false},
		"fewer in a bucket":       {func(p *point) { p.PositiveBucket.Counts[0]--; p.PositiveBucket.Counts[2]++ }, false},
		"fewer in a negative one": {func(p *point) { p.NegativeBucket.Counts[0]--; p.PositiveBucket.Counts[2]++ }, false},
		"fewer of zero":           {func(p *point) { p.ZeroCount--; p.PositiveBucket.Counts[2]++ }, false},
		"a bucket gone":           {func(p *point) { p.PositiveBucket.Offset = 2; p.PositiveBucket.Counts = []uint64{0, 8} }, false},
		"zero is another":         {func(p *point) { p.ZeroThreshold = 0.25 }, false},
		"finer than it was":       {func(p *point) { p.Scale = 1 }, false},
		"more, and another kind":  {nil, false},
	} {
		var d, before Distribution
		if tt.change == nil {
			d = *load(t, explicit([]float64{1}, make([]float64, 20)...))
		} else {
			p := signed()
			tt.change(p)
			d = *loadExponential(t, p)
		}
		before.Copy(&d)
		if got := d.Since(loadExponential(t, signed())); got != tt.goesOn {
			t.Errorf("%s: it goes on is %t", name, got)
		} else if !got && (d.Count != before.Count || d.zeroCount != before.zeroCount || !slices.Equal(d.pos.counts, before.pos.counts) || !slices.Equal(d.neg.counts, before.neg.counts)) {
			t.Errorf("%s: got %+v, want it as it was", name, d)
		}
	}
}

// TestExtremesOfAnInterval: what the cumulative ones and the buckets that grew
// leave of it, for either kind of bucket.
func TestExtremesOfAnInterval(t *testing.T) {
	nan := math.NaN()
	type state struct{ lo, hi float64 } // as recorded; not at all if it is NaN
	for _, tt := range []struct {
		name           string
		before, now    state
		news           float64
		wantLo, wantHi float64
	}{
		{"within", state{0.5, 9}, state{0.5, 9}, 3, 2, 4},
		{"a new maximum", state{0.5, 2}, state{0.5, 3}, 3, 2, 3},
		{"a new minimum", state{5, 9}, state{3, 9}, 3, 3, 4},
		{"both", state{nan, nan}, state{3, 3}, 3, 3, 3},
		{"nothing recorded", state{nan, nan}, state{nan, nan}, 3, nan, nan},
		{"no longer recorded", state{0.5, 9}, state{nan, nan}, 3, nan, nan},
	} {
		record := func(s state) (lo, hi metricdata.Extrema[float64]) {
			if !math.IsNaN(s.lo) {
				lo, hi = metricdata.NewExtrema(s.lo), metricdata.NewExtrema(s.hi)
			}
			return lo, hi
		}
		bounds := []float64{1, 2, 4, 8, 16}
		past, all := explicit(bounds, 0.5, 9), explicit(bounds, 0.5, 9, tt.news)
		past.Min, past.Max = record(tt.before)
		all.Min, all.Max = record(tt.now)
		d := load(t, all)
		wide, wider := exponential(0, 0.5, 9), exponential(0, 0.5, 9, tt.news)
		wide.Min, wide.Max = record(tt.before)
		wider.Min, wider.Max = record(tt.now)
		e := loadExponential(t, wider)
		if !d.Since(load(t, past)) || !e.Since(loadExponential(t, wide)) {
			t.Fatalf("%s: taken for a restart", tt.name)
		}
		for kind, got := range map[string]*Distribution{"explicit": d, "exponential": e} {
			if !close9(got.Lo, tt.wantLo) || !close9(got.Hi, tt.wantHi) {
				t.Errorf("%s, %s: got %v…%v, want %v…%v", tt.name, kind, got.Lo, got.Hi, tt.wantLo, tt.wantHi)
			}
		}
	}
}

// TestSinceNeedsTheSameKind: what has other buckets, or none any more, began afresh.
func TestSinceNeedsTheSameKind(t *testing.T) {
	of := func(n uint64) map[string]*Distribution {
		values := make([]float64, n)
		var plain Distribution
		if err := plain.LoadPlain(n, 0); err != nil {
			t.Fatal(err)
		}
		return map[string]*Distribution{
			"plain": &plain, "explicit": load(t, explicit(nil, values...)), "exponential": loadExponential(t, exponential(0, values...)),
		}
	}
	for was := range of(0) {
		for is := range of(0) {
			for n, ok := range map[uint64]bool{2: false, 3: was == is, 5: was == is} {
				before, now := of(3)[was], of(n)[is]
				if got := now.Since(before); got != ok {
					t.Errorf("%d, %s, after 3, %s: it goes on is %t", n, is, was, got)
				} else if want := map[bool]uint64{true: n - 3, false: n}[ok]; now.Count != want {
					t.Errorf("%d, %s, after 3, %s: got %d, want %d", n, is, was, now.Count, want)
				}
			}
		}
	}
}

// TestSumOfDifferences: what several series gained in an interval adds up, and
// so do such sums, whichever of the buckets each has.
func TestSumOfDifferences(t *testing.T) {
	rng := rand.New(rand.NewPCG(19, 20))
	grids := [][]float64{{1, 2, 5, 10}, {1, 2, 5, 10}, {1, 5, 10}}
	bare := func(bounds []float64, values []float64) *metricdata.HistogramDataPoint[float64] {
		p := explicit(bounds, values...)
		p.Min, p.Max = metricdata.Extrema[float64]{}, metricdata.Extrema[float64]{}
		return p
	}
	for i := range 3000 {
		grid := grids[rng.IntN(len(grids))]
		var all []float64
		var total Distribution
		for range 2 {
			var sum Distribution
			for range 1 + rng.IntN(3) {
				own := grids[rng.IntN(len(grids))]
				if rng.IntN(2) == 0 {
					own = grid
				}
				past, news := draw(rng), draw(rng)
				d := load(t, bare(own, append(slices.Clone(past), news...)))
				if !d.Since(load(t, bare(own, past))) {
					t.Fatal("taken for a restart")
				}
				sum.Add(d)
				all = append(all, news...)
			}
			total.Add(&sum)
		}
		if len(all) == 0 {
			continue
		}
		want := load(t, bare(total.Bounds(), all))
		if total.Count != want.Count || !slices.Equal(total.counts, want.counts) || total.Max() != want.Max() || !close9(total.Quantile(0.7), want.Quantile(0.7)) {
			t.Fatalf("#%d: got %v %v of at most %v, want %v of at most %v", i, total.bounds, total.counts, total.Max(), want.counts, want.Max())
		}
	}
}
