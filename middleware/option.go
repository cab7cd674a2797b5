package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Limits that hold unless an option says otherwise. The number of series stays
// below the 2,000 at which the SDK begins to merge new ones.
const (
	defaultSeriesLimit = 1500
	defaultRouteLimit  = 500
	defaultHostLimit   = 100
)

// An Option sets one thing of a [Middleware] or a [Transport]. Each says which
// of the two it is for; given to the other, it is an error.
type Option func(*config)

// side says whom an option is for.
type side uint8

const (
	serverSide side = 1 << iota
	clientSide
)

type config struct {
	provider    metric.MeterProvider
	servers     []string
	seriesLimit int
	routeLimit  int
	hostLimit   int
	side        side
	errs        []error

	// What each request looks at comes last and together: between two requests
	// the caches are the service's own.
	bodyEnd       bool
	phases        bool
	bodySizes     bool
	contextLabels bool
	filter        func(*http.Request) bool
	routeFilter   func(string) bool
	route         func(*http.Request) string
	template      func(*http.Request) string
	attributes    func(*http.Request) []attribute.KeyValue
	trusted       []netip.Prefix
}

func newConfig(s side, opts []Option) (config, error) {
	c := config{
		side:        s,
		seriesLimit: defaultSeriesLimit,
		routeLimit:  defaultRouteLimit,
		hostLimit:   defaultHostLimit,
	}
	for _, o := range opts {
		if o != nil {
			o(&c)
		}
	}
	if c.provider == nil {
		c.provider = otel.GetMeterProvider()
	}
	return c, errors.Join(c.errs...)
}

// only notes an option that was given to the wrong constructor.
func (c *config) only(s side, name string) {
	if c.side == s {
		return
	}
	user := "New"
	if s == clientSide {
		user = "NewTransport"
	}
	c.errs = append(c.errs, fmt.Errorf("middleware: %s is an option of %s", name, user))
}

// limit checks the argument of an option that sets a bound.
func (c *config) limit(to *int, name string, n, most int) {
	if n < 1 || n > most {
		c.errs = append(c.errs, fmt.Errorf("middleware: %s(%d): want 1 to %d", name, n, most))
		return
	}
	*to = n
}

// WithMeterProvider sets where the metrics go. The default, and nil, is the
// global MeterProvider.
func WithMeterProvider(mp metric.MeterProvider) Option {
	return func(c *config) { c.provider = mp }
}

// WithFilter sets which requests are measured: those for which keep returns
// true. A request that is not kept reaches the handler (or the base transport)
// as if there were no instrumentation, and costs nothing but the call of keep.
// The default, and nil, keeps all. keep is called once for each request, before
// it is handled, on the goroutine that handles it.
func WithFilter(keep func(*http.Request) bool) Option {
	return func(c *config) { c.filter = keep }
}

// WithRouteFilter sets which routes are measured: requests whose http.route
// gives false are not recorded. The route is known only once a router has seen
// the request, so a request that is dropped by its route is part of
// http.server.active_requests while it runs; [WithFilter] is for those that
// should not be. The function gets "" for a request without a route. The
// default, and nil, keeps all. For [New].
func WithRouteFilter(keep func(route string) bool) Option {
	return func(c *config) {
		c.only(serverSide, "WithRouteFilter")
		c.routeFilter = keep
	}
}

// WithRoute sets how http.route is found where [Route] and the request's own
// Pattern do not give it, or where they should not be asked: a route that the
// function returns wins, and "" leaves the question to them. The function gets
// the request that the middleware saw, after it was handled (or at the moment
// it became a stream), and must return a template such as "/users/{id}", never
// the path. The default, and nil, asks nobody.
//
// For a router that puts its match into the request's context before it calls
// the middleware, as gorilla/mux does with Use:
//
//	middleware.WithRoute(func(r *http.Request) string {
//		template, _ := mux.CurrentRoute(r).GetPathTemplate()
//		return template
//	})
//
// For [New].
func WithRoute(route func(*http.Request) string) Option {
	return func(c *config) {
		c.only(serverSide, "WithRoute")
		c.route = route
	}
}

// WithAttributes adds attributes to the duration and the sizes of each request.
// The function gets the request that the middleware saw, after it was handled;
// its result is subject to the bounds of [AddAttributes]. The default, and nil,
// adds none. For [New].
func WithAttributes(attributes func(*http.Request) []attribute.KeyValue) Option {
	return func(c *config) {
		c.only(serverSide, "WithAttributes")
		c.attributes = attributes
	}
}

// WithContextAttributes lets [AddContextAttributes], and a [Route] that no
// ResponseWriter leads from to the middleware, find the request through its
// context. Handlers then get a copy of the request, which costs two more
// allocations. Off by default. For [New].
func WithContextAttributes() Option {
	return func(c *config) {
		c.only(serverSide, "WithContextAttributes")
		c.contextLabels = true
	}
}

