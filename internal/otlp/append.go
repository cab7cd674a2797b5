package otlp

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Append appends rm to b as a serialized ExportMetricsServiceRequest.
//
// A metric that OTLP has no form for is left out, and named in the error. Text that is
// not UTF-8 gets U+FFFD in place of what is not: protobuf would refuse the whole batch.
// A time before 1970 is 0, as the SDK's exporters have it.
//
// But for b, and for attributes that are lists or maps, it allocates nothing.
func Append(b []byte, rm *metricdata.ResourceMetrics) ([]byte, error) {
	e := encoder{b: b}
	all := e.open(1) // ExportMetricsServiceRequest.resource_metrics
	of := e.open(1)  // ResourceMetrics.resource
	e.set(1, rm.Resource.Set())
	e.close(of)
	for i := range rm.ScopeMetrics {
		e.scope(&rm.ScopeMetrics[i])
	}
	e.text(3, rm.Resource.SchemaURL())
	e.close(all)
	return e.b, e.err
}

// Numbers of fields stand where they are used, in rising order, as protobuf's own
// encoder writes them. They are of opentelemetry/proto/metrics/v1/metrics.proto.

func (e *encoder) scope(sm *metricdata.ScopeMetrics) {
	all := e.open(2) // ResourceMetrics.scope_metrics
	scope := e.open(1)
	e.text(1, sm.Scope.Name)
	e.text(2, sm.Scope.Version)
	e.set(3, &sm.Scope.Attributes)
	e.close(scope)
	for i := range sm.Metrics {
		e.metric(&sm.Metrics[i])
	}
	e.text(3, sm.Scope.SchemaURL)
	e.close(all)
}

func (e *encoder) metric(m *metricdata.Metrics) {
	before := len(e.b)
	all := e.open(2) // ScopeMetrics.metrics
	e.text(1, m.Name)
	e.text(2, m.Description)
	e.text(3, m.Unit)
	if err := e.data(m.Data); err != nil {
		e.err = errors.Join(e.err, fmt.Errorf("otlp: metric %q: %w", m.Name, err))
		e.b = e.b[:before]
		return
	}
	e.close(all)
}

// data writes what a metric is of: one of its fields gauge, sum, and so on.
func (e *encoder) data(data metricdata.Aggregation) error {
	switch a := data.(type) {
	case metricdata.Gauge[int64]:
		gauge(e, &a)
	case metricdata.Gauge[float64]:
		gauge(e, &a)
	case metricdata.Sum[int64]:
		return sum(e, &a)
	case metricdata.Sum[float64]:
		return sum(e, &a)
	case metricdata.Histogram[int64]:
		return histogram(e, &a)
	case metricdata.Histogram[float64]:
		return histogram(e, &a)
	case metricdata.ExponentialHistogram[int64]:
		return exponential(e, &a)
	case metricdata.ExponentialHistogram[float64]:
		return exponential(e, &a)
	case metricdata.Summary:
		e.summary(&a)
	default:
		return fmt.Errorf("unknown aggregation %T", data)
	}
	return nil
}

func gauge[N int64 | float64](e *encoder, g *metricdata.Gauge[N]) {
	all := e.open(5) // Metric.gauge
	for i := range g.DataPoints {
		number(e, &g.DataPoints[i])
	}
	e.close(all)
}

func sum[N int64 | float64](e *encoder, s *metricdata.Sum[N]) error {
	t, err := temporality(s.Temporality)
	if err != nil {
		return err
	}
	all := e.open(7) // Metric.sum
	for i := range s.DataPoints {
		number(e, &s.DataPoints[i])
	}
	e.varint(2, t)
	if s.IsMonotonic {
		e.varint(3, 1)
	}
	e.close(all)
	return nil
}

func number[N int64 | float64](e *encoder, p *metricdata.DataPoint[N]) {
	all := e.open(1)
	e.fixed(2, nanoseconds(p.StartTime))
	e.fixed(3, nanoseconds(p.Time))
	switch v := any(p.Value).(type) {
	case int64:
		exemplars(e, 5, p.Exemplars)
		e.setFixed(6, uint64(v))
	case float64:
		e.setDouble(4, v)
		exemplars(e, 5, p.Exemplars)
	}
	e.set(7, &p.Attributes)
	e.close(all)
}

func histogram[N int64 | float64](e *encoder, h *metricdata.Histogram[N]) error {
	t, err := temporality(h.Temporality)
	if err != nil {
		return err
	}
	all := e.open(9) // Metric.histogram
	for i := range h.DataPoints {
		p := &h.DataPoints[i]
		point := e.open(1)
		e.fixed(2, nanoseconds(p.StartTime))
		e.fixed(3, nanoseconds(p.Time))
		e.fixed(4, p.Count)
		e.setDouble(5, float64(p.Sum))
		e.fixeds(6, p.BucketCounts)
		e.doubles(7, p.Bounds)
		exemplars(e, 8, p.Exemplars)
		e.set(9, &p.Attributes)
		extremum(e, 11, p.Min)
		extremum(e, 12, p.Max)
		e.close(point)
	}
	e.varint(2, t)
	e.close(all)
	return nil
}

