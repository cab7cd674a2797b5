package recorded_test

import (
	"context"
	"maps"
	"math"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/otelperf/otelperf-go/internal/recorded"
	"github.com/otelperf/otelperf-go/internal/version"
)

func TestProduceShowsTheWorstOnce(t *testing.T) {
	store := mustNew(t,
		recorded.Def{Name: "search_ms", Metric: "search", Unit: "s", Factor: 1000},
		recorded.Def{Name: "throughput_qps", Metric: "throughput", Unit: "1/s", LowerIsWorse: true},
	)
	p := store.Producer()
	for _, v := range []float64{60, 140, 50} {
		record(t, store, "search_ms", v)
	}
	for _, v := range []float64{900, 700, 800} {
		record(t, store, "throughput_qps", v)
	}
	if got, want := collect(t, p), (values{"search_ms": 0.14, "throughput_qps": 700}); !maps.Equal(got, want) {
		t.Errorf("first collection = %v, want %v", got, want)
	}
	if got := collect(t, p); len(got) != 0 {
		t.Errorf("second collection = %v, want nothing", got)
	}
	record(t, store, "search_ms", 70)
	if got, want := collect(t, p), (values{"search_ms": 0.07}); !maps.Equal(got, want) {
		t.Errorf("third collection = %v, want %v", got, want)
	}
}

func TestZeroIsAValue(t *testing.T) {
	store := mustNew(t, recorded.Def{Name: "errors", Metric: "errors"})
	p := store.Producer()
	record(t, store, "errors", math.Copysign(0, -1))
	got := collect(t, p)
	if v, ok := got["errors"]; !ok || v != 0 || math.Signbit(v) {
		t.Errorf("collection = %v, want a positive zero", got)
	}
}

func TestProducersDoNotShare(t *testing.T) {
	store := mustNew(t, recorded.Def{Name: "a", Metric: "m"})
	first, second := store.Producer(), store.Producer()
	record(t, store, "a", 9)
	if got, want := collect(t, first), (values{"a": 9}); !maps.Equal(got, want) {
		t.Errorf("first = %v, want %v", got, want)
	}
	record(t, store, "a", 3)
	if got, want := collect(t, first), (values{"a": 3}); !maps.Equal(got, want) {
		t.Errorf("first = %v, want %v", got, want)
	}
	if got, want := collect(t, second), (values{"a": 9}); !maps.Equal(got, want) {
		t.Errorf("second = %v, want %v", got, want)
	}
	if got := collect(t, store.Producer()); len(got) != 0 {
		t.Errorf("a new Producer shows %v from before it was made", got)
	}
}

func TestProducedData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := mustNew(t,
			recorded.Def{Name: "search_ms", Metric: "latency", Unit: "s", Factor: 1000},
			recorded.Def{Name: "memory_mb", Metric: "memory", Unit: "By", Factor: 1.0 / (1 << 20), Description: "Memory."},
			recorded.Def{Name: "allocation_ms", Metric: "latency", Unit: "s", Factor: 1000, Description: "How long it took."},
		)
		reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(store.Producer()))
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		defer func() {
			if err := provider.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		t0 := time.Now()
		pass(10 * time.Second)
		t1 := time.Now()
		var rm metricdata.ResourceMetrics
		if err := reader.Collect(t.Context(), &rm); err != nil || len(rm.ScopeMetrics) != 0 {
			t.Fatalf("Collect with nothing recorded = %v, %v", rm.ScopeMetrics, err)
		}
		pass(10 * time.Second)
		record(t, store, "allocation_ms", 6.5)
		record(t, store, "search_ms", 130)
		record(t, store, "memory_mb", 50)
		if err := reader.Collect(t.Context(), &rm); err != nil {
			t.Fatal(err)
		}
		if !t1.After(t0) || len(rm.ScopeMetrics) != 1 {
			t.Fatalf("got %d scopes, want 1", len(rm.ScopeMetrics))
		}
		point := func(name string, v float64) metricdata.DataPoint[float64] {
			return metricdata.DataPoint[float64]{
				Attributes: attribute.NewSet(
					attribute.String("otelperf.baseline.name", name),
					attribute.String("otelperf.source", "recorded")),
				StartTime: t1,
				Time:      time.Now(),
				Value:     v,
			}
		}
		want := metricdata.ScopeMetrics{
			Scope: instrumentation.Scope{Name: "github.com/otelperf/otelperf-go/otelperf/monitor", Version: version.Version},
			Metrics: []metricdata.Metrics{
				{
					Name: "latency", Unit: "s", Description: "How long it took.",
					Data: metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{
						point("search_ms", 0.13), point("allocation_ms", 0.0065),
					}},
				},
				{
					Name: "memory", Unit: "By", Description: "Memory.",
					Data: metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{
						point("memory_mb", 50<<20),
					}},
				},
			},
		}
		metricdatatest.AssertEqual(t, want, rm.ScopeMetrics[0])
	})
}

