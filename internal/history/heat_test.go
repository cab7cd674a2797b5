package history_test

import (
	"math"
	"runtime"
	"slices"
	"testing"
	"time"
	"weak"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/history"
)

// spread is a collection of the operation with these bounds and buckets.
func spread(end time.Time, bounds []float64, buckets ...uint64) *metricdata.ResourceMetrics {
	rm := interval(end, 0)
	p := &rm.ScopeMetrics[0].Metrics[0].Data.(metricdata.Histogram[float64]).DataPoints[0]
	p.Bounds, p.BucketCounts = bounds, buckets
	for _, n := range buckets {
		p.Count += n
	}
	p.Sum = float64(p.Count) * 0.02
	return rm
}

func heat(t *testing.T, h *history.History, w history.Window) history.Heat {
	t.Helper()
	for _, s := range h.Series() {
		if s.Name == "search" {
			heat, ok := h.Heat(s.ID, w)
			if !ok {
				t.Fatal("there is no heat map")
			}
			return heat
		}
	}
	t.Fatal("there is no series")
	return history.Heat{}
}

// about compares counts to the 5 % that a heat map has.
func about(got [][]float64, want [][]float64) bool {
	return slices.EqualFunc(got, want, func(a, b []float64) bool {
		return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Abs(x-y) <= 0.05*y })
	})
}

func TestHeat(t *testing.T) {
	bounds := []float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1}
	h := open(t)
	defer closeHistory(t, h)
	h.Observe(spread(minute(1), bounds, 0, 0, 0, 100, 7, 0, 0, 0), nil)
	h.Observe(spread(minute(2), bounds, 0, 0, 3, 1000, 0, 0, 0, 0), nil)
	h.Observe(spread(minute(3), bounds, 0, 0, 0, 10, 0, 0, 0, 0), nil)
	h.Observe(spread(minute(4), bounds, 0, 0, 0, 0, 0, 0, 0, 0), nil)

	got := heat(t, h, history.Window{From: minute(0), To: minute(4), Columns: 60})
	// A band without calls stays at either end: its bound says where the others end.
	want := [][]float64{{0, 0, 100, 7, 0}, {0, 3, 1000, 0, 0}, {0, 0, 10, 0, 0}, {0, 0, 0, 0, 0}}
	if !slices.Equal(got.Bounds, []float64{0.02, 0.05, 0.1, 0.2}) || !about(got.Counts, want) || got.Step != 0 {
		t.Errorf("the map is %v of %v, step %s", got.Counts, got.Bounds, got.Step)
	}
	for i, at := range got.Times {
		if !at.Equal(minute(i + 1)) {
			t.Errorf("column %d is of %s", i, at)
		}
	}

	folded := heat(t, h, history.Window{From: minute(0), To: minute(4), Columns: 2})
	want = [][]float64{{0, 3, 1100, 7, 0}, {0, 0, 10, 0, 0}}
	if folded.Step != 2*time.Minute || len(folded.Times) != 2 || !folded.Times[1].Equal(minute(4)) || !about(folded.Counts, want) {
		t.Errorf("by two minutes the map is %v of %v, step %s", folded.Counts, folded.Times, folded.Step)
	}

	part := heat(t, h, history.Window{From: minute(1), To: minute(3), Columns: 60})
	if len(part.Times) != 2 || !part.Times[0].Equal(minute(2)) {
		t.Errorf("from the second minute to the third there are %v", part.Times)
	}
}

// All bands hold something: none is left out, and none made up.
func TestHeatToBothEnds(t *testing.T) {
	h := open(t)
	defer closeHistory(t, h)
	h.Observe(spread(minute(1), []float64{1, 2}, 5, 0, 6), nil)
	got := heat(t, h, history.Window{To: minute(1)})
	if !slices.Equal(got.Bounds, []float64{1, 2}) || !about(got.Counts, [][]float64{{5, 0, 6}}) {
		t.Errorf("the map is %v of %v", got.Counts, got.Bounds)
	}
}

// A release with other bounds: the older columns go into the newer bands.
func TestHeatAfterOtherBounds(t *testing.T) {
	h := open(t)
	defer closeHistory(t, h)
	h.Observe(spread(minute(1), []float64{0.01, 0.1, 1}, 1, 20, 30, 4), nil)
	h.Observe(spread(minute(2), []float64{0.05, 0.1, 0.5}, 0, 8, 0, 9), nil)
	got := heat(t, h, history.Window{To: minute(2)})
	if !slices.Equal(got.Bounds, []float64{0.05, 0.1, 0.5}) || !about(got.Counts, [][]float64{{1, 20, 0, 34}, {0, 8, 0, 9}}) {
		t.Errorf("the map is %v of %v", got.Counts, got.Bounds)
	}
}

func TestNoHeat(t *testing.T) {
	h, search, judged := hour(t, nil, nil)
	w := history.Window{From: minute(0), To: minute(60)}
	for name, id := range map[string]string{"no such series": "x", "judged values": judged} {
		if got, ok := h.Heat(id, w); ok {
			t.Errorf("%s have a map %+v", name, got)
		}
	}
	if got, ok := (*history.History)(nil).Heat(search, w); ok {
		t.Errorf("nothing has a map %+v", got)
	}
	empty := open(t)
	defer closeHistory(t, empty)
	empty.Observe(spread(minute(1), nil, 7), nil)
	for _, s := range empty.Series() {
		if got, ok := empty.Heat(s.ID, history.Window{To: minute(1)}); ok {
			t.Errorf("without bounds there is a map %+v", got)
		}
	}
}

// TestNothingIsKept: what was observed is its owner's alone afterwards, bounds too.
func TestNothingIsKept(t *testing.T) {
	h := open(t)
	defer closeHistory(t, h)
	observe := func() weak.Pointer[float64] {
		bounds := []float64{0.01, 0.02, 0.05}
		h.Observe(spread(minute(1), bounds, 0, 1, 2, 0), nil)
		return weak.Make(&bounds[0])
	}
	kept := observe()
	runtime.GC()
	if kept.Value() != nil {
		t.Error("the bounds are still there")
	}
}
