package hotroad_test

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/metric"

	"github.com/otelperf/otelperf-go/hotroad"
)

// TestExemplarFilterByEnvironment: both roads read it alike.
func TestExemplarFilterByEnvironment(t *testing.T) {
	for env, want := range map[string]int{"": 1, "trace_based": 1, "always_on": 2, " Always_ON ": 2, "always_off": 0, "none of these": 1} {
		t.Setenv("OTEL_METRICS_EXEMPLAR_FILTER", env)
		last := bothRoads(t, []selector{delta}, nil, func(t *testing.T, mp metric.MeterProvider) {
			h := histogramOf(t, mp, "duration")
			h.Record(sampled(1), 0.02)
			h.Record(context.Background(), 3)
		})
		if n := countExemplars(last); n != want {
			t.Errorf("%q: %d exemplars, want %d", env, n, want)
		}
	}
}

// TestProducerOfNoSelector is as a reader without options.
func TestProducerOfNoSelector(t *testing.T) {
	t.Parallel()
	road, err := hotroad.New()
	if err != nil {
		t.Fatal(err)
	}
	p, err := road.Producer(nil)
	if err != nil {
		t.Fatal(err)
	}
	histogramOf(t, road.MeterProvider(usual([]selector{cumulative}, nil)), "duration").Record(t.Context(), 1)
	for range 2 { // cumulative: what was given once is given again
		if out, err := p.Produce(t.Context()); err != nil || len(out) != 1 {
			t.Errorf("%d scopes, error %v", len(out), err)
		}
	}
}
