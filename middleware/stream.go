package middleware

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// Stream says that the response that w writes is a stream, as a download of
// events or a long poll is: its length says nothing about how fast the server
// is. Its duration is recorded when its header is written, or now if it was, and
// from then on it is counted in otelperf.http.server.streams until the handler
// returns. It reports whether it found a [Middleware].
//
// Hijacked connections, the status 101 and the Content-Type text/event-stream
// need no such call. It must be called by the goroutine that writes to w.
func Stream(w http.ResponseWriter) bool {
	rw := reach(w)
	if rw == nil {
		return false
	}
	for rw != nil {
		rw.flow = max(rw.flow, flowMarked)
		if rw.status != 0 && !rw.isStream() {
			rw.becomeStream()
		}
		rw = rw.below()
	}
	return true
}

// isEventStream tells whether a header announces server-sent events.
func isEventStream(h http.Header) bool {
	const eventStream = "text/event-stream"
	v := h["Content-Type"]
	if len(v) == 0 || len(v[0]) < len(eventStream) {
		return false
	}
	t := v[0]
	if !strings.EqualFold(t[:len(eventStream)], eventStream) {
		return false
	}
	return len(t) == len(eventStream) || strings.IndexByte("; \t", t[len(eventStream)]) >= 0
}

// contentLength returns what a header declares, -1 if it does not.
func contentLength(h http.Header) int64 {
	v := h["Content-Length"]
	if len(v) == 0 {
		return -1
	}
	n, err := strconv.ParseInt(v[0], 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// isTimeout tells whether a read or a write ran into a deadline.
func isTimeout(err error) bool {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// countBody returns a copy of r whose body is counted. The server's own request
// keeps its body: by its type the server tells whether a client waits for 100
// Continue, and how much of what the handler left unread is worth reading.
func (rw *response) countBody(r *http.Request) *http.Request {
	rw.rare.body = r.Body
	inner := rw.rare.req
	*inner = *r
	inner.Body = requestBody{rw}
	return inner
}

// requestBody counts what is read of a request's body. The reader may be another
// goroutine than the handler's: a proxy's transport is one.
type requestBody struct{ rw *response }

func (b requestBody) Read(p []byte) (int, error) {
	n, err := b.rw.rare.body.Read(p)
	b.rw.rare.read.Add(int64(n))
	return n, err
}

func (b requestBody) Close() error { return b.rw.rare.body.Close() }

var _ io.ReadCloser = requestBody{}
