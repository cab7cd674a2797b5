package middleware

import (
	"bufio"
	"net"
	"net/http"
)

// unwrapper is what http.ResponseController looks for.
type unwrapper interface{ Unwrap() http.ResponseWriter }

// Unwrap lets http.ResponseController, and whoever looks for a writer of their
// own, reach the writer below.
//
// Where that writer cannot be hijacked or flushed itself but one further below
// can, the controller would walk past us and we would report a hijacked
// connection as a 200. So it finds a step in between that tells us.
func (rw *response) Unwrap() http.ResponseWriter {
	below, ok := rw.w.(unwrapper)
	if !ok {
		return rw.w
	}
	_, hijacks := rw.w.(http.Hijacker)
	flushes := canFlush(rw.w)
	if hijacks && flushes {
		return rw.w
	}
	var hidden step
	for w, depth := below.Unwrap(), 0; w != nil && depth < maxChain; depth++ {
		if _, ok := w.(http.Hijacker); ok && !hijacks {
			hidden |= stepHijack
		}
		if canFlush(w) && !flushes {
			hidden |= stepFlush
		}
		u, ok := w.(unwrapper)
		if !ok {
			break
		}
		w = u.Unwrap()
	}
	return hidden.of(rw)
}

func canFlush(w http.ResponseWriter) bool {
	switch w.(type) {
	case http.Flusher, interface{ FlushError() error }:
		return true
	}
	return false
}

// maxChain bounds the walk along a chain of writers, which a faulty one could
// make endless.
const maxChain = 100

// step says what the writers below the wrapped one can do that it cannot.
type step uint8

const (
	stepHijack step = 1 << iota
	stepFlush
)

func (s step) of(rw *response) http.ResponseWriter {
	b := between{rw}
	switch s {
	case stepHijack:
		return hijackBetween{b}
	case stepFlush:
		return flushBetween{b}
	case stepHijack | stepFlush:
		return hijackFlushBetween{b}
	}
	return rw.w
}

// between is the step between a response and the writer that it wraps.
type between struct{ rw *response }

func (b between) Header() http.Header         { return b.rw.Header() }
func (b between) Write(p []byte) (int, error) { return b.rw.Write(p) }
func (b between) WriteHeader(code int)        { b.rw.WriteHeader(code) }
func (b between) Unwrap() http.ResponseWriter { return b.rw.w }

func (b between) hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, buf, err := http.NewResponseController(b.rw.w).Hijack()
	b.rw.tookOver(err)
	return c, buf, err
}

func (b between) flush() error {
	err := http.NewResponseController(b.rw.w).Flush()
	b.rw.flushed(err)
	return err
}

type hijackBetween struct{ between }

func (b hijackBetween) Hijack() (net.Conn, *bufio.ReadWriter, error) { return b.hijack() }

type flushBetween struct{ between }

func (b flushBetween) FlushError() error { return b.flush() }

type hijackFlushBetween struct{ between }

func (b hijackFlushBetween) Hijack() (net.Conn, *bufio.ReadWriter, error) { return b.hijack() }
func (b hijackFlushBetween) FlushError() error                            { return b.flush() }
