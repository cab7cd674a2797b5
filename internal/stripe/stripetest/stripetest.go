// Package stripetest tells tests how far a [stripe.Count] has spread.
package stripetest

import (
	"sync"
	"testing"

	"github.com/otelperf/otelperf-go/internal/stripe"
)

// Cells returns the cells that many goroutines, each with a stack of its own, are
// given by cell: one unless the Count has spread.
func Cells(cell func() *stripe.Cell) map[*stripe.Cell]bool {
	cells := make(map[*stripe.Cell]bool)
	var mu sync.Mutex
	var all, wg sync.WaitGroup
	const goroutines = 256
	all.Add(goroutines)
	for range goroutines {
		wg.Go(func() {
			all.Done()
			all.Wait()
			mu.Lock()
			defer mu.Unlock()
			cells[cell()] = true
		})
	}
	wg.Wait()
	return cells
}

// Spreads fails t unless calls that are alone leave the Count that cell is of in one
// piece, and calls that another one is held during spread it.
func Spreads(t *testing.T, cell func() *stripe.Cell, call func(), hold func(during func())) {
	t.Helper()
	if stripe.Limit() == 1 {
		t.Skip("one core")
	}
	many := func() {
		for range 10000 {
			call()
		}
	}
	many()
	if n := len(Cells(cell)); n != 1 {
		t.Errorf("%d cells after calls that were alone, want 1", n)
	}
	hold(many)
	if n := len(Cells(cell)); n < 2 {
		t.Errorf("%d cells after calls that were not alone, want more than 1", n)
	}
}
