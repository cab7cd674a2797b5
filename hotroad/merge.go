package hotroad

import (
	"context"
	"slices"
	"sync"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Merging returns an exporter that passes collections on to next with one
// ScopeMetrics for each scope. A reader appends what its Producers return to
// what the SDK collected, so that a scope with instruments of both kinds, as
// otelperf's with its durations and its active operations, comes twice. Put it
// first behind the reader:
//
//	reader := sdkmetric.NewPeriodicReader(hotroad.Merging(exporter), sdkmetric.WithProducer(producer))
//
// The incoming batch is not changed. The outgoing one is good until Export
// returns. Merging nil returns nil.
func Merging(next sdkmetric.Exporter) sdkmetric.Exporter {
	if next == nil {
		return nil
	}
	return &merging{Exporter: next}
}

type merging struct {
	sdkmetric.Exporter

	mu     sync.Mutex // held during Export, guards the rest
	scopes []metricdata.ScopeMetrics
	batch  metricdata.ResourceMetrics
}

func (m *merging) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	if rm == nil || !repeats(rm.ScopeMetrics) {
		return m.Exporter.Export(ctx, rm)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.scopes = mergeInto(m.scopes[:0], rm.ScopeMetrics)
	m.batch = metricdata.ResourceMetrics{Resource: rm.Resource, ScopeMetrics: m.scopes}
	err := m.Exporter.Export(ctx, &m.batch)
	clear(m.scopes)
	m.batch = metricdata.ResourceMetrics{}
	return err
}

// MergeScopes leaves one ScopeMetrics for each scope in rm, at the place of the
// first. It is for those who collect from a reader themselves.
func MergeScopes(rm *metricdata.ResourceMetrics) {
	if rm != nil && repeats(rm.ScopeMetrics) {
		rm.ScopeMetrics = mergeInto(nil, rm.ScopeMetrics)
	}
}

// mergeInto appends the scopes to out, without writing to their metrics.
func mergeInto(out, scopes []metricdata.ScopeMetrics) []metricdata.ScopeMetrics {
	for _, s := range scopes {
		at := slices.IndexFunc(out, func(o metricdata.ScopeMetrics) bool { return o.Scope == s.Scope })
		if at < 0 {
			s.Metrics = slices.Clip(s.Metrics) // appending must not write behind it
			out = append(out, s)
			continue
		}
		out[at].Metrics = append(out[at].Metrics, s.Metrics...)
	}
	return out
}

func repeats(scopes []metricdata.ScopeMetrics) bool {
	for i := range scopes {
		for j := range i {
			if scopes[i].Scope == scopes[j].Scope {
				return true
			}
		}
	}
	return false
}
