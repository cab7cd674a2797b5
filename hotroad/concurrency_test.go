package hotroad_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/hotroad"
)

// TestNothingIsLostOrDoubled records from many goroutines while several readers
// collect as fast as they can, and series are ended again and again.
func TestNothingIsLostOrDoubled(t *testing.T) {
	t.Parallel()
	exponential := sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}
	views := []sdkmetric.View{
		sdkmetric.NewView(sdkmetric.Instrument{Name: "duration"}, sdkmetric.Stream{Name: "explicit"}),
		sdkmetric.NewView(sdkmetric.Instrument{Name: "duration"}, sdkmetric.Stream{Name: "exponential", Aggregation: exponential}),
	}
	selectors := []selector{delta, cumulative, delta}
	s := hot(t, selectors, views, hotroad.WithForgetting(1)) // as soon as a collection finds nothing new
	h := histogramOf(t, s, "duration")
	finisher := h.(interface {
		Finish(context.Context, ...attribute.KeyValue)
	})
	const goroutines, calls = 8, 2000
	series := [...]attribute.KeyValue{attribute.Int("k", 0), attribute.Int("k", 1)}
	var shared [len(series)]metric.Float64Histogram
	for i := range series {
		shared[i] = bind(t, h, series[i])
	}

	totals := make([]total, len(selectors))
	var recording, collecting sync.WaitGroup
	done := make(chan struct{})
	for g := range goroutines {
		recording.Go(func() {
			ctx := context.Background()
			for i := range calls {
				k := (g + i) % len(series)
				switch i % 4 {
				case 0:
					h.Record(ctx, 0.5, metric.WithAttributes(series[k]))
				case 1:
					h.(binder).Bind(series[k]).Record(ctx, 0.001)
				default:
					shared[k].Record(ctx, 0.25)
				}
				if i%500 == 0 {
					finisher.Finish(ctx, series[k])
				}
			}
		})
	}
	for reader := range selectors {
		collecting.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					totals[reader].add(t, s.collect(t, reader), selectors[reader].temporality)
				}
			}
		})
	}
	recording.Wait()
	close(done)
	collecting.Wait()
	const all = goroutines * calls
	const sum = all/4*0.5 + all/4*0.001 + all/2*0.25
	for reader := range selectors {
		totals[reader].add(t, s.collect(t, reader), selectors[reader].temporality)
		for name, of := range map[string]*counted{"explicit": &totals[reader].explicit, "exponential": &totals[reader].exponential} {
			n, got := of.sums()
			if n != all {
				t.Errorf("reader %d, %s: %d counted, %d recorded", reader, name, n, all)
			}
			if d := got - sum; d > 1e-6 || d < -1e-6 {
				t.Errorf("reader %d, %s: sum %v, want %v", reader, name, got, sum)
			}
		}
	}
}

// TestNothingIsLostWhereSeriesGiveWay records to many more series than there may
// be, each for a while, so that they take each other's room all the time.
func TestNothingIsLostWhereSeriesGiveWay(t *testing.T) {
	t.Parallel()
	const limit, goroutines, calls = 8, 4, 4000
	for name, aggregation := range map[string]sdkmetric.Aggregation{
		"explicit": nil, "exponential": sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20},
	} {
		selectors := []selector{{metricdata.DeltaTemporality, aggregation}, {metricdata.DeltaTemporality, aggregation}}
		s := hot(t, selectors, nil, hotroad.WithCardinalityLimit(limit))
		h := histogramOf(t, s, "duration")
		totals := make([]total, len(selectors))
		var recording, collecting sync.WaitGroup
		done := make(chan struct{})
		for g := range goroutines {
			recording.Go(func() {
				bound := make(map[int]metric.Float64Histogram)
				for i := range calls {
					k := 1 + (i/50+g)%40
					if k%2 == 0 {
						h.Record(context.Background(), 0.25, metric.WithAttributes(attribute.Int("k", k)))
						continue
					}
					if bound[k] == nil {
						bound[k] = bind(t, h, attribute.Int("k", k))
					}
					bound[k].Record(context.Background(), 0.25)
				}
			})
		}
		for reader := range selectors {
			collecting.Go(func() {
				for open := true; open; {
					select {
					case <-done:
						open = false
					default:
					}
					totals[reader].add(t, s.collect(t, reader), metricdata.DeltaTemporality)
				}
			})
		}
		recording.Wait()
		close(done)
		collecting.Wait()
		for reader := range totals {
			of := &totals[reader].explicit
			if aggregation != nil {
				of = &totals[reader].exponential
			}
			if n, sum := of.sums(); n != goroutines*calls || sum != goroutines*calls*0.25 {
				t.Errorf("reader %d, %s: %d counted of %d, sum %v", reader, name, n, goroutines*calls, sum)
			}
			if len(of.n) < limit {
				t.Errorf("reader %d, %s: %d series had room: the premise is gone", reader, name, len(of.n))
			}
		}
	}
}

