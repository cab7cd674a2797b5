package distribution

import (
	"math"
	"slices"
	"testing"
)

// TestGridsShare: equal lists have one copy, however many points have them, and
// it is not the points' memory.
func TestGridsShare(t *testing.T) {
	var g Grids
	list := []float64{1, 2, 5}
	first, err := g.of(list)
	if err != nil || !slices.Equal(first, list) || identical(first, list) {
		t.Fatal(first, err)
	}
	for _, equal := range [][]float64{list, slices.Clone(list), {1, 2, 5}} {
		if again, err := g.of(equal); err != nil || !identical(again, first) {
			t.Error(again, err)
		}
	}
	if shorter, err := g.of(list[:2]); err != nil || !slices.Equal(shorter, []float64{1, 2}) {
		t.Error(shorter, err)
	}
	if none, err := g.of(nil); err != nil || len(none) != 0 {
		t.Error(none, err)
	}
}

// TestGridsForget: the memory of one collection is written to for the next.
func TestGridsForget(t *testing.T) {
	var g Grids
	list := []float64{1, 2, 5}
	before, _ := g.of(list)
	g.Forget()
	if g.asked != nil || g.answer != nil {
		t.Error("the points' memory is kept")
	}
	list[2] = 10
	after, err := g.of(list)
	if err != nil || !slices.Equal(after, []float64{1, 2, 10}) || !slices.Equal(before, []float64{1, 2, 5}) {
		t.Error(before, after, err)
	}
}

func TestGridsRefuseNonsense(t *testing.T) {
	var g Grids
	for range 2 { // and do not remember it
		for _, list := range [][]float64{{1, 1}, {2, 1}, {math.NaN()}, {1, math.NaN()}, {math.Inf(-1), 1}} {
			if got, err := g.of(list); err == nil {
				t.Errorf("%v: %v", list, got)
			}
		}
	}
}

// TestGridsAreBounded has more lists than are kept. Who has one already keeps it.
func TestGridsAreBounded(t *testing.T) {
	var g Grids
	var had [][]float64
	for range 2 {
		for i := range 3 * maxGrids {
			list, err := g.of([]float64{float64(i), float64(i + 1)})
			if err != nil {
				t.Fatal(err)
			}
			had = append(had, list)
		}
	}
	if len(g.known) != maxGrids {
		t.Errorf("%d are kept", len(g.known))
	}
	for i, list := range had {
		if want := float64(i % (3 * maxGrids)); !slices.Equal(list, []float64{want, want + 1}) {
			t.Errorf("list %d became %v", i, list)
		}
	}
}

// TestCoarsenedBoundsAreNotShared: a sum on common bounds writes bounds of its
// own, which neither those that it summed up nor its copies see.
func TestCoarsenedBoundsAreNotShared(t *testing.T) {
	var g Grids
	var sum, a, b, fine Distribution
	for d, bounds := range map[*Distribution][]float64{&a: {1, 2, 5}, &b: {1, 5}, &fine: {5}} {
		if err := LoadExplicit(d, &g, explicit(bounds, 0.5, 3)); err != nil {
			t.Fatal(err)
		}
	}
	sum.Add(&a)
	sum.Add(&b)
	var copied Distribution
	copied.Copy(&sum)
	sum.Add(&fine)
	for name, c := range map[string]struct {
		d    *Distribution
		want []float64
	}{
		"first": {&a, []float64{1, 2, 5}}, "second": {&b, []float64{1, 5}}, "third": {&fine, []float64{5}},
		"copy": {&copied, []float64{1, 5}}, "sum": {&sum, []float64{5}},
	} {
		if !slices.Equal(c.d.bounds, c.want) {
			t.Errorf("%s: %v, want %v", name, c.d.bounds, c.want)
		}
	}
}
