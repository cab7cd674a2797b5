package middleware

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"
)

// clientInstruments are the instruments of a Transport.
type clientInstruments struct {
	instruments
	phase       metric.Float64Histogram // nil unless phases are recorded
	phaseSeries phaseSeries
}

var clientPhase = ourMetric{
	"otelperf.http.client.phase.duration", "s",
	"Duration of the phases of HTTP client requests.",
}

// instrument makes the instruments of t.
func (t *Transport) instrument() error {
	s, in := newSetup(t.provider), &t.instruments
	in.duration = s.duration(httpconv.ClientRequestDuration{})
	in.requestSize = s.size(t.bodySizes, httpconv.ClientRequestBodySize{})
	in.responseSize = s.size(t.bodySizes, httpconv.ClientResponseBodySize{})
	if t.phases {
		in.phase = s.duration(clientPhase)
	}
	active := s.level(httpconv.ClientActiveRequestsObservable{})
	s.count(&t.hosts.dropped, "otelperf.http.client.hosts.dropped", "{request}",
		"Requests to hosts over the limit of hosts, recorded as _OTHER.")
	s.count(&t.dropped.routes, "otelperf.http.client.templates.dropped", "{request}",
		"Requests whose URL template was over the limit, recorded as _OTHER.")
	s.count(&t.dropped.series, "otelperf.http.client.series.dropped", "{request}",
		"Requests whose combination of attributes was over the limit of series.")
	return in.observe(s, func(o metric.Observer) {
		for _, e := range t.active.load() {
			n, _ := e.value.load()
			o.ObserveInt64(active, n, e.value.opts...)
		}
	})
}

// clientActiveKey has the attributes of http.client.active_requests.
type clientActiveKey struct {
	host     *host
	method   uint8
	template string
}

func (k clientActiveKey) slot() uint {
	return uint(k.method) ^ k.host.number<<2 ^ uint(len(k.template))
}

func (t *Transport) newActiveCell(k clientActiveKey) *activeCell {
	attrs := k.host.appendTo([]attribute.KeyValue{t.methods.attribute(k.method)})
	if k.template != "" {
		attrs = append(attrs, semconv.URLTemplate(k.template))
	}
	return newActiveCell(attrs...)
}

// clientKey has the attributes of a request's duration and sizes.
type clientKey struct {
	host     *host
	template string
	traits
}

func (k clientKey) slot() uint { return uint(len(k.template)) ^ k.traits.slot() ^ k.host.number<<3 }

func (t *Transport) newSeries(k clientKey, _ []attribute.KeyValue) *series {
	attrs := k.host.appendTo([]attribute.KeyValue{t.methods.attribute(k.method())})
	if k.template != "" {
		attrs = append(attrs, semconv.URLTemplate(k.template))
	}
	attrs = k.traits.appendTo(attrs)
	in := &t.instruments
	return newSeries(in.duration, in.requestSize, in.responseSize, attrs)
}

// newOverflow makes the two series that stand in for all that found no room.
func (t *Transport) newOverflow() (o [2]*series) {
	for failed := range o {
		attrs := t.hosts.other.appendTo([]attribute.KeyValue{semconv.HTTPRequestMethodKey.String(other)})
		if failed == 1 {
			attrs = append(attrs, semconv.ErrorTypeOther)
		}
		in := &t.instruments
		o[failed] = newSeries(in.duration, in.requestSize, in.responseSize, attrs)
	}
	return o
}
