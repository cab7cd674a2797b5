package hotroad

import (
	"context"
	"math"
	"runtime"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/stripe"
)

// fixed is a reader that wants one temporality and one kind of histogram.
type fixed struct {
	temporality metricdata.Temporality
	aggregation sdkmetric.Aggregation
}

func (f fixed) Temporality(sdkmetric.InstrumentKind) metricdata.Temporality { return f.temporality }
func (f fixed) Aggregation(sdkmetric.InstrumentKind) sdkmetric.Aggregation  { return f.aggregation }

var fixedReaders = map[string]fixed{
	"explicit":          {metricdata.CumulativeTemporality, sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{1, 2, 3}}},
	"explicit delta":    {metricdata.DeltaTemporality, sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{1, 2, 3}}},
	"exponential":       {metricdata.CumulativeTemporality, sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}},
	"exponential delta": {metricdata.DeltaTemporality, sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}},
}

// A bench is a histogram of one reader, taken to pieces.
type bench struct {
	*histogram
	store    *store
	producer sdkmetric.Producer
}

func newBench(t *testing.T, of fixed, opts ...Option) bench {
	t.Helper()
	road, err := New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	p, err := road.Producer(of)
	if err != nil {
		t.Fatal(err)
	}
	f, err := road.MeterProvider(sdkmetric.NewMeterProvider()).Meter("scope").Float64Histogram("duration")
	if err != nil {
		t.Fatal(err)
	}
	h := f.(*histogram)
	return bench{h, h.stores[0], p}
}

// A found is what was collected of a series.
type found struct {
	count     uint64
	low, high float64
}

// collect returns the points there are.
func (b bench) collect(t *testing.T) (out []found) {
	t.Helper()
	scopes, err := b.producer.Produce(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	add := func(n uint64, low, high metricdata.Extrema[float64]) {
		f := found{count: n}
		f.low, _ = low.Value()
		f.high, _ = high.Value()
		out = append(out, f)
	}
	for _, sm := range scopes {
		for _, m := range sm.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					add(p.Count, p.Min, p.Max)
				}
			case metricdata.ExponentialHistogram[float64]:
				for _, p := range data.DataPoints {
					add(p.Count, p.Min, p.Max)
				}
			}
		}
	}
	return out
}

// count counts v without noting it as an extreme, as the second half of a
// measurement does.
func (l *lease) count(v float64) {
	sh := l.makeShard(0)
	if l.explicit != nil {
		sh.counts[l.explicit.bucket(v)].Add(1)
		return
	}
	if o, b, ok := l.grid.place(v); ok {
		sh.octave(o)[b].Add(1)
	} else if v == 0 {
		sh.counts[0].Add(1)
	} else {
		l.series.odd.add(v)
	}
}

// TestSeriesWithoutACount: between a series' beginning and its first count a
// collection finds nothing in it.
func TestSeriesWithoutACount(t *testing.T) {
	t.Parallel()
	for name, of := range fixedReaders {
		b := newBench(t, of)
		l := b.store.lookup(attribute.EmptySet())
		if got := b.collect(t); got != nil {
			t.Errorf("%s: %v before the first measurement", name, got)
		}
		l.record(context.Background(), 1.5, attribute.EmptySet())
		if got := b.collect(t); len(got) != 1 || got[0] != (found{1, 1.5, 1.5}) {
			t.Errorf("%s: %v after it", name, got)
		}
	}
}

