package distribution

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// signed is a point with buckets on both sides of zero, at scale 0.
func signed() *metricdata.ExponentialHistogramDataPoint[float64] {
	return &metricdata.ExponentialHistogramDataPoint[float64]{
		Count: 15, Sum: 60, ZeroCount: 4, ZeroThreshold: 0.5,
		NegativeBucket: metricdata.ExponentialBucket{Offset: 0, Counts: []uint64{1, 0, 2}},
		PositiveBucket: metricdata.ExponentialBucket{Offset: 1, Counts: []uint64{3, 0, 5}},
	}
}

// sided is signed without the buckets of a side.
func sided(neg, pos bool) *metricdata.ExponentialHistogramDataPoint[float64] {
	p := signed()
	if !neg {
		p.NegativeBucket = metricdata.ExponentialBucket{}
		p.Count -= 3
	}
	if !pos {
		p.PositiveBucket = metricdata.ExponentialBucket{}
		p.Count -= 8
	}
	return p
}

// TestBuckets: by rising value, those that hold something, and no more than
// were asked for.
func TestBuckets(t *testing.T) {
	var plain Distribution
	if err := plain.LoadPlain(3, 3); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		d    *Distribution
		want string
	}{
		{"plain", &plain, ""},
		{"explicit", load(t, explicit([]float64{1, 2, 3}, 0.5, 0.5, 2.5, 9)), "(-Inf,1]:2 (2,3]:1 (3,+Inf]:1"},
		{"without bounds", load(t, explicit(nil, 1, 2)), "(-Inf,+Inf]:2"},
		{"exponential", loadExponential(t, signed()), "(-8,-4]:2 (-2,-1]:1 (-0.5,0.5]:4 (2,4]:3 (8,16]:5"},
		{"nothing below zero", loadExponential(t, sided(false, true)), "(0,0.5]:4 (2,4]:3 (8,16]:5"},
		{"nothing above zero", loadExponential(t, sided(true, false)), "(-8,-4]:2 (-2,-1]:1 (-0.5,0]:4"},
		{"about zero only", loadExponential(t, sided(false, false)), "(-0.5,0.5]:4"},
	} {
		var all []string
		tt.d.Buckets(func(lo, hi float64, n uint64) bool {
			all = append(all, fmt.Sprintf("(%v,%v]:%d", lo, hi, n))
			return true
		})
		if got := strings.Join(all, " "); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
		for stop := range all {
			n := 0
			tt.d.Buckets(func(float64, float64, uint64) bool {
				n++
				return n <= stop
			})
			if n != stop+1 {
				t.Errorf("%s: %d calls, want that it stops after %d", tt.name, n, stop+1)
			}
		}
	}
}

// TestStoreUndoesLoad, into copies of its own.
func TestStoreUndoesLoad(t *testing.T) {
	for _, values := range [][]float64{nil, {0.5}, {0.5, 1.5, 3}} {
		p := explicit([]float64{1, 2}, values...)
		d := load(t, p)
		if !slices.Equal(d.Bounds(), p.Bounds) {
			t.Errorf("got bounds %v", d.Bounds())
		}
		var got metricdata.HistogramDataPoint[float64]
		d.StoreExplicit(&got)
		if fmt.Sprint(got) != fmt.Sprint(*p) {
			t.Errorf("got %+v, want %+v", got, *p)
		}
		got.Bounds[0], got.BucketCounts[0] = 99, 99
		if d.bounds[0] == 99 || d.counts[0] == 99 {
			t.Error("what was stored is not a copy")
		}
	}
	p := signed()
	p.Min, p.Max = metricdata.NewExtrema(-7.0), metricdata.NewExtrema(math.Inf(1))
	d := loadExponential(t, p)
	if d.Bounds() != nil {
		t.Errorf("got bounds %v", d.Bounds())
	}
	var got metricdata.ExponentialHistogramDataPoint[float64]
	d.StoreExponential(&got)
	p.Max = metricdata.Extrema[float64]{} // nobody can be told of infinity
	if fmt.Sprint(got) != fmt.Sprint(*p) {
		t.Errorf("got %+v, want %+v", got, *p)
	}
	got.PositiveBucket.Counts[0], got.NegativeBucket.Counts[0] = 99, 99
	if d.pos.counts[0] == 99 || d.neg.counts[0] == 99 {
		t.Error("what was stored is not a copy")
	}
	full := metricdata.HistogramDataPoint[float64]{Bounds: []float64{1}, BucketCounts: []uint64{1, 2}}
	if d.StoreExplicit(&full); full.Bounds != nil || full.BucketCounts != nil || full.Count != 15 || full.Sum != 60 {
		t.Errorf("got %+v of exponential buckets", full)
	}
}
