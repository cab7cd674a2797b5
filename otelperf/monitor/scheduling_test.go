package monitor_test

import (
	"sync"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/otelperf/monitor"
	"github.com/otelperf/otelperf-go/views"
)

// TestScheduleLatencyIsJudged: whatever temporality the exporter wants, each
// interval's waits are judged once, and what goes out is what was judged.
func TestScheduleLatencyIsJudged(t *testing.T) {
	for name, temporality := range map[string]sdkmetric.TemporalitySelector{
		"cumulative": sdkmetric.CumulativeTemporalitySelector, "delta": sdkmetric.DeltaTemporalitySelector,
	} {
		t.Run(name, func(t *testing.T) {
			out := &keeper{temporality: temporality}
			mon := start(t, monitor.WithInterval(time.Hour), monitor.WithExporter(out), monitor.WithConfig("c", []byte(`
[[baseline]]
name = "waits"
metric = "go.schedule.duration"
statistic = "mean"
target = 0.000001
unit = "ms"
`)))
			var last metricdata.HistogramDataPoint[float64]
			for i := range 4 {
				var wait sync.WaitGroup
				for range 2000 { // each of them waits for a CPU
					wait.Go(func() {})
				}
				wait.Wait()
				flush(t, mon)
				h, ok := out.last(t)["go.schedule.duration"].(metricdata.Histogram[float64])
				if !ok || len(h.DataPoints) != 1 {
					t.Fatalf("interval %d: exported is %+v", i, out.last(t)["go.schedule.duration"])
				}
				p := h.DataPoints[0]
				count, sum := p.Count, p.Sum
				if want := temporality(sdkmetric.InstrumentKindHistogram); h.Temporality != want {
					t.Errorf("interval %d: the temporality is %v", i, h.Temporality)
				}
				switch {
				case i == 0:
				case name == "cumulative":
					count, sum = count-last.Count, sum-last.Sum
				case !p.StartTime.Equal(last.Time):
					t.Errorf("interval %d begins at %s, the last one ended at %s", i, p.StartTime, last.Time)
				}
				last = p
				s, _ := mon.Snapshot().Get("waits")
				if i == 0 && name == "cumulative" {
					continue // what the process did before is no interval's
				}
				if s.Count != count || count < 20 || s.State != views.Firing {
					t.Errorf("interval %d: judged %d waits, %v; exported %d", i, s.Count, s.State, count)
				}
				if mean := sum / float64(count) * 1000; s.Value < mean*0.999 || s.Value > mean*1.001 {
					t.Errorf("interval %d: judged a mean of %v ms, exported %v", i, s.Value, mean)
				}
			}
		})
	}
}
