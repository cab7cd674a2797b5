package otelperf

import (
	"math"
	"math/bits"
	"runtime"
	"sync/atomic"
	"time"
)

// A Counter counts operations and adds up how long they took. It needs no
// OpenTelemetry, allocates nothing and costs two atomic additions for each
// operation. The zero value is ready for use, a nil *Counter counts nothing,
// and every method may be called concurrently. A Counter must not be copied
// after its first use.
//
// It never overflows and is exact: once no Record is under way, every
// operation is in the count and in the total, once.
type Counter struct {
	count atomic.Uint64

	// The time spent, in nanoseconds, is carry×2⁶³ + total.
	total atomic.Uint64
	carry atomic.Uint64

	// first is when the first operation began, by now; 0 before that.
	first atomic.Int64
}

// fold is where total spills into carry. Above it there is room for another
// 2⁶³ ns, which is 292 operations of maxDuration, while the one goroutine
// that crossed fold takes it off again.
const fold = 1 << 63

// Record counts one operation that took d and ended now. A negative d counts
// as zero, one of more than a year as a year.
func (c *Counter) Record(d time.Duration) {
	// Everything rare is behind one call, which keeps this small enough to be
	// inlined.
	if c == nil {
		return
	}
	if uint64(d) > uint64(maxDuration) {
		d = clamp(d)
	}
	n, total := c.count.Add(1), c.total.Add(uint64(d))
	if n == 1 || total >= fold {
		c.rare(d, n, total)
	}
}

// rare ends a Record of d that was the first one, or found total at fold or
// above.
func (c *Counter) rare(d time.Duration, n, total uint64) {
	if n == 1 {
		c.begin(d)
	}
	// Among all that add while total is above fold only one crossed it, so it
	// is folded once. The carry goes first: in between, total is still above
	// fold, by which a reader knows that the two do not belong together.
	if total < fold {
		return
	}
	if total-uint64(d) < fold {
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
	c.first.Store(first)
}

// sum returns the time spent in nanoseconds, as hi×2⁶⁴ + lo.
func (c *Counter) sum() (hi, lo uint64) {
	for {
		carry := c.carry.Load()
		total := c.total.Load()
		if total < fold && c.carry.Load() == carry {
			return carry >> 1, carry<<63 | total
		}
		runtime.Gosched() // Another goroutine is between two instructions.
	}
}

// Count returns the number of operations recorded.
func (c *Counter) Count() uint64 {
	if c == nil {
		return 0
	}
	return c.count.Load()
}

// Total returns the time that all operations took together, at most
// [math.MaxInt64] nanoseconds, which is 292 years. Operations that ran at the
// same time each count in full.
func (c *Counter) Total() time.Duration {
	if c == nil {
		return 0
	}
	hi, lo := c.sum()
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
	// The total goes first. Each duration in it is then in the count too, so
	// the quotient is no more than maxDuration and fits into 64 bits.
	hi, lo := c.sum()
	count := c.count.Load()
	if count == 0 {
		return 0
	}
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
	return float64(c.count.Load()) / seconds(elapsed)
}
