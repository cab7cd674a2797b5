package otelperf

import (
	"context"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// The values of error.type that this package gives a meaning of its own. They
// are always recorded as they are, however many others there were.
const (
	typePanic            = "panic"
	typeGoexit           = "goexit"
	typeCanceled         = "canceled"
	typeContextCanceled  = "context.Canceled"
	typeDeadlineExceeded = "context.DeadlineExceeded"
	typeOther            = "_OTHER"
)

const (
	maxErrorTypes      = 32  // values of error.type for an operation, besides those above
	maxErrorTypeLength = 128 // bytes
	maxJoined          = 16  // joined errors within joined errors that are looked into
)

// failures are the series of an operation that failed, by error.type. They
// are replaced, never changed.
type failures struct {
	series map[string]*series
	others int // entries that count towards maxErrorTypes
}

// failure returns the series for errorType, or for _OTHER where the operation
// has seen too many others.
func (o *Operation) failure(errorType string) *series {
	f := o.failures.Load()
	if f != nil {
		if s, ok := f.series[errorType]; ok {
			return s
		}
		if f.others >= maxErrorTypes && !isFixed(errorType) {
			if s, ok := f.series[typeOther]; ok {
				return s
			}
		}
	}
	return o.addFailure(errorType)
}

func (o *Operation) addFailure(errorType string) *series {
	o.mu.Lock()
	defer o.mu.Unlock()
	next := &failures{series: make(map[string]*series)}
	if f := o.failures.Load(); f != nil {
		for typ, s := range f.series {
			next.series[typ] = s
		}
		next.others = f.others
	}
	if !isFixed(errorType) && next.others >= maxErrorTypes {
		if _, ok := next.series[errorType]; !ok {
			errorType = typeOther
		}
	}
	if s, ok := next.series[errorType]; ok {
		return s // Another goroutine was faster.
	}
	if !isFixed(errorType) {
		next.others++
	}
	// What an error handed out may be a piece of something large.
	errorType = strings.Clone(errorType)
	attrs := attribute.NewSet(append(o.attrs.ToSlice(), errorTypeKey.String(errorType))...)
	s := newSeries(o.duration, attrs)
	next.series[errorType] = s
	o.failures.Store(next)
	return s
}

func isFixed(errorType string) bool {
	switch errorType {
	case typePanic, typeGoexit, typeCanceled, typeContextCanceled, typeDeadlineExceeded, typeOther:
		return true
	}
	return false
}

// classify returns the error.type of err, which is not nil, from a call that
// was given ctx. It calls methods of the error and of the context, which
// belong to others: Is, Unwrap and ErrorType of a nil pointer in an error
// interface, for one, often panic. That must not become the outcome of a call
// that has ended well, so this, and only this, is contained here. No panic of
// the wrapped call can be under way then.
func classify(ctx context.Context, err error) (errorType string) {
	finished := false
	defer func() {
		if !finished {
			_ = recover()
			errorType = cut(typeName(err), maxErrorTypeLength)
		}
	}()
	errorType = errorTypeOf(ctx, err)
	finished = true
	return errorType
}

func errorTypeOf(ctx context.Context, err error) string {
	switch {
	case ctx != nil && errors.Is(ctx.Err(), context.Canceled):
		return typeCanceled
	case errors.Is(err, context.Canceled):
		return typeContextCanceled
	case errors.Is(err, context.DeadlineExceeded):
		return typeDeadlineExceeded
	}
	errorType := semconv.ErrorType(err).Value.AsString()
	// The conventions' helper stops at errors that stand for several. The
	// first of those says more than the type of the list.
	for range maxJoined {
		if errorType != joinedType && errorType != wrappedType {
			break
		}
		first := firstOf(err)
		if first == nil {
			break
		}
		err = first
		errorType = semconv.ErrorType(err).Value.AsString()
	}
	if !usable(errorType) {
		errorType = cut(typeName(err), maxErrorTypeLength)
	}
	return errorType
}

// The types of what errors.Join returns, and fmt.Errorf with several %w.
const (
	joinedType  = "*errors.joinError"
	wrappedType = "*fmt.wrapErrors"
)

// firstOf returns the first of the errors that err, wrapped or not, stands
// for, and nil if it does not stand for several.
func firstOf(err error) error {
	for err != nil {
		if several, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range several.Unwrap() {
				if e != nil {
					return e
				}
			}
			return nil
		}
		err = errors.Unwrap(err)
	}
	return nil
}

// usable reports whether an ErrorType method returned something to label a
// metric with. Its emptiness was seen to.
func usable(errorType string) bool {
	if len(errorType) > maxErrorTypeLength || !utf8.ValidString(errorType) {
		return false
	}
	for _, r := range errorType {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// typeName returns the name of err's type, or of what fmt.Errorf wrapped,
// without calling a method that is not the standard library's.
func typeName(err error) string {
	t := reflect.TypeOf(err)
	for t.String() == "*fmt.wrapError" {
		inner := errors.Unwrap(err)
		if inner == nil {
			break
		}
		err, t = inner, reflect.TypeOf(inner)
	}
	if t.PkgPath() != "" && t.Name() != "" {
		return t.PkgPath() + "." + t.Name()
	}
	return t.String()
}

// unwinding tells a panic from a runtime.Goexit. It is called from within a
// deferred call of a function that did not return; its cost, a few frames of
// the stack, falls on those alone. The runtime runs deferred calls from one of
// two functions, and the innermost is the one under way: a Goexit from a
// deferred call ends a panic, and the other way around. Where neither is found,
// as in a future runtime, panic is the answer that wakes somebody.
func unwinding() string {
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		frame, more := frames.Next()
		switch {
		case frame.Function == "runtime.Goexit":
			return typeGoexit
		case frame.Function == "runtime.gopanic" || !more:
			return typePanic
		}
	}
}
