package hotroad_test

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/otelperf"
)

var benchEpoch = time.Now()

func BenchmarkRecord(b *testing.B) {
	bound := bind(b, histogramOf(b, hot(b, []selector{cumulative}, nil), "d"), attribute.String("k", "v"))
	ctx := context.Background()
	b.Run("clock", func(b *testing.B) {
		for b.Loop() {
			start := time.Since(benchEpoch)
			_ = time.Since(benchEpoch) - start
		}
	})
	b.Run("alone", func(b *testing.B) {
		for b.Loop() {
			bound.Record(ctx, 0.0003)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				bound.Record(ctx, 0.0003)
			}
		})
	})
}

func BenchmarkDo(b *testing.B) {
	rec, err := otelperf.New(otelperf.WithMeterProvider(hot(b, []selector{cumulative}, nil)))
	if err != nil {
		b.Fatal(err)
	}
	op, err := rec.Operation("search")
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	nothing := func(context.Context) error { return nil }
	b.Run("alone", func(b *testing.B) {
		for b.Loop() {
			_ = op.Do(ctx, nothing)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_ = op.Do(ctx, nothing)
			}
		})
	})
}
