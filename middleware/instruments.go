package middleware

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/otelperf/otelperf-go/internal/version"
)

// scope is the name of the instrumentation scope.
const scope = "github.com/otelperf/otelperf-go/middleware"

// durationBoundaries are the conventions' own, in seconds.
var durationBoundaries = []float64{
	0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
}

// sizeBoundaries are in bytes: from an empty body over a network packet to a
// gibibyte.
var sizeBoundaries = []float64{
	0, 128, 512, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10,
	1 << 20, 4 << 20, 16 << 20, 64 << 20, 256 << 20, 1 << 30,
}

func newMeter(mp metric.MeterProvider) metric.Meter {
	return mp.Meter(scope, metric.WithInstrumentationVersion(version.Version), metric.WithSchemaURL(semconv.SchemaURL))
}

// serverInstruments are the instruments of a Middleware.
type serverInstruments struct {
	duration     metric.Float64Histogram
	requestSize  metric.Int64Histogram
	responseSize metric.Int64Histogram
	registration metric.Registration
	closeOnce    sync.Once
	closeErr     error
}

// droppedCounts count what the limits kept out.
type droppedCounts struct {
	routes, series, attributes atomic.Int64
}

func (in *serverInstruments) init(m *Middleware) error {
	meter := newMeter(m.provider)
	var errs [8]error
	in.duration, errs[0] = meter.Float64Histogram("http.server.request.duration",
		metric.WithUnit("s"),
		metric.WithDescription("Duration of HTTP server requests."),
		metric.WithExplicitBucketBoundaries(durationBoundaries...))
	if m.bodySizes {
		in.requestSize, errs[1] = meter.Int64Histogram("http.server.request.body.size",
			metric.WithUnit("By"),
			metric.WithDescription("Size of HTTP server request bodies."),
			metric.WithExplicitBucketBoundaries(sizeBoundaries...))
		in.responseSize, errs[2] = meter.Int64Histogram("http.server.response.body.size",
			metric.WithUnit("By"),
			metric.WithDescription("Size of HTTP server response bodies."),
			metric.WithExplicitBucketBoundaries(sizeBoundaries...))
	}
	var active, streams metric.Int64ObservableUpDownCounter
	var dropped [3]metric.Int64ObservableCounter
	active, errs[3] = meter.Int64ObservableUpDownCounter("http.server.active_requests",
		metric.WithUnit("{request}"),
		metric.WithDescription("Number of active HTTP server requests."))
	streams, errs[4] = meter.Int64ObservableUpDownCounter("otelperf.http.server.streams",
		metric.WithUnit("{request}"),
		metric.WithDescription("Number of active HTTP server requests that have become streams."))
	dropped[0], errs[5] = meter.Int64ObservableCounter("otelperf.http.server.routes.dropped",
		metric.WithUnit("{request}"),
		metric.WithDescription("Requests whose route was over the limit of routes and was recorded as _OTHER."))
	dropped[1], errs[6] = meter.Int64ObservableCounter("otelperf.http.server.series.dropped",
		metric.WithUnit("{request}"),
		metric.WithDescription("Requests whose combination of attributes was over the limit of series."))
	dropped[2], errs[7] = meter.Int64ObservableCounter("otelperf.http.server.attributes.dropped",
		metric.WithUnit("{attribute}"),
		metric.WithDescription("Additional attributes that were not allowed or were too many."))
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	counts := [3]*atomic.Int64{&m.dropped.routes, &m.dropped.series, &m.dropped.attributes}
	var err error
	in.registration, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for _, e := range m.active.load() {
			c := e.value
			a, s := c.load()
			o.ObserveInt64(active, a, c.opts...)
			o.ObserveInt64(streams, s, c.opts...)
		}
		for i, n := range counts {
			if n := n.Load(); n > 0 {
				o.ObserveInt64(dropped[i], n)
			}
		}
		return nil
	}, active, streams, dropped[0], dropped[1], dropped[2])
	return err
}

func (in *serverInstruments) close() error {
	in.closeOnce.Do(func() {
		if in.registration != nil {
			in.closeErr = in.registration.Unregister()
		}
	})
	return in.closeErr
}

// serverActiveKey has the attributes of http.server.active_requests.
type serverActiveKey struct {
	host   uint16
	method uint8
	scheme scheme
}

func (k serverActiveKey) slot() uint {
	return uint(k.method)<<1 ^ uint(k.scheme) ^ uint(k.host)<<3
}

func (m *Middleware) newActiveCell(k serverActiveKey) *activeCell {
	return newActiveCell(m.hosts.appendTo([]attribute.KeyValue{
		m.methods.attribute(k.method),
		k.scheme.attribute(),
	}, k.host)...)
}

// serverKey has the attributes of a request's duration and sizes.
type serverKey struct {
	route    string
	host     uint16
	status   uint16
	method   uint8
	scheme   scheme
	protocol protocol
	fault    fault
}

func (k *serverKey) slot() uint {
	return uint(len(k.route)) ^ uint(k.status)<<2 ^ uint(k.method) ^ uint(k.fault)<<1 ^ uint(k.host)
}

func (m *Middleware) newSeries(k serverKey, extra []attribute.KeyValue) *series {
	attrs := append([]attribute.KeyValue{}, extra...)
	attrs = append(attrs, m.methods.attribute(k.method), k.scheme.attribute())
	if k.route != "" {
		attrs = append(attrs, semconv.HTTPRoute(k.route))
	}
	if k.status != 0 {
		attrs = append(attrs, semconv.HTTPResponseStatusCode(int(k.status)))
	}
	if k.fault != faultNone {
		attrs = append(attrs, k.fault.attribute(int(k.status)))
	}
	attrs = k.protocol.appendTo(attrs)
	attrs = m.hosts.appendTo(attrs, k.host)
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
