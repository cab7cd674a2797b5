package queue

import (
	"iter"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// split yields rm in parts of at most limit data points each, in order and in
// the same memory; 0 or less is no limit. Metrics without points stay with
// their neighbours. A part is valid until the next one is asked for.
func split(rm *metricdata.ResourceMetrics, limit int) iter.Seq[*metricdata.ResourceMetrics] {
	return func(yield func(*metricdata.ResourceMetrics) bool) {
		total := 0
		for i := range rm.ScopeMetrics {
			for j := range rm.ScopeMetrics[i].Metrics {
				n, _ := shape(rm.ScopeMetrics[i].Metrics[j].Data)
				total += n
			}
		}
		if limit <= 0 || total <= limit {
			yield(rm)
			return
		}
		part := metricdata.ResourceMetrics{Resource: rm.Resource}
		room := limit
		for i := range rm.ScopeMetrics {
			scope := &rm.ScopeMetrics[i]
			open := false // whether part has this scope
			for j := range scope.Metrics {
				m := scope.Metrics[j]
				all, _ := shape(m.Data)
				for lo := 0; ; {
					hi := min(all, lo+room)
					piece := m
					if lo > 0 || hi < all {
						piece.Data = slice(m.Data, lo, hi)
					}
					if !open {
						part.ScopeMetrics = append(part.ScopeMetrics, metricdata.ScopeMetrics{Scope: scope.Scope})
						open = true
					}
					last := &part.ScopeMetrics[len(part.ScopeMetrics)-1]
					last.Metrics = append(last.Metrics, piece)
					room -= hi - lo
					if lo = hi; room == 0 {
						if !yield(&part) {
							return
						}
						part.ScopeMetrics, room, open = part.ScopeMetrics[:0:0], limit, false
					}
					if lo >= all {
						break
					}
				}
			}
		}
		if len(part.ScopeMetrics) > 0 {
			yield(&part)
		}
	}
}

// cut removes the first n data points of rm.
func cut(rm *metricdata.ResourceMetrics, n int) {
	for n > 0 && len(rm.ScopeMetrics) > 0 {
		scope := &rm.ScopeMetrics[0]
		for n > 0 && len(scope.Metrics) > 0 {
			m := &scope.Metrics[0]
			points, _ := shape(m.Data)
			if n < points {
				m.Data = slice(m.Data, n, points)
				return
			}
			n -= points
			scope.Metrics = scope.Metrics[1:]
		}
		if len(scope.Metrics) == 0 {
			rm.ScopeMetrics = rm.ScopeMetrics[1:]
		}
	}
}
