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
	out := &metricdata.ResourceMetrics{Resource: rm.Resource, ScopeMetrics: slices.Clone(rm.ScopeMetrics)}
	if schema, set := m.text(rm.Resource.SchemaURL()), m.set(*rm.Resource.Set()); m.changed {
		out.Resource = resource.NewWithAttributes(schema, set.ToSlice()...)
	}
	for i := range out.ScopeMetrics {
		sm := &out.ScopeMetrics[i]
		sm.Scope.Name, sm.Scope.Version, sm.Scope.SchemaURL = m.text(sm.Scope.Name), m.text(sm.Scope.Version), m.text(sm.Scope.SchemaURL)
		sm.Scope.Attributes = m.set(sm.Scope.Attributes)
		sm.Metrics = slices.Clone(sm.Metrics)
		for j := range sm.Metrics {
			x := &sm.Metrics[j]
			x.Name, x.Description, x.Unit = m.text(x.Name), m.text(x.Description), m.text(x.Unit)
			x.Data = m.data(x.Data)
		}
	}
	return out, m.changed
}

// Text returns s with each byte that is no part of UTF-8 written out, as [Mended] does.
func Text(s string) string { return new(mender).text(s) }

// Attributes is Mended for attributes: it returns kvs itself if there is nothing to do.
func Attributes(kvs []attribute.KeyValue) []attribute.KeyValue {
	if mended := new(mender).keyValues(kvs); mended != nil {
		return mended
	}
	return kvs
}

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
	kvs := s.ToSlice()
	if mended := m.keyValues(kvs); mended != nil {
		return attribute.NewSet(mended...)
	}
	return s
}

// keyValues returns nil if there is nothing to do.
func (m *mender) keyValues(kvs []attribute.KeyValue) []attribute.KeyValue {
	var each mender
	out := make([]attribute.KeyValue, len(kvs))
	for i, kv := range kvs {
		out[i] = attribute.KeyValue{Key: attribute.Key(each.text(string(kv.Key))), Value: each.value(kv.Value)}
	}
	if !each.changed {
		return nil
	}
	m.changed = true
	return out
}

func (m *mender) value(v attribute.Value) attribute.Value {
	switch v.Type() {
	case attribute.STRING:
		return attribute.StringValue(m.text(v.AsString()))
	case attribute.STRINGSLICE:
		all := v.AsStringSlice() // a copy
		for i := range all {
			all[i] = m.text(all[i])
		}
		return attribute.StringSliceValue(all)
	case attribute.SLICE:
		all := slices.Clone(v.AsSlice())
		for i := range all {
			all[i] = m.value(all[i])
		}
		return attribute.SliceValue(all...)
	case attribute.MAP:
		if mended := m.keyValues(v.AsMap()); mended != nil {
			return attribute.MapValue(mended...)
		}
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
		a.DataPoints = slices.Clone(a.DataPoints)
		for i := range a.DataPoints {
			a.DataPoints[i].Attributes = m.set(a.DataPoints[i].Attributes)
		}
		return a
	}
	return data
}

func points[N int64 | float64](m *mender, all []metricdata.DataPoint[N]) []metricdata.DataPoint[N] {
	all = slices.Clone(all)
	for i := range all {
		all[i].Attributes, all[i].Exemplars = m.set(all[i].Attributes), exemplars(m, all[i].Exemplars)
	}
	return all
}

func histograms[N int64 | float64](m *mender, all []metricdata.HistogramDataPoint[N]) []metricdata.HistogramDataPoint[N] {
	all = slices.Clone(all)
	for i := range all {
		all[i].Attributes, all[i].Exemplars = m.set(all[i].Attributes), exemplars(m, all[i].Exemplars)
	}
	return all
}

func exponentials[N int64 | float64](m *mender, all []metricdata.ExponentialHistogramDataPoint[N]) []metricdata.ExponentialHistogramDataPoint[N] {
	all = slices.Clone(all)
	for i := range all {
		all[i].Attributes, all[i].Exemplars = m.set(all[i].Attributes), exemplars(m, all[i].Exemplars)
	}
	return all
}

func exemplars[N int64 | float64](m *mender, all []metricdata.Exemplar[N]) []metricdata.Exemplar[N] {
	all = slices.Clone(all)
	for i := range all {
		if mended := m.keyValues(all[i].FilteredAttributes); mended != nil {
			all[i].FilteredAttributes = mended
		}
	}
	return all
}
