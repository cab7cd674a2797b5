package otelperf

import "github.com/otelperf/otelperf-go/internal/stripe"

// ActiveCell returns the cell in which the calling goroutine's next call counts as
// active.
func (o *Operation) ActiveCell() *stripe.Cell { return o.active.Cell() }
