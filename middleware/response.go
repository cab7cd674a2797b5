package middleware

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/otelperf/otelperf-go/internal/stripe"
)

//go:generate go run ./internal/combos -o combos.go
//go:generate go run ./internal/combos -test -o combos_test.go

// A response is the state of one request and the ResponseWriter that its
// handler gets: the one allocation that a request costs. It is never pooled,
// because a goroutine that outlives its handler may still hold it, and would
// then write into another request's response.
//
// It has the methods that every ResponseWriter has. The types in combos.go,
// each a struct of one pointer to a response, add the optional ones, so that a
// handler sees exactly what the wrapped writer offers.
//
// Its size is most of what a request costs on the garbage collector's side, so
// what few requests need stands apart.
type response struct {
	w      http.ResponseWriter
	m      *Middleware
	r      *http.Request
	active *stripe.Cell // where it counts as active
	extra  atomic.Pointer[labels]
	rare   *rareState    // nil unless an option needs it
	inner  *http.Request // what the last Route was given, nil if that was r; its context has the innermost span
	frame  routeFrame    // of the innermost Route that is running

	start   time.Duration
	written int64

	host     uint16 // among the server's addresses
	method   uint8
	scheme   scheme
	status   uint16 // net/http has three digits
	cut      int16  // of frame: how many segments of the path the routers outside took off
	protocol protocol
	atStatus fault
	flow     flow

	entered   bool // a Route was entered and none was left since
	failed    bool // a write ran into a timeout of the handler's or the connection's
	lowest    bool // no writer below can be another Middleware's
	completed bool // the handler returned; it panicked or ended its goroutine if not
}

// A flow says what becomes of a response, from the first to the last.
type flow uint8

const (
	flowBody     flow = iota
	flowMarked        // the handler said that it is a stream
	flowStream        // it has become one, and its duration is recorded
	flowHijacked      // likewise, and the connection is the handler's own
)

// A rareState is what only requests of a Middleware with certain options have.
type rareState struct {
	body io.ReadCloser            // what requestBody reads from
	req  *http.Request            // room for the request that has it, nil without one
	read atomic.Int64             // bytes of it
	far  atomic.Pointer[farRoute] // needs WithContextAttributes
}

// newResponse returns an empty response to r, in one allocation.
func (m *Middleware) newResponse(r *http.Request) *response {
	switch {
	case m.bodySizes && r.Body != nil && r.Body != http.NoBody:
		all := new(struct {
			response
			rareState
			http.Request
		})
		all.rare, all.req = &all.rareState, &all.Request
		return &all.response
	case m.bodySizes || m.contextLabels:
		both := new(struct {
			response
			rareState
		})
		both.rare = &both.rareState
		return &both.response
	}
	return new(response)
}

// begin makes the state of a request of what is known before the handler runs.
func (m *Middleware) begin(w http.ResponseWriter, r *http.Request) *response {
	method, scheme, host := m.methods.number(r.Method), schemeOn(r), uint16(0)
	if len(m.trusted) > 0 {
		scheme = m.schemeBehind(r)
	}
	if len(m.hosts.names) > 0 {
		host = m.hosts.number(r.Host)
	}
	key := traitsOf(method, scheme, host)
	path := r.URL.Path // a request without a URL panics here, before it is active
	active, ok := m.active.at(key, key.slot())
	if !ok {
		active = m.active.get(key, key.slot())
	}
	cell := active.count.Cell().Enter()
	rw := m.newResponse(r)
	rw.w, rw.m, rw.r = w, m, r
	rw.active = cell
	rw.frame.req, rw.frame.path = r, path
	rw.host, rw.method, rw.scheme = host, method, scheme
	rw.protocol = protocolOf(r.ProtoMajor, r.ProtoMinor)
	if r.Pattern != "" {
		rw.inherit()
	}
	rw.start = now()
	return rw
}

// finish ends the request. It ends as an active one before its duration is recorded:
// a collection in between sees a request that is neither active nor counted, which
// nobody takes for one that hangs.
func (rw *response) finish() {
	if rw.isStream() {
		rw.active.Leave(-1 - oneStream)
		rw.dropLabels()
		return
	}
	elapsed := now() - rw.start
	rw.active.Leave(-1)
	if rw.completed && rw.status < 500 && !rw.failed && rw.r.Context().Err() == nil {
		// As nearly every request ends. Without a word from the handler the server
		// sends this status; one that took the connection over became a stream.
		status := int(rw.status)
		if status == 0 {
			status = http.StatusOK
		}
		rw.record(elapsed, status, faultNone)
		return
	}
	rw.finishFailed(elapsed)
}

// finishFailed ends a request that may have failed.
func (rw *response) finishFailed(elapsed time.Duration) {
	e := ending{
		status:   int(rw.status),
		atStatus: rw.atStatus,
		context:  ofContext(rw.r.Context()),
		timedOut: rw.failed,
	}
	if !rw.completed {
		e.unwinding = unwindingNow()
	} else if e.status == 0 && e.context == faultNone {
		e.status = http.StatusOK
	}
	if e.context != faultNone {
		e.whole = rw.isWhole()
	}
	rw.record(elapsed, e.status, e.fault())
}

// isWhole tells whether as much was written as the response's Content-Length
// promised: then the client may well have left with all it wanted. The end of
// any other response is sent only after the handler has returned.
func (rw *response) isWhole() bool {
	declared := contentLength(rw.w.Header())
	return declared >= 0 && rw.written >= declared && rw.status != 0 && !rw.failed
}

