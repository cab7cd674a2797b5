package otelperf

import (
	"context"
	"errors"
)

var errNilFunction = errors.New("otelperf: the function to call is nil")

// errUnwound is the error of a call until its function returns one. If it is still
// there at the end, the call is being unwound, by a panic or a Goexit. Nobody else
// gets to see it: what is unwound returns nothing.
var errUnwound = errors.New("otelperf: the function did not return")

// Do calls fn with ctx, times it and returns its error, untouched. It records
// exactly once, whether fn returns, panics or ends its goroutine, and leaves a
// panic to go on as if Do were not there. A nil fn is not called: the result
// is an error, and nothing is recorded.
//
// Do allocates nothing when fn succeeds. It may be nested and called
// concurrently.
func (o *Operation) Do(ctx context.Context, fn func(context.Context) error) (err error) {
	if fn == nil {
		return errNilFunction
	}
	if o == nil || !o.on {
		return fn(ctx)
	}
	begun := o.begin(ctx)
	err = errUnwound
	defer func() { o.finish(ctx, begun, err) }()
	err = fn(o.enter(ctx))
	return err
}

// Call is [Operation.Do] for a function that also has a result.
func Call[T any](ctx context.Context, op *Operation, fn func(context.Context) (T, error)) (result T, err error) {
	if fn == nil {
		return result, errNilFunction
	}
	if op == nil || !op.on {
		return fn(ctx)
	}
	begun := op.begin(ctx)
	err = errUnwound
	defer func() { op.finish(ctx, begun, err) }()
	result, err = fn(op.enter(ctx))
	return result, err
}

// Wrap returns fn with every call of it timed as in [Operation.Do]. It is for
// functions and methods that are passed on: the result has fn's own type, and
// is as safe for concurrent use as fn is.
func Wrap[A, R any](op *Operation, fn func(context.Context, A) (R, error)) func(context.Context, A) (R, error) {
	if fn == nil {
		return func(context.Context, A) (result R, err error) { return result, errNilFunction }
	}
	if op == nil || !op.on {
		return fn
	}
	return func(ctx context.Context, arg A) (result R, err error) {
		begun := op.begin(ctx)
		err = errUnwound
		defer func() { op.finish(ctx, begun, err) }()
		result, err = fn(op.enter(ctx), arg)
		return result, err
	}
}
