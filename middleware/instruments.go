package middleware

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"
)

var serverStreams = ourMetric{
	"otelperf.http.server.streams", "{request}",
	"Number of active HTTP server requests that have become streams.",
}

// instrument makes the instruments of m.
func (m *Middleware) instrument() error {
	s, in := newSetup(m.provider), &m.instruments
	in.duration = s.duration(httpconv.ServerRequestDuration{})
	in.requestSize = s.size(m.bodySizes, httpconv.ServerRequestBodySize{})
	in.responseSize = s.size(m.bodySizes, httpconv.ServerResponseBodySize{})
	active := s.level(httpconv.ServerActiveRequestsObservable{})
	streams := s.level(serverStreams)
	s.count(&m.dropped.routes, "otelperf.http.server.routes.dropped", "{request}",
		"Requests whose route was over the limit of routes and was recorded as _OTHER.")
	s.count(&m.dropped.series, "otelperf.http.server.series.dropped", "{request}",
		"Requests whose combination of attributes was over the limit of series.")
	s.count(&m.dropped.attributes, "otelperf.http.server.attributes.dropped", "{attribute}",
		"Additional attributes that were not allowed or were too many.")
	return in.observe(s, func(o metric.Observer) {
		for _, e := range m.active.load() {
			n, open := e.value.load()
			o.ObserveInt64(active, n, e.value.opts...)
			o.ObserveInt64(streams, open, e.value.opts...)
		}
	})
}

// newActiveCell makes the cell of the traits of http.server.active_requests.
func (m *Middleware) newActiveCell(t traits) *activeCell {
	return newActiveCell(m.hosts.appendTo([]attribute.KeyValue{
		m.methods.attribute(t.method()),
		t.scheme().attribute(),
	}, t.host())...)
}

// serverKey has the attributes of a request's duration and sizes.
type serverKey struct {
	route string
	traits
}

func (k serverKey) slot() uint { return uint(len(k.route)) ^ k.traits.slot() }

func (m *Middleware) newSeries(k serverKey, extra []attribute.KeyValue) *series {
	attrs := append([]attribute.KeyValue{}, extra...)
	attrs = append(attrs, m.methods.attribute(k.method()), k.scheme().attribute())
	if k.route != "" {
		attrs = append(attrs, semconv.HTTPRoute(k.route))
	}
	attrs = k.appendTo(attrs)
	attrs = m.hosts.appendTo(attrs, k.host())
	in := &m.instruments
	return newSeries(in.duration, in.requestSize, in.responseSize, attrs)
}

// newOverflow makes the series that stand in for all that found no room: one
// for each scheme, and one more for each for those that failed, so that an
// error ratio stays true.
func (m *Middleware) newOverflow() (o [schemes][2]*series) {
	for s := range schemes {
		for failed := range 2 {
			attrs := []attribute.KeyValue{
				semconv.HTTPRequestMethodKey.String(other),
				s.attribute(),
				semconv.HTTPRoute(other),
			}
			if failed == 1 {
				attrs = append(attrs, semconv.ErrorTypeOther)
			}
			in := &m.instruments
			o[s][failed] = newSeries(in.duration, in.requestSize, in.responseSize, attrs)
		}
	}
	return o
}