// counted is what was exported for each life of a series.
type counted struct {
	n   map[life]uint64
	sum map[life]float64
}

// A cumulative series that was forgotten and comes back has another start.
type life struct {
	k     int64
	start time.Time
}

func (c *counted) sums() (n uint64, sum float64) {
	for k := range c.n {
		n += c.n[k]
		sum += c.sum[k]
	}
	return n, sum
}

// A total adds up what a reader was given.
type total struct{ explicit, exponential counted }

func (c *counted) add(t *testing.T, attrs attribute.Set, start time.Time, n, buckets uint64, sum float64, temporality metricdata.Temporality) {
	if n != buckets || n == 0 {
		t.Errorf("count %d, buckets %d", n, buckets)
	}
	if c.n == nil {
		c.n, c.sum = make(map[life]uint64), make(map[life]float64)
	}
	v, _ := attrs.Value("k")
	k := life{k: v.AsInt64()}
	if temporality == metricdata.DeltaTemporality {
		c.n[k] += n
		c.sum[k] += sum
		return
	}
	k.start = start
	if n < c.n[k] {
		t.Errorf("cumulative data fell from %d to %d", c.n[k], n)
	}
	c.n[k], c.sum[k] = n, sum
}

func (c *total) add(t *testing.T, rm metricdata.ResourceMetrics, temporality metricdata.Temporality) {
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				seen := make(map[attribute.Distinct]bool)
				for _, p := range data.DataPoints {
					if seen[p.Attributes.Equivalent()] {
						t.Errorf("one series twice")
					}
					seen[p.Attributes.Equivalent()] = true
					var in uint64
					for i, n := range p.BucketCounts {
						in += n
						checkExtremes(t, p, i, n)
					}
					c.explicit.add(t, p.Attributes, p.StartTime, p.Count, in, p.Sum, temporality)
				}
			case metricdata.ExponentialHistogram[float64]:
				for _, p := range data.DataPoints {
					in := p.ZeroCount
					for _, n := range p.PositiveBucket.Counts {
						in += n
					}
					c.exponential.add(t, p.Attributes, p.StartTime, p.Count, in, p.Sum, temporality)
				}
			}
		}
	}
}

// checkExtremes holds the minimum and the maximum against the i-th bucket.
func checkExtremes(t *testing.T, p metricdata.HistogramDataPoint[float64], i int, n uint64) {
	t.Helper()
	low, _ := p.Min.Value()
	high, _ := p.Max.Value()
	if n == 0 {
		return
	}
	if i < len(p.Bounds) && low > p.Bounds[i] || i > 0 && high <= p.Bounds[i-1] {
		t.Errorf("extremes %v and %v beside a count in bucket %d", low, high, i)
	}
}

// TestManyCores records to one series from many goroutines, so that it is
// spread over all its shards.
func TestManyCores(t *testing.T) {
	t.Parallel()
	s := hot(t, []selector{delta}, nil)
	h := bind(t, histogramOf(t, s, "duration"))
	var n uint64
	for range 3 {
		var wg sync.WaitGroup
		for g := range 16 {
			wg.Go(func() {
				for range 20000 {
					h.Record(context.Background(), float64(g+1)/8)
				}
			})
		}
		wg.Wait()
		p := points(t, s.collect(t, 0), "duration")
		n += count(t, p)
		if low, _ := p[0].Min.Value(); low != 0.125 {
			t.Errorf("min %v", low)
		}
		if high, _ := p[0].Max.Value(); high != 2 {
			t.Errorf("max %v", high)
		}
		if want := 20000 * 17.0; p[0].Sum != want {
			t.Errorf("sum %v, want %v", p[0].Sum, want)
		}
	}
	if n != 3*16*20000 {
		t.Errorf("%d counted", n)
	}
}

// TestInstrumentsAreMadeWhileReadersCollect is for the race detector.
func TestInstrumentsAreMadeWhileReadersCollect(t *testing.T) {
	t.Parallel()
	s := hot(t, []selector{delta, cumulative}, nil)
	var wg sync.WaitGroup
	for reader := range 2 {
		wg.Go(func() {
			for range 50 {
				s.collect(t, reader)
			}
		})
	}
	for i := range 50 {
		bind(t, histogramOf(t, s, "duration"+string(rune('a'+i%26)))).Record(context.Background(), 1)
	}
	wg.Wait()
}
