package hotroad

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/embedded"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/instrumentation"
)

// provider is the MeterProvider with hot histograms.
type provider struct {
	embedded.MeterProvider
	road *Road
	sdk  metric.MeterProvider
}

func (p *provider) Meter(name string, opts ...metric.MeterOption) metric.Meter {
	m := p.sdk.Meter(name, opts...)
	if _, ok := m.(noop.Meter); ok {
		return m // the SDK was shut down
	}
	c := metric.NewMeterConfig(opts...)
	return &meter{Meter: m, road: p.road, scope: instrumentation.Scope{
		Name:       name,
		Version:    c.InstrumentationVersion(),
		SchemaURL:  c.SchemaURL(),
		Attributes: normal(c.InstrumentationAttributes()),
	}}
}

// meter is the SDK's own, all but its Float64Histogram.
type meter struct {
	metric.Meter
	road  *Road
	scope instrumentation.Scope
}

// Float64Histogram returns a histogram that can Bind, or the SDK's own where
// the hot road does not lead, as for a view that makes a sum of it. The SDK has
// the last word on whether the instrument is valid; one that is recorded
// elsewhere has no data in the SDK, which then exports nothing for it.
func (m *meter) Float64Histogram(name string, opts ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	own, err := m.Meter.Float64Histogram(name, opts...)
	if err != nil {
		return own, err
	}
	c := metric.NewFloat64HistogramConfig(opts...)
	h := m.road.histogram(wanted{
		scope: m.scope, name: name, description: c.Description(), unit: c.Unit(),
		bounds: c.ExplicitBucketBoundaries(), allowed: allowedKeys(opts),
	})
	if h == nil {
		return own, nil
	}
	return h, nil
}

// allowedKeys returns what metric/x's WithDefaultAttributes says, by its
// structure, or nil if it is not among opts.
func allowedKeys(opts []metric.Float64HistogramOption) (keys []attribute.Key) {
	for _, o := range opts {
		if a, ok := o.(interface{ AllowedKeys() []attribute.Key }); ok {
			keys = append(keys, a.AllowedKeys()...)
			if keys == nil {
				keys = []attribute.Key{}
			}
		}
	}
	return keys
}
