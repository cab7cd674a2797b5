package middleware

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
)

// prepare returns the request that the base transport gets where an option
// needs one other than the caller's, which is left as it is.
func (c *call) prepare(req *http.Request) *http.Request {
	sent := req
	if c.t.phases {
		sent = c.trace(req)
	}
	if c.t.bodySizes && req.Body != nil && req.Body != http.NoBody && req.ContentLength <= 0 {
		if sent == req {
			sent = new(http.Request)
			*sent = *req
		}
		c.sent = &countedBody{body: req.Body}
		sent.Body = c.sent
		if get := req.GetBody; get != nil {
			first := c.sent
			sent.GetBody = func() (io.ReadCloser, error) {
				body, err := get()
				if err != nil {
					return nil, err
				}
				// The request is sent anew: what was sent before is void.
				first.read.Store(0)
				return again{body, first}, nil
			}
		}
	}
	return sent
}

// A countedBody counts what a transport reads of a request's body. Transports
// read on a goroutine of their own, which may outlive RoundTrip.
type countedBody struct {
	body io.ReadCloser
	read atomic.Int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	b.read.Add(int64(n))
	return n, err
}

func (b *countedBody) Close() error { return b.body.Close() }

// again is the body of a request that is sent once more.
type again struct {
	io.ReadCloser
	count *countedBody
}

func (a again) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	a.count.read.Add(int64(n))
	return n, err
}

// A responseBody notes how and when a response's body ends: at its end, by an
// error, or when it is closed, whichever is first.
type responseBody struct {
	body  io.ReadCloser
	call  call
	s     *series // where the duration was recorded, nil until then
	read  atomic.Int64
	ended atomic.Bool
}

// wrapBody returns the body to give to the caller in resp's place, nil if the
// call ends with the header: without the options that need more, where there is
// no body, and where the body is a stream (101, server-sent events), whose
// length says nothing about the server.
func (t *Transport) wrapBody(c *call, resp *http.Response) io.ReadCloser {
	if !t.bodyEnd && !t.bodySizes || resp.Body == nil {
		return nil
	}
	if resp.StatusCode == http.StatusSwitchingProtocols || isEventStream(resp.Header) {
		return nil
	}
	b := &responseBody{body: resp.Body, call: *c}
	if resp.Body == http.NoBody {
		b.end(nil)
		return resp.Body
	}
	if !t.bodyEnd {
		b.s = b.call.end(b.call.statusFault())
	}
	_, writes := resp.Body.(io.Writer)
	_, writesTo := resp.Body.(io.WriterTo)
	switch {
	case writes && writesTo:
		return bodyBoth{bodyWriter{b}}
	case writes:
		return bodyWriter{b}
	case writesTo:
		return bodyWriterTo{b}
	}
	return b
}

func (b *responseBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	b.read.Add(int64(n))
	if err != nil {
		b.end(err)
	}
	return n, err
}

func (b *responseBody) Close() error {
	err := b.body.Close()
	b.end(nil)
	return err
}

// end records what is still to be recorded. err is nil or io.EOF for an end
// without a fault; a caller that closes early wanted no more, which is none.
func (b *responseBody) end(err error) {
	if b.ended.Swap(true) {
		return
	}
	if b.s == nil {
		f := b.call.statusFault()
		if err != nil && !errors.Is(err, io.EOF) {
			f = faultOf(b.call.req, err)
		}
		b.s = b.call.end(f)
	}
	if b.s.responseSize != nil {
		b.s.responseSize.Record(b.call.req.Context(), b.read.Load(), b.s.opts...)
	}
}

func (b *responseBody) write(p []byte) (int, error) { return b.body.(io.Writer).Write(p) }

// writeTo leaves the end to Close where w failed, as Read does for whoever
// copies by it: that is no fault of the request's.
func (b *responseBody) writeTo(w io.Writer) (int64, error) {
	to := destination{Writer: w}
	n, err := b.body.(io.WriterTo).WriteTo(&to)
	b.read.Add(n)
	if err == nil || !to.failed {
		b.end(err)
	}
	return n, err
}

// A destination remembers whether it failed. It has no ReadFrom, which would
// hide whose error it returns.
type destination struct {
	io.Writer
	failed bool
}

func (d *destination) Write(p []byte) (int, error) {
	n, err := d.Writer.Write(p)
	if err != nil || n < len(p) {
		d.failed = true
	}
	return n, err
}

type bodyWriter struct{ *responseBody }

func (b bodyWriter) Write(p []byte) (int, error) { return b.write(p) }

type bodyWriterTo struct{ *responseBody }

func (b bodyWriterTo) WriteTo(w io.Writer) (int64, error) { return b.writeTo(w) }

type bodyBoth struct{ bodyWriter }

func (b bodyBoth) WriteTo(w io.Writer) (int64, error) { return b.writeTo(w) }
