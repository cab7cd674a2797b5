package otlpjson

import (
	"fmt"
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// Decode reads a line, which may hold several resources. Unknown fields are
// passed over, as later versions of OTLP may have more.
func Decode(line []byte) ([]*metricdata.ResourceMetrics, error) {
	var m collectorpb.ExportMetricsServiceRequest
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(line, &m); err != nil {
		return nil, fmt.Errorf("otlpjson: %w", err)
	}
	eachExemplar(&m, func(e *metricspb.Exemplar) {
		e.TraceId, e.SpanId = fromHex(e.TraceId), fromHex(e.SpanId)
	})
	out := make([]*metricdata.ResourceMetrics, 0, len(m.ResourceMetrics))
	for _, rm := range m.ResourceMetrics {
		out = append(out, resourceMetrics(rm))
	}
	return out, nil
}

func resourceMetrics(rm *metricspb.ResourceMetrics) *metricdata.ResourceMetrics {
	out := &metricdata.ResourceMetrics{
		Resource: resource.NewWithAttributes(rm.SchemaUrl, attributes(rm.Resource.GetAttributes())...),
	}
	for _, sm := range rm.ScopeMetrics {
		scope := metricdata.ScopeMetrics{Scope: instrumentation.Scope{
			Name: sm.Scope.GetName(), Version: sm.Scope.GetVersion(), SchemaURL: sm.SchemaUrl,
		}}
		if kvs := attributes(sm.Scope.GetAttributes()); len(kvs) > 0 {
			scope.Scope.Attributes = attribute.NewSet(kvs...)
		}
		for _, m := range sm.Metrics {
			if data := aggregation(m); data != nil {
				scope.Metrics = append(scope.Metrics, metricdata.Metrics{
					Name: m.Name, Description: m.Description, Unit: m.Unit, Data: data,
				})
			}
		}
		out.ScopeMetrics = append(out.ScopeMetrics, scope)
	}
	return out
}

// aggregation returns m's data, nil if there is no type for it. Numbers are
// integers if all of them are.
func aggregation(m *metricspb.Metric) metricdata.Aggregation {
	switch d := m.Data.(type) {
	case *metricspb.Metric_Gauge:
		if integers(d.Gauge.GetDataPoints()) {
			return metricdata.Gauge[int64]{DataPoints: numbers(d.Gauge.DataPoints, integer)}
		}
		return metricdata.Gauge[float64]{DataPoints: numbers(d.Gauge.GetDataPoints(), float)}
	case *metricspb.Metric_Sum:
		t, ok := temporality(d.Sum.GetAggregationTemporality())
		if !ok {
			return nil
		}
		if integers(d.Sum.DataPoints) {
			return metricdata.Sum[int64]{
				DataPoints: numbers(d.Sum.DataPoints, integer), Temporality: t, IsMonotonic: d.Sum.IsMonotonic,
			}
		}
		return metricdata.Sum[float64]{
			DataPoints: numbers(d.Sum.DataPoints, float), Temporality: t, IsMonotonic: d.Sum.IsMonotonic,
		}
	case *metricspb.Metric_Histogram:
		t, ok := temporality(d.Histogram.GetAggregationTemporality())
		if !ok {
			return nil
		}
		h := metricdata.Histogram[float64]{Temporality: t}
		for _, p := range d.Histogram.DataPoints {
			h.DataPoints = append(h.DataPoints, metricdata.HistogramDataPoint[float64]{
				Attributes: attribute.NewSet(attributes(p.Attributes)...),
				StartTime:  at(p.StartTimeUnixNano), Time: at(p.TimeUnixNano),
				Count: p.Count, Sum: p.GetSum(), Min: extreme(p.Min), Max: extreme(p.Max),
				Bounds: p.ExplicitBounds, BucketCounts: p.BucketCounts, Exemplars: exemplars(p.Exemplars),
			})
		}
		return h
	case *metricspb.Metric_ExponentialHistogram:
		t, ok := temporality(d.ExponentialHistogram.GetAggregationTemporality())
		if !ok {
			return nil
		}
		h := metricdata.ExponentialHistogram[float64]{Temporality: t}
		for _, p := range d.ExponentialHistogram.DataPoints {
			h.DataPoints = append(h.DataPoints, metricdata.ExponentialHistogramDataPoint[float64]{
				Attributes: attribute.NewSet(attributes(p.Attributes)...),
				StartTime:  at(p.StartTimeUnixNano), Time: at(p.TimeUnixNano),
				Count: p.Count, Sum: p.GetSum(), Min: extreme(p.Min), Max: extreme(p.Max),
				Scale: p.Scale, ZeroCount: p.ZeroCount, ZeroThreshold: p.ZeroThreshold,
				PositiveBucket: metricdata.ExponentialBucket{Offset: p.Positive.GetOffset(), Counts: p.Positive.GetBucketCounts()},
				NegativeBucket: metricdata.ExponentialBucket{Offset: p.Negative.GetOffset(), Counts: p.Negative.GetBucketCounts()},
				Exemplars:      exemplars(p.Exemplars),
			})
		}
		return h
	case *metricspb.Metric_Summary:
		s := metricdata.Summary{}
		for _, p := range d.Summary.GetDataPoints() {
			q := metricdata.SummaryDataPoint{
				Attributes: attribute.NewSet(attributes(p.Attributes)...),
				StartTime:  at(p.StartTimeUnixNano), Time: at(p.TimeUnixNano), Count: p.Count, Sum: p.Sum,
			}
			for _, v := range p.QuantileValues {
				q.QuantileValues = append(q.QuantileValues, metricdata.QuantileValue{Quantile: v.Quantile, Value: v.Value})
			}
			s.DataPoints = append(s.DataPoints, q)
		}
		return s
	}
	return nil
}

func temporality(t metricspb.AggregationTemporality) (metricdata.Temporality, bool) {
	switch t {
	case metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA:
		return metricdata.DeltaTemporality, true
	case metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE:
		return metricdata.CumulativeTemporality, true
	}
	return 0, false
}

func integers(points []*metricspb.NumberDataPoint) bool {
	for _, p := range points {
		if _, ok := p.Value.(*metricspb.NumberDataPoint_AsInt); !ok {
			return false
		}
	}
	return len(points) > 0
}

func integer(p *metricspb.NumberDataPoint) int64 { return p.GetAsInt() }

func float(p *metricspb.NumberDataPoint) float64 {
	if i, ok := p.Value.(*metricspb.NumberDataPoint_AsInt); ok {
		return float64(i.AsInt)
	}
	return p.GetAsDouble()
}

func numbers[N int64 | float64](points []*metricspb.NumberDataPoint, value func(*metricspb.NumberDataPoint) N) []metricdata.DataPoint[N] {
	out := make([]metricdata.DataPoint[N], 0, len(points))
	for _, p := range points {
		d := metricdata.DataPoint[N]{
			Attributes: attribute.NewSet(attributes(p.Attributes)...),
			StartTime:  at(p.StartTimeUnixNano), Time: at(p.TimeUnixNano), Value: value(p),
		}
		for _, e := range exemplars(p.Exemplars) {
			d.Exemplars = append(d.Exemplars, metricdata.Exemplar[N]{
				FilteredAttributes: e.FilteredAttributes, Time: e.Time, Value: N(e.Value), SpanID: e.SpanID, TraceID: e.TraceID,
			})
		}
		out = append(out, d)
	}
	return out
}

func exemplars(all []*metricspb.Exemplar) []metricdata.Exemplar[float64] {
	var out []metricdata.Exemplar[float64]
	for _, e := range all {
		x := metricdata.Exemplar[float64]{
			FilteredAttributes: attributes(e.FilteredAttributes), Time: at(e.TimeUnixNano),
			SpanID: e.SpanId, TraceID: e.TraceId, Value: e.GetAsDouble(),
		}
		if i, ok := e.Value.(*metricspb.Exemplar_AsInt); ok {
			x.Value = float64(i.AsInt)
		}
		out = append(out, x)
	}
	return out
}

// at is the zero time for 0, which means unknown, and for what is beyond the
// year 2262.
func at(nanoseconds uint64) time.Time {
	if nanoseconds == 0 || nanoseconds > math.MaxInt64 {
		return time.Time{}
	}
	return time.Unix(0, int64(nanoseconds))
}

func extreme(v *float64) metricdata.Extrema[float64] {
	if v == nil {
		return metricdata.Extrema[float64]{}
	}
	return metricdata.NewExtrema(*v)
}

// attributes leaves out values of types that OpenTelemetry for Go cannot hold.
func attributes(kvs []*commonpb.KeyValue) []attribute.KeyValue {
	out := make([]attribute.KeyValue, 0, len(kvs))
	for _, kv := range kvs {
		k := attribute.Key(kv.Key)
		switch v := kv.Value.GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			out = append(out, k.String(v.StringValue))
		case *commonpb.AnyValue_BoolValue:
			out = append(out, k.Bool(v.BoolValue))
		case *commonpb.AnyValue_IntValue:
			out = append(out, k.Int64(v.IntValue))
		case *commonpb.AnyValue_DoubleValue:
			out = append(out, k.Float64(v.DoubleValue))
		case *commonpb.AnyValue_ArrayValue:
			var texts []string
			for _, e := range v.ArrayValue.GetValues() {
				if s, ok := e.GetValue().(*commonpb.AnyValue_StringValue); ok {
					texts = append(texts, s.StringValue)
				}
			}
			out = append(out, k.StringSlice(texts))
		}
	}
	return out
}
