package queue_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/queue"
)

func TestDelegates(t *testing.T) {
	e := queue.New(new(stub), queue.WithName("otlp"))
	defer shutdown(t, e)
	if got := e.Temporality(sdkmetric.InstrumentKindCounter); got != metricdata.DeltaTemporality {
		t.Errorf("Temporality = %v, want the next exporter's", got)
	}
	if got := e.Aggregation(sdkmetric.InstrumentKindCounter); got != (sdkmetric.AggregationSum{}) {
		t.Errorf("Aggregation = %v, want the next exporter's", got)
	}
	if got := e.Name(); got != "otlp" {
		t.Errorf("Name = %q", got)
	}
}

func TestExportNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := queue.New(&stub{export: hang}, queue.WithErrorHandler(func(error) {}))
		start := time.Now()
		for i := range 1000 {
			give(t, e, delta("d", float64(i)), total("c", float64(i)))
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("1000 exports into a hanging exporter took %s", d)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := e.Export(ended, of(delta("d", 1))); err != nil {
			t.Errorf("Export with an ended context = %v, want the data taken", err)
		}
		if err := e.Export(t.Context(), nil); err != nil {
			t.Errorf("Export(nil) = %v", err)
		}
		if err := e.Shutdown(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("Shutdown = %v", err)
		}
	})
}

// gate lets one export through for each token.
func gate() (chan struct{}, func(context.Context, *metricdata.ResourceMetrics) error) {
	tokens := make(chan struct{})
	return tokens, func(ctx context.Context, _ *metricdata.ResourceMetrics) error {
		select {
		case <-tokens:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func TestWhatWaits(t *testing.T) {
	type collections [][]metricdata.Metrics
	tests := []struct {
		name string
		give collections
		want []seen
	}{
		{
			"deltas stay, in order",
			collections{{delta("d", 1)}, {delta("d", 2)}, {delta("d", 3)}},
			[]seen{{"d": 1}, {"d": 2}, {"d": 3}},
		},
		{
			"the newest state wins",
			collections{{total("c", 1), gauge("g", 1)}, {total("c", 2), gauge("g", 5)}, {total("c", 3), gauge("g", 4)}},
			[]seen{{"c": 3, "g": 4}},
		},
		{
			"of a mixed batch the deltas stay",
			collections{{delta("d", 1), total("c", 1)}, {total("c", 2), delta("d", 2), gauge("g", 2)}, {delta("d", 3), total("c", 3), gauge("g", 3)}},
			[]seen{{"d": 1}, {"d": 2}, {"d": 3, "c": 3, "g": 3}},
		},
		{
			"a series that ended keeps its last state",
			collections{{total("c", 1, 10)}, {total("c", 2)}, {total("c", 3)}},
			[]seen{{"ci=1": 10}, {"c": 3}},
		},
		{
			"a metric that ended keeps its last state",
			collections{{total("c", 1), gauge("worst", 7)}, {total("c", 2)}},
			[]seen{{"worst": 7}, {"c": 2}},
		},
		{
			"one collection in two calls",
			collections{{total("a", 1)}, {total("b", 1)}, {total("a", 2)}, {total("b", 2)}},
			[]seen{{"a": 2}, {"b": 2}},
		},
		{
			"empty collections count for nothing",
			collections{{total("c", 1)}, {}, {delta("d")}, {total("c", 2)}},
			[]seen{{}, {}, {"c": 2}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tokens, export := gate()
				next := &stub{export: export}
				e := queue.New(next, queue.WithTimeout(time.Hour))
				give(t, e, delta("first", 0)) // is under way while the others come
				synctest.Wait()
				for _, metrics := range test.give {
					give(t, e, metrics...)
				}
				close(tokens)
				shutdown(t, e)
				got := next.accepted()[1:]
				if !slices.EqualFunc(got, test.want, maps.Equal[seen, seen]) {
					t.Errorf("exported %v, want %v", got, test.want)
				}
				if n := e.Dropped(); n != 0 {
					t.Errorf("Dropped() = %d, want 0", n)
				}
			})
		})
	}
}

func TestBounds(t *testing.T) {
	tests := []struct {
		name    string
		option  queue.Option
		give    int
		want    []float64
		dropped uint64
	}{
		{"batches", queue.WithMaxBatches(3), 5, []float64{2, 3, 4}, 4},
		{"one batch", queue.WithMaxBatches(1), 5, []float64{4}, 8},
		{"bytes", queue.WithMaxBytes(800), 5, []float64{3, 4}, 6},
		{"a byte", queue.WithMaxBytes(1), 5, []float64{4}, 8},
		{"defaults", queue.WithMaxBatches(0), 5, []float64{0, 1, 2, 3, 4}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log log
				tokens, export := gate()
				next := &stub{export: export}
				e := queue.New(next, test.option, queue.WithErrorHandler(log.handle))
				give(t, e, delta("first", 0))
				synctest.Wait()
				for i := range test.give {
					give(t, e, delta("d", float64(i), 1))
				}
				s := e.Stats()
				if s.Batches != len(test.want) || s.Waiting != 2*len(test.want) || s.Bytes <= 0 {
					t.Errorf("Stats = %+v, want %d batches of 2 points", s, len(test.want))
				}
				if s.Dropped[queue.ReasonFull] != test.dropped || e.Dropped() != test.dropped {
					t.Errorf("dropped %v, want %d", s.Dropped, test.dropped)
				}
				close(tokens)
				shutdown(t, e)
				var got []float64
				for _, batch := range next.accepted()[1:] {
					got = append(got, batch["d"])
				}
				if !slices.Equal(got, test.want) {
					t.Errorf("exported %v, want %v", got, test.want)
				}
				heard := log.heard()
				if wantLog := test.dropped > 0; wantLog != (len(heard) == 2) {
					t.Fatalf("the handler heard %v", heard)
				}
				if test.dropped > 0 && !strings.Contains(heard[0].Error(), "the queue is full") {
					t.Errorf("the handler heard %q", heard[0])
				}
				if s := e.Stats(); s.Exported != uint64(1+2*len(test.want)) || s.Waiting != 0 || s.Bytes != 0 {
					t.Errorf("Stats at the end = %+v", s)
				}
			})
		})
	}
}

func TestForceFlushWaitsForWhatCameBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &stub{export: func(context.Context, *metricdata.ResourceMetrics) error {
			pass(time.Second)
			return nil
		}}
		e := queue.New(next)
		for i := range 3 {
			give(t, e, delta("d", float64(i)))
		}
		start := time.Now()
		flush(t, e)
		if got := len(next.accepted()); got != 3 || time.Since(start) != 3*time.Second {
			t.Errorf("ForceFlush returned after %d exports and %s, want 3", got, time.Since(start))
		}
		if next.flushes != 1 {
			t.Errorf("the next exporter was flushed %d times, want once", next.flushes)
		}

		// Data that comes later is not waited for, unless it replaces some.
		give(t, e, delta("d", 3))
		synctest.Wait()
		give(t, e, total("c", 1))
		done := make(chan struct{})
		go func() { defer close(done); flush(t, e) }()
		synctest.Wait()
		give(t, e, delta("d", 4))
		give(t, e, total("c", 2))
		<-done
		last := next.accepted()
		if got := last[len(last)-1]; got["c"] != 2 {
			t.Errorf("ForceFlush returned when %v had been exported, want the newer state of c", got)
		}
		shutdown(t, e)
	})
}

func TestForceFlushErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken, unflushed := errors.New("broken"), errors.New("unflushed")
		next := &stub{
			export: func(context.Context, *metricdata.ResourceMetrics) error { return broken },
			flush:  func(context.Context) error { return unflushed },
		}
		e := queue.New(next, queue.WithErrorHandler(func(error) {}))
		give(t, e, delta("d", 1))
		if err := e.ForceFlush(t.Context()); !errors.Is(err, broken) || !errors.Is(err, unflushed) {
			t.Errorf("ForceFlush = %v, want both errors", err)
		}
		// It does not matter whether the export had failed already.
		synctest.Wait()
		if err := e.ForceFlush(t.Context()); !errors.Is(err, broken) || !errors.Is(err, unflushed) {
			t.Errorf("second ForceFlush = %v, want both errors", err)
		}
		next.flush = nil
		_ = e.Shutdown(t.Context())
		if err := e.ForceFlush(t.Context()); !errors.Is(err, sdkmetric.ErrExporterShutdown) {
			t.Errorf("ForceFlush after Shutdown = %v", err)
		}

		e = queue.New(&stub{export: hang}, queue.WithErrorHandler(func(error) {}))
		give(t, e, delta("d", 1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := e.ForceFlush(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("ForceFlush = %v after %s, want its context's error after 1s", err, time.Since(start))
		}
		_ = e.Shutdown(ctx)
	})
}

