package monitor

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/queue"
)

// A fanout gives each collection to several exporters that want the same data.
// All of them are queues, so that none is waited for. Without any it takes
// cumulative data and drops it: judging needs a collection, not an exporter.
type fanout struct {
	to      []*queue.Exporter
	after   func() // told of each collection, if not nil
	closing atomic.Bool
}

func (f *fanout) Temporality(k sdkmetric.InstrumentKind) metricdata.Temporality {
	if len(f.to) == 0 {
		return metricdata.CumulativeTemporality
	}
	return f.to[0].Temporality(k)
}

func (f *fanout) Aggregation(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	if len(f.to) == 0 {
		return sdkmetric.DefaultAggregationSelector(k)
	}
	return f.to[0].Aggregation(k)
}

// Export waits for the next millisecond. A reader collects again only when it
// returns, so no two points of a series have the same time in a database that counts
// milliseconds: Prometheus refuses the second. It waits before it hands over what it
// has, for Shutdown collects twice, and of what waits in a queue the second takes the
// place of the first.
func (f *fanout) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	collected := time.Now()
	for len(f.to) > 0 && time.Now().UnixMilli() == collected.UnixMilli() {
		<-time.After(time.Millisecond - time.Duration(time.Now().Nanosecond())%time.Millisecond)
	}
	var errs []error
	for _, e := range f.to {
		errs = append(errs, e.Export(ctx, rm))
	}
	if f.after != nil {
		f.after()
	}
	return errors.Join(errs...)
}

// ForceFlush waits for all queues at once. Once the Monitor is closing it does
// not wait: Shutdown drains the queues, and the flush before it is there to
// collect.
func (f *fanout) ForceFlush(ctx context.Context) error {
	if f.closing.Load() {
		return nil
	}
	return f.each(func(e *queue.Exporter) error { return e.ForceFlush(ctx) })
}

func (f *fanout) Shutdown(ctx context.Context) error {
	return f.each(func(e *queue.Exporter) error { return e.Shutdown(ctx) })
}

// each calls all exporters at the same time, so that a slow one takes nothing
// of the others' time.
func (f *fanout) each(call func(*queue.Exporter) error) error {
	errs := make([]error, len(f.to))
	var wg sync.WaitGroup
	for i, e := range f.to {
		wg.Go(func() { errs[i] = call(e) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
