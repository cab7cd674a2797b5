package distribution

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// explicit makes the point that the measurements give.
func explicit(bounds []float64, values ...float64) *metricdata.HistogramDataPoint[float64] {
	p := &metricdata.HistogramDataPoint[float64]{Bounds: bounds, BucketCounts: make([]uint64, len(bounds)+1)}
	for _, v := range values {
		i, _ := slices.BinarySearch(bounds, v)
		p.BucketCounts[i]++
		p.Count++
		p.Sum += v
	}
	if len(values) > 0 {
		p.Min, p.Max = metricdata.NewExtrema(slices.Min(values)), metricdata.NewExtrema(slices.Max(values))
	}
	return p
}

func load(t testing.TB, p *metricdata.HistogramDataPoint[float64]) *Distribution {
	t.Helper()
	var d Distribution
	if err := LoadExplicit(&d, new(Grids), p); err != nil {
		t.Fatal(err)
	}
	return &d
}

func close9(a, b float64) bool {
	return a == b || math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= max(1e-300, 1e-9*max(math.Abs(a), math.Abs(b)))
}

func TestLoadExplicitRefusesNonsense(t *testing.T) {
	ok := func() *metricdata.HistogramDataPoint[float64] { return explicit([]float64{1, 2}, 0.5, 1.5, 3) }
	tests := map[string]func(p *metricdata.HistogramDataPoint[float64]){
		"a sum that is no number": func(p *metricdata.HistogramDataPoint[float64]) { p.Sum = math.NaN() },
		"too few buckets":         func(p *metricdata.HistogramDataPoint[float64]) { p.BucketCounts = p.BucketCounts[:2] },
		"too many buckets":        func(p *metricdata.HistogramDataPoint[float64]) { p.Bounds = p.Bounds[:1] },
		"falling bounds":          func(p *metricdata.HistogramDataPoint[float64]) { p.Bounds = []float64{2, 1} },
		"a bound twice":           func(p *metricdata.HistogramDataPoint[float64]) { p.Bounds = []float64{1, 1} },
		"a bound of -Inf":         func(p *metricdata.HistogramDataPoint[float64]) { p.Bounds = []float64{math.Inf(-1), 1} },
		"a bound that is NaN":     func(p *metricdata.HistogramDataPoint[float64]) { p.Bounds = []float64{1, math.NaN()} },
		"a count too high":        func(p *metricdata.HistogramDataPoint[float64]) { p.Count++ },
		"counts that wrap": func(p *metricdata.HistogramDataPoint[float64]) {
			p.BucketCounts = []uint64{math.MaxUint64, 3, 1}
		},
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			p := ok()
			spoil(p)
			var d Distribution
			if err := LoadExplicit(&d, new(Grids), p); err == nil {
				t.Error("no error")
			}
		})
	}
	var d Distribution
	if err := LoadExplicit(&d, new(Grids), ok()); err != nil {
		t.Error(err)
	}
}

func TestInfiniteBoundIsTheOverflowBucket(t *testing.T) {
	p := explicit([]float64{1, math.Inf(1)}, 0.5, 5, 6)
	p.Min, p.Max = metricdata.Extrema[float64]{}, metricdata.Extrema[float64]{}
	p.BucketCounts[2]++ // whatever that is
	p.Count++
	d := load(t, p)
	if n, ok := d.Above(1); n != 3 || !ok {
		t.Errorf("got %d above 1, want 3", n)
	}
	if q := d.Quantile(0.9); q != math.Nextafter(1, 2) || !slices.Equal(d.Bounds(), []float64{1}) {
		t.Errorf("got %v with the bounds %v", q, d.Bounds())
	}
}

// TestSinceUndoesAdd checks that what an interval added comes back.
func TestSinceUndoesAdd(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	bounds := []float64{1, 2, 5, 10}
	for range 2000 {
		past, news := draw(rng), draw(rng)
		now := load(t, explicit(bounds, append(slices.Clone(past), news...)...))
		if !now.Since(load(t, explicit(bounds, past...))) {
			t.Fatalf("%v after %v: taken for a restart", news, past)
		}
		want := load(t, explicit(bounds, news...))
		if now.Count != want.Count || !slices.Equal(now.counts, want.counts) || math.Abs(now.Sum-want.Sum) > 1e-9 {
			t.Fatalf("%v after %v: got %+v, want %+v", news, past, now, want)
		}
		// Whatever is known of the extremes is true, and exact where the
		// cumulative one moved.
		if len(news) == 0 {
			continue
		}
		lo, hi := slices.Min(news), slices.Max(news)
		if now.Lo > lo || now.Hi < hi {
			t.Fatalf("%v after %v: extremes %v…%v", news, past, now.Lo, now.Hi)
		}
		if len(past) > 0 && hi > slices.Max(past) && now.Hi != hi {
			t.Fatalf("%v after %v: the maximum rose, got %v", news, past, now.Hi)
		}
		if i, _ := slices.BinarySearch(bounds, hi); i < len(bounds) && now.Hi > bounds[i] {
			t.Fatalf("%v after %v: the maximum is in the bucket up to %v, got %v", news, past, bounds[i], now.Hi)
		}
	}
}

