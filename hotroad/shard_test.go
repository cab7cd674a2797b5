package hotroad

import (
	"math"
	"sync"
	"sync/atomic"
	"testing"
)

// TestShardUnderDrain drains a shard while goroutines add to it.
func TestShardUnderDrain(t *testing.T) {
	t.Parallel()
	const goroutines, calls = 4, 50_000
	s := newShard(1, false)
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range calls {
				s.add(1)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	total := 0.0
	for open := true; open; {
		select {
		case <-done:
			open = false
		default:
		}
		sum, _, _ := s.drain()
		total += sum
	}
	if total != goroutines*calls {
		t.Errorf("%v drained of %v", total, goroutines*calls)
	}
}

// TestShardKeepsTheExtremes has goroutines note ever lower and higher values at
// once.
func TestShardKeepsTheExtremes(t *testing.T) {
	t.Parallel()
	for range 20 {
		s := newShard(1, false)
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := range 5000 {
					v := float64(4*i + g)
					s.extremes(-v)
					s.extremes(v)
				}
			})
		}
		wg.Wait()
		if _, low, high := s.drain(); low != -19999 || high != 19999 {
			t.Fatalf("extremes %v and %v", low, high)
		}
		if _, low, high := s.drain(); !math.IsInf(low, 1) || !math.IsInf(high, -1) {
			t.Fatalf("extremes %v and %v of nothing", low, high)
		}
	}
}

// TestShardsAreMadeOnce: goroutines that all come first count in one place.
func TestShardsAreMadeOnce(t *testing.T) {
	t.Parallel()
	const goroutines = 4
	for range 1000 {
		s := newShard(1, true)
		l := &lease{shards: make([]atomic.Pointer[shard], 1), buckets: 1}
		var ready, wg sync.WaitGroup
		ready.Add(goroutines)
		for range goroutines {
			wg.Go(func() {
				ready.Done()
				ready.Wait()
				s.octave(0)[0].Add(1)
				l.makeShard(0).counts[0].Add(1)
			})
		}
		wg.Wait()
		if n := s.octave(0)[0].Load(); n != goroutines {
			t.Fatalf("%d in the octave", n)
		}
		if n := l.shards[0].Load().counts[0].Load(); n != goroutines {
			t.Fatalf("%d in the shard", n)
		}
	}
}
