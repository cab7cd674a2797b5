package views_test

import (
	"context"
	"math"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/otelperf/otelperf-go/views"
)

// produce returns what a reader is told, by metric; nil if it is nothing.
func produce(t *testing.T, p sdkmetric.Producer) map[string]metricdata.Aggregation {
	t.Helper()
	scopes, err := p.Produce(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(scopes) == 0 {
		return nil
	}
	out := make(map[string]metricdata.Aggregation)
	for _, m := range scopes[0].Metrics {
		out[m.Name] = m.Data
	}
	if len(scopes) != 1 || len(out) != len(scopes[0].Metrics) {
		t.Errorf("got a scope or a metric twice: %v", scopes)
	}
	return out
}

// TestProducerTellsWhatTheBatchTells: the very same, with the temporality of
// the other reader.
func TestProducerTellsWhatTheBatchTells(t *testing.T) {
	both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
		j := newJudge(recorded(100))
		same, other, wants := metricdata.CumulativeTemporality, metricdata.DeltaTemporality, metricdata.DeltaTemporality
		if j.delta {
			same, other, wants = other, same, metricdata.CumulativeTemporality
		}
		twin, reader := j.p.Producer(same), j.p.Producer(other)
		if got := produce(t, twin); got != nil {
			t.Errorf("before the first evaluation: %v", got)
		}
		for _, v := range []float64{0.05, 0.2, 0.2, 0.05} {
			j.tick(gauge("recorded", "s", v))
			scopes, err := twin.Produce(context.Background())
			if err != nil || len(scopes) != 1 {
				t.Fatalf("got %v, %v", scopes, err)
			}
			metricdatatest.AssertEqual(t, j.reported(), scopes[0])
			sum, ok := produce(t, reader)["otelperf.alert.transitions"].(metricdata.Sum[int64])
			if ok && (sum.Temporality != wants || !sum.IsMonotonic) {
				t.Errorf("got %+v, want the temporality %v", sum, wants)
			}
		}
	})
}

// TestProducerHasNoEmptyScope: where an evaluation found nothing to judge, there is
// nothing to tell, and no scope that is empty.
func TestProducerHasNoEmptyScope(t *testing.T) {
	j := newJudge(t, recorded(100))
	j.tick(gauge("other", "s", 1))
	if scopes, err := j.p.Producer(metricdata.CumulativeTemporality).Produce(context.Background()); err != nil || len(scopes) != 0 {
		t.Errorf("got %v, %v", scopes, err)
	}
}

// TestProducersAddUp: whenever a reader asks, its deltas add up to the
// cumulative counters, and its intervals follow each other.
func TestProducersAddUp(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 3))
		b := recorded(100)
		b.By = []attribute.Key{"id"}
		j := newJudge(t, b)
		var readers []sdkmetric.Producer
		var totals []map[string]int64
		var ends []time.Time
		for range 3 {
			readers = append(readers, j.p.Producer(metricdata.DeltaTemporality))
			totals = append(totals, make(map[string]int64))
			ends = append(ends, epoch)
		}
		ask := func(i int) {
			for name, data := range produce(t, readers[i]) {
				sum, ok := data.(metricdata.Sum[int64])
				if !ok {
					continue
				}
				for _, p := range sum.DataPoints {
					totals[i][name+p.Attributes.Encoded(attribute.DefaultEncoder())] += p.Value
					if p.StartTime.Before(ends[i]) || !p.StartTime.Before(p.Time) || p.Value <= 0 {
						t.Errorf("seed %d: %s has %+v after %v", seed, name, p, ends[i])
					}
				}
			}
			ends[i] = j.at
		}
		for range 50 {
			level := metricdata.Gauge[float64]{}
			for id := range 3 {
				v := []float64{0.05, 0.2, math.NaN()}[rng.IntN(3)]
				level.DataPoints = append(level.DataPoints, metricdata.DataPoint[float64]{Attributes: attribute.NewSet(attribute.Int("id", id)), Value: v})
			}
			j.after(time.Duration(1+rng.IntN(3))*time.Minute, metricUnit("recorded", "s", level))
			for i := range readers {
				for range rng.IntN(3) {
					ask(i)
				}
			}
		}
		want := make(map[string]int64)
		for name, data := range produce(t, j.p.Producer(metricdata.CumulativeTemporality)) {
			if sum, ok := data.(metricdata.Sum[int64]); ok {
				for _, p := range sum.DataPoints {
					want[name+p.Attributes.Encoded(attribute.DefaultEncoder())] += p.Value
				}
			}
		}
		if len(want) != 4 { // fired, resolved, rejected, missed
			t.Errorf("seed %d: %d counters", seed, len(want))
		}
		for i := range readers {
			ask(i)
			if !reflect.DeepEqual(totals[i], want) {
				t.Errorf("seed %d: reader %d was told %v, want %v", seed, i, totals[i], want)
			}
			if got := produce(t, readers[i]); got["otelperf.alert.transitions"] != nil || got["otelperf.alert.active"] == nil {
				t.Errorf("seed %d: nothing happened since, and got %v", seed, got)
			}
		}
	}
}

