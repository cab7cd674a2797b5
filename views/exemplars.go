package views

import (
	"cmp"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// maxExemplars is how many an alert carries.
const maxExemplars = 5

// exemplars finds the slowest sampled calls that made g fire. It looks through
// the collection again: firing is rare, and a collection is at hand then only.
func (e *evaluator) exemplars(g *group) []Exemplar {
	var found []Exemplar
	for i := range e.collection.ScopeMetrics {
		sm := &e.collection.ScopeMetrics[i]
		for j := range sm.Metrics {
			if sm.Metrics[j].Name != g.rule.Metric {
				continue
			}
			id, ok := e.scopes[sm.Scope]
			if !ok {
				continue
			}
			c := exemplarSearch{evaluator: e, group: g, scope: id}
			switch data := sm.Metrics[j].Data.(type) {
			case metricdata.Histogram[int64]:
				for k := range data.DataPoints {
					p := &data.DataPoints[k]
					found = search(c, found, p.Attributes.Equivalent(), p.Exemplars)
				}
			case metricdata.Histogram[float64]:
				for k := range data.DataPoints {
					p := &data.DataPoints[k]
					found = search(c, found, p.Attributes.Equivalent(), p.Exemplars)
				}
			case metricdata.ExponentialHistogram[int64]:
				for k := range data.DataPoints {
					p := &data.DataPoints[k]
					found = search(c, found, p.Attributes.Equivalent(), p.Exemplars)
				}
			case metricdata.ExponentialHistogram[float64]:
				for k := range data.DataPoints {
					p := &data.DataPoints[k]
					found = search(c, found, p.Attributes.Equivalent(), p.Exemplars)
				}
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Exemplar) int { return cmp.Compare(b.Value, a.Value) })
	return found[:min(len(found), maxExemplars):min(len(found), maxExemplars)]
}

type exemplarSearch struct {
	*evaluator
	group *group
	scope uint32
}

func search[N int64 | float64](c exemplarSearch, found []Exemplar, of attribute.Distinct, exemplars []metricdata.Exemplar[N]) []Exemplar {
	if len(exemplars) == 0 {
		return found
	}
	s := c.group.rule.metric.series[seriesKey{c.scope, of}]
	if s == nil || !slices.Contains(s.groups, c.group) {
		return found
	}
	if c.group.rule.Statistic == ErrorRatio && !s.failed {
		return found // the calls that failed are what it is about
	}
	factor := 1.0 // a rate or a ratio has not the unit of what it is made of
	if c.group.rule.Statistic.inMetricUnit() {
		factor = c.group.rule.factor
	}
	for _, x := range exemplars {
		// A cumulative point keeps exemplars of long ago.
		if len(x.TraceID) != 16 || len(x.SpanID) != 8 || x.Time.Before(c.group.from) {
			continue
		}
		found = append(found, Exemplar{
			Value:   float64(x.Value) * factor,
			Time:    x.Time,
			TraceID: [16]byte(x.TraceID),
			SpanID:  [8]byte(x.SpanID),
		})
	}
	return found
}
