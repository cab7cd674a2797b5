package config_test

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

// What is recorded by a short name is what the Processor shows and judges by
// it, in the name's own unit, exactly.
func TestRecordedValuesAreJudged(t *testing.T) {
	c := load(t, write(t, `
[baseline_targets]
allocation_ms = 100
search_ms = 100
allocation_error_percent = 50
search_error_percent = 50
memory_mb = 100
cpu_percent = 50
throughput_qps = 100
render_ms = 100
render_qps = 100
render_error_percent = 50
`))
	baselines, err := c.Baselines()
	if err != nil {
		t.Fatal(err)
	}
	// A value at the threshold is not over it, the next one is.
	for _, tt := range []struct {
		share, lower float64
		want         views.State
	}{{1.2, 0.8, views.OK}, {1.21, 0.79, views.Firing}} {
		p, err := views.Watch(baselines, views.WithInterval(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		given := map[string]float64{}
		export := func(at time.Time) {
			scope := metricdata.ScopeMetrics{Scope: instrumentation.Scope{Name: "recorded"}}
			for _, r := range c.Recordable() {
				v := c.Targets[r.Name] * tt.share
				if r.Direction == views.LowerIsWorse {
					v = c.Targets[r.Name] * tt.lower
				}
				given[r.Name] = v
				scope.Metrics = append(scope.Metrics, metricdata.Metrics{
					Name: r.Metric, Unit: r.MetricUnit,
					Data: metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{{
						Attributes: attribute.NewSet(attribute.String("otelperf.baseline.name", r.Name), attribute.String("otelperf.source", "recorded")),
						Time:       at, Value: r.Base(v),
					}}},
				})
			}
			if err := p.Export(t.Context(), &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{scope}}); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Unix(1_700_000_000, 0)
		for i := range 3 { // what is worse when lower is judged from the second on
			export(start.Add(time.Duration(i) * time.Minute))
		}
		seen := 0
		for _, s := range p.Status() {
			if source, _ := s.Group.Value("otelperf.source"); source.AsString() != "recorded" {
				continue
			}
			seen++
			if off := s.Value/given[s.Name] - 1; off > 1e-12 || off < -1e-12 || s.State != tt.want {
				t.Errorf("%s: recorded %v, shown %v %s and %v, want %v", s.Name, given[s.Name], s.Value, s.Unit, s.State, tt.want)
			}
		}
		if want := len(c.Recordable()); seen != want {
			t.Errorf("%d values are shown, want %d", seen, want)
		}
	}
}