// TestWhatWasProducedStays: it is the reader's, whatever comes next.
func TestWhatWasProducedStays(t *testing.T) {
	j := newJudge(t, recorded(100))
	p := j.p.Producer(metricdata.CumulativeTemporality)
	j.tick(gauge("recorded", "s", 0.2))
	point := func() metricdata.DataPoint[int64] {
		return produce(t, p)["otelperf.alert.active"].(metricdata.Gauge[int64]).DataPoints[0]
	}
	first := produce(t, p)["otelperf.alert.active"].(metricdata.Gauge[int64])
	at := j.at
	j.tick(gauge("recorded", "s", 0.01))
	if next := point(); next.Value != 0 || !next.Time.Equal(j.at) {
		t.Errorf("got %+v after the next evaluation", next)
	}
	if p := first.DataPoints[0]; p.Value != 1 || !p.Time.Equal(at) {
		t.Errorf("what was produced before became %+v", p)
	}
}

// TestProducersOfReadersAtWork: the SDK's readers ask while collections are judged.
func TestProducersOfReadersAtWork(t *testing.T) {
	proc, err := views.Watch([]views.Baseline{recorded(100)}, views.WithInterval(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	one := sdkmetric.NewManualReader(sdkmetric.WithProducer(proc.Producer(metricdata.CumulativeTemporality)))
	two := sdkmetric.NewManualReader(sdkmetric.WithProducer(proc.Producer(metricdata.DeltaTemporality)))
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(one), sdkmetric.WithReader(two))
	var wg sync.WaitGroup
	for _, r := range []*sdkmetric.ManualReader{one, two, one} {
		wg.Go(func() {
			for range 50 {
				var rm metricdata.ResourceMetrics
				if err := r.Collect(context.Background(), &rm); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 50 {
		m := gauge("recorded", "s", float64(i%2))
		m.Data.(metricdata.Gauge[float64]).DataPoints[0].Time = epoch.Add(time.Duration(i) * time.Minute)
		if err := proc.Export(context.Background(), collection(m)); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	var rm metricdata.ResourceMetrics
	if err := one.Collect(context.Background(), &rm); err != nil {
		t.Fatal(err)
	}
	if len(rm.ScopeMetrics) != 1 || rm.ScopeMetrics[0].Scope.Name != "github.com/otelperf/otelperf-go/views" || len(rm.ScopeMetrics[0].Metrics) != 3 {
		t.Errorf("got %+v", rm.ScopeMetrics)
	}
	if err := mp.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := proc.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if got := produce(t, proc.Producer(metricdata.CumulativeTemporality)); got["otelperf.alert.active"] == nil {
		t.Errorf("after Shutdown: %v", got)
	}
}