func draw(rng *rand.Rand) []float64 {
	values := make([]float64, rng.IntN(6))
	for i := range values {
		values[i] = float64(rng.IntN(130)) / 10
	}
	return values
}

func TestSinceTellsRestarts(t *testing.T) {
	bounds := []float64{1, 2}
	before := explicit(bounds, 0.5, 1.5)
	tests := map[string]*metricdata.HistogramDataPoint[float64]{
		"fewer in all":      explicit(bounds, 0.5),
		"fewer in a bucket": explicit(bounds, 0.5, 0.5, 0.5),
		"other bounds":      explicit([]float64{1, 3}, 0.5, 1.5, 2.5),
	}
	for name, p := range tests {
		d := load(t, p)
		if d.Since(load(t, before)) {
			t.Errorf("%s: not taken for a restart", name)
		}
		if d.Count != p.Count {
			t.Errorf("%s: changed to %d", name, d.Count)
		}
	}
}

// TestAddIsTheSumOfTheMeasurements adds series of equal and of different
// bounds: every count at a bound that all share is that of all measurements.
func TestAddIsTheSumOfTheMeasurements(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	grids := [][]float64{{1, 2, 5, 10}, {1, 5, 10}, {2, 5, 7, 11}, {5}, {3, 4}, {}}
	for range 3000 {
		var sum Distribution
		sum.Reset()
		var all []float64
		var common []float64
		for i := range 1 + rng.IntN(4) {
			values, grid := draw(rng), grids[rng.IntN(len(grids))]
			sum.Add(load(t, explicit(grid, values...)))
			if len(values) == 0 {
				continue
			}
			if len(all) == 0 {
				common = slices.Clone(grid)
			}
			all = append(all, values...)
			common = slices.DeleteFunc(common, func(b float64) bool { return !slices.Contains(grid, b) })
			_ = i
		}
		want := load(t, explicit(common, all...))
		if sum.Count != want.Count || len(all) > 0 && (!slices.Equal(sum.counts, want.counts) || !slices.Equal(sum.bounds, want.bounds)) {
			t.Fatalf("got %v %v, want %v %v", sum.bounds, sum.counts, want.bounds, want.counts)
		}
		if len(all) > 0 && (sum.Lo != want.Lo || sum.Hi != want.Hi) {
			t.Fatalf("extremes %v…%v, want %v…%v", sum.Lo, sum.Hi, want.Lo, want.Hi)
		}
	}
}

func TestAddOfDifferentKindsKeepsCountAndSum(t *testing.T) {
	d := load(t, explicit([]float64{1}, 0.5, 2))
	var o Distribution
	if err := o.LoadPlain(3, 30); err != nil {
		t.Fatal(err)
	}
	d.Add(&o)
	if d.Count != 5 || d.Sum != 32.5 || d.Kind != Mixed {
		t.Errorf("got %+v", d)
	}
	if q := d.Quantile(0.5); !math.IsNaN(q) {
		t.Errorf("got a median of %v without buckets", q)
	}
	if m := d.Max(); !math.IsNaN(m) {
		t.Errorf("got a maximum of %v, where one of the two is not known", m)
	}
	if m := d.Mean(); m != 6.5 {
		t.Errorf("got a mean of %v, want 6.5", m)
	}
}

func TestAboveIsExactAtABound(t *testing.T) {
	d := load(t, explicit([]float64{1, 2, 5}, 0.5, 1, 1.5, 2, 3, 7))
	for _, tt := range []struct {
		at   float64
		want uint64
		ok   bool
	}{
		{1, 4, true}, {2, 2, true}, {5, 1, true},
		{7, 0, true}, {0.4, 6, true}, // beyond the extremes
		{3, 0, false}, // inside a bucket
		{0.5, 0, false}, {math.Nextafter(0.5, 0), 6, true}, {math.Nextafter(7, 0), 0, false},
	} {
		if n, ok := d.Above(tt.at); ok != tt.ok || ok && n != tt.want {
			t.Errorf("above %v: got %d, %t; want %d, %t", tt.at, n, ok, tt.want, tt.ok)
		}
	}
}

