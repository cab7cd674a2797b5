package middleware

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// A fault is why a request failed: error.type in its bounded form.
type fault uint8

const (
	faultNone     fault = iota
	faultStatus         // the status code says it
	faultPanic          // the handler panicked
	faultGoexit         // the handler ended its goroutine
	faultCanceled       // the caller had left
	faultDeadline       // the deadline of the request's context had passed
	faultTimeout        // a timeout that is not the context's
	faultRefused
	faultReset
	faultEOF
	faultDNS
	faultTLS
	faultOther
)

var faultNames = [...]string{
	faultPanic:    "panic",
	faultGoexit:   "goexit",
	faultCanceled: "canceled",
	faultDeadline: "context.DeadlineExceeded",
	faultTimeout:  "timeout",
	faultRefused:  "connection_refused",
	faultReset:    "connection_reset",
	faultEOF:      "unexpected_eof",
	faultDNS:      "dns_error",
	faultTLS:      "tls_error",
	faultOther:    other,
}

// attribute returns error.type. It must not be called for faultNone.
func (f fault) attribute(status int) attribute.KeyValue {
	if f == faultStatus {
		return semconv.ErrorTypeKey.String(strconv.Itoa(status))
	}
	return semconv.ErrorTypeKey.String(faultNames[f])
}

// ofContext returns the fault that ctx's end stands for, faultNone if it has
// not ended.
func ofContext(ctx context.Context) fault {
	switch err := ctx.Err(); {
	case err == nil:
		return faultNone
	case errors.Is(err, context.DeadlineExceeded):
		return faultDeadline
	}
	return faultCanceled
}

// An ending is all that decides a server request's error.type.
type ending struct {
	unwinding unwinding // what ended the handler, if it did not return
	status    int       // 0 if none was written
	atStatus  fault     // what the context stood for when a 5xx was written
	context   fault     // what it stands for now
	timedOut  bool      // a writer said that the handler had timed out
	whole     bool      // the response is known to have been written completely
}

// fault decides. A panic is the server's fault, unless it was one on purpose
// after the client had gone: so handlers give up an answer that nobody waits for
// (net/http/httputil.ReverseProxy does). A response that was cut short by the
// end of the request's context failed for that reason, whatever its status; a
// 5xx that was written before is the server's own.
func (e ending) fault() fault {
	switch {
	case e.unwinding == unwindingPanic && e.context == faultCanceled:
		return faultCanceled
	case e.unwinding == unwindingPanic, e.unwinding == unwindingRuntimeError:
		return faultPanic
	case e.unwinding == unwindingGoexit:
		return faultGoexit
	case e.timedOut && e.context != faultCanceled:
		if e.context == faultDeadline {
			return faultDeadline
		}
		return faultTimeout
	case e.status >= 500 && e.atStatus == faultNone:
		return faultStatus
	case e.status >= 500:
		return e.atStatus
	case e.context != faultNone && !e.whole:
		return e.context
	}
	return faultNone
}

// unwinding says what is ending a goroutine's frames.
type unwinding uint8

const (
	unwindingNone         unwinding = iota
	unwindingPanic                  // a call of panic
	unwindingRuntimeError           // a panic of the runtime's: a nil map, an index …
	unwindingGoexit
)

// unwindingNow tells what runs the deferred function that calls it, from the
// stack, because to ask recover would stop it. It is for the rare path only.
func unwindingNow() unwinding {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		switch f.Function {
		case "runtime.Goexit":
			return unwindingGoexit
		case "runtime.gopanic":
			if !more {
				return unwindingPanic
			}
			if f, _ = frames.Next(); strings.HasPrefix(f.Function, "runtime.") {
				return unwindingRuntimeError
			}
			return unwindingPanic
		}
		if !more {
			// No such frame: the runtime's names have changed. A panic is by
			// far the most likely.
			return unwindingPanic
		}
	}
}

// inTimeoutHandler tells whether http.TimeoutHandler is writing its message
// right now: it does so by io.WriteString, while what a handler wrote in time it
// passes on by Write. TimeoutHandler offers no other sign. Asked on the first
// write after a 503 only.
func inTimeoutHandler() bool {
	var pcs [8]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	var previous string
	for {
		f, more := frames.Next()
		if f.Function == "net/http.(*timeoutHandler).ServeHTTP" {
			return previous == "io.WriteString"
		}
		if !more {
			return false
		}
		previous = f.Function
	}
}
