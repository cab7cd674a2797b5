package process

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// NewDeltaProducer returns a Producer for one reader that gives what from gives,
// cumulative histograms as the deltas since the last collection: a Producer's
// data goes out as it is, whatever temporality the reader's exporter wants. The
// first delta begins where the series does; a series that began afresh, or
// whose counts fell, is given whole. No delta begins before the last one ended.
// Points without a measurement are left out.
// from must give one point without attributes for each metric, as the runtime's
// schedule latency is. It returns no error, ever: one would be the reader's.
func NewDeltaProducer(from sdkmetric.Producer) sdkmetric.Producer {
	return &deltas{from: from, before: make(map[string]metricdata.HistogramDataPoint[float64])}
}

type deltas struct {
	from sdkmetric.Producer

	mu     sync.Mutex
	before map[string]metricdata.HistogramDataPoint[float64]
}

// Produce returns what has been measured since the last call.
func (d *deltas) Produce(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	scopes, err := d.from.Produce(ctx)
	if err != nil {
		otel.Handle(fmt.Errorf("process: schedule latencies: %w", err))
		return nil, nil // an error would cost the reader the rest of the collection
	}
	for i := range scopes {
		var kept []metricdata.Metrics
		for _, m := range scopes[i].Metrics {
			h, ok := m.Data.(metricdata.Histogram[float64])
			if ok && h.Temporality == metricdata.CumulativeTemporality {
				if h.DataPoints = d.since(m.Name, h.DataPoints); len(h.DataPoints) == 0 {
					continue
				}
				h.Temporality = metricdata.DeltaTemporality
				m.Data = h
			}
			kept = append(kept, m)
		}
		scopes[i].Metrics = kept
	}
	return slices.DeleteFunc(scopes, func(s metricdata.ScopeMetrics) bool { return len(s.Metrics) == 0 }), nil
}

func (d *deltas) since(name string, points []metricdata.HistogramDataPoint[float64]) (out []metricdata.HistogramDataPoint[float64]) {
	for _, p := range points {
		p.BucketCounts = slices.Clone(p.BucketCounts)
		last, known := d.before[name]
		d.before[name] = p
		if known && p.StartTime.Equal(last.StartTime) && grew(last, p) {
			counts := slices.Clone(p.BucketCounts)
			for i, n := range last.BucketCounts {
				counts[i] -= n
			}
			p.BucketCounts, p.Count, p.Sum = counts, p.Count-last.Count, max(0, p.Sum-last.Sum)
			p.StartTime = last.Time
		}
		if known && p.StartTime.Before(last.Time) { // began afresh since then, whatever its start says
			p.StartTime = last.Time
		}
		if p.Count > 0 {
			out = append(out, p)
		}
	}
	return out
}

// grew is whether p can be last and more.
func grew(last, p metricdata.HistogramDataPoint[float64]) bool {
	if !slices.Equal(last.Bounds, p.Bounds) || len(last.BucketCounts) != len(p.BucketCounts) || p.Count < last.Count {
		return false
	}
	for i, n := range last.BucketCounts {
		if p.BucketCounts[i] < n {
			return false
		}
	}
	return true
}
