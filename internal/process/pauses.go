package process

import (
	"context"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/version"
)

const gcPauses = "/sched/pauses/total/gc:seconds"

// NewPauseProducer returns a Producer of go.memory.gc.pause.duration for one
// reader: the runtime counts the pauses, and no instrument can take a finished
// histogram. A Producer's data goes out as it is, so temporality must be what
// the reader's exporter wants of a histogram. Delta data is absent while there
// was no pause. It returns no error, ever.
func NewPauseProducer(temporality metricdata.Temporality) sdkmetric.Producer {
	p := &pauses{temporality: temporality, samples: []metrics.Sample{{Name: gcPauses}}}
	p.last = time.Now()
	if s, err := newSource(); err == nil {
		if d, err := s.uptime(); err == nil {
			p.last = p.last.Add(-d) // the pauses are counted from the process' start
		}
	}
	return p
}

type pauses struct {
	temporality metricdata.Temporality

	mu      sync.Mutex
	samples []metrics.Sample
	total   debug.GCStats
	buckets merged // of the runtime's buckets
	last    time.Time
	before  []uint64 // counts at the last collection
	sum     float64  // and their sum
}

var _ sdkmetric.Producer = (*pauses)(nil)

// Produce returns one histogram.
func (p *pauses) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	metrics.Read(p.samples)
	now := time.Now()
	if p.samples[0].Value.Kind() != metrics.KindFloat64Histogram {
		return nil, nil // this version of Go does not count them
	}
	h := p.samples[0].Value.Float64Histogram()
	if p.buckets.bounds == nil {
		p.buckets = merge(h.Buckets)
		p.before = make([]uint64, len(p.buckets.bounds)+1)
	}
	counts, least, most := p.buckets.count(h)
	debug.ReadGCStats(&p.total)
	sum := max(min(p.total.PauseTotal.Seconds(), most), least, p.sum)

	point := metricdata.HistogramDataPoint[float64]{
		Attributes:   *attribute.EmptySet(),
		StartTime:    p.last,
		Time:         now,
		Bounds:       p.buckets.bounds,
		BucketCounts: counts,
		Sum:          sum,
	}
	if p.temporality == metricdata.DeltaTemporality {
		delta := make([]uint64, len(counts))
		for i := range counts {
			delta[i] = counts[i] - p.before[i]
		}
		point.BucketCounts, point.Sum = delta, sum-p.sum
		p.before, p.sum, p.last = counts, sum, now
	}
	for _, n := range point.BucketCounts {
		point.Count += n
	}
	if point.Count == 0 && p.temporality == metricdata.DeltaTemporality {
		return nil, nil
	}
	return []metricdata.ScopeMetrics{{
		Scope: instrumentation.Scope{Name: scope, Version: version.Version},
		Metrics: []metricdata.Metrics{{
			Name: "go.memory.gc.pause.duration",
			Description: "Distribution of individual GC-related stop-the-world pause latencies. " +
				"This is the time from deciding to stop the world until the world is started again.",
			Unit: "s",
			Data: metricdata.Histogram[float64]{
				Temporality: p.temporality,
				DataPoints:  []metricdata.HistogramDataPoint[float64]{point},
			},
		}},
	}}, nil
}

// merged are some of the runtime's buckets put together: it has 160, from
// nanoseconds to days.
type merged struct {
	bounds []float64
	index  []int // of the merged bucket that each of the runtime's goes to
}

const (
	finest    = 1e-6 // seconds; below is one bucket
	coarsest  = 10.0 // seconds; above is one bucket
	perBucket = 1.4  // from one bound to the next, at least
)

// merge chooses bounds among edges, so that every count is exact. The edges
// are those of a metrics.Float64Histogram: one more than buckets, perhaps
// infinite at either end.
func merge(edges []float64) merged {
	var m merged
	for i, upper := range edges[1:] {
		m.index = append(m.index, len(m.bounds))
		last := i == len(edges)-2
		if last || upper < finest || math.IsInf(upper, 1) {
			continue
		}
		if n := len(m.bounds); n == 0 || m.bounds[n-1] < coarsest && upper >= m.bounds[n-1]*perBucket {
			m.bounds = append(m.bounds, upper)
		}
	}
	return m
}

// count returns the counts of the merged buckets, and the bounds of the sum.
func (m merged) count(h *metrics.Float64Histogram) (counts []uint64, least, most float64) {
	counts = make([]uint64, len(m.bounds)+1)
	for i, n := range h.Counts {
		if n == 0 {
			continue
		}
		counts[m.index[i]] += n
		least += float64(n) * max(h.Buckets[i], 0)
		most += float64(n) * h.Buckets[i+1]
	}
	return counts, least, most
}
