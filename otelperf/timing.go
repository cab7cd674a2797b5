package otelperf

import "context"

// A Timing is one call of an operation that is under way, from
// [Operation.Start] to [Timing.End]. It is a value without a memory of its
// own, which is what makes it free of allocations, so it cannot tell whether
// it was ended: End must be called exactly once on a Timing and its copies.
// Each further call records another operation and takes another one off the
// active count; a Timing that is never ended stays active.
//
// The zero Timing is usable and records nothing.
type Timing struct {
	ctx   context.Context
	op    *Operation
	begun begun
}

// Start begins to time a whole function:
//
//	func Search(ctx context.Context, q string) (hits []Hit, err error) {
//		defer search.Start(ctx).End(&err)
//		…
//	}
//
// ctx decides about error.type and carries the trace for exemplars, as in
// [Operation.Do]. With [WithProfileLabels], Start and End belong on the same
// goroutine.
func (o *Operation) Start(ctx context.Context) Timing {
	if o == nil || !o.on {
		return Timing{}
	}
	t := Timing{ctx: ctx, op: o, begun: o.begin(ctx)}
	o.enter(ctx) // whose own labels last until End
	return t
}

// End records the operation as succeeded if *err is nil, and as failed
// otherwise. A nil err is a success.
//
// It should be deferred itself, as above, and not be called from within
// another deferred function: a panic shows only where recover works. End
// records such a panic and goes on panicking with the same value from the same
// place, so that a recover further up gets what it would have got, and the
// trace of a crash still shows where it began; only its first line says in
// addition that the panic was recovered and raised again. End cannot see a
// [runtime.Goexit] and goes by *err then; where that matters, use
// [Operation.Do]. Nor can it see panic(nil) under GODEBUG=panicnil=1, which it
// would end.
func (t Timing) End(err *error) {
	if t.op == nil {
		return
	}
	if t.begun.at == unmeasured {
		t.op.leave(t.ctx)
		t.begun.cell.Leave(-1)
		return
	}
	if value := recover(); value != nil {
		t.op.leave(t.ctx)
		t.op.done(t.ctx, now()-t.begun.at, t.begun.cell, t.op.failure(typePanic))
		panic(value)
	}
	var outcome error
	if err != nil {
		outcome = *err
	}
	t.op.finish(t.ctx, t.begun, outcome)
}