func exponential[N int64 | float64](e *encoder, h *metricdata.ExponentialHistogram[N]) error {
	t, err := temporality(h.Temporality)
	if err != nil {
		return err
	}
	all := e.open(10) // Metric.exponential_histogram
	for i := range h.DataPoints {
		p := &h.DataPoints[i]
		point := e.open(1)
		e.set(1, &p.Attributes)
		e.fixed(2, nanoseconds(p.StartTime))
		e.fixed(3, nanoseconds(p.Time))
		e.fixed(4, p.Count)
		e.setDouble(5, float64(p.Sum))
		e.zigzag(6, p.Scale)
		e.fixed(7, p.ZeroCount)
		e.buckets(8, &p.PositiveBucket)
		e.buckets(9, &p.NegativeBucket)
		exemplars(e, 11, p.Exemplars)
		extremum(e, 12, p.Min)
		extremum(e, 13, p.Max)
		e.double(14, p.ZeroThreshold)
		e.close(point)
	}
	e.varint(2, t)
	e.close(all)
	return nil
}

func (e *encoder) buckets(field int, b *metricdata.ExponentialBucket) {
	all := e.open(field)
	e.zigzag(1, b.Offset)
	e.varints(2, b.Counts)
	e.close(all)
}

func (e *encoder) summary(s *metricdata.Summary) {
	all := e.open(11) // Metric.summary
	for i := range s.DataPoints {
		p := &s.DataPoints[i]
		point := e.open(1)
		e.fixed(2, nanoseconds(p.StartTime))
		e.fixed(3, nanoseconds(p.Time))
		e.fixed(4, p.Count)
		e.double(5, p.Sum)
		for _, q := range p.QuantileValues {
			quantile := e.open(6)
			e.double(1, q.Quantile)
			e.double(2, q.Value)
			e.close(quantile)
		}
		e.set(7, &p.Attributes)
		e.close(point)
	}
	e.close(all)
}

func exemplars[N int64 | float64](e *encoder, field int, all []metricdata.Exemplar[N]) {
	for i := range all {
		x := &all[i]
		one := e.open(field)
		e.fixed(2, nanoseconds(x.Time))
		f, isFloat := any(x.Value).(float64)
		if isFloat {
			e.setDouble(3, f)
		}
		e.bytes(4, x.SpanID)
		e.bytes(5, x.TraceID)
		if n, ok := any(x.Value).(int64); ok {
			e.setFixed(6, uint64(n))
		}
		for _, kv := range x.FilteredAttributes {
			e.keyValue(7, kv)
		}
		e.close(one)
	}
}

func extremum[N int64 | float64](e *encoder, field int, x metricdata.Extrema[N]) {
	if v, ok := x.Value(); ok {
		e.setDouble(field, float64(v))
	}
}

// The values of the enum AggregationTemporality.
const (
	temporalityDelta      = 1
	temporalityCumulative = 2
)

func temporality(t metricdata.Temporality) (uint64, error) {
	switch t {
	case metricdata.DeltaTemporality:
		return temporalityDelta, nil
	case metricdata.CumulativeTemporality:
		return temporalityCumulative, nil
	}
	return 0, fmt.Errorf("unknown temporality %s", t)
}

func nanoseconds(t time.Time) uint64 { return uint64(max(0, t.UnixNano())) }

func (e *encoder) set(field int, set *attribute.Set) {
	for it := set.Iter(); it.Next(); {
		e.keyValue(field, it.Attribute())
	}
}

// keyValue writes a KeyValue of opentelemetry/proto/common/v1/common.proto.
func (e *encoder) keyValue(field int, kv attribute.KeyValue) {
	all := e.open(field)
	e.text(1, string(kv.Key))
	e.value(2, kv.Value)
	e.close(all)
}

// value writes an AnyValue.
func (e *encoder) value(field int, v attribute.Value) {
	all := e.open(field)
	switch v.Type() {
	case attribute.EMPTY:
	case attribute.STRING:
		e.setText(1, v.AsString())
	case attribute.BOOL:
		e.setBool(v.AsBool())
	case attribute.INT64:
		e.setVarint(3, uint64(v.AsInt64()))
	case attribute.FLOAT64:
		e.setDouble(4, v.AsFloat64())
	case attribute.STRINGSLICE:
		list(e, v.AsStringSlice(), attribute.StringValue)
	case attribute.BOOLSLICE:
		list(e, v.AsBoolSlice(), attribute.BoolValue)
	case attribute.INT64SLICE:
		list(e, v.AsInt64Slice(), attribute.Int64Value)
	case attribute.FLOAT64SLICE:
		list(e, v.AsFloat64Slice(), attribute.Float64Value)
	case attribute.SLICE:
		list(e, v.AsSlice(), func(v attribute.Value) attribute.Value { return v })
	case attribute.MAP:
		pairs := e.open(6)
		for _, kv := range v.AsMap() {
			e.keyValue(1, kv)
		}
		e.close(pairs)
	case attribute.BYTESLICE:
		e.setBytes(7, v.AsByteSlice())
	default:
		e.setText(1, "INVALID") // as the SDK's exporters have it
	}
	e.close(all)
}

// list writes an AnyValue's array_value.
func list[T any](e *encoder, all []T, value func(T) attribute.Value) {
	array := e.open(5)
	for _, v := range all {
		e.value(1, value(v))
	}
	e.close(array)
}
