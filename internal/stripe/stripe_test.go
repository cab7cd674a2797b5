package stripe_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/otelperf/otelperf-go/internal/stripe"
	"github.com/otelperf/otelperf-go/internal/stripe/stripetest"
)

// TestCount enters and leaves from many goroutines while another looks: the sum
// is never below what is surely in, nor above what may be.
func TestCount(t *testing.T) {
	t.Parallel()
	var c stripe.Count
	c.Init()
	stay := c.Cell().Enter() // is in all the time
	const goroutines = 16
	var done atomic.Bool
	var looking, working sync.WaitGroup
	looking.Go(func() {
		for !done.Load() {
			if n := c.Load(); n < 1 || n > 1+goroutines {
				t.Errorf("%d are in", n)
				return
			}
		}
	})
	for range goroutines {
		working.Go(func() {
			for range 10000 {
				c.Cell().Enter().Leave(-1)
			}
		})
	}
	working.Wait()
	done.Store(true)
	looking.Wait()
	if n := c.Load(); n != 1 {
		t.Errorf("%d are in, want 1", n)
	}
	stay.Add(-1)
	if n := c.Load(); n != 0 {
		t.Errorf("%d are in, want none", n)
	}
}

// TestCountSpreads: where goroutines meet there are cells for them, and the sum is
// that of all.
func TestCountSpreads(t *testing.T) {
	t.Parallel()
	if stripe.Limit() == 1 {
		t.Skip("one core")
	}
	var c stripe.Count
	c.Init()
	held := []*stripe.Cell{c.Cell().Enter()}
	for range 10000 { // at a cell that another is in
		held[0].Add(1)
		held[0].Leave(-1)
	}
	var mu sync.Mutex
	var wg, all sync.WaitGroup
	all.Add(200)
	for range 200 {
		wg.Go(func() {
			all.Done()
			all.Wait() // so that each has a stack of its own
			cell := c.Cell().Enter()
			mu.Lock()
			defer mu.Unlock()
			held = append(held, cell)
		})
	}
	wg.Wait()
	cells := make(map[*stripe.Cell]bool)
	for _, cell := range held {
		cells[cell] = true
	}
	if len(cells) < 5 || len(cells) > 1+stripe.Limit() {
		t.Errorf("%d cells are in use by 201 goroutines", len(cells))
	}
	if n := c.Load(); n != 201 {
		t.Errorf("%d are in, want 201", n)
	}
	for _, cell := range held {
		cell.Leave(-1)
	}
	if n := c.Load(); n != 0 {
		t.Errorf("%d are in, want none", n)
	}
}

// TestZeroCount: without Init a count stays in its one cell, however many meet.
func TestZeroCount(t *testing.T) {
	t.Parallel()
	var c stripe.Count
	stay := c.Cell().Enter()
	for range 10000 {
		cell := c.Cell().Enter()
		if cell != stay {
			t.Fatal("there is another cell")
		}
		cell.Leave(-1)
	}
	if n := c.Load(); n != 1 {
		t.Errorf("%d are in, want 1", n)
	}
}

// TestSpread: one stripe until there are collisions, all of them after enough,
// and never one that is not there.
func TestSpread(t *testing.T) {
	t.Parallel()
	var s stripe.Spread
	if i := s.Choose(); i != 0 {
		t.Errorf("stripe %d at first", i)
	}
	s.Forgive()
	for range 10000 {
		s.Missed()
	}
	var seen sync.Map
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			i := s.Choose()
			if i < 0 || i >= stripe.Limit() {
				t.Errorf("stripe %d of %d", i, stripe.Limit())
			}
			seen.Store(i, true)
		})
	}
	wg.Wait()
	n := 0
	seen.Range(func(any, any) bool { n++; return true })
	if stripe.Limit() > 1 && n < 2 {
		t.Errorf("%d stripes in use by 200 goroutines", n)
	}
}

func BenchmarkCount(b *testing.B) {
	var c stripe.Count
	c.Init()
	b.Run("alone", func(b *testing.B) {
		for b.Loop() {
			c.Cell().Enter().Leave(-1)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				c.Cell().Enter().Leave(-1)
			}
		})
	})
	var n atomic.Int64
	b.Run("atomic", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				n.Add(1)
				n.Add(-1)
			}
		})
	})
}

func TestCountSpreadsWhereCallsMeet(t *testing.T) {
	t.Parallel()
	var c stripe.Count
	c.Init()
	stripetest.Spreads(t, c.Cell, func() { c.Cell().Enter().Leave(-1) }, func(during func()) {
		cell := c.Cell().Enter()
		during()
		cell.Leave(-1)
	})
}

// TestStripesSpread: what collides at a stripe that is not the first spreads further.
func TestStripesSpread(t *testing.T) {
	t.Parallel()
	if stripe.Limit() < 4 {
		t.Skip("there is one core")
	}
	var c stripe.Count
	c.Init()
	// collide has others enter and leave a cell that one is in, until there are more
	// cells than before.
	collide := func(cell *stripe.Cell, before int) map[*stripe.Cell]bool {
		cell.Enter()
		defer cell.Leave(-1)
		for range 1000 {
			for range 16 {
				cell.Enter().Leave(-1)
			}
			if cells := stripetest.Cells(c.Cell); len(cells) > before {
				return cells
			}
		}
		t.Fatalf("%d cells after 16,000 collisions at one of them", before)
		return nil
	}
	first := c.Cell()
	two := collide(first, 1)
	if len(two) != 2 {
		t.Fatalf("%d cells, want 2", len(two))
	}
	for cell := range two {
		if cell != first {
			collide(cell, 2)
		}
	}
}
