// Package wellformed keeps one text that is not UTF-8 from costing a whole export.
//
// Protobuf refuses to write a message with such a text, so that an exporter of OTLP loses
// all that was collected with it, and what is collected after it, for as long as the
// series lives. A text may come from anywhere: a header, a file's name, a query.
package wellformed

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// Exporter returns next, an exporter that writes protobuf before it sends anything. What
// it cannot export for texts that are not UTF-8 it exports with those in the form that
// [Mended] gives them. Where all texts are UTF-8 that costs nothing.
func Exporter(next sdkmetric.Exporter) sdkmetric.Exporter { return exporter{next} }

type exporter struct{ sdkmetric.Exporter }

func (e exporter) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	err := e.Exporter.Export(ctx, rm)
	if err == nil {
		return nil
	}
	mended, changed := Mended(rm)
	if !changed {
		return err // of something else
	}
	return e.Exporter.Export(ctx, mended) // nothing of the first was sent
}

// Mended returns rm with each byte that is no part of UTF-8 as \x and its two hexadecimal
// digits, so that what differed still differs, and whether there was one. It does not
// change rm; what needs no change the two have in common.
func Mended(rm *metricdata.ResourceMetrics) (mended *metricdata.ResourceMetrics, changed bool) {
	var m mender
	out := &metricdata.ResourceMetrics{Resource: rm.Resource}
	if schema, set := m.text(rm.Resource.SchemaURL()), m.set(*rm.Resource.Set()); m.changed {
		out.Resource = resource.NewWithAttributes(schema, set.ToSlice()...)
	}
	out.ScopeMetrics = each(rm.ScopeMetrics, func(sm *metricdata.ScopeMetrics) {
		sm.Scope.Name, sm.Scope.Version, sm.Scope.SchemaURL = m.text(sm.Scope.Name), m.text(sm.Scope.Version), m.text(sm.Scope.SchemaURL)
		sm.Scope.Attributes = m.set(sm.Scope.Attributes)
		sm.Metrics = each(sm.Metrics, func(x *metricdata.Metrics) {
			x.Name, x.Description, x.Unit, x.Data = m.text(x.Name), m.text(x.Description), m.text(x.Unit), m.data(x.Data)
		})
	})
	return out, m.changed
}

// Text returns s with each byte that is no part of UTF-8 written out, as [Mended] does.
func Text(s string) string { return new(mender).text(s) }

// Attributes is Mended for attributes: it returns kvs itself if there is nothing to do.
func Attributes(kvs []attribute.KeyValue) []attribute.KeyValue { return new(mender).attributes(kvs) }

// A mender knows whether it had anything to do.
type mender struct{ changed bool }

func (m *mender) text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	m.changed = true
	var out strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&out, `\x%02x`, s[0])
		} else {
			out.WriteString(s[:n])
		}
		s = s[n:]
	}
	return out.String()
}

func (m *mender) set(s attribute.Set) attribute.Set {
	var its mender
	if kvs := its.attributes(s.ToSlice()); its.changed {
		m.changed = true
		return attribute.NewSet(kvs...)
	}
	return s
}

// attributes returns kvs itself if there is nothing to do.
func (m *mender) attributes(kvs []attribute.KeyValue) []attribute.KeyValue {
	var its mender
	out := each(kvs, func(kv *attribute.KeyValue) {
		kv.Key, kv.Value = attribute.Key(its.text(string(kv.Key))), its.value(kv.Value)
	})
	if !its.changed {
		return kvs
	}
	m.changed = true
	return out
}

func (m *mender) value(v attribute.Value) attribute.Value {
	switch v.Type() {
	case attribute.STRING:
		return attribute.StringValue(m.text(v.AsString()))
	case attribute.STRINGSLICE:
		return attribute.StringSliceValue(each(v.AsStringSlice(), func(s *string) { *s = m.text(*s) }))
	case attribute.SLICE:
		return attribute.SliceValue(each(v.AsSlice(), func(v *attribute.Value) { *v = m.value(*v) })...)
	case attribute.MAP:
		return attribute.MapValue(m.attributes(v.AsMap())...)
	}
	return v
}

func (m *mender) data(data metricdata.Aggregation) metricdata.Aggregation {
	switch a := data.(type) {
	case metricdata.Gauge[int64]:
		a.DataPoints = points(m, a.DataPoints)
		return a
	case metricdata.Gauge[float64]:
		a.DataPoints = points(m, a.DataPoints)
		return a
	case metricdata.Sum[int64]:
		a.DataPoints = points(m, a.DataPoints)
		return a
	case metricdata.Sum[float64]:
		a.DataPoints = points(m, a.DataPoints)
		return a
	case metricdata.Histogram[int64]:
		a.DataPoints = histograms(m, a.DataPoints)
		return a
	case metricdata.Histogram[float64]:
		a.DataPoints = histograms(m, a.DataPoints)
		return a
	case metricdata.ExponentialHistogram[int64]:
		a.DataPoints = exponentials(m, a.DataPoints)
		return a
	case metricdata.ExponentialHistogram[float64]:
		a.DataPoints = exponentials(m, a.DataPoints)
		return a
	case metricdata.Summary:
		a.DataPoints = each(a.DataPoints, func(p *metricdata.SummaryDataPoint) { p.Attributes = m.set(p.Attributes) })
		return a
	}
	return data
}

func points[N int64 | float64](m *mender, all []metricdata.DataPoint[N]) []metricdata.DataPoint[N] {
	return each(all, func(p *metricdata.DataPoint[N]) {
		p.Attributes, p.Exemplars = m.set(p.Attributes), exemplars(m, p.Exemplars)
	})
}

func histograms[N int64 | float64](m *mender, all []metricdata.HistogramDataPoint[N]) []metricdata.HistogramDataPoint[N] {
	return each(all, func(p *metricdata.HistogramDataPoint[N]) {
		p.Attributes, p.Exemplars = m.set(p.Attributes), exemplars(m, p.Exemplars)
	})
}

func exponentials[N int64 | float64](m *mender, all []metricdata.ExponentialHistogramDataPoint[N]) []metricdata.ExponentialHistogramDataPoint[N] {
	return each(all, func(p *metricdata.ExponentialHistogramDataPoint[N]) {
		p.Attributes, p.Exemplars = m.set(p.Attributes), exemplars(m, p.Exemplars)
	})
}

func exemplars[N int64 | float64](m *mender, all []metricdata.Exemplar[N]) []metricdata.Exemplar[N] {
	return each(all, func(x *metricdata.Exemplar[N]) { x.FilteredAttributes = m.attributes(x.FilteredAttributes) })
}

// each returns a copy of all, each of which change has changed.
func each[T any](all []T, change func(*T)) []T {
	all = slices.Clone(all)
	for i := range all {
		change(&all[i])
	}
	return all
}
