package notify

import (
	"context"
	"errors"
	"time"

	"github.com/otelperf/otelperf-go/views"
)

// A Sink takes one alert to where it should go. It returns nil once the alert
// has arrived; any other error asks for another attempt, unless it was made
// with [Permanent]. It must honour its context, must not change the alert's
// maps, and may be called from several goroutines, though a [Dispatcher] calls
// each of its sinks from one goroutine only.
type Sink = func(context.Context, views.Alert) error

// A Target is a sink as a [Dispatcher] knows it.
type Target struct {
	// Name tells sinks apart in metrics and errors. Required, unique within
	// a Dispatcher, at most 64 bytes.
	Name string

	// Send delivers one alert. Required.
	Send Sink

	// Repeat, if not nil, is called every RepeatEvery between two calls of
	// Send, never beside one. It is for receivers that forget: see
	// [Alertmanager.Repeat]. Its errors are reported and not retried before
	// the next turn.
	Repeat func(context.Context) error

	// RepeatEvery is required with Repeat: at least one second.
	RepeatEvery time.Duration
}

// Permanent marks err as one that another attempt will not cure, so that a
// [Dispatcher] drops the alert at once. It returns nil for nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// RetryAfter marks err as one that asks for no attempt before d has passed. A
// [Dispatcher] waits at least that long, though never longer than an hour. It
// returns nil for nil.
func RetryAfter(err error, d time.Duration) error {
	if err == nil {
		return nil
	}
	return &retryAfterError{err, d}
}

type retryAfterError struct {
	err error
	d   time.Duration
}

func (e *retryAfterError) Error() string { return e.err.Error() }
func (e *retryAfterError) Unwrap() error { return e.err }

// maxRetryAfter bounds what a server may ask for: a bad clock or an absurd
// header must not silence a sink for days.
const maxRetryAfter = time.Hour

func isPermanent(err error) bool {
	var p *permanentError
	return errors.As(err, &p)
}

// askedWait is how long err asks to wait; 0 if it does not.
func askedWait(err error) time.Duration {
	var r *retryAfterError
	if !errors.As(err, &r) {
		return 0
	}
	return min(max(r.d, 0), maxRetryAfter)
}