// TestExtremesNotedEarly has collections find goroutines between noting an
// extreme and counting it. The ends of the buckets that grew stand in for those
// of what is not yet counted, which come out with their counts.
func TestExtremesNotedEarly(t *testing.T) {
	t.Parallel()
	edge := func(k int) float64 { return math.Exp2(float64(k) / perOct) }
	explicit, exponential := []string{"explicit", "explicit delta"}, []string{"exponential", "exponential delta"}
	for name, tc := range map[string]struct {
		of        []string
		counted   []float64
		noted     []float64
		low, high float64
	}{
		"within a bucket":      {explicit, []float64{1.5}, []float64{0.25, 5}, 1, 2},
		"several":              {explicit, []float64{1.5, 2.5}, []float64{0.25, 5}, 1, 3},
		"above all boundaries": {explicit, []float64{4}, []float64{0.25, 2}, 3, 3},
		"an octave":            {exponential, []float64{1.5}, []float64{0.25, 5}, edge(37), edge(38)},
		"below one":            {exponential, []float64{0.1}, []float64{0.025, 5}, edge(-213), edge(-212)},
		"many octaves":         {exponential, []float64{1.5, 0.1}, []float64{0.025, 5}, edge(-213), edge(38)},
		"the lowest octave":    {exponential, []float64{0x1.8p-64}, []float64{-0.25, 5}, edge(-4059), edge(-4058)},
		"beyond the highest":   {exponential, []float64{0x1.8p64}, []float64{0.25, 4}, 0x1p64, 0x1p65},
		"beside zero":          {exponential, []float64{0}, []float64{-0.25, 5}, 0, 0},
		"above zero":           {exponential, []float64{0, 1.5}, []float64{-0.25, 5}, 0, edge(38)},
		"below zero":           {exponential, []float64{0, -3}, []float64{-9, 5}, -4, 0},
		"negative":             {exponential, []float64{-3}, []float64{-9, 5}, -4, -2},
		"negative, several":    {exponential, []float64{-3, -20}, []float64{-100, 5}, -32, -2},
		"of both signs":        {exponential, []float64{-3, 0x1p70}, []float64{-9, 0x1p80}, -4, 0x1p70},
		"as small as they go":  {exponential, []float64{math.SmallestNonzeroFloat64}, []float64{-9, 5}, 0, math.SmallestNonzeroFloat64},
		"as large as they go":  {exponential, []float64{math.MaxFloat64}, []float64{-9, 1}, 0x1p1023, math.MaxFloat64},
	} {
		for _, kind := range tc.of {
			b := newBench(t, fixedReaders[kind])
			l := b.store.lookup(attribute.EmptySet())
			for _, v := range tc.noted {
				l.makeShard(0).extremes(v)
			}
			for _, v := range tc.counted {
				l.count(v)
			}
			if got := b.collect(t); len(got) != 1 || got[0] != (found{uint64(len(tc.counted)), tc.low, tc.high}) {
				t.Errorf("%s, %s: %v, want %v to %v", name, kind, got, tc.low, tc.high)
			}
			for _, v := range tc.noted {
				l.count(v)
			}
			n, low, high := len(tc.noted), tc.noted[0], tc.noted[1]
			if fixedReaders[kind].temporality == metricdata.CumulativeTemporality {
				n, low, high = n+len(tc.counted), min(low, tc.low), max(high, tc.high)
			}
			if got := b.collect(t); len(got) != 1 || got[0] != (found{uint64(n), low, high}) {
				t.Errorf("%s, %s: %v when all was counted, want %v to %v", name, kind, got, low, high)
			}
		}
	}
}

// TestForgottenWhenRead: a series that ended stays while somebody can still
// record to it, and until what was recorded then has been given out.
func TestForgottenWhenRead(t *testing.T) {
	t.Parallel()
	for name, of := range fixedReaders {
		for _, v := range []float64{1.5, 0, -3} {
			b := newBench(t, of)
			var n uint64
			gather := func() {
				for _, p := range b.collect(t) {
					if of.temporality == metricdata.DeltaTemporality {
						n += p.count
					} else {
						n = p.count
					}
				}
			}
			record := func() *series {
				l := b.store.lookup(attribute.EmptySet())
				l.record(context.Background(), v, attribute.EmptySet())
				b.Finish(context.Background())
				gather()
				if l.series.current != nil {
					t.Fatalf("%s: the series has not ended", name)
				}
				for range 10 {
					runtime.GC()
					gather()
				}
				if len(b.store.series) != 1 {
					t.Fatalf("%s: forgotten while it could be recorded to", name)
				}
				l.record(context.Background(), v, attribute.EmptySet())
				return l.series
			}
			s := record()
			for range 100 {
				runtime.GC()
				if int(s.quiet.Load()) == s.released {
					break
				}
			}
			b.store.mu.Lock()
			b.store.tidy(time.Now()) // as if it had been recorded since the collection read the counters
			b.store.mu.Unlock()
			gather()
			if n != 2 {
				t.Errorf("%s: %d counted, want 2", name, n)
			}
			gather()
			if len(b.store.series) != 0 {
				t.Errorf("%s: nobody can record %v to it, and it is not forgotten", name, v)
			}
		}
	}
}

// TestRareMissesDoNotSpread: a series takes more room where goroutines meet
// often between two collections, not where they do now and then.
func TestRareMissesDoNotSpread(t *testing.T) {
	t.Parallel()
	b := newBench(t, fixedReaders["explicit"])
	l := b.store.lookup(attribute.EmptySet())
	places := func() (n int) {
		seen := make(map[int]bool)
		at, stay := make(chan int), make(chan struct{})
		for range 200 {
			go func() {
				at <- l.spread.Choose()
				<-stay // so that all have stacks of their own
			}()
			seen[<-at] = true
		}
		close(stay)
		return len(seen)
	}
	for range 10 {
		for range 15 {
			l.spread.Missed()
		}
		b.collect(t)
	}
	if n := places(); n != 1 {
		t.Errorf("%d places after misses far apart", n)
	}
	for range 16 {
		l.spread.Missed()
	}
	if n := places(); n != min(2, stripe.Limit()) {
		t.Errorf("%d places after misses in a row: the premise is gone", n)
	}
}
