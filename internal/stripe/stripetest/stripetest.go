// Package stripetest tells tests how far a [stripe.Count] has spread.
package stripetest

import (
	"sync"

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
