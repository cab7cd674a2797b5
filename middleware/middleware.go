package middleware

import (
	"errors"
	"fmt"
	"net/http"

	"go.opentelemetry.io/otel/metric/noop"
)

// A Middleware measures the requests of net/http servers. Make one per server
// with [New] and wrap as many handlers with it as needed: all of them share its
// instruments, its table of series and its limits.
//
// All methods may be called concurrently. A nil *Middleware measures nothing:
// its Handler returns the handler as it is.
type Middleware struct {
	config  // its end is what each request looks at, as is all up to shape
	methods methodSet
	hosts   serverNames
	active  *activeCells[traits]
	series  *seriesTable[serverKey]
	shape   shapeCache

	routes      *nameTable
	joins       *joinTable
	notes       *noteTable
	overflow    [schemes][2]*series // by scheme and whether the request failed
	dropped     droppedCounts
	instruments instruments
	off         bool
}

// New returns a Middleware. Without options it reports to the global
// MeterProvider, also when that one is set later.
//
// The error joins everything that was wrong with the options and whatever the
// MeterProvider said when it was asked for the instruments.
func New(opts ...Option) (*Middleware, error) {
	c, err := newConfig(serverSide, opts)
	if err != nil {
		return nil, err
	}
	methods, err := knownMethods()
	if err != nil {
		return nil, err
	}
	hosts, err := newServerNames(c.servers)
	if err != nil {
		return nil, err
	}
	m := &Middleware{
		config:  c,
		methods: methods,
		hosts:   hosts,
		routes:  newNameTable(c.routeLimit),
		joins:   newJoinTable(c.routeLimit),
		notes:   newNoteTable(4 * c.routeLimit), // a route has some on the way in, and on the way out
	}
	if _, ok := c.provider.(noop.MeterProvider); ok {
		m.off = true
		return m, nil
	}
	m.active = newActiveCells(c.seriesLimit, traits(0), m.newActiveCell)
	m.series = newSeriesTable(c.seriesLimit, m.newSeries)
	if err := m.instrument(); err != nil {
		return nil, errors.Join(fmt.Errorf("middleware: %w", err), m.Close())
	}
	m.overflow = m.newOverflow()
	return m, nil
}

// Close ends the observation of http.server.active_requests and of the other
// observable instruments: they are gone from the next collection on. Durations
// and sizes are still recorded for requests that are served after Close. It may
// be called more than once.
func (m *Middleware) Close() error {
	if m == nil {
		return nil
	}
	return m.instruments.close()
}

// Handler returns a handler that measures each request and passes it to next.
//
// It costs one allocation for a request, the ResponseWriter that next gets: a
// writer with exactly the optional interfaces of the one that the server gave,
// and an Unwrap method for [http.ResponseController]. What next does is left as
// it is: its panics go on with their value and their trace, and its calls of
// the ResponseWriter reach the server unchanged.
//
// A Middleware that reports to a no-op MeterProvider returns next itself.
func (m *Middleware) Handler(next http.Handler) http.Handler {
	if m == nil || m.off {
		return next
	}
	h := &handler{m: m, next: next, routed: next}
	if r, ok := next.(routeHook); ok {
		h.routed = r.next
	}
	return h
}

// handler is what [Middleware.Handler] returns.
type handler struct {
	m      *Middleware
	next   http.Handler
	routed http.Handler // next without the Route directly around it
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m := h.m
	if m.filter != nil && !m.filter(r) {
		h.next.ServeHTTP(w, r)
		return
	}
	rw := m.begin(w, r)
	if rw.rare != nil {
		h.serveInner(rw, w, r)
		return
	}
	defer rw.finish()
	own := m.shape.wrap(w, rw)
	h.inside(rw).ServeHTTP(own, r)
	rw.completed = true
}

// serveInner is ServeHTTP where the handler may be given another request than the
// server's.
func (h *handler) serveInner(rw *response, w http.ResponseWriter, r *http.Request) {
	inner := r
	if rw.rare.req != nil {
		inner = rw.countBody(r)
	}
	if h.m.contextLabels {
		inner = withResponse(inner, rw)
	}
	rw.r, rw.frame.req = inner, inner // what routers see
	defer func() {
		if inner != r {
			handBack(r, inner)
		}
		rw.finish()
	}()
	own := h.m.shape.wrap(w, rw)
	h.inside(rw).ServeHTTP(own, inner)
	rw.completed = true
}

// inside returns the next handler. To a Middleware that is the lowest, a Route
// directly inside has nothing to tell.
func (h *handler) inside(rw *response) http.Handler {
	if rw.lowest {
		return h.routed
	}
	return h.next
}

// seriesOf returns the series that a request with key k is recorded in. What
// exceeds a limit is recorded all the same, under less precise attributes, and
// counted as dropped.
func (m *Middleware) seriesOf(k serverKey, rw *response) *series {
	l := rw.takeLabels()
	if l == nil {
		if s := m.series.find(k, k.slot()); s != nil {
			return s
		}
		return m.newSeriesOf(k, nil)
	}
	defer l.release()
	if s := m.series.findLabelled(k, l); s != nil {
		return s
	}
	return m.newSeriesOf(k, l)
}

// newSeriesOf is seriesOf for a key that was not seen before, or that has no
// room.
func (m *Middleware) newSeriesOf(k serverKey, l *labels) *series {
	if k.route != "" {
		kept, ok := m.routes.admit(k.route)
		if !ok {
			m.dropped.routes.Add(1)
			kept = other
		}
		k.route = kept
	}
	var s *series
	if l == nil {
		s = m.series.add(k)
	} else {
		s = m.series.addLabelled(k, l)
	}
	if s != nil {
		return s
	}
	m.dropped.series.Add(1)
	failed := 0
	if k.fault() != faultNone {
		failed = 1
	}
	return m.overflow[k.scheme()][failed]
}
