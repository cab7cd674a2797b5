package otelperf_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/otelperf/otelperf-go/otelperf"
)

const year = 365 * 24 * time.Hour

func TestCounterZeroAndNil(t *testing.T) {
	for name, c := range map[string]*otelperf.Counter{"zero": {}, "nil": nil} {
		if c.Count() != 0 || c.Total() != 0 || c.Average() != 0 || c.PerSecond() != 0 {
			t.Errorf("%s Counter: %d, %v, %v, %v, want zeros", name, c.Count(), c.Total(), c.Average(), c.PerSecond())
		}
	}
	var none *otelperf.Counter
	none.Record(time.Second)
}

func TestCounter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c otelperf.Counter
		<-time.After(time.Hour) // Before the first operation.
		c.Record(0)
		if got := c.PerSecond(); got != 0 {
			t.Errorf("PerSecond = %v before any time has passed", got)
		}
		c = otelperf.Counter{}
		c.Record(2 * time.Second) // It began two seconds ago.
		if got := c.PerSecond(); got != 0.5 {
			t.Errorf("PerSecond = %v, want 0.5", got)
		}
		<-time.After(2 * time.Second)
		c.Record(time.Second)
		c.Record(-time.Second)
		if got := c.PerSecond(); got != 0.75 {
			t.Errorf("PerSecond = %v, want 0.75", got)
		}
		if c.Count() != 3 || c.Total() != 3*time.Second || c.Average() != time.Second {
			t.Errorf("count %d, total %v, average %v, want 3, 3s, 1s", c.Count(), c.Total(), c.Average())
		}
		c.Record(1)
		if got := c.Average(); got != 750*time.Millisecond {
			t.Errorf("Average = %v, want 750ms", got)
		}
	})
}

func TestCounterAbsurdDurations(t *testing.T) {
	for d, want := range map[time.Duration]time.Duration{
		-1: 0, math.MinInt64: 0, year: year, year + 1: year, math.MaxInt64: year,
	} {
		var c otelperf.Counter
		for range 3 { // The first one takes another road than the rest.
			c.Record(d)
		}
		if c.Count() != 3 || c.Total() != 3*want || c.Average() != want {
			t.Errorf("after three of %d: count %d, total %v, average %v", d, c.Count(), c.Total(), c.Average())
		}
		if got := c.PerSecond(); got < 0 || math.IsNaN(got) || math.IsInf(got, 0) {
			t.Errorf("after three of %d: %v per second", d, got)
		}
	}
}

// whileRecorded has so many goroutines record d each times, and calls look again and
// again meanwhile.
func whileRecorded(c *otelperf.Counter, d time.Duration, workers, each int, look func()) {
	stop, looking := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(looking)
		for {
			select {
			case <-stop:
				return
			default:
				look()
			}
		}
	}()
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				c.Record(d)
			}
		})
	}
	wg.Wait()
	close(stop)
	<-looking
}

// Past 2⁶³ nanoseconds, many times over, with everybody at it.
func TestCounterNeverOverflows(t *testing.T) {
	var c otelperf.Counter
	const workers, each = 8, 5000
	last := time.Duration(0)
	whileRecorded(&c, year, workers, each, func() {
		total, average := c.Total(), c.Average()
		if total < last {
			t.Errorf("the total fell from %v to %v", last, total)
		}
		if average < 0 || average > year {
			t.Errorf("average = %v", average)
		}
		last = total
	})
	if c.Count() != workers*each || c.Average() != year || c.Total() != math.MaxInt64 {
		t.Errorf("count %d, average %v, total %v", c.Count(), c.Average(), c.Total())
	}
	c.Record(0)
	want := new(big.Int).Mul(big.NewInt(int64(year)), big.NewInt(workers*each))
	want.Div(want, big.NewInt(workers*each+1))
	if got := c.Average(); int64(got) != want.Int64() {
		t.Errorf("average = %d, want %d", got, want)
	}
}

// TestCounterSpills records more than the word has room for that counts and adds
// at once, with everybody at it. A reader sees each short operation with its
// duration, and none twice or taken back.
func TestCounterSpills(t *testing.T) {
	for _, d := range []time.Duration{1, 4 * time.Millisecond, time.Second} {
		var c otelperf.Counter
		const workers, each = 4, 300_000
		var count uint64
		var total time.Duration
		whileRecorded(&c, d, workers, each, func() {
			if got := c.Average(); count > 0 && (got > d || got < d && d < time.Second) {
				t.Errorf("average = %v, want %v", got, d)
			}
			n, sum := c.Count(), c.Total()
			if n < count || sum < total {
				t.Errorf("%d in %v fell to %d in %v", count, total, n, sum)
			}
			count, total = n, sum
		})
		if c.Count() != workers*each || c.Total() != workers*each*d || c.Average() != d {
			t.Errorf("count %d, total %v, average %v after %d of %v", c.Count(), c.Total(), c.Average(), workers*each, d)
		}
	}
}

// TestCounterSpillsPastTheFold: what short operations come to crosses 2⁶³
// nanoseconds as what long ones come to does.
func TestCounterSpillsPastTheFold(t *testing.T) {
	var c otelperf.Counter
	sum, operations := new(big.Int), int64(0)
	record := func(d time.Duration) {
		c.Record(d)
		sum.Add(sum, big.NewInt(int64(d)))
		operations++
	}
	rest := uint64(1 << 63)
	for ; rest > uint64(year); rest -= uint64(year) {
		record(year)
	}
	record(time.Duration(rest) - 20*time.Minute)
	last := c.Total()
	for range 600_000 { // 40 minutes
		record(4 * time.Millisecond)
		if total := c.Total(); total < last {
			t.Fatalf("after %d the total fell from %v to %v", operations, last, total)
		} else {
			last = total
		}
	}
	if last != math.MaxInt64 {
		t.Errorf("total = %v, want no more than fits", last)
	}
	want := new(big.Int).Div(sum, big.NewInt(operations)).Int64()
	if got := c.Average(); int64(got) != want || c.Count() != uint64(operations) {
		t.Errorf("%d of %d, want %d of %d", c.Count(), got, operations, want)
	}
}

// TestCounterBeginsWithTheFirst: the rate counts from the beginning of the first
// operation, short or long, and no later one moves that.
func TestCounterBeginsWithTheFirst(t *testing.T) {
	for _, first := range []time.Duration{time.Millisecond, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			var c otelperf.Counter
			<-time.After(time.Hour)
			c.Record(first)
			<-time.After(2*time.Second - first)
			c.Record(time.Millisecond)
			c.Record(time.Second)
			c.Record(time.Minute) // It began before the first one ended.
			if got := c.PerSecond(); got != 2 {
				t.Errorf("PerSecond = %v after 4 in 2 seconds, the first of %v", got, first)
			}
		})
	}
}

func TestCounterAgreesWithBigNumbers(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var c otelperf.Counter
	sum := new(big.Int)
	for i := range 20_000 {
		d := time.Duration(random.Int64N(int64(year) + 1))
		if i%3 == 0 {
			d = time.Duration(random.Int64N(1e6))
		}
		c.Record(d)
		sum.Add(sum, big.NewInt(int64(d)))
		average := new(big.Int).Div(sum, big.NewInt(int64(i+1)))
		if got := c.Average(); int64(got) != average.Int64() {
			t.Fatalf("after %d: average %d, want %d", i+1, got, average)
		}
		total := int64(math.MaxInt64)
		if sum.IsInt64() {
			total = sum.Int64()
		}
		if got := c.Total(); int64(got) != total {
			t.Fatalf("after %d: total %d, want %d", i+1, got, total)
		}
	}
}
