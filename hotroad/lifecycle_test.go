package hotroad_test

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/hotroad"
)

func pass(d time.Duration) { <-time.After(d) }

// byK returns the points of the histogram "duration" by their attribute k.
func byK(t *testing.T, rm metricdata.ResourceMetrics) map[int64]metricdata.HistogramDataPoint[float64] {
	t.Helper()
	out := make(map[int64]metricdata.HistogramDataPoint[float64])
	for _, p := range points(t, rm, "duration") {
		k, _ := p.Attributes.Value("k")
		out[k.AsInt64()] = p
	}
	return out
}

// TestForgetting: a series in which nothing happens for the time is forgotten,
// not before, and begins anew, with a start of its own.
func TestForgetting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		s := hot(t, []selector{cumulative}, nil, hotroad.WithForgetting(time.Minute))
		h := histogramOf(t, s, "duration")
		record := func(k int) { h.Record(t.Context(), 1, metric.WithAttributes(attribute.Int("k", k))) }
		pass(time.Second)
		record(1)
		record(2)
		collect := func() map[int64]metricdata.HistogramDataPoint[float64] { return byK(t, s.collect(t, 0)) }
		if got := collect(); len(got) != 2 || !got[1].StartTime.Equal(begin) || !got[2].StartTime.Equal(begin) {
			t.Errorf("the first export: %v", got)
		}
		pass(59 * time.Second)
		record(2)
		for range 20 {
			runtime.GC()
			if got := collect(); len(got) != 2 {
				t.Fatalf("forgotten a second too early: %v", got)
			}
		}
		pass(time.Second)
		var got map[int64]metricdata.HistogramDataPoint[float64]
		for range 100 {
			runtime.GC()
			if got = collect(); len(got) == 1 {
				break
			}
		}
		if len(got) != 1 || got[2].Count != 2 || !got[2].StartTime.Equal(begin) {
			t.Fatalf("after a minute: %v", got)
		}
		record(1)
		pass(time.Second)
		got = collect()
		if p := got[1]; p.Count != 1 || !p.StartTime.Equal(begin.Add(61*time.Second)) {
			t.Errorf("what came back counts %d since %v, want 1 since %v", p.Count, p.StartTime, begin.Add(61*time.Second))
		}
	})
}

// TestFinishIsWithdrawn by binding again, before and after the series ended.
func TestFinishIsWithdrawn(t *testing.T) {
	t.Parallel()
	for name, collectFirst := range map[string]bool{"before": false, "after": true} {
		s := hot(t, []selector{cumulative}, nil)
		h := histogramOf(t, s, "duration")
		attr := attribute.Int("k", 1)
		bind(t, h, attr).Record(t.Context(), 1)
		h.(interface {
			Finish(context.Context, ...attribute.KeyValue)
		}).Finish(t.Context(), attr)
		if collectFirst {
			s.collect(t, 0)
		}
		bind(t, h, attr).Record(t.Context(), 1)
		for range 20 {
			if got := byK(t, s.collect(t, 0)); got[1].Count == 0 {
				t.Fatalf("%s: %v", name, got)
			}
			runtime.GC()
		}
	}
}

// TestEveryReaderGetsWhatEnded, those that collect seldom too.
func TestEveryReaderGetsWhatEnded(t *testing.T) {
	t.Parallel()
	selectors := []selector{delta, delta, cumulative}
	for often := range selectors {
		s := hot(t, selectors, nil)
		h := histogramOf(t, s, "duration")
		attr := attribute.Int("k", 1)
		h.Record(t.Context(), 1, metric.WithAttributes(attr))
		h.(interface {
			Finish(context.Context, ...attribute.KeyValue)
		}).Finish(t.Context(), attr)
		for range 20 {
			s.collect(t, often)
			runtime.GC()
		}
		for reader := range selectors {
			if got := byK(t, s.collect(t, reader)); reader != often && got[1].Count != 1 {
				t.Errorf("reader %d collects often, and reader %d got %v", often, reader, got)
			}
		}
	}
}

