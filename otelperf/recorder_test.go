package otelperf_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/otelperf/otelperf-go/internal/version"
	"github.com/otelperf/otelperf-go/otelperf"
)

// What is exported, whole: scope, names, units, descriptions, boundaries,
// attributes.
func TestExport(t *testing.T) {
	k := newKit(t)
	op := k.operation("search", attribute.String("index", "docs"), attribute.Int("shard", 3))
	op.Record(t.Context(), 30*time.Millisecond, nil)
	op.Record(t.Context(), 4*time.Second, errFailure)
	timing := op.Start(t.Context())

	got := k.scope()
	if got.Scope.Version != version.Version || got.Scope.SchemaURL != semconv.SchemaURL {
		t.Errorf("scope = %+v", got.Scope)
	}
	attrs := func(more ...attribute.KeyValue) attribute.Set {
		return attribute.NewSet(append(more, attribute.String("otelperf.operation.name", "search"),
			attribute.String("index", "docs"), attribute.Int("shard", 3))...)
	}
	point := func(set attribute.Set, seconds float64, bucket int) metricdata.HistogramDataPoint[float64] {
		counts := make([]uint64, len(standardBoundaries)+1)
		counts[bucket] = 1
		return metricdata.HistogramDataPoint[float64]{
			Attributes: set, Count: 1, Sum: seconds, Bounds: standardBoundaries, BucketCounts: counts,
			Min: metricdata.NewExtrema(seconds), Max: metricdata.NewExtrema(seconds),
		}
	}
	metricdatatest.AssertEqual(t, metricdata.ScopeMetrics{
		Scope: got.Scope,
		Metrics: []metricdata.Metrics{{
			Name: "otelperf.operation.duration", Unit: "s",
			Description: "Duration of operations, failed ones included.",
			Data: metricdata.Histogram[float64]{
				Temporality: metricdata.CumulativeTemporality,
				DataPoints: []metricdata.HistogramDataPoint[float64]{
					point(attrs(), 0.03, 14),
					point(attrs(attribute.String("error.type", "*errors.errorString")), 4, 20),
				},
			},
		}, {
			Name: "otelperf.operation.active", Unit: "{operation}",
			Description: "Number of operations that have begun and not ended.",
			Data: metricdata.Sum[int64]{
				Temporality: metricdata.CumulativeTemporality,
				DataPoints:  []metricdata.DataPoint[int64]{{Attributes: attrs(), Value: 1}},
			},
		}},
	}, got, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	timing.End(nil)
}

func TestSameOperation(t *testing.T) {
	k := newKit(t)
	a, b := attribute.String("a", "1"), attribute.String("b", "2")
	op := k.operation("search", a, b)
	if k.operation("search", b, a) != op {
		t.Error("the order of attributes makes another operation")
	}
	attrs := []attribute.KeyValue{b, a}
	if k.operation("search", attrs...) != op || attrs[0] != b || attrs[1] != a {
		t.Error("the caller's slice was changed")
	}
	for _, other := range []*otelperf.Operation{
		k.operation("search"), k.operation("search", a), k.operation("search", a, attribute.Int("b", 2)), k.operation("find", a, b),
	} {
		if other == op {
			t.Error("other attributes make the same operation")
		}
	}

	var wg sync.WaitGroup
	got := make([]*otelperf.Operation, 100)
	for i := range got {
		wg.Go(func() { got[i], _ = k.rec.Operation("concurrent", a, b) })
	}
	wg.Wait()
	for _, op := range got {
		if op != got[0] || op == nil {
			t.Fatal("concurrent calls made different operations")
		}
	}
}

func TestOperationLimit(t *testing.T) {
	k := newKit(t)
	for i := range 1000 {
		k.operation("search", attribute.Int("i", i))
	}
	op, err := k.rec.Operation("search", attribute.Int("i", 1000))
	if want := `otelperf: operation "search" is one too many: a Recorder holds 1000`; op != nil || err == nil || err.Error() != want {
		t.Errorf("the 1,001st operation: %v, %v\nwant %s", op, err, want)
	}
	if err := op.Do(t.Context(), func(context.Context) error { return errFailure }); !errors.Is(err, errFailure) {
		t.Errorf("the operation that was refused gives %v", err)
	}
	if _, err := k.rec.Operation("search", attribute.Int("i", 999)); err != nil {
		t.Errorf("an operation made before: %v", err)
	}
}

// What is nil or zero runs what it is given and records nothing: every
// method of every type.
func TestNilAndZero(t *testing.T) {
	check := func(t *testing.T, op *otelperf.Operation) {
		t.Helper()
		for _, f := range forms {
			ran := false
			if err := f.run(t.Context(), op, func(context.Context) error { ran = true; return errFailure }); !ran || !errors.Is(err, errFailure) {
				t.Errorf("%s: ran %v, error %v", f.name, ran, err)
			}
			if got := alone(func() { _ = f.run(t.Context(), op, func(context.Context) error { panic("text") }) }); got != "text" {
				t.Errorf("%s: recovered %v", f.name, got)
			}
		}
		op.Record(t.Context(), time.Second, errFailure)
		op.Start(t.Context()).End(nil)
	}
	t.Run("Operation", func(t *testing.T) {
		check(t, nil)
		check(t, &otelperf.Operation{})
	})
	t.Run("Timing", func(*testing.T) {
		err := errFailure
		otelperf.Timing{}.End(nil)
		otelperf.Timing{}.End(&err)
		defer otelperf.Timing{}.End(&err)
	})
	for name, rec := range map[string]*otelperf.Recorder{"nil": nil, "zero": {}} {
		t.Run(name+" Recorder", func(t *testing.T) {
			op, err := rec.Operation("search", attribute.String("index", "docs"))
			if err != nil {
				t.Errorf("Operation: %v", err)
			}
			check(t, op)
			if _, err := rec.Operation(""); err == nil {
				t.Error("an empty name is no error")
			}
			if err := rec.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
	t.Run("context", func(t *testing.T) {
		k := newKit(t)
		op := k.operation("search")
		var none context.Context
		for _, f := range forms {
			_ = f.run(none, op, func(context.Context) error { return nil })
			_ = f.run(none, op, func(context.Context) error { return errFailure })
		}
		op.Record(none, 1, errFailure)
		want := map[string]uint64{"": 4, "*errors.errorString": 5}
		if got := k.outcomes("search"); !maps.Equal(got, want) {
			t.Errorf("outcomes with a nil context = %v, want %v", got, want)
		}
	})
}

func TestClose(t *testing.T) {
	k := newKit(t)
	op := k.operation("search")
	timing := op.Start(t.Context())
	if got := k.active(); got["search"] != 1 {
		t.Errorf("active = %v", got)
	}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if err := k.rec.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
	wg.Wait()
	timing.End(nil)
	_ = op.Do(t.Context(), nothing)
	_ = k.operation("new").Do(t.Context(), nothing)
	if got := k.active(); got != nil {
		t.Errorf("active is still reported after Close: %v", got)
	}
	if got := k.outcomes("search")[""]; got != 2 {
		t.Errorf("%d durations after Close, want 2", got)
	}
	if got := k.outcomes("new")[""]; got != 1 {
		t.Errorf("%d durations of an operation made after Close, want 1", got)
	}
}

// Two recorders, in two packages of one program say, add up.
func TestTwoRecorders(t *testing.T) {
	k := newKit(t)
	second, err := otelperf.New(otelperf.WithMeterProvider(k.provider))
	if err != nil {
		t.Fatal(err)
	}
	again, err := second.Operation("search")
	if err != nil {
		t.Fatal(err)
	}
	a, b := k.operation("search").Start(t.Context()), again.Start(t.Context())
	if got := k.active()["search"]; got != 2 {
		t.Errorf("active = %d, want 2", got)
	}
	a.End(nil)
	b.End(nil)
	if got := k.outcomes("search")[""]; got != 2 {
		t.Errorf("%d durations, want 2", got)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if got, ok := k.active()["search"]; got != 0 || !ok {
		t.Errorf("active = %d, %v, want 0 by the first recorder", got, ok)
	}
}

// Operations are made and called while others collect.
func TestConcurrentUse(t *testing.T) {
	k := newKit(t)
	const workers, rounds = 8, 50
	var wg sync.WaitGroup
	done := make(chan struct{})
	collecting := make(chan struct{})
	go func() {
		defer close(collecting)
		for {
			select {
			case <-done:
				return
			default:
				for name, n := range k.active() {
					if n < 0 || n > workers {
						t.Errorf("active of %s = %d", name, n)
					}
				}
			}
		}
	}()
	for range workers {
		wg.Go(func() {
			for i := range rounds {
				op, err := k.rec.Operation(fmt.Sprint("operation ", i))
				if err != nil {
					t.Error(err)
					return
				}
				for j := range 10 {
					alone(func() { _ = op.Do(t.Context(), body(j)) })
				}
			}
		})
	}
	wg.Wait()
	close(done)
	<-collecting
	want := map[string]uint64{"": 6 * workers, "*errors.errorString": 2 * workers, "panic": workers, "goexit": workers}
	for i := range rounds {
		if got := k.outcomes(fmt.Sprint("operation ", i)); !maps.Equal(got, want) {
			t.Errorf("outcomes of operation %d = %v, want %v", i, got, want)
		}
	}
}