// TestAboveOfOtherKinds: the extremes may tell, the buckets cannot.
func TestAboveOfOtherKinds(t *testing.T) {
	var plain Distribution
	if err := plain.LoadPlain(3, 3); err != nil {
		t.Fatal(err)
	}
	recorded := signed()
	recorded.Min, recorded.Max = metricdata.NewExtrema(-5.0), metricdata.NewExtrema(9.0)
	for _, tt := range []struct {
		name string
		d    *Distribution
		at   float64
		want uint64
		ok   bool
	}{
		{"nothing", &Distribution{}, 1, 0, true},
		{"plain", &plain, 1, 0, false},
		{"exponential", loadExponential(t, signed()), 2, 0, false},
		{"above the maximum", loadExponential(t, recorded), 9, 0, true},
		{"below the minimum", loadExponential(t, recorded), -6, 15, true},
		{"between", loadExponential(t, recorded), 2, 0, false},
	} {
		if n, ok := tt.d.Above(tt.at); n != tt.want || ok != tt.ok {
			t.Errorf("%s: got %d, %t, want %d, %t", tt.name, n, ok, tt.want, tt.ok)
		}
	}
}

// TestReusedIsAsGoodAsNew: whatever a Distribution held before, nothing is left
// of it, and nothing that it is copied to shares its buffers.
func TestReusedIsAsGoodAsNew(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	grids := [][]float64{{1, 2, 5, 10}, {1, 2, 5, 10}, {5}, {}, {1, math.Inf(1)}}
	var used, copied Distribution
	text := func(d *Distribution) string {
		var e metricdata.ExponentialHistogramDataPoint[float64]
		var h metricdata.HistogramDataPoint[float64]
		d.StoreExponential(&e)
		d.StoreExplicit(&h)
		return fmt.Sprintf("%v %+v %+v %v %v", d.Kind, e, h, d.Max(), d.Quantile(0.9))
	}
	for i := range 500 {
		var fresh Distribution
		var err error
		switch rng.IntN(4) {
		case 0:
			n, sum := rng.Uint64N(3), rng.Float64()
			err = errors.Join(used.LoadPlain(n, sum), fresh.LoadPlain(n, sum))
		case 1:
			p := exponential(int32(rng.IntN(12)), drawWide(rng)...)
			p.ZeroThreshold = float64(rng.IntN(2)) / 1e9
			err = errors.Join(LoadExponential(&used, p), LoadExponential(&fresh, p))
		default:
			p := explicit(grids[rng.IntN(len(grids))], draw(rng)...)
			err = errors.Join(LoadExplicit(&used, new(Grids), p), LoadExplicit(&fresh, new(Grids), p))
		}
		if err != nil {
			t.Fatal(err)
		}
		want := text(&fresh)
		if got := text(&used); got != want {
			t.Fatalf("#%d: got %s, want %s", i, got, want)
		}
		copied.Copy(&used)
		if got := text(&copied); got != want {
			t.Fatalf("#%d: the copy is %s, want %s", i, got, want)
		}
		copied.Add(&fresh)
		if got := text(&used); got != want {
			t.Fatalf("#%d: what was added to the copy changed it to %s", i, got)
		}
	}
	var none Distribution
	none.Reset()
	used.Reset()
	if got, want := text(&used), text(&none); got != want || !math.IsNaN(used.Lo) || used.Max() == used.Max() {
		t.Errorf("got %s after a reset, want %s", got, want)
	}
}

func TestMaxWithoutARecordedOne(t *testing.T) {
	for _, tt := range []struct {
		name   string
		values []float64
		want   float64
	}{
		{"upper bound of its bucket", []float64{0.5, 1.2}, 2},
		{"just above the last bound", []float64{0.5, 9}, math.Nextafter(2, 3)},
		{"nothing", nil, math.NaN()},
		{"exactly at the last bound", []float64{0.5, 2}, 2},
	} {
		p := explicit([]float64{1, 2}, tt.values...)
		p.Min, p.Max = metricdata.Extrema[float64]{}, metricdata.Extrema[float64]{}
		if got := load(t, p).Max(); got != tt.want && !(math.IsNaN(got) && math.IsNaN(tt.want)) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestMaxOfOtherKinds: the upper bound of what holds anything, if there is one.
func TestMaxOfOtherKinds(t *testing.T) {
	negative := sided(true, false)
	negative.ZeroCount, negative.Count = 0, 3
	highest := exponential(0, 1)
	highest.PositiveBucket.Offset = 1023
	bare := explicit(nil, 1)
	bare.Min, bare.Max = metricdata.Extrema[float64]{}, metricdata.Extrema[float64]{}
	for _, tt := range []struct {
		name string
		d    *Distribution
		want float64
	}{
		{"of either sign", loadExponential(t, signed()), 16},
		{"about zero", loadExponential(t, sided(true, false)), 0.5},
		{"negative", loadExponential(t, negative), -1},
		{"too high for a number", loadExponential(t, highest), math.NaN()},
		{"without bounds", load(t, bare), math.NaN()},
		{"recorded", load(t, explicit(nil, 1)), 1},
	} {
		if got := tt.d.Max(); !close9(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}