// TestCumulativeSeriesStay although a delta reader could do without them and
// others want their room, and so does the overflow.
func TestCumulativeSeriesStay(t *testing.T) {
	t.Parallel()
	for i, selectors := range [][]selector{{delta, cumulative}, {cumulative, delta}} {
		for _, limit := range []int{4, 0} {
			s := hot(t, selectors, nil, hotroad.WithCardinalityLimit(limit))
			h := histogramOf(t, s, "duration")
			want := 3
			for k := range 3 {
				h.Record(t.Context(), 1, metric.WithAttributes(attribute.Int("k", k)))
			}
			for interval := range 20 {
				if interval == 1 {
					h.Record(t.Context(), 1, metric.WithAttributes(attribute.Int("k", 3)))
					want = 4
				}
				s.collect(t, 1-i)
				s.collect(t, 1-i)
				if got := points(t, s.collect(t, i), "duration"); len(got) != 0 && interval > 1 {
					t.Errorf("nothing happened, and the delta reader got %v", got)
				}
				if got := points(t, s.collect(t, 1-i), "duration"); len(got) != want {
					t.Fatalf("interval %d: %d series, want %d", interval, len(got), want)
				}
				runtime.GC()
			}
		}
	}
}

// TestRoomIsGivenToOthers: when a cumulative series has ended, one that had found
// no room before gets its own.
func TestRoomIsGivenToOthers(t *testing.T) {
	t.Parallel()
	s := hot(t, []selector{cumulative}, nil, hotroad.WithCardinalityLimit(3))
	h := histogramOf(t, s, "duration")
	for k := 1; k <= 3; k++ {
		h.Record(t.Context(), 1, metric.WithAttributes(attribute.Int("k", k)))
	}
	h.(interface {
		Finish(context.Context, ...attribute.KeyValue)
	}).Finish(t.Context(), attribute.Int("k", 1))
	if got := byK(t, s.collect(t, 0)); len(got) != 3 || got[1].Count != 1 || got[2].Count != 1 || got[0].Count != 1 {
		t.Fatalf("the first export: %v", got) // the overflow as k=0
	}
	h.Record(t.Context(), 1, metric.WithAttributes(attribute.Int("k", 3)))
	if got := byK(t, s.collect(t, 0)); got[3].Count != 1 {
		t.Errorf("after there was room: %v", got)
	}
}

// TestProducer: one batch for each scope, never an error, and each reader in its
// own temporality.
func TestProducer(t *testing.T) {
	t.Parallel()
	road, err := hotroad.New()
	if err != nil {
		t.Fatal(err)
	}
	selectors := []selector{cumulative, delta}
	var produce []func() []metricdata.ScopeMetrics
	for _, sel := range selectors {
		p, err := road.Producer(sel)
		if err != nil {
			t.Fatal(err)
		}
		produce = append(produce, func() []metricdata.ScopeMetrics {
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // not even now
			out, err := p.Produce(ctx)
			if err != nil {
				t.Error(err)
			}
			return out
		})
	}
	mp := road.MeterProvider(usual(selectors, nil))
	for _, scope := range []string{"one", "two"} {
		for _, name := range []string{"a", "b"} {
			h, err := mp.Meter(scope, metric.WithInstrumentationVersion("1")).Float64Histogram(name)
			if err != nil {
				t.Fatal(err)
			}
			h.Record(t.Context(), 1)
		}
	}
	for i, f := range produce {
		var got []string
		for _, sm := range f() {
			for _, m := range sm.Metrics {
				got = append(got, sm.Scope.Name+" "+m.Name)
				if h := m.Data.(metricdata.Histogram[float64]); h.Temporality != selectors[i].temporality {
					t.Errorf("reader %d: %v", i, h.Temporality)
				}
			}
			got = append(got, "end")
		}
		if want := []string{"one a", "one b", "end", "two a", "two b", "end"}; !slices.Equal(got, want) {
			t.Errorf("reader %d: %v", i, got)
		}
	}
}
