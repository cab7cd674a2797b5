package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/metric/noop"

	"github.com/otelperf/otelperf-go/internal/stripe"
)

// A Transport measures the requests of an HTTP client. It is an
// [http.RoundTripper] around another one, and may be used concurrently.
type Transport struct {
	config
	base        http.RoundTripper
	methods     methodSet
	hosts       *hostTable
	instruments clientInstruments
	series      *seriesTable[clientKey]
	templates   *nameTable
	active      *activeCells[clientActiveKey]
	overflow    [2]*series // by whether the request failed
	dropped     droppedCounts
	off         bool
}

// NewTransport returns a Transport that sends requests through base; nil stands
// for [http.DefaultTransport]. Without options it reports to the global
// MeterProvider, also when that one is set later.
//
//	transport, err := middleware.NewTransport(nil)
//	if err != nil { … }
//	client := &http.Client{Transport: transport}
//
// The error joins everything that was wrong with the options and whatever the
// MeterProvider said when it was asked for the instruments.
func NewTransport(base http.RoundTripper, opts ...Option) (*Transport, error) {
	c, err := newConfig(clientSide, opts)
	if err != nil {
		return nil, err
	}
	methods, err := knownMethods()
	if err != nil {
		return nil, err
	}
	if base == nil {
		base = http.DefaultTransport
	}
	t := &Transport{
		config:    c,
		base:      base,
		methods:   methods,
		hosts:     newHostTable(c.hostLimit),
		templates: newNameTable(c.routeLimit),
	}
	if _, ok := c.provider.(noop.MeterProvider); ok {
		t.off = true
		return t, nil
	}
	t.active = newActiveCells(c.seriesLimit, clientActiveKey{host: t.hosts.other}, t.newActiveCell)
	t.series = newSeriesTable(c.seriesLimit, t.newSeries)
	if err := t.instrument(); err != nil {
		return nil, errors.Join(fmt.Errorf("middleware: %w", err), t.Close())
	}
	t.overflow = t.newOverflow()
	return t, nil
}

// Close ends the observation of http.client.active_requests. Requests are still
// sent and recorded after it. It may be called more than once, and closes no
// connections; CloseIdleConnections does.
func (t *Transport) Close() error { return t.instruments.close() }

// CloseIdleConnections passes on to the base transport, which is what
// [http.Client.CloseIdleConnections] needs.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// RoundTrip sends req through the base transport and records it.
//
// The request counts as active, and its duration runs, until the response's
// header is there or the base transport has given up; with [WithBodyEnd] until
// the response's body has been read to its end, failed, or been closed. The
// response and the error are the base transport's own.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.off || req.URL == nil || t.filter != nil && !t.filter(req) {
		return t.base.RoundTrip(req)
	}
	c := t.begin(req)
	sent := req
	if t.phases || t.bodySizes {
		sent = c.prepare(req)
	}
	completed := false
	defer func() {
		if !completed {
			c.end(panicFault())
		}
	}()
	resp, err := t.base.RoundTrip(sent)
	completed = true
	if err != nil || resp == nil {
		c.end(faultOf(req, err))
		return resp, err
	}
	c.status = uint16(clamp(resp.StatusCode))
	c.protocol = protocolOf(resp.ProtoMajor, resp.ProtoMinor)
	if sent != req && resp.Request == sent {
		// The caller must find the request that it sent.
		resp.Request = req
	}
	if b := t.wrapBody(&c, resp); b != nil {
		resp.Body = b
		return resp, nil
	}
	c.end(c.statusFault())
	return resp, nil
}

// clamp keeps a status that a transport made up within what one can be.
func clamp(status int) int {
	if status < 0 || status > 999 {
		return 0
	}
	return status
}

// panicFault is what a base transport that does not return failed with.
func panicFault() fault {
	if unwindingNow() == unwindingGoexit {
		return faultGoexit
	}
	return faultPanic
}

// A call is one request of a client. It lives on the stack, or in the wrapped
// body where there is one.
type call struct {
	t        *Transport
	req      *http.Request
	active   *stripe.Cell // where it counts as active
	host     *host
	sent     *countedBody // nil where the request says its size
	template string
	start    time.Duration
	status   uint16
	method   uint8
	protocol protocol
}

func (t *Transport) begin(req *http.Request) call {
	c := call{
		t:      t,
		req:    req,
		host:   t.hosts.find(req.URL),
		method: t.methods.number(req.Method),
	}
	if t.template != nil {
		c.template = t.admit(t.template(req))
	}
	k := clientActiveKey{c.host, c.method, c.template}
	active, ok := t.active.at(k, k.slot())
	if !ok {
		active = t.active.get(k, k.slot())
	}
	c.active = active.count.Cell().Enter()
	c.start = now()
	return c
}

// statusFault is the client's rule: 4xx and 5xx are failures.
func (c *call) statusFault() fault {
	if c.status >= 400 {
		return faultStatus
	}
	return faultNone
}

// end records the duration, and the size of what was sent.
func (c *call) end(f fault) *series {
	elapsed := now() - c.start
	c.active.Leave(-1) // before the duration, as response.finish says
	s := c.t.seriesOf(clientKey{
		host:     c.host,
		template: c.template,
		traits:   traitsOf(c.method, schemeHTTP, 0).ended(c.status, c.protocol, f),
	})
	ctx := c.req.Context()
	s.record(ctx, elapsed)
	if s.requestSize != nil {
		s.requestSize.Record(ctx, c.requestSize(), s.opts...)
	}
	return s
}

func (c *call) requestSize() int64 {
	if c.sent != nil {
		return c.sent.read.Load()
	}
	if c.req.Body == nil || c.req.Body == http.NoBody {
		return 0
	}
	return max(0, c.req.ContentLength)
}

// admit returns the template, or _OTHER if it is over the limit.
func (t *Transport) admit(template string) string {
	if template == "" {
		return ""
	}
	kept, ok := t.templates.admit(template)
	if !ok {
		t.dropped.routes.Add(1)
		return other
	}
	return kept
}

// seriesOf returns the series that a request with key k is recorded in.
func (t *Transport) seriesOf(k clientKey) *series {
	if s, ok := t.series.at(k, k.slot()); ok {
		return s
	}
	if s := t.series.find(k, k.slot()); s != nil {
		return s
	}
	if s := t.series.add(k); s != nil {
		return s
	}
	t.dropped.series.Add(1)
	if k.fault() != faultNone {
		return t.overflow[1]
	}
	return t.overflow[0]
}
