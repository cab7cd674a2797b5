package middleware

import "github.com/otelperf/otelperf-go/internal/stripe"

// ActiveCell returns the cell in which the calling goroutine's next request counts as
// active, if it is like all before it.
func (m *Middleware) ActiveCell() *stripe.Cell { return m.active.any().count.Cell() }

// ActiveCell is the same of a client.
func (t *Transport) ActiveCell() *stripe.Cell { return t.active.any().count.Cell() }

func (c *activeCells[K]) any() *activeCell {
	for _, e := range c.load() {
		return e.value
	}
	return nil
}
