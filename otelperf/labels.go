package otelperf

import (
	"context"
	"runtime/pprof"
)

// labelKey is the pprof label that holds an operation's name.
const labelKey = "operation"

// WithProfileLabels runs operations under the pprof label "operation" with
// their name, so that profiles can be told apart by operation:
//
//	go tool pprof -tagfocus=operation=search cpu.pprof
//
// CPU and goroutine profiles have it; goroutines that are started within
// inherit it. Labels are off by default and cost nothing then. With them a call
// takes some 150 ns more and allocates twice, 72 bytes, and once more where the
// context has labels already: its function gets a context that carries the
// label together with those of the caller's.
//
// As with [pprof.Do], the goroutine has the labels of the context given to the
// operation afterwards, and not those that it may have had apart from any
// context. [Operation.Start] cannot hand a context on: what it labels ends at
// [Timing.End], or when an operation within ends that was given the same
// context. An operation that records nothing sets no label.
func WithProfileLabels() Option {
	return optionFunc(func(c *config) error {
		c.labelled = true
		return nil
	})
}

// enter puts the operation's label on the goroutine, if labels are asked for,
// and returns the context that carries it, with the labels of ctx. A nil ctx
// has nowhere to carry it.
func (o *Operation) enter(ctx context.Context) context.Context {
	if !o.labelled {
		return ctx
	}
	return o.label(ctx)
}

func (o *Operation) label(ctx context.Context) context.Context {
	if ctx == nil {
		return ctx
	}
	ctx = pprof.WithLabels(ctx, o.labels)
	pprof.SetGoroutineLabels(ctx)
	return ctx
}

// leave puts those labels on the goroutine again that ctx, the caller's,
// carries.
func (o *Operation) leave(ctx context.Context) {
	if o.labelled && ctx != nil {
		pprof.SetGoroutineLabels(ctx)
	}
}
