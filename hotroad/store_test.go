package hotroad

import (
	"context"
	"runtime"
	"runtime/debug"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

type deltas struct{ defaults }

func (deltas) Temporality(sdkmetric.InstrumentKind) metricdata.Temporality {
	return metricdata.DeltaTemporality
}

// only returns a histogram of a delta reader, its store, and how to collect.
func only(t *testing.T, opts ...Option) (h *histogram, st *store, collect func()) {
	t.Helper()
	road, err := New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	p, err := road.Producer(deltas{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := road.MeterProvider(sdkmetric.NewMeterProvider()).Meter("scope").Float64Histogram("duration")
	if err != nil {
		t.Fatal(err)
	}
	h = f.(*histogram)
	return h, h.stores[0], func() {
		if _, err := p.Produce(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// TestEndedSeriesAreBounded: also while no garbage is collected, and so nothing
// forgotten, no more of them wait than there may be others.
func TestEndedSeriesAreBounded(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	const limit = 10
	h, st, collect := only(t, WithCardinalityLimit(limit))
	for i := range 200 {
		for k := range limit {
			h.Record(context.Background(), 1, metric.WithAttributes(attribute.Int("k", i*limit+k)))
		}
		collect()
		collect()
		if n := len(st.series); n > 2*limit {
			t.Fatalf("%d series after %d intervals, the limit is %d", n, i+1, limit)
		}
	}
}

// TestIdleDeltaSeriesStay where there is room, so that what comes back has to
// make nothing.
func TestIdleDeltaSeriesStay(t *testing.T) {
	t.Parallel()
	h, st, collect := only(t, WithCardinalityLimit(10))
	h.Record(context.Background(), 1)
	collect()
	first := st.series[0]
	for range 5 {
		collect()
		runtime.GC()
	}
	if st.live != 1 || len(st.series) != 1 || st.series[0] != first || first.current == nil {
		t.Errorf("%d series, %d live", len(st.series), st.live)
	}
}

// TestBoundHandlesLeaveNothing: a series does not hold on to the handles that
// were bound to it.
func TestBoundHandlesLeaveNothing(t *testing.T) {
	t.Parallel()
	h, st, _ := only(t)
	for i := range 4000 {
		h.Bind(attribute.Int("k", 1)).Record(context.Background(), 1)
		if i%500 == 0 {
			runtime.GC()
		}
	}
	if n := len(st.series[0].targets); n > 2000 {
		t.Errorf("%d of 4000 handles are noted", n)
	}
}
