package recorded

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/version"
)

// Scope is the name of the instrumentation scope of the gauges.
const Scope = "github.com/otelperf/otelperf-go/otelperf/monitor"

// The attributes of every point. Both are bounded by the definitions.
const (
	BaselineName = attribute.Key("otelperf.baseline.name")
	Source       = attribute.Key("otelperf.source")
)

// Producer returns a new Producer, to be given to one reader. It shows the
// worst value of each name since its own last collection, at first since it
// was made, whatever other Producers of the Store have shown. It holds a few
// bytes for each name as long as the Store lives.
func (s *Store) Producer() sdkmetric.Producer {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &producer{store: s, index: s.producers, last: time.Now()}
	s.producers++
	for _, n := range s.series {
		n.mu.Lock()
		n.worst = append(n.worst, worst{})
		n.mu.Unlock()
	}
	return p
}

type producer struct {
	store *Store
	index int // of its slot in each series

	mu   sync.Mutex // one collection at a time, so that their times are in order
	last time.Time  // of the last collection
}

var _ sdkmetric.Producer = (*producer)(nil)

// Produce returns what was recorded since the last call, in memory that
// belongs to the caller. The error is always nil: the reader would drop
// everything else that it collected.
func (p *producer) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	start, now := p.last, time.Now()
	p.last = now

	var metrics []metricdata.Metrics
	for _, g := range p.store.gauges {
		var points []metricdata.DataPoint[float64]
		for _, n := range g.series {
			v, some := n.take(p.index)
			if !some {
				continue
			}
			points = append(points, metricdata.DataPoint[float64]{
				Attributes: n.attributes,
				StartTime:  start,
				Time:       now,
				Value:      v / n.factor,
			})
		}
		if len(points) == 0 {
			continue
		}
		metrics = append(metrics, metricdata.Metrics{
			Name:        g.name,
			Description: g.description,
			Unit:        g.unit,
			Data:        metricdata.Gauge[float64]{DataPoints: points},
		})
	}
	if len(metrics) == 0 {
		return nil, nil
	}
	return []metricdata.ScopeMetrics{{
		Scope:   instrumentation.Scope{Name: Scope, Version: version.Version},
		Metrics: metrics,
	}}, nil
}

// take returns the worst value for one Producer and begins afresh.
func (n *series) take(index int) (v float64, some bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	w := n.worst[index]
	n.worst[index] = worst{}
	return w.value, w.some
}