// A next exporter that hangs in ForceFlush, deaf to its context, holds nobody.
func TestForceFlushOfDeafExporter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		e := queue.New(&stub{flush: func(context.Context) error { <-release; return nil }})
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := e.ForceFlush(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("ForceFlush = %v", err)
			}
			cancel()
		}
		close(release)
		shutdown(t, e)
	})
}

func TestSplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &stub{}
		e := queue.New(next, queue.WithBatchSize(3))
		give(t, e, delta("a", 1, 2), delta("empty"), total("b", 1, 2, 3, 4, 5, 6, 7), gauge("c", 1))
		give(t, e, delta("a", 1, 2, 3))
		flush(t, e)
		want := []seen{
			{"a": 1, "ai=1": 2, "b": 1},
			{"bi=1": 2, "bi=2": 3, "bi=3": 4},
			{"bi=4": 5, "bi=5": 6, "bi=6": 7},
			{"c": 1},
			{"a": 1, "ai=1": 2, "ai=2": 3},
		}
		if got := next.accepted(); !slices.EqualFunc(got, want, maps.Equal[seen, seen]) {
			t.Errorf("exported %v, want %v", got, want)
		}
		shutdown(t, e)
	})
}

func TestRegister(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := sdkmetric.NewManualReader()
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		e := queue.New(&stub{export: func(context.Context, *metricdata.ResourceMetrics) error { return errors.New("no") }},
			queue.WithName("otlp"), queue.WithErrorHandler(func(error) {}))
		registration, err := e.Register(provider)
		if err != nil {
			t.Fatal(err)
		}
		other := queue.New(&stub{}, queue.WithName("stdout"))
		if _, err := other.Register(provider); err != nil {
			t.Fatal(err)
		}
		give(t, e, delta("d", 1, 2, 3), total("c", 1))
		_ = e.ForceFlush(t.Context())

		collect := func() map[string]int64 {
			var rm metricdata.ResourceMetrics
			if err := reader.Collect(t.Context(), &rm); err != nil {
				t.Fatal(err)
			}
			got := map[string]int64{}
			for _, scope := range rm.ScopeMetrics {
				for _, m := range scope.Metrics {
					if m.Name != "otelperf.export.dropped" || m.Unit != "{data_point}" || m.Description == "" {
						t.Errorf("metric %q in %q: %q", m.Name, m.Unit, m.Description)
					}
					sum := m.Data.(metricdata.Sum[int64])
					if !sum.IsMonotonic {
						t.Error("the sum is not monotonic")
					}
					for _, p := range sum.DataPoints {
						name, _ := p.Attributes.Value("otelperf.exporter.name")
						reason, _ := p.Attributes.Value("otelperf.drop.reason")
						got[name.AsString()+" "+reason.AsString()] = p.Value
					}
				}
			}
			return got
		}
		want := map[string]int64{}
		for _, name := range []string{"otlp", "stdout"} {
			for _, reason := range []string{"queue_full", "failed", "unanswered", "rejected", "shutdown", "unknown"} {
				want[name+" "+reason] = 0
			}
		}
		want["otlp failed"] = 3
		if got := collect(); !maps.Equal(got, want) {
			t.Errorf("collected %v, want %v", got, want)
		}
		if err := registration.Unregister(); err != nil {
			t.Error(err)
		}
		if got := collect(); len(got) != 6 {
			t.Errorf("after Unregister %v are left, want those of stdout", got)
		}
		_ = e.Shutdown(t.Context())
		if err := errors.Join(provider.Shutdown(t.Context()), other.Shutdown(t.Context())); err != nil {
			t.Error(err)
		}
	})
}
