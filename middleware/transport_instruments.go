package middleware

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// clientInstruments are the instruments of a Transport.
type clientInstruments struct {
	duration     metric.Float64Histogram
	requestSize  metric.Int64Histogram
	responseSize metric.Int64Histogram
	phase        metric.Float64Histogram
	phaseSeries  phaseSeries
	registration metric.Registration
	closeOnce    sync.Once
	closeErr     error
}

func (in *clientInstruments) init(t *Transport) error {
	meter := newMeter(t.provider)
	var errs [8]error
	in.duration, errs[0] = meter.Float64Histogram("http.client.request.duration",
		metric.WithUnit("s"),
		metric.WithDescription("Duration of HTTP client requests."),
		metric.WithExplicitBucketBoundaries(durationBoundaries...))
	if t.bodySizes {
		in.requestSize, errs[1] = meter.Int64Histogram("http.client.request.body.size",
			metric.WithUnit("By"),
			metric.WithDescription("Size of HTTP client request bodies."),
			metric.WithExplicitBucketBoundaries(sizeBoundaries...))
		in.responseSize, errs[2] = meter.Int64Histogram("http.client.response.body.size",
			metric.WithUnit("By"),
			metric.WithDescription("Size of HTTP client response bodies."),
			metric.WithExplicitBucketBoundaries(sizeBoundaries...))
	}
	if t.phases {
		in.phase, errs[3] = meter.Float64Histogram("otelperf.http.client.phase.duration",
			metric.WithUnit("s"),
			metric.WithDescription("Duration of the phases of HTTP client requests."),
			metric.WithExplicitBucketBoundaries(durationBoundaries...))
	}
	var active metric.Int64ObservableUpDownCounter
	var dropped [3]metric.Int64ObservableCounter
	active, errs[4] = meter.Int64ObservableUpDownCounter("http.client.active_requests",
		metric.WithUnit("{request}"),
		metric.WithDescription("Number of active HTTP requests."))
	dropped[0], errs[5] = meter.Int64ObservableCounter("otelperf.http.client.hosts.dropped",
		metric.WithUnit("{request}"),
		metric.WithDescription("Requests to hosts over the limit of hosts, recorded as _OTHER."))
	dropped[1], errs[6] = meter.Int64ObservableCounter("otelperf.http.client.templates.dropped",
		metric.WithUnit("{request}"),
		metric.WithDescription("Requests whose URL template was over the limit, recorded as _OTHER."))
	dropped[2], errs[7] = meter.Int64ObservableCounter("otelperf.http.client.series.dropped",
		metric.WithUnit("{request}"),
		metric.WithDescription("Requests whose combination of attributes was over the limit of series."))
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	counts := [3]*atomic.Int64{&t.hosts.dropped, &t.dropped.routes, &t.dropped.series}
	var err error
	in.registration, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for _, e := range t.active.load() {
			c := e.value
			a, _ := c.load()
			o.ObserveInt64(active, a, c.opts...)
		}
		for i, n := range counts {
			if n := n.Load(); n > 0 {
				o.ObserveInt64(dropped[i], n)
			}
		}
		return nil
	}, active, dropped[0], dropped[1], dropped[2])
	return err
}

func (in *clientInstruments) close() error {
	in.closeOnce.Do(func() {
		if in.registration != nil {
			in.closeErr = in.registration.Unregister()
		}
	})
	return in.closeErr
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
	status   uint16
	method   uint8
	protocol protocol
	fault    fault
}

func (k *clientKey) slot() uint {
	return uint(len(k.template)) ^ uint(k.status)<<2 ^ uint(k.method) ^ uint(k.fault)<<1 ^ k.host.number<<3
}

func (t *Transport) newSeries(k clientKey, _ []attribute.KeyValue) *series {
	attrs := k.host.appendTo([]attribute.KeyValue{t.methods.attribute(k.method)})
	if k.template != "" {
		attrs = append(attrs, semconv.URLTemplate(k.template))
	}
	if k.status != 0 {
		attrs = append(attrs, semconv.HTTPResponseStatusCode(int(k.status)))
	}
	if k.fault != faultNone {
		attrs = append(attrs, k.fault.attribute(int(k.status)))
	}
	attrs = k.protocol.appendTo(attrs)
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
