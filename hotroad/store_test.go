package hotroad

import (
	"context"
	"runtime"
	"runtime/debug"
	"testing"
	"weak"

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
	for _, finish := range []bool{false, true} {
		h, st, collect := only(t, WithCardinalityLimit(limit))
		for i := range 200 {
			for k := range limit {
				attr := attribute.Int("k", i*limit+k)
				if h.Record(context.Background(), 1, metric.WithAttributes(attr)); finish {
					h.Finish(context.Background(), attr)
				}
			}
			collect()
			collect()
			if n := len(st.series); n > 2*limit {
				t.Fatalf("%d series after %d intervals, the limit is %d", n, i+1, limit)
			}
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

// TestIdleDeltaSeriesEnd where there is no limit that would ask for their room,
// and are forgotten. Those that go on stay.
func TestIdleDeltaSeriesEnd(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{0, -1} {
		h, st, collect := only(t, WithCardinalityLimit(limit))
		goesOn := h.Bind(attribute.Int("k", 0))
		goesOn.Record(context.Background(), 1)
		first := st.series[0]
		for k := range 5 {
			h.Record(context.Background(), 1, metric.WithAttributes(attribute.Int("k", k+1)))
		}
		collect()
		if st.live != 6 {
			t.Errorf("limit %d: %d live after the first interval", limit, st.live)
		}
		for range 100 {
			goesOn.Record(context.Background(), 1)
			collect()
			if runtime.GC(); len(st.series) == 1 {
				break
			}
		}
		if st.live != 1 || len(st.series) != 1 || st.series[0] != first || first.released != 0 || len(st.ended) != 0 {
			t.Errorf("limit %d: %d series, %d ended, %d live", limit, len(st.series), len(st.ended), st.live)
		}
	}
}

// TestFinishWithoutALimit ends series too.
func TestFinishWithoutALimit(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{0, -1} {
		b := newBench(t, fixedReaders["explicit"], WithCardinalityLimit(limit))
		b.Record(context.Background(), 1)
		b.Finish(context.Background())
		b.collect(t)
		if b.store.live != 0 {
			t.Errorf("limit %d: %d live", limit, b.store.live)
		}
	}
}

// TestHandlesLoseWhatEnded: all handles that were bound to a series, and not
// forgotten when others were, look for another when it has ended.
func TestHandlesLoseWhatEnded(t *testing.T) {
	t.Parallel()
	h, st, collect := only(t)
	var handles []*bound
	for i := range 300 {
		b := h.Bind(attribute.Int("k", 1)).(*bound)
		if b.Record(context.Background(), 1); i%3 == 0 {
			handles = append(handles, b)
		}
		if i%50 == 0 {
			runtime.GC()
		}
	}
	h.Finish(context.Background(), attribute.Int("k", 1))
	collect()
	for i, b := range handles {
		if b.first.lease.Load() != nil {
			t.Fatalf("handle %d of %d still records to what ended", i, len(handles))
		}
	}
	// A handle that outlives many lives of its series is noted once for each.
	for range 100 {
		handles[0].Record(context.Background(), 1)
		h.Finish(context.Background(), attribute.Int("k", 1))
		collect()
	}
	handles[0].Record(context.Background(), 1)
	if n := len(st.series[0].targets); n != 1 {
		t.Errorf("%d notes of one handle", n)
	}
}

// TestForgottenSeriesAreFreed: nothing holds on to them.
func TestForgottenSeriesAreFreed(t *testing.T) {
	t.Parallel()
	b := newBench(t, fixedReaders["explicit"])
	b.Record(context.Background(), 1)
	freed := weak.Make(b.store.series[0])
	b.Finish(context.Background())
	for range 100 {
		b.collect(t)
		if runtime.GC(); freed.Value() == nil {
			break
		}
	}
	if freed.Value() != nil {
		t.Errorf("%d series are noted, and the forgotten one is held on to", len(b.store.series))
	}
	runtime.KeepAlive(b)
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
