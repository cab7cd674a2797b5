package otelperf_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelperf/otelperf-go/otelperf"
)

// The wrappers stand beside the bare call, the floor of what a wrapper over
// the SDK can cost (two readings of the clock and one Record), and the no-op
// provider. Run them with
//
//	go test -run '^$' -bench . -benchmem ./otelperf

var benchEpoch = time.Now()

//go:noinline
func nothing(context.Context) error { return nil }

//go:noinline
func answer(context.Context) (int, error) { return 42, nil }

//go:noinline
func echo(_ context.Context, n int) (int, error) { return n, nil }

func sdkProvider() metric.MeterProvider {
	return sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
}

// floor returns the least that timing a call through the SDK takes.
func floor(b *testing.B) func(context.Context) error {
	b.Helper()
	histogram, err := sdkProvider().Meter("floor").Float64Histogram("duration",
		metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(standardBoundaries...))
	if err != nil {
		b.Fatal(err)
	}
	opts := []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(
		attribute.String("index", "docs"), attribute.String("otelperf.operation.name", "search")))}
	return func(ctx context.Context) error {
		start := time.Since(benchEpoch)
		err := nothing(ctx)
		histogram.Record(ctx, float64(time.Since(benchEpoch)-start)/1e9, opts...)
		return err
	}
}

func BenchmarkCall(b *testing.B) {
	ctx := context.Background()
	op := searchOn(b, sdkProvider(), attribute.String("index", "docs"))
	off := searchOn(b, noop.NewMeterProvider(), attribute.String("index", "docs"))
	unset := searchOn(b, nil, attribute.String("index", "docs"))
	withLabel := labelled(b, "search")
	wrapped := otelperf.Wrap(op, echo)
	atFloor := floor(b)
	failure := errors.New("failure")

	run := func(name string, fn func()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				fn()
			}
		})
	}
	run("bare", func() { _ = nothing(ctx) })
	run("floor", func() { _ = atFloor(ctx) })
	run("Do", func() { _ = op.Do(ctx, nothing) })
	run("Call", func() { _, _ = otelperf.Call(ctx, op, answer) })
	run("Wrap", func() { _, _ = wrapped(ctx, 42) })
	run("StartEnd", func() {
		var err error
		defer op.Start(ctx).End(&err)
		err = nothing(ctx)
	})
	run("Record", func() { op.Record(ctx, time.Millisecond, nil) })
	run("DoError", func() { _ = op.Do(ctx, func(context.Context) error { return failure }) })
	run("DoPanic", func() {
		defer func() { _ = recover() }()
		_ = op.Do(ctx, func(context.Context) error { panic(failure) })
	})
	run("barePanic", func() {
		defer func() { _ = recover() }()
		panic(failure)
	})
	run("DoProfileLabels", func() { _ = withLabel.Do(ctx, nothing) })
	run("DoNoopProvider", func() { _ = off.Do(ctx, nothing) })
	run("DoGlobalProviderUnset", func() { _ = unset.Do(ctx, nothing) })
}

// BenchmarkCallParallel has all CPUs call one operation.
func BenchmarkCallParallel(b *testing.B) {
	ctx := context.Background()
	op := searchOn(b, sdkProvider(), attribute.String("index", "docs"))
	atFloor := floor(b)
	run := func(name string, fn func()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					fn()
				}
			})
		})
	}
	run("floor", func() { _ = atFloor(ctx) })
	run("Do", func() { _ = op.Do(ctx, nothing) })
}

func BenchmarkCounter(b *testing.B) {
	b.Run("floor", func(b *testing.B) {
		var count, total atomic.Uint64
		for b.Loop() {
			count.Add(1)
			total.Add(uint64(time.Microsecond))
		}
	})
	b.Run("Record", func(b *testing.B) {
		var c otelperf.Counter
		for b.Loop() {
			c.Record(time.Microsecond)
		}
	})
	b.Run("floorParallel", func(b *testing.B) {
		var count, total atomic.Uint64
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				count.Add(1)
				total.Add(uint64(time.Microsecond))
			}
		})
	})
	b.Run("RecordParallel", func(b *testing.B) {
		var c otelperf.Counter
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				c.Record(time.Microsecond)
			}
		})
	})
}

// BenchmarkMemory reports what a Recorder keeps, without the SDK's series.
func BenchmarkMemory(b *testing.B) {
	const operations = 500
	held := func(errs ...error) float64 {
		provider := newBindingProvider()
		provider.bindsNil = true // It keeps nothing itself then.
		rec, err := otelperf.New(otelperf.WithMeterProvider(provider))
		if err != nil {
			b.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range operations {
			op, err := rec.Operation("search", attribute.Int("i", i))
			if err != nil {
				b.Fatal(err)
			}
			for _, err := range errs {
				op.Record(context.Background(), time.Millisecond, err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(rec)
		return float64(int64(after.HeapAlloc)-int64(before.HeapAlloc)) / operations
	}
	for b.Loop() {
		plain := held()
		b.ReportMetric(plain, "B/operation")
		b.ReportMetric(held(errors.New("failure"))-plain, "B/error.type")
	}
}
