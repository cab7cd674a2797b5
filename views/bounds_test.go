package views

import (
	"math"
	"slices"
	"testing"
)

func TestStandardBounds(t *testing.T) {
	for _, tt := range []struct {
		name, unit string
		want       []float64
	}{
		{"http.server.request.duration", "s", httpBounds},
		{"http.server.request.body.size", "By", sizeBounds},
		{"otelperf.operation.duration", "s", durationBounds},
		{"message.size", "By", sizeBounds},
		{"message.count", "{message}", otherBounds},
		{"legacy.duration", "ms", otherBounds},
	} {
		if got := standardBounds(tt.name, tt.unit); !slices.Equal(got, tt.want) {
			t.Errorf("%s in %s: got %v, want %v", tt.name, tt.unit, got, tt.want)
		}
	}
}

// TestAlign: the boundaries around a level are where they tell something.
func TestAlign(t *testing.T) {
	for _, tt := range []struct{ standard, levels, want []float64 }{
		{[]float64{1, 2}, nil, []float64{1, 2}},
		{nil, []float64{0.1, 0.12}, []float64{0.075, 0.09, 0.1, 0.11, 0.12, 0.125, 0.132, 0.15, 0.18, 0.2, 0.24}},
		{[]float64{100}, []float64{83.2}, []float64{62.4, 74.9, 83.2, 91.5, 100, 104, 125, 166}}, // 4 % above 100
		{[]float64{104}, []float64{80}, []float64{60, 72, 80, 88, 100, 104, 120, 160}},           // 4 % below 104
		{[]float64{100}, []float64{93}, []float64{69.8, 83.7, 93, 100, 116, 140, 186}},           // 102 is too near
		{nil, []float64{0}, []float64{0, 1}},
		{[]float64{0, 5}, []float64{0}, []float64{0, 5}},
		{[]float64{-5, 0}, []float64{10}, []float64{-5, 0, 7.5, 9, 10, 11, 12.5, 15, 20}},
	} {
		if got, err := align(tt.standard, tt.levels); err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%v and %v: got %v, %v, want %v", tt.standard, tt.levels, got, err, tt.want)
		}
	}
	// At the edge of what numbers can be, and where there is no more room.
	many := make([]float64, 0, maxBounds-1)
	for i := range cap(many) {
		many = append(many, 1000+float64(i))
	}
	for _, levels := range [][]float64{{5e-324}, {1e-310}, {math.MaxFloat64 / 1.5}, many} {
		got, err := align([]float64{}, levels)
		if err != nil || len(got) > maxBounds || got[len(got)-1] <= levels[len(levels)-1] {
			t.Errorf("%v: got %v, %v", levels, got, err)
		}
		for i, b := range got {
			if math.IsNaN(b) || math.IsInf(b, 0) || i > 0 && b <= got[i-1] {
				t.Errorf("%v: %v is at place %d of %v", levels, b, i, got)
			}
		}
	}
	if _, err := align([]float64{}, append(many, 5000)); err == nil {
		t.Error("no error where there is no room beyond the highest level")
	}
}

// TestLevelsOf: only of what is judged by buckets, rising, each once.
func TestLevelsOf(t *testing.T) {
	b := Baseline{Name: "b", Metric: "m", Statistic: P95, Target: 300, Unit: "ms"}
	change := func(f func(b *Baseline)) Baseline {
		c := b
		f(&c)
		return c
	}
	for _, tt := range []struct {
		name string
		of   []Baseline
		want []float64
	}{
		{"one", []Baseline{b}, []float64{0.3, 0.36}},
		{"cleared elsewhere", []Baseline{change(func(b *Baseline) { b.ClearPercent = 110 })}, []float64{0.3, 0.33, 0.36}},
		{"worse when it is lower", []Baseline{change(func(b *Baseline) { b.Direction = LowerIsWorse })}, []float64{0.24, 0.3}},
		{"two, the higher one first", []Baseline{b, change(func(b *Baseline) { b.Target = 100 }), b}, []float64{0.1, 0.12, 0.3, 0.36}},
		{"observed", []Baseline{change(func(b *Baseline) { b.Target = math.NaN() })}, nil},
		{"relative", []Baseline{change(func(b *Baseline) { b.Target, b.Relative = 0, 5 })}, nil},
		{"a ratio", []Baseline{change(func(b *Baseline) { b.Statistic, b.Unit = ErrorRatio, "%" })}, nil},
		{"of another unit", []Baseline{change(func(b *Baseline) { b.Unit = "MiB" })}, nil},
		{"of another unit, and zero", []Baseline{change(func(b *Baseline) { b.Unit, b.Target = "MiB", 0 })}, nil},
		{"out of range", []Baseline{change(func(b *Baseline) { b.Target, b.Unit = 1e306, "h" })}, nil},
	} {
		if got := levelsOf(tt.of, "s"); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}
