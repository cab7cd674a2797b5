package recorded_test

import (
	"testing"

	"github.com/otelperf/otelperf-go/internal/recorded"
)

func BenchmarkRecord(b *testing.B) {
	store := mustNew(b, recorded.Def{Name: "search_ms", Metric: "search", Unit: "s", Factor: 1000})
	store.Producer()
	b.ReportAllocs()
	b.Run("serial", func(b *testing.B) {
		for b.Loop() {
			_ = store.Record("search_ms", 12)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_ = store.Record("search_ms", 12)
			}
		})
	})
}