// What one collection returned stays as it is when the next one runs.
func TestProducedDataBelongsToTheCaller(t *testing.T) {
	store := mustNew(t, recorded.Def{Name: "a", Metric: "m"})
	p := store.Producer()
	record(t, store, "a", 1)
	before, _ := p.Produce(t.Context())
	record(t, store, "a", 2)
	if _, err := p.Produce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := before[0].Metrics[0].Data.(metricdata.Gauge[float64]).DataPoints[0].Value; got != 1 {
		t.Errorf("the first collection shows %v after the second, want 1", got)
	}
}

// Every spike is seen once by each Producer, whatever else is recorded and
// collected at the same moment.
func TestNothingIsLostBetweenCollections(t *testing.T) {
	const spikes, producers = 100, 3
	store := mustNew(t, recorded.Def{Name: "a", Metric: "m"})
	stop := make(chan struct{})
	var noise, collectors sync.WaitGroup
	for range 2 {
		noise.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					record(t, store, "a", 0.5)
					runtime.Gosched()
				}
			}
		})
	}
	var seen [producers]chan float64
	for i := range seen {
		seen[i] = make(chan float64)
		p := store.Producer()
		collectors.Go(func() {
			for {
				for _, v := range collect(t, p) {
					if v < 1 {
						continue
					}
					select {
					case seen[i] <- v:
					case <-stop:
						return
					}
				}
				select {
				case <-stop:
					return
				default:
					runtime.Gosched()
				}
			}
		})
	}
	for spike := 1; spike <= spikes; spike++ {
		record(t, store, "a", float64(spike))
		for i := range seen {
			if got := <-seen[i]; got != float64(spike) {
				t.Fatalf("producer %d saw %v, want %d", i, got, spike)
			}
		}
	}
	close(stop)
	noise.Wait()
	collectors.Wait()
}

func TestConcurrentUse(t *testing.T) {
	store := mustNew(t, recorded.Def{Name: "a", Metric: "m"}, recorded.Def{Name: "b", Metric: "m"})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 200 {
				record(t, store, "a", float64(i))
				record(t, store, "b", float64(i))
				store.Latest("a")
				store.Names()
			}
		})
		wg.Go(func() {
			for range 20 {
				p := store.Producer()
				for range 5 {
					collect(t, p)
				}
			}
		})
	}
	wg.Wait()
}

// values are the points of one collection by the name they were recorded as.
type values map[string]float64

func collect(t testing.TB, p sdkmetric.Producer) values {
	t.Helper()
	scopes, err := p.Produce(context.Background())
	if err != nil {
		t.Errorf("Produce() = %v", err)
	}
	got := values{}
	for _, scope := range scopes {
		for _, m := range scope.Metrics {
			for _, point := range m.Data.(metricdata.Gauge[float64]).DataPoints {
				name, _ := point.Attributes.Value("otelperf.baseline.name")
				if _, twice := got[name.AsString()]; twice {
					t.Errorf("%s is in one collection twice", name.AsString())
				}
				got[name.AsString()] = point.Value
			}
		}
	}
	return got
}
