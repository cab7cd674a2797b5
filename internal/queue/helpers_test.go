package queue_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// A stub is an exporter that notes what it was given and does as it is told.
// Its zero value accepts everything.
type stub struct {
	export   func(ctx context.Context, rm *metricdata.ResourceMetrics) error
	flush    func(context.Context) error
	shutdown func(context.Context) error

	mu        sync.Mutex
	got       []seen
	flushes   int
	shutdowns int
}

// seen is one accepted export: value by metric name and series.
type seen map[string]float64

func (s *stub) Temporality(sdkmetric.InstrumentKind) metricdata.Temporality {
	return metricdata.DeltaTemporality
}

func (s *stub) Aggregation(sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.AggregationSum{}
}

func (s *stub) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	if s.export != nil {
		if err := s.export(ctx, rm); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, look(rm))
	return nil
}

func (s *stub) ForceFlush(ctx context.Context) error {
	s.mu.Lock()
	s.flushes++
	s.mu.Unlock()
	if s.flush != nil {
		return s.flush(ctx)
	}
	return nil
}

func (s *stub) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.shutdowns++
	s.mu.Unlock()
	if s.shutdown != nil {
		return s.shutdown(ctx)
	}
	return nil
}

func (s *stub) accepted() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

func look(rm *metricdata.ResourceMetrics) seen {
	got := seen{}
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			for set, v := range points(m.Data) {
				got[m.Name+set.Encoded(attribute.DefaultEncoder())] = v
			}
		}
	}
	return got
}

func points(data metricdata.Aggregation) map[*attribute.Set]float64 {
	got := map[*attribute.Set]float64{}
	switch a := data.(type) {
	case metricdata.Gauge[float64]:
		for i := range a.DataPoints {
			got[&a.DataPoints[i].Attributes] = a.DataPoints[i].Value
		}
	case metricdata.Sum[float64]:
		for i := range a.DataPoints {
			got[&a.DataPoints[i].Attributes] = a.DataPoints[i].Value
		}
	case metricdata.Sum[int64]:
		for i := range a.DataPoints {
			got[&a.DataPoints[i].Attributes] = float64(a.DataPoints[i].Value)
		}
	}
	return got
}

// of makes a collection of one scope.
func of(metrics ...metricdata.Metrics) *metricdata.ResourceMetrics {
	return &metricdata.ResourceMetrics{
		Resource: resource.Empty(),
		ScopeMetrics: []metricdata.ScopeMetrics{{
			Scope:   instrumentation.Scope{Name: "test"},
			Metrics: metrics,
		}},
	}
}

// delta, total and gauge make a metric with one series for each value; those
// of one name have the same series.
func delta(name string, values ...float64) metricdata.Metrics {
	return metricdata.Metrics{Name: name, Data: metricdata.Sum[float64]{
		Temporality: metricdata.DeltaTemporality, IsMonotonic: true, DataPoints: numbers(values),
	}}
}

func total(name string, values ...float64) metricdata.Metrics {
	return metricdata.Metrics{Name: name, Data: metricdata.Sum[float64]{
		Temporality: metricdata.CumulativeTemporality, IsMonotonic: true, DataPoints: numbers(values),
	}}
}

func gauge(name string, values ...float64) metricdata.Metrics {
	return metricdata.Metrics{Name: name, Data: metricdata.Gauge[float64]{DataPoints: numbers(values)}}
}

func numbers(values []float64) []metricdata.DataPoint[float64] {
	points := make([]metricdata.DataPoint[float64], len(values))
	for i, v := range values {
		points[i].Value = v
		if i > 0 {
			points[i].Attributes = attribute.NewSet(attribute.Int("i", i))
		}
	}
	return points
}

// hang is an Export that hangs until its context ends.
func hang(ctx context.Context, _ *metricdata.ResourceMetrics) error {
	<-ctx.Done()
	return ctx.Err()
}

func give(t testing.TB, e sdkmetric.Exporter, metrics ...metricdata.Metrics) {
	t.Helper()
	if err := e.Export(t.Context(), of(metrics...)); err != nil {
		t.Errorf("Export() = %v", err)
	}
}

func flush(t testing.TB, e sdkmetric.Exporter) {
	t.Helper()
	if err := e.ForceFlush(t.Context()); err != nil {
		t.Errorf("ForceFlush() = %v", err)
	}
}

func shutdown(t testing.TB, e sdkmetric.Exporter) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := e.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown() = %v", err)
	}
}

// log is an error handler that notes what it heard.
type log struct {
	mu   sync.Mutex
	errs []error
}

func (l *log) handle(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errs = append(l.errs, err)
}

func (l *log) heard() []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.errs)
}

// pass lets time go by in a bubble of testing/synctest.
func pass(d time.Duration) { <-time.After(d) }
