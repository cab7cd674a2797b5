package otelperf

import (
	"math"
	"math/bits"
	"runtime"
	"sync/atomic"
	"time"
)

// A Counter counts operations and adds up how long they took. It needs no
// OpenTelemetry, allocates nothing and costs one atomic addition for each
// operation, two for one of more than some four milliseconds. The zero value is
// ready for use, a nil *Counter counts nothing, and every method may be called
// concurrently. A Counter must not be copied after its first use.
//
// It never overflows and is exact: once no Record is under way, every
// operation is in the count and in the total, once.
type Counter struct {
	// recent has what short operations did since the last spill: their
	// nanoseconds, oneRecent for each of them, and started. It is an int64, by
	// atomic functions only, because a method of atomic.Int64 would make Record too
	// large to be inlined; the fields after it align it everywhere.
	recent int64

	// count and the time spent, carry×2⁶³ + total nanoseconds, have the rest.
	count atomic.Uint64
	total atomic.Uint64
	carry atomic.Uint64

	// first is when the first operation began, by now; 0 before that.
	first atomic.Int64

	// Spills of recent that were begun, and that are done.
	spills, spilled atomic.Uint32
}

const (
	started   = math.MinInt64 // first is set
	oneRecent = 1 << 43

	// A spill is due after half a million operations of less than short. It would
	// take as many goroutines, each stopped between its addition and its spill, for
	// the number to overflow.
	spillDue = started + oneRecent<<19
	short    = 1 << 22
)

// fold is where total spills into carry. Above it there is room for another
// 2⁶³ ns, which is 292 operations of maxDuration, while the one goroutine
// that crossed fold takes it off again.
const fold = 1 << 63

// Record counts one operation that took d and ended now. A negative d counts
// as zero, one of more than a year as a year.
func (c *Counter) Record(d time.Duration) {
	// Everything rare is behind one call, which keeps this small enough to be
	// inlined.
	if c != nil && (uint64(d) >= short || atomic.AddInt64(&c.recent, oneRecent+int64(d)) >= spillDue) {
		c.rare(d)
	}
}

// rare records what is not short, and ends a Record that was the first one or
// found a spill to be due.
func (c *Counter) rare(d time.Duration) {
	if uint64(d) >= short {
		d = clamp(d)
		c.count.Add(1)
		c.addTotal(uint64(d))
	}
	n := atomic.LoadInt64(&c.recent)
	if n >= 0 {
		c.begin(d)
		n = atomic.OrInt64(&c.recent, started) | started
	}
	if n < spillDue {
		return
	}
	// As many as see it may do so at once: each takes what is there.
	c.spills.Add(1)
	n = atomic.SwapInt64(&c.recent, started)
	c.count.Add(numberOf(n))
	c.addTotal(timeOf(n))
	c.spilled.Add(1)
}

// numberOf returns the number of operations in a value of recent.
func numberOf(recent int64) uint64 { return uint64(recent&^started) / oneRecent }

// timeOf returns their nanoseconds.
func timeOf(recent int64) uint64 { return uint64(recent) % oneRecent }

// addTotal adds d, of no more than maxDuration, to total.
func (c *Counter) addTotal(d uint64) {
	// Among all that add while total is above fold only one crossed it, so it
	// is folded once. The carry goes first: in between, total is still above
	// fold, by which a reader knows that the two do not belong together.
	total := c.total.Add(d)
	if total < fold {
		return
	}
	if total-d < fold {
		c.carry.Add(1)
		c.total.Add(fold) // Modulo 2⁶⁴ the same as taking it off.
		return
	}
	// Whoever crossed it may have been interrupted. Nobody adds more than once
	// until it is done, or the room above fold could run out.
	for c.total.Load() >= fold {
		runtime.Gosched()
	}
}

// begin notes when the first operation began, which took d until now.
func (c *Counter) begin(d time.Duration) {
	first := int64(now() - d)
	if first == 0 {
		first = 1 // Zero says that there was none; a nanosecond is nothing.
	}
	c.first.CompareAndSwap(0, first)
}

// load returns the number of operations, and the time spent in nanoseconds as
// hi×2⁶⁴ + lo. Each duration that is in the one is in the other too, but for
// those of Records under way, which only the number may have.
func (c *Counter) load() (count, hi, lo uint64) {
	for {
		spilled := c.spilled.Load()
		recent := atomic.LoadInt64(&c.recent)
		carry := c.carry.Load()
		total := c.total.Load()
		others := c.count.Load() // After the total, to which operations are added later.
		if total < fold && c.carry.Load() == carry && c.spills.Load() == spilled {
			lo, hi = bits.Add64(carry<<63|total, timeOf(recent), 0)
			return others + numberOf(recent), carry>>1 + hi, lo
		}
		runtime.Gosched() // Another goroutine is between two instructions.
	}
}

// Count returns the number of operations recorded.
func (c *Counter) Count() uint64 {
	if c == nil {
		return 0
	}
	count, _, _ := c.load()
	return count
}

// Total returns the time that all operations took together, at most
// [math.MaxInt64] nanoseconds, which is 292 years. Operations that ran at the
// same time each count in full.
func (c *Counter) Total() time.Duration {
	if c == nil {
		return 0
	}
	_, hi, lo := c.load()
	if hi != 0 || lo > math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(lo)
}

// Average returns the mean duration of an operation, rounded down to a
// nanosecond, and 0 if there was none. It stays exact where Total has reached
// its limit. While others record, an operation may already be counted whose
// duration is not yet added; the result is then low by that one.
func (c *Counter) Average() time.Duration {
	if c == nil {
		return 0
	}
	count, hi, lo := c.load()
	if count == 0 {
		return 0
	}
	// No duration is without its operation, so this is no more than maxDuration
	// and fits into 64 bits.
	quotient, _ := bits.Div64(hi, lo, count)
	return time.Duration(quotient)
}

// PerSecond returns the number of operations divided by the seconds since
// the first recorded one began, and 0 if there was none or no time has passed.
func (c *Counter) PerSecond() float64 {
	if c == nil {
		return 0
	}
	first := c.first.Load()
	if first == 0 {
		return 0
	}
	elapsed := now() - time.Duration(first)
	if elapsed <= 0 {
		return 0
	}
	return float64(c.Count()) / seconds(elapsed)
}
