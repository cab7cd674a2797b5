package otelperf

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// TestCounterReadsNoHalfSpill reads while a spill has taken recent away and not yet
// added it to the rest: no reader may come back before it has.
func TestCounterReadsNoHalfSpill(t *testing.T) {
	var c Counter
	c.Record(time.Microsecond)
	c.Record(time.Microsecond)
	steps := []func(){
		func() { c.spills.Add(1) },
		func() { atomic.StoreInt64(&c.recent, started) },
		func() { c.count.Add(2) },
		func() { c.addTotal(2000) },
	}
	asked, read := make(chan struct{}), make(chan uint64, 1)
	for i, step := range steps {
		step()
		if i == 0 {
			go func() {
				close(asked)
				read <- c.Count()
			}()
			<-asked
		}
		for range 1000 { // ample for a reader that does not wait
			runtime.Gosched()
		}
		select {
		case n := <-read:
			t.Fatalf("after step %d of a spill a reader saw %d", i, n)
		default:
		}
	}
	c.spilled.Add(1)
	if n := <-read; n != 2 || c.Total() != 2*time.Microsecond {
		t.Errorf("%d in %v after the spill, want 2 in 2µs", n, c.Total())
	}
}
