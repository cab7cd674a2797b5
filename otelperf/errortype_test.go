package otelperf_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

type plainError struct{}

func (plainError) Error() string { return "plain" }

type pointerError struct{ cause error }

func (e *pointerError) Error() string { return "pointer" }
func (e *pointerError) Unwrap() error { return e.cause } // Panics on a nil pointer.

type genericError[T any] struct{}

func (genericError[T]) Error() string { return "generic" }

// A typedError has the method that the conventions ask for.
type typedError string

func (e typedError) Error() string     { return "typed" }
func (e typedError) ErrorType() string { return string(e) }

type panickingError struct{}

func (panickingError) Error() string     { return "panicking" }
func (panickingError) ErrorType() string { panic("in ErrorType") }

type uncomparableError []error

func (uncomparableError) Error() string { return "uncomparable" }

const here = "github.com/otelperf/otelperf-go/otelperf_test."

func TestErrorTypes(t *testing.T) {
	deep := error(plainError{})
	for range 100 {
		deep = fmt.Errorf("more: %w", deep)
	}
	joined := error(plainError{})
	for range 5 {
		joined = fmt.Errorf("more: %w", errors.Join(nil, joined, errFailure))
	}
	endless := error(plainError{})
	for range 100 {
		endless = errors.Join(endless)
	}
	cases := []struct {
		name string
		err  error
		want string
	}{
		{"errors.New", errFailure, "*errors.errorString"},
		{"value", plainError{}, here + "plainError"},
		{"pointer", &pointerError{}, "*otelperf_test.pointerError"},
		{"pointer with a cause", &pointerError{io.EOF}, "*otelperf_test.pointerError"},
		{"uncomparable", uncomparableError{}, here + "uncomparableError"},
		{"path", &fs.PathError{Err: fs.ErrNotExist}, "*fs.PathError"},
		{"network", &net.OpError{Err: os.ErrDeadlineExceeded}, "*net.OpError"},
		{"I/O deadline", os.ErrDeadlineExceeded, "*poll.DeadlineExceededError"},
		{"wrapped", fmt.Errorf("more: %w", plainError{}), here + "plainError"},
		{"wrapped often", deep, here + "plainError"},
		{"formatted", fmt.Errorf("no %s", "wrapping"), "*errors.errorString"},
		{"joined", errors.Join(plainError{}, errFailure), here + "plainError"},
		{"several wrapped", fmt.Errorf("%w and %w", plainError{}, errFailure), here + "plainError"},
		{"several wrapped, all nil", fmt.Errorf("%w and %w", nil, nil), "*fmt.wrapErrors"},
		{"joined and wrapped in turn", joined, here + "plainError"},
		{"joined without end", endless, "*errors.joinError"},
		{"ErrorType", typedError("timeout"), "timeout"},
		{"ErrorType wrapped", fmt.Errorf("more: %w", typedError("timeout")), "timeout"},
		{"ErrorType behind a type", &pointerError{typedError("timeout")}, "timeout"},
		{"ErrorType joined second", errors.Join(plainError{}, typedError("timeout")), "timeout"},
		{"ErrorType canceled", typedError("canceled"), "canceled"},
		{"ErrorType like a list", typedError("*errors.joinError"), "*errors.joinError"},
		{"ErrorType empty", typedError(""), here + "typedError"},
		{"ErrorType long", typedError(strings.Repeat("x", 128)), strings.Repeat("x", 128)},
		{"ErrorType too long", typedError(strings.Repeat("x", 129)), here + "typedError"},
		{"ErrorType not UTF-8", typedError("\xff"), here + "typedError"},
		{"ErrorType unprintable", typedError("a\nb"), here + "typedError"},
		{"ErrorType junk, wrapped", fmt.Errorf("more: %w", typedError("a\nb")), here + "typedError"},
		{"ErrorType that panics", panickingError{}, here + "panickingError"},
		{"ErrorType that panics, wrapped", fmt.Errorf("more: %w", panickingError{}), here + "panickingError"},
		{"nil pointer", (*pointerError)(nil), "*otelperf_test.pointerError"},
		{"nil pointer, wrapped", fmt.Errorf("more: %w", (*pointerError)(nil)), "*otelperf_test.pointerError"},
		{"nil wrapped", fmt.Errorf("more: %w", nil), "*fmt.wrapError"},
		{"canceled", context.Canceled, "context.Canceled"},
		{"canceled, wrapped", fmt.Errorf("more: %w", &pointerError{context.Canceled}), "context.Canceled"},
		{"deadline", context.DeadlineExceeded, "context.DeadlineExceeded"},
		{"deadline, joined", errors.Join(errFailure, context.DeadlineExceeded), "context.DeadlineExceeded"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t)
			op := k.operation("search")
			for _, f := range forms {
				_ = f.run(t.Context(), op, func(context.Context) error { return c.err })
			}
			op.Record(t.Context(), 1, c.err)
			if got, want := k.outcomes("search"), (map[string]uint64{c.want: 5}); !maps.Equal(got, want) {
				t.Errorf("outcomes = %v, want %v", got, want)
			}
		})
	}
	t.Run("very long type", func(t *testing.T) {
		k := newKit(t)
		op := k.operation("search")
		op.Record(t.Context(), 1, genericError[genericError[genericError[genericError[genericError[int]]]]]{})
		for got := range k.outcomes("search") {
			if len(got) > 128 || !strings.HasPrefix(got, here+"genericError[") {
				t.Errorf("error.type = %q", got)
			}
		}
	})
}

