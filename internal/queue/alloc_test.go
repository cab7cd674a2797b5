//go:build !race

package queue_test

import (
	"testing"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/queue"
)

// The copy of an unchanged set of series costs nothing, however many there
// are; what is left belongs to the flush and to the attempt's context.
func TestSteadyStateAllocations(t *testing.T) {
	const budget = 20
	for _, series := range []int{1, 1000} {
		rm := of(
			metricdata.Metrics{Name: "latency", Data: histogram(series)},
			total("calls", make([]float64, series)...),
			delta("errors", make([]float64, series)...),
		)
		e := queue.New(&silent{})
		work := func() {
			if err := e.Export(t.Context(), rm); err != nil {
				t.Error(err)
			}
			flush(t, e)
		}
		work()
		work()
		if got := testing.AllocsPerRun(100, work); got > budget {
			t.Errorf("with %d series: %v allocations for an export and a flush, want at most %d", series, got, budget)
		}
		shutdown(t, e)
	}
}
