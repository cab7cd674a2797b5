package history

import (
	"iter"
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/otelperf/otelperf-go/internal/distribution"
	"github.com/otelperf/otelperf-go/internal/version"
	"github.com/otelperf/otelperf-go/views"
)

// Scope is the instrumentation scope of what stands in the file.
const Scope = "github.com/otelperf/otelperf-go/internal/history"

// The metrics that carry judged values in the file, and their attributes
// besides the group's.
const (
	valueMetric  = "otelperf.baseline.value"
	targetMetric = "otelperf.baseline.target"
	stateMetric  = "otelperf.baseline.state"
	countMetric  = "otelperf.baseline.count"

	keyBaseline = attribute.Key("otelperf.baseline.name")
	keyMetric   = attribute.Key("otelperf.baseline.metric")
	keyUnit     = attribute.Key("otelperf.baseline.unit")
)

// A recording is one collection as it goes to the file: what the interval
// added, as delta data.
type recording struct {
	resource   *resource.Resource
	start, end time.Time
	metrics    []metricdata.Metrics
	index      map[string]int
}

func newRecording(r *resource.Resource, at stamp) *recording {
	return &recording{
		resource: r, start: time.Unix(0, at.start), end: time.Unix(0, at.end),
		index: make(map[string]int),
	}
}

// collection returns the recording in the SDK's form.
func (c *recording) collection() *metricdata.ResourceMetrics {
	slices.SortFunc(c.metrics, func(a, b metricdata.Metrics) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return &metricdata.ResourceMetrics{
		Resource: c.resource,
		ScopeMetrics: []metricdata.ScopeMetrics{{
			Scope:   instrumentation.Scope{Name: Scope, Version: version.Version, SchemaURL: semconv.SchemaURL},
			Metrics: c.metrics,
		}},
	}
}

// edit passes the data of the metric to f, nil at first, and keeps its result.
func (c *recording) edit(name, unit string, f func(metricdata.Aggregation) metricdata.Aggregation) {
	i, ok := c.index[name]
	if !ok {
		i = len(c.metrics)
		c.index[name] = i
		c.metrics = append(c.metrics, metricdata.Metrics{Name: name, Unit: unit})
	}
	c.metrics[i].Data = f(c.metrics[i].Data)
}

func (c *recording) gauge(name, unit string, attrs attribute.Set, v float64) {
	c.edit(name, unit, func(data metricdata.Aggregation) metricdata.Aggregation {
		g, _ := data.(metricdata.Gauge[float64])
		g.DataPoints = append(g.DataPoints, metricdata.DataPoint[float64]{Attributes: attrs, Time: c.end, Value: v})
		return g
	})
}

func (c *recording) number(m *metric, u *sum) {
	if c == nil {
		return
	}
	attrs := attribute.NewSet(u.attributes()...)
	if !m.rate {
		c.gauge(m.name, m.unit, attrs, u.value)
		return
	}
	c.edit(m.name, m.unit, func(data metricdata.Aggregation) metricdata.Aggregation {
		s, _ := data.(metricdata.Sum[float64])
		s.Temporality, s.IsMonotonic = metricdata.DeltaTemporality, true
		s.DataPoints = append(s.DataPoints, metricdata.DataPoint[float64]{
			Attributes: attrs, StartTime: c.start, Time: c.end, Value: u.value,
		})
		return s
	})
}

// timed records the parts that were measured, or that nothing was.
func (c *recording) timed(m *metric, u *sum, parts iter.Seq[*part]) {
	if c == nil {
		return
	}
	some := false
	for p := range parts {
		if p.dist.Count > 0 {
			some = true
			c.part(m, u, p.errorType, &p.dist)
		}
	}
	if !some {
		c.part(m, u, "", &distribution.Distribution{Lo: math.NaN(), Hi: math.NaN()})
	}
}

func (c *recording) part(m *metric, u *sum, errorType string, d *distribution.Distribution) {
	kvs := u.attributes()
	if errorType != "" {
		kvs = append(kvs, semconv.ErrorTypeKey.String(errorType))
	}
	attrs := attribute.NewSet(kvs...)
	name := m.name
	if d.Kind == distribution.Exponential {
		c.edit(name, m.unit, func(data metricdata.Aggregation) metricdata.Aggregation {
			h, ok := data.(metricdata.ExponentialHistogram[float64])
			if !ok && data != nil {
				return data // the metric has explicit buckets here
			}
			h.Temporality = metricdata.DeltaTemporality
			p := metricdata.ExponentialHistogramDataPoint[float64]{Attributes: attrs, StartTime: c.start, Time: c.end}
			d.StoreExponential(&p)
			h.DataPoints = append(h.DataPoints, p)
			return h
		})
		return
	}
	c.edit(name, m.unit, func(data metricdata.Aggregation) metricdata.Aggregation {
		h, ok := data.(metricdata.Histogram[float64])
		if !ok && data != nil {
			return data
		}
		h.Temporality = metricdata.DeltaTemporality
		p := metricdata.HistogramDataPoint[float64]{Attributes: attrs, StartTime: c.start, Time: c.end}
		d.StoreExplicit(&p)
		h.DataPoints = append(h.DataPoints, p)
		return h
	})
}

// judged records a baseline's value, its state, and how many measurements it
// was computed from.
func (c *recording) judged(s views.Status, r *row) {
	if c == nil {
		return
	}
	attrs := attribute.NewSet(append(s.Group.ToSlice(),
		keyBaseline.String(s.Name), keyMetric.String(s.Metric), keyUnit.String(s.Unit))...)
	c.gauge(stateMetric, "", attrs, float64(r.state))
	if !math.IsNaN(s.Target) {
		c.gauge(targetMetric, "", attrs, s.Target)
	}
	if !math.IsNaN(r.value) && !math.IsInf(r.value, 0) {
		c.gauge(valueMetric, "", attrs, r.value)
		c.gauge(countMetric, "{measurement}", attrs, float64(r.count))
	}
}

// statuses is the inverse of judged.
func statuses(rm *metricdata.ResourceMetrics) []views.Status {
	index := make(map[attribute.Distinct]int)
	var out []views.Status
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			g, ok := m.Data.(metricdata.Gauge[float64])
			if !ok || m.Name != valueMetric && m.Name != targetMetric && m.Name != stateMetric && m.Name != countMetric {
				continue
			}
			for _, p := range g.DataPoints {
				id := p.Attributes.Equivalent()
				i, ok := index[id]
				if !ok {
					i = len(out)
					index[id] = i
					out = append(out, statusOf(p.Attributes, p.Time))
				}
				switch m.Name {
				case valueMetric:
					out[i].Value = p.Value
				case targetMetric:
					out[i].Target = p.Value
				case countMetric:
					out[i].Count = uint64(max(0, p.Value))
				default:
					out[i].State = views.State(min(max(0, p.Value), float64(views.Incomplete)))
				}
			}
		}
	}
	return out
}

func statusOf(attrs attribute.Set, end time.Time) views.Status {
	s := views.Status{Value: math.NaN(), Target: math.NaN(), End: end}
	var group []attribute.KeyValue
	for _, kv := range attrs.ToSlice() {
		switch kv.Key {
		case keyBaseline:
			s.Name = kv.Value.String()
		case keyMetric:
			s.Metric = kv.Value.String()
		case keyUnit:
			s.Unit = kv.Value.String()
		default:
			group = append(group, kv)
		}
	}
	s.Group = attribute.NewSet(group...)
	return s
}