// Whose context was cancelled decides, and a success is one in any case.
func TestCancellation(t *testing.T) {
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(errFailure)
	expired, cancelExpired := context.WithTimeout(t.Context(), 0)
	defer cancelExpired()
	<-expired.Done()
	cases := []struct {
		name string
		ctx  context.Context
		err  error
		want string
	}{
		{"caller's, success", cancelled, nil, ""},
		{"caller's", cancelled, cancelled.Err(), "canceled"},
		{"caller's, its cause", cancelled, context.Cause(cancelled), "canceled"},
		{"caller's, another error", cancelled, plainError{}, "canceled"},
		{"not the caller's", t.Context(), cancelled.Err(), "context.Canceled"},
		{"caller's deadline, success", expired, nil, ""},
		{"caller's deadline", expired, expired.Err(), "context.DeadlineExceeded"},
		{"caller's deadline, another error", expired, plainError{}, here + "plainError"},
		{"not the caller's deadline", t.Context(), expired.Err(), "context.DeadlineExceeded"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t)
			op := k.operation("search")
			for _, f := range forms {
				_ = f.run(c.ctx, op, func(context.Context) error { return c.err })
			}
			op.Record(c.ctx, 1, c.err)
			if got, want := k.outcomes("search"), (map[string]uint64{c.want: 5}); !maps.Equal(got, want) {
				t.Errorf("outcomes = %v, want %v", got, want)
			}
		})
	}
	t.Run("panic", func(t *testing.T) {
		k := newKit(t)
		op := k.operation("search")
		for _, f := range forms {
			alone(func() { _ = f.run(cancelled, op, func(context.Context) error { panic(1) }) })
		}
		if got, want := k.outcomes("search"), (map[string]uint64{"panic": 4}); !maps.Equal(got, want) {
			t.Errorf("outcomes = %v, want %v", got, want)
		}
	})
}

// However many error types there are, an operation has a bounded number of
// series, no count is lost, and the outcomes with a meaning keep their name.
func TestErrorTypesAreBounded(t *testing.T) {
	k := newKit(t)
	op := k.operation("search")
	var wg sync.WaitGroup
	const workers, kinds = 4, 500
	for range workers {
		wg.Go(func() {
			for i := range kinds {
				_ = op.Do(t.Context(), func(context.Context) error { return typedError(fmt.Sprint("type ", i)) })
			}
		})
	}
	wg.Wait()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	op.Record(t.Context(), 1, nil)
	op.Record(t.Context(), 1, context.Canceled)
	op.Record(t.Context(), 1, context.DeadlineExceeded)
	op.Record(cancelled, 1, errFailure)
	alone(func() { _ = op.Do(t.Context(), func(context.Context) error { panic(1) }) })
	alone(func() { _ = op.Do(t.Context(), func(context.Context) error { runtime.Goexit(); return nil }) })

	got := k.outcomes("search")
	if len(got) != 39 {
		t.Errorf("%d series, want 39", len(got))
	}
	total := uint64(0)
	for _, n := range got {
		total += n
	}
	if total != workers*kinds+6 {
		t.Errorf("%d calls in the export, want %d", total, workers*kinds+6)
	}
	if got["_OTHER"] != workers*(kinds-32) {
		t.Errorf("_OTHER = %d, want %d", got["_OTHER"], workers*(kinds-32))
	}
	for _, name := range []string{"", "panic", "goexit", "canceled", "context.Canceled", "context.DeadlineExceeded"} {
		if got[name] != 1 {
			t.Errorf("%q = %d, want 1", name, got[name])
		}
	}
	// Another operation is not concerned.
	other := k.operation("other")
	other.Record(t.Context(), 1, typedError("type 400"))
	if got, want := k.outcomes("other"), (map[string]uint64{"type 400": 1}); !maps.Equal(got, want) {
		t.Errorf("outcomes of another operation = %v, want %v", got, want)
	}
}

func FuzzErrorType(f *testing.F) {
	for _, seed := range []string{"", "timeout", "canceled", "_OTHER", "\xff", "a\x00b", strings.Repeat("x", 200), "ä\u200b"} {
		f.Add(seed, 0)
		f.Add(seed, 3)
	}
	f.Fuzz(func(t *testing.T, errorType string, wrapping int) {
		err := error(typedError(errorType))
		for i := range min(max(wrapping, 0), 20) {
			switch i % 3 {
			case 0:
				err = fmt.Errorf("more: %w", err)
			case 1:
				err = errors.Join(err, errFailure)
			case 2:
				err = &pointerError{err}
			}
		}
		k := newKit(t)
		k.operation("search").Record(t.Context(), 1, err)
		got := k.outcomes("search")
		if len(got) != 1 {
			t.Fatalf("outcomes = %v", got)
		}
		for s := range got {
			if s == "" || len(s) > 128 || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
				t.Errorf("error.type = %q", s)
			}
			// Where the conventions' helper gives something to use, that is it.
			if want := semconv.ErrorType(err).Value.AsString(); errorType != "" && errorType == strings.ToValidUTF8(errorType, "") &&
				len(errorType) <= 128 && !strings.ContainsFunc(errorType, func(r rune) bool { return !unicode.IsPrint(r) }) && s != want {
				t.Errorf("error.type = %q, want %q", s, want)
			}
		}
	})
}
