// Package stripe spreads what all cores write over several cache lines, once,
// and only where, they get in each other's way. An uncontended atomic addition
// costs a few nanoseconds; one whose line another core has just written costs
// ten times that, for both of them.
package stripe

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Limit is the largest number of stripes: four for each core, so that two
// goroutines seldom share one, a power of two, and no more than 64; one where
// there is but one core.
var Limit = sync.OnceValue(func() int {
	n := 1
	if runtime.NumCPU() == 1 && runtime.GOMAXPROCS(0) == 1 {
		return n
	}
	for n < 4*max(runtime.NumCPU(), runtime.GOMAXPROCS(0)) && n < 64 {
		n *= 2
	}
	return n
})

// A Spread says how many stripes are in use and which is whose. The zero value
// uses one. It must not be copied after its first use.
type Spread struct {
	state  atomic.Uint64 // the stripes in use less one; above these 8 bits, a salt
	misses atomic.Uint32
}

// patience is how many misses it takes to spread further, and enough how many
// are worth counting.
const patience, enough = 16, 1 << 16

// Choose returns the number of the calling goroutine's stripe, less than Limit.
// Its stack tells a goroutine from others. The answer may be another one the
// next time.
func (s *Spread) Choose() int {
	state := s.state.Load()
	if state == 0 {
		return 0
	}
	var here byte
	at := uint64(uintptr(unsafe.Pointer(&here))) >> 11 //nolint:gosec // only a number is made of it
	return int((at ^ state>>8) * 0x9e3779b97f4a7c15 >> 56 & state & 0xff)
}

// Missed notes that two goroutines met in a stripe. After some of that more
// stripes are used, or if there are no more, others by whom, ever more seldom:
// two goroutines that share a stripe by chance are parted. A nil Spread stays as
// it is.
func (s *Spread) Missed() {
	if s.settled() {
		return
	}
	n := s.misses.Add(1)
	if n < patience || n&(n-1) != 0 {
		return
	}
	old := s.state.Load()
	mask := old & 0xff
	if int(mask) < Limit()-1 {
		mask = mask<<1 | 1
	}
	salt := (old>>8 + 1) * 0xd1342543de82ef95
	s.state.CompareAndSwap(old, salt<<8|mask)
}

// settled reports whether no miss changes anything any more.
func (s *Spread) settled() bool { return s == nil || s.misses.Load() >= enough }

// Forgive forgets the misses so far. Called now and then it keeps rare ones from
// adding up.
func (s *Spread) Forgive() {
	if s.misses.Load() != 0 {
		s.misses.Store(0)
	}
}

// A Count goes up and down. What enters at a cell leaves there too, so that no
// cell ever falls below zero and a sum taken meanwhile never misses what is in.
// The zero value counts in one place; Init lets it spread. It must not be copied
// after its first use. It takes three cache lines; another for each stripe comes
// with contention.
type Count struct {
	_      [64]byte
	first  Cell
	spread Spread
	cells  atomic.Pointer[[]Cell]
	_      [40]byte
}

// A Cell is a share of a Count.
type Cell struct {
	n  atomic.Int64
	of *Spread // nil: it does not spread
	_  [48]byte
}

// Init lets c spread. It must not be called while c is in use.
func (c *Count) Init() { c.first.of = &c.spread }

// Cell returns the calling goroutine's cell, to enter and to leave by. It and Enter
// are two, each small enough to be compiled into its callers.
func (c *Count) Cell() *Cell {
	if c.spread.state.Load() == 0 {
		return &c.first
	}
	return c.choose()
}

// Enter adds one and returns the cell to leave by.
func (c *Cell) Enter() *Cell {
	c.n.Add(1)
	return c
}

// Leave adds n, which is -1 unless the Count holds more than one thing, at the
// cell that was entered.
func (c *Cell) Leave(n int64) {
	if c.n.Add(n) != 0 {
		c.met()
	}
}

// met notes, for a few calls chosen at random, that they were not alone at the
// cell. That others are in says that they may run on other cores, which atomic
// operations themselves do not tell. What the call has at hand to choose by is
// not random: its duration may be nearly the same each time, and a multiple of
// the clock's step.
func (c *Cell) met() {
	if !c.of.settled() && rand.Uint32()&31 == 0 { //nolint:gosec // nobody gains by guessing it
		c.of.Missed()
	}
}

// choose is Cell where there are several.
func (c *Count) choose() *Cell {
	i := c.spread.Choose()
	if i == 0 {
		return &c.first
	}
	cells := c.cells.Load()
	if cells == nil {
		made := make([]Cell, Limit())
		for i := range made {
			made[i].of = &c.spread
		}
		c.cells.CompareAndSwap(nil, &made)
		cells = c.cells.Load()
	}
	return &(*cells)[i]
}

// Add adds n. A Count of several things in one word, each with its own bits,
// adds what is not the one of Enter by it.
func (c *Cell) Add(n int64) { c.n.Add(n) }

// Load returns the sum.
func (c *Count) Load() int64 {
	n := c.first.n.Load()
	if cells := c.cells.Load(); cells != nil {
		for i := range *cells {
			n += (*cells)[i].n.Load()
		}
	}
	return n
}
