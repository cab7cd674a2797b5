package queue

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// series is the set of all the series of a batch that a later batch repeats:
// everything but delta sums and histograms.
type series struct {
	metrics map[metricKey]int
	points  map[pointKey]struct{}
}

type metricKey struct {
	scope instrumentation.Scope
	name  string
}

type pointKey struct {
	metric     int
	attributes attribute.Distinct
}

// reset makes s the set of rm's series.
func (s *series) reset(rm *metricdata.ResourceMetrics) {
	if s.metrics == nil {
		s.metrics, s.points = map[metricKey]int{}, map[pointKey]struct{}{}
	}
	clear(s.metrics)
	clear(s.points)
	for i := range rm.ScopeMetrics {
		scope := &rm.ScopeMetrics[i]
		for j := range scope.Metrics {
			m := &scope.Metrics[j]
			if _, delta := shape(m.Data); delta {
				continue
			}
			key := metricKey{scope.Scope, m.Name}
			id, ok := s.metrics[key]
			if !ok {
				id = len(s.metrics)
				s.metrics[key] = id
			}
			filter(m.Data, func(set attribute.Set) bool {
				s.points[pointKey{id, set.Equivalent()}] = struct{}{}
				return true
			})
		}
	}
}

// covers reports whether s has a newer one of every point of rm.
func (s *series) covers(rm *metricdata.ResourceMetrics) bool {
	for i := range rm.ScopeMetrics {
		scope := &rm.ScopeMetrics[i]
		for j := range scope.Metrics {
			m := &scope.Metrics[j]
			points, delta := shape(m.Data)
			if points == 0 {
				continue
			}
			id, ok := s.metrics[metricKey{scope.Scope, m.Name}]
			if !ok || delta {
				return false
			}
			all := true
			filter(m.Data, func(set attribute.Set) bool {
				if all {
					_, all = s.points[pointKey{id, set.Equivalent()}]
				}
				return true
			})
			if !all {
				return false
			}
		}
	}
	return true
}

// removeFrom takes out of rm every point that s has a newer one of, and
// reports whether there was any. Metrics and scopes that are left empty by
// that go too.
func (s *series) removeFrom(rm *metricdata.ResourceMetrics) (removed bool) {
	scopes := rm.ScopeMetrics[:0]
	for i := range rm.ScopeMetrics {
		scope := rm.ScopeMetrics[i]
		metrics := scope.Metrics[:0]
		for j := range scope.Metrics {
			m := scope.Metrics[j]
			id, ok := s.metrics[metricKey{scope.Scope, m.Name}]
			before, delta := shape(m.Data)
			if ok && !delta {
				left := 0
				m.Data = filter(m.Data, func(set attribute.Set) bool {
					_, newer := s.points[pointKey{id, set.Equivalent()}]
					if !newer {
						left++
					}
					return !newer
				})
				removed = removed || left < before
				if left == 0 {
					continue
				}
			}
			metrics = append(metrics, m)
		}
		clear(scope.Metrics[len(metrics):])
		scope.Metrics = metrics
		if len(metrics) > 0 {
			scopes = append(scopes, scope)
		}
	}
	clear(rm.ScopeMetrics[len(scopes):])
	rm.ScopeMetrics = scopes
	return removed
}
