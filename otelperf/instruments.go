package otelperf

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/otelperf/otelperf-go/internal/version"
)

// scopeName is the instrumentation scope of everything recorded here.
const scopeName = "github.com/otelperf/otelperf-go/otelperf"

const (
	durationName = "otelperf.operation.duration"
	activeName   = "otelperf.operation.active"

	nameKey      = attribute.Key("otelperf.operation.name")
	errorTypeKey = semconv.ErrorTypeKey
)

// boundaries are the duration's bucket boundaries in seconds: 1–2.5–5 for
// each decade from a microsecond to ten seconds. They are advice to the SDK;
// a view replaces them.
var boundaries = []float64{
	0.000001, 0.0000025, 0.000005,
	0.00001, 0.000025, 0.00005,
	0.0001, 0.00025, 0.0005,
	0.001, 0.0025, 0.005,
	0.01, 0.025, 0.05,
	0.1, 0.25, 0.5,
	1, 2.5, 5,
	10,
}

type instruments struct {
	meter    metric.Meter
	duration metric.Float64Histogram
	active   metric.Int64ObservableUpDownCounter
}

func newInstruments(provider metric.MeterProvider) (instruments, error) {
	meter := provider.Meter(scopeName,
		metric.WithInstrumentationVersion(version.Version),
		metric.WithSchemaURL(semconv.SchemaURL),
	)
	if meter == nil {
		return instruments{}, errors.New("otelperf: the meter provider gave no meter")
	}
	duration, err := meter.Float64Histogram(durationName,
		metric.WithDescription("Duration of operations, failed ones included."),
		metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(boundaries...),
	)
	if err != nil {
		return instruments{}, fmt.Errorf("otelperf: creating %s: %w", durationName, err)
	}
	active, err := meter.Int64ObservableUpDownCounter(activeName,
		metric.WithDescription("Number of operations that have begun and not ended."),
		metric.WithUnit("{operation}"),
	)
	if err != nil {
		return instruments{}, fmt.Errorf("otelperf: creating %s: %w", activeName, err)
	}
	if duration == nil || active == nil {
		return instruments{}, errors.New("otelperf: the meter gave no instrument")
	}
	return instruments{meter: meter, duration: duration, active: active}, nil
}

// binder is the Bind method of OpenTelemetry's metric/x extension, asked for
// by its shape so that nothing experimental needs to be required.
type binder interface {
	Bind(attrs ...attribute.KeyValue) metric.Float64Histogram
}

// A series is the duration with one fixed set of attributes, prepared so that
// recording allocates nothing.
type series struct {
	histogram metric.Float64Histogram
	options   []metric.RecordOption // empty if the histogram is bound
}

// newSeries prepares recording to histogram with attrs.
func newSeries(histogram metric.Float64Histogram, attrs attribute.Set) *series {
	if b, ok := histogram.(binder); ok {
		if bound := b.Bind(attrs.ToSlice()...); bound != nil {
			return &series{histogram: bound}
		}
	}
	return &series{
		histogram: histogram,
		options:   []metric.RecordOption{metric.WithAttributeSet(attrs)},
	}
}
