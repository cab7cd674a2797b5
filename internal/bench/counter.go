package main

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/otelperf"
)

func init() { suites = append(suites, counterComparisons) }

// twoAdds is the least that a count and a total take.
type twoAdds struct{ count, total atomic.Uint64 }

func (t *twoAdds) Record(d time.Duration) {
	t.count.Add(1)
	t.total.Add(uint64(d))
}

// counterComparisons set the Counter beside two atomic additions, alone and
// with all CPUs at one of it.
//
// The loops are written out for both: in a generic one neither Record would be
// inlined, and the call would cost as much as what it measures.
func counterComparisons() (out []comparison) {
	// A contender's numbers stand alone on their cache lines, so that what the
	// allocator puts beside them does not count.
	type padded[T any] struct {
		_ [64]byte
		n T
		_ [64]byte
	}
	for _, parallel := range []bool{false, true} {
		what := "counter-serial"
		if parallel {
			what = "counter-parallel"
		}
		out = append(out, comparison{
			what: what,
			ours: contender{"ours", func() (func(*testing.B), func()) {
				c := new(padded[otelperf.Counter])
				if !parallel {
					return func(b *testing.B) {
						for b.Loop() {
							c.n.Record(time.Microsecond)
						}
					}, nil
				}
				return func(b *testing.B) {
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							c.n.Record(time.Microsecond)
						}
					})
				}, nil
			}},
			peers: []contender{{"two-atomic-adds", func() (func(*testing.B), func()) {
				c := new(padded[twoAdds])
				if !parallel {
					return func(b *testing.B) {
						for b.Loop() {
							c.n.Record(time.Microsecond)
						}
					}, nil
				}
				return func(b *testing.B) {
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							c.n.Record(time.Microsecond)
						}
					})
				}, nil
			}}},
		})
	}
	return out
}
