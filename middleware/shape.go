package middleware

import (
	"io"
	"net/http"
	"reflect"
	"sync/atomic"
)

// A shape is the set of optional interfaces that a ResponseWriter has. Its bits
// are those that the types in combos.go are named by.
type shape uint8

const (
	shapeFlusher shape = 1 << iota
	shapeFlushError
	shapeHijacker
	shapePusher
	shapeReaderFrom
	shapeCloseNotifier
	shapeStringWriter
)

func shapeOf(w http.ResponseWriter) (s shape) {
	if _, ok := w.(http.Flusher); ok {
		s |= shapeFlusher
	}
	if _, ok := w.(interface{ FlushError() error }); ok {
		s |= shapeFlushError
	}
	if _, ok := w.(http.Hijacker); ok {
		s |= shapeHijacker
	}
	if _, ok := w.(http.Pusher); ok {
		s |= shapePusher
	}
	if _, ok := w.(io.ReaderFrom); ok {
		s |= shapeReaderFrom
	}
	if _, ok := w.(http.CloseNotifier); ok { //nolint:staticcheck // handlers that still use it must find it
		s |= shapeCloseNotifier
	}
	if _, ok := w.(io.StringWriter); ok {
		s |= shapeStringWriter
	}
	return s
}

// A shapeCache remembers the shape of the type of writer seen last. A server
// uses one type, two with HTTP/2, and asking anew takes seven assertions.
type shapeCache struct{ last atomic.Pointer[typeShape] }

type typeShape struct {
	typ reflect.Type
	shape
}

// wrap returns rw with the optional interfaces of w.
func (c *shapeCache) wrap(w http.ResponseWriter, rw *response) http.ResponseWriter {
	t := reflect.TypeOf(w)
	last := c.last.Load()
	if last == nil || last.typ != t {
		// Only the first writers of a Middleware are remembered: two kinds that
		// take turns would pay an allocation each time.
		fresh := typeShape{typ: t, shape: shapeOf(w)}
		if last != nil {
			return fresh.wrap(rw)
		}
		c.last.Store(&fresh)
		last = &fresh
	}
	return last.wrap(rw)
}