// WithBodySizes records the sizes of request and response bodies too, in bytes:
// for a server those in http.server.request.body.size and
// http.server.response.body.size, for a client those in the metrics of the same
// name with client. What is read and written is counted, not what a
// Content-Length promises, but for one: a client's request that has a
// ContentLength is taken at its word, also where it failed before all was sent,
// because a body that counts would keep the kernel from sending files. A server's
// handler gets a copy of a request that has a body, with one that counts. Off by
// default.
func WithBodySizes() Option {
	return func(c *config) { c.bodySizes = true }
}

// WithTrustedProxies lets the Forwarded and X-Forwarded-Proto headers decide
// url.scheme for connections from these networks, where a proxy ends TLS. The
// first element of the header counts: what the proxy nearest to the client saw,
// or what the client itself claims where that proxy adds to the header instead of
// replacing it. Nothing but http and https is taken from it.
//
// A network has addresses of its own family only, as [netip.Prefix.Contains] has
// it: ::/0 is all of IPv6 and none of IPv4, and whoever trusts every connection
// names 0.0.0.0/0 as well. A connection from an IPv4 address counts as one of
// IPv4 also where the listener takes both. A network of IPv4 may be written as one
// of IPv6 too, as ::ffff:10.0.0.0/104. Connections over a Unix socket count as
// coming from 127.0.0.1. The default trusts nobody. For [New].
func WithTrustedProxies(networks ...netip.Prefix) Option {
	return func(c *config) {
		c.only(serverSide, "WithTrustedProxies")
		for _, n := range networks {
			n, err := unmapped(n)
			if err != nil {
				c.errs = append(c.errs, fmt.Errorf("middleware: WithTrustedProxies: %w", err))
				continue
			}
			c.trusted = append(c.trusted, n)
		}
	}
}

// unmapped returns the IPv4 network that an IPv6 one such as
// ::ffff:10.0.0.0/104 stands for, and any other as it is. Addresses of
// connections are compared unmapped, and the one would never contain the other.
func unmapped(n netip.Prefix) (netip.Prefix, error) {
	const mapped = 96 // bits before the IPv4 address
	switch {
	case !n.IsValid():
		return n, errors.New("invalid network: want one of netip.ParsePrefix")
	case !n.Addr().Is4In6():
		return n, nil
	case n.Bits() < mapped:
		return n, fmt.Errorf("network %v is more than all of IPv4: want 0.0.0.0/0 for that, or one of IPv6", n)
	}
	return netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-mapped), nil
}

// WithServerAddresses adds server.address, and server.port where the name has
// one, to the metrics of a server: the name among these that the Host header
// names, whatever its case and port. A request for any other host has neither.
// Names are hosts or host:port, at most 1000. The default adds none. For [New].
func WithServerAddresses(names ...string) Option {
	return func(c *config) {
		c.only(serverSide, "WithServerAddresses")
		c.servers = append(c.servers, names...)
	}
}

// WithRouteLimit sets how many different values http.route (or url.template)
// may have, 1 to 10000. Those past it, and those of more than 512 bytes or not in
// UTF-8, are recorded as _OTHER. The default is 500.
func WithRouteLimit(n int) Option {
	return func(c *config) { c.limit(&c.routeLimit, "WithRouteLimit", n, 10_000) }
}

// WithSeriesLimit sets how many combinations of attributes each metric may have,
// 1 to 100000, not counting the few that take in what is past the limit. The
// default is 1500. The SDK has a limit of its own, 2000 unless it was set.
func WithSeriesLimit(n int) Option {
	return func(c *config) { c.limit(&c.seriesLimit, "WithSeriesLimit", n, 100_000) }
}

// WithHostLimit sets how many different pairs of server.address and server.port
// a client's metrics may have, 1 to 10000. Requests to further hosts, and to
// names of more than 255 bytes, are recorded with the address _OTHER and the port
// 0. The default is 100. For [NewTransport].
func WithHostLimit(n int) Option {
	return func(c *config) {
		c.only(clientSide, "WithHostLimit")
		c.limit(&c.hostLimit, "WithHostLimit", n, 10_000)
	}
}

// WithURLTemplate adds url.template to a client's metrics: what the function
// returns for the request, a template such as "/users/{id}", never the path; ""
// adds none. It is called before the request is sent. The default, and nil, adds
// none. For [NewTransport].
func WithURLTemplate(template func(*http.Request) string) Option {
	return func(c *config) {
		c.only(clientSide, "WithURLTemplate")
		c.template = template
	}
}

// WithBodyEnd lets a client's request end with the body of its response: when
// it was read to its end, failed, or was closed. The default is the end of the
// header. Responses that are streams (status 101, server-sent events) end with
// their header all the same. A body that is never closed never ends. For
// [NewTransport].
func WithBodyEnd() Option {
	return func(c *config) {
		c.only(clientSide, "WithBodyEnd")
		c.bodyEnd = true
	}
}

// WithPhases records the parts of a client's request in
// otelperf.http.client.phase.duration: name resolution, connecting, the TLS
// handshake, and from the start of the request to the first byte of the
// response. A request on a connection that was open has the last one only. It
// costs several allocations for a request. Off by default. For [NewTransport].
func WithPhases() Option {
	return func(c *config) {
		c.only(clientSide, "WithPhases")
		c.phases = true
	}
}