func (rw *response) isStream() bool { return rw.flow >= flowStream }

// becomeStream records the request as it stands and counts it as an open stream
// from now on.
func (rw *response) becomeStream() {
	elapsed := now() - rw.start
	rw.flow = max(rw.flow, flowStream)
	rw.active.Add(oneStream)
	rw.record(elapsed, int(rw.status), faultNone)
}

// record records the request's duration and sizes.
func (rw *response) record(elapsed time.Duration, status int, f fault) {
	m := rw.m
	route := rw.routeNow()
	if m.routeFilter != nil && !m.routeFilter(route) {
		rw.dropLabels()
		return
	}
	k := serverKey{route, traitsOf(rw.method, rw.scheme, rw.host).ended(uint16(status), rw.protocol, f)}
	if m.attributes != nil {
		rw.addLabels(m.attributes(rw.r))
	}
	ctx := rw.r.Context()
	if rw.inner != nil {
		ctx = rw.inner.Context()
	}
	s, ok := m.series.at(k, k.slot())
	if !ok || rw.extra.Load() != nil {
		s = m.seriesOf(k, rw)
	}
	s.record(ctx, elapsed)
	if s.responseSize != nil {
		rw.recordSizes(ctx, s)
	}
}

// recordSizes records what has been read and written through the writer. The
// answer to a HEAD request has no body, though handlers may write one.
func (rw *response) recordSizes(ctx context.Context, s *series) {
	written := rw.written
	if rw.r.Method == http.MethodHead {
		written = 0
	}
	s.requestSize.Record(ctx, rw.rare.read.Load(), s.opts...)
	s.responseSize.Record(ctx, written, s.opts...)
}

// ours is what tells our writers from those of others.
type ours interface{ self() *response }

func (rw *response) self() *response { return rw }

func (rw *response) Header() http.Header { return rw.w.Header() }

// WriteHeader notes the first final status. 1xx codes come before it, all but
// 101, which ends the exchange of HTTP. Further calls reach the server, which
// knows what to say about them.
func (rw *response) WriteHeader(code int) {
	rw.w.WriteHeader(code) // net/http's panics if the code is not one
	if rw.status != 0 || rw.flow == flowHijacked || code < 200 && code != http.StatusSwitchingProtocols || code > 999 {
		return
	}
	rw.setStatus(code)
}

func (rw *response) setStatus(code int) {
	rw.status = uint16(code)
	if code >= 500 {
		rw.atStatus = ofContext(rw.r.Context())
	}
	if rw.flow == flowMarked || code == http.StatusSwitchingProtocols || isEventStream(rw.w.Header()) {
		rw.becomeStream()
	}
}

func (rw *response) Write(p []byte) (int, error) {
	rw.beforeWrite()
	n, err := rw.w.Write(p)
	rw.wrote(int64(n), err)
	return n, err
}

func (rw *response) writeString(s string) (int, error) {
	rw.beforeWrite()
	n, err := rw.w.(io.StringWriter).WriteString(s)
	rw.wrote(int64(n), err)
	return n, err
}

func (rw *response) readFrom(src io.Reader) (int64, error) {
	rw.beforeWrite()
	n, err := rw.w.(io.ReaderFrom).ReadFrom(src)
	rw.wrote(n, err)
	return n, err
}

// beforeWrite recognises the message of http.TimeoutHandler.
func (rw *response) beforeWrite() {
	if rw.status == http.StatusServiceUnavailable && rw.written == 0 && !rw.failed {
		rw.failed = inTimeoutHandler()
	}
}

// wrote notes the outcome of a write. The first one implies the status 200.
func (rw *response) wrote(n int64, err error) {
	rw.written += n
	if err != nil {
		rw.writeFailed(err)
	}
	if rw.status == 0 && rw.flow != flowHijacked {
		rw.setStatus(http.StatusOK)
	}
}

// writeFailed tells a timeout from a client that is gone.
func (rw *response) writeFailed(err error) {
	if errors.Is(err, http.ErrHandlerTimeout) || isTimeout(err) {
		rw.failed = true
	}
}

func (rw *response) flush() {
	rw.w.(http.Flusher).Flush()
	rw.flushed(nil)
}

func (rw *response) flushError() error {
	err := rw.w.(interface{ FlushError() error }).FlushError()
	rw.flushed(err)
	return err
}

// flushed notes that a flush sends the header, with status 200 if there was
// none.
func (rw *response) flushed(err error) {
	if err != nil {
		rw.writeFailed(err)
	}
	if rw.status == 0 && rw.flow != flowHijacked {
		rw.setStatus(http.StatusOK)
	}
}

func (rw *response) hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, b, err := rw.w.(http.Hijacker).Hijack()
	rw.tookOver(err)
	return c, b, err
}

// tookOver notes that the connection is the handler's own.
func (rw *response) tookOver(err error) {
	if err != nil {
		return
	}
	recorded := rw.isStream()
	rw.flow = flowHijacked
	if !recorded {
		rw.becomeStream()
	}
}

func (rw *response) push(target string, opts *http.PushOptions) error {
	return rw.w.(http.Pusher).Push(target, opts)
}

func (rw *response) closeNotify() <-chan bool {
	return rw.w.(http.CloseNotifier).CloseNotify() //nolint:staticcheck // handlers that still use it must find it
}
