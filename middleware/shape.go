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

// wrap returns rw with the optional interfaces of s.
func (s shape) wrap(rw *response) http.ResponseWriter { return wrappers[s](rw) }

// A shapeCache remembers the shapes of the first few types of writer. A server
// uses one type, two with HTTP/2, and asking anew takes seven assertions.
type shapeCache [4]atomic.Pointer[typeShape]

type typeShape struct {
	typ reflect.Type
	shape
	lowest bool // not a writer of ours, nor one around another writer
}

func typeShapeOf(w http.ResponseWriter) *typeShape {
	s := &typeShape{typ: reflect.TypeOf(w), shape: shapeOf(w), lowest: true}
	switch w.(type) {
	case unwrapper, ours:
		s.lowest = false
	}
	return s
}

// wrap returns rw with the optional interfaces of w.
func (c *shapeCache) wrap(w http.ResponseWriter, rw *response) http.ResponseWriter {
	t := reflect.TypeOf(w)
	for i := range c {
		known := c[i].Load()
		if known == nil {
			// Where another goroutine was faster the next request finds the
			// next place.
			known = typeShapeOf(w)
			c[i].CompareAndSwap(nil, known)
		} else if known.typ != t {
			continue
		}
		rw.lowest = known.lowest
		return known.wrap(rw)
	}
	return shapeOf(w).wrap(rw)
}
