package hotroad_test

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"
	"weak"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelperf/otelperf-go/hotroad"
	"github.com/otelperf/otelperf-go/views/viewstest"
)

func TestMergingConforms(t *testing.T) {
	t.Parallel()
	if err := viewstest.CheckDecorator(hotroad.Merging); err != nil {
		t.Error(err)
	}
}

// scopesToMerge returns scopes of one name, of which the first and the last are
// equal, with room behind the first's metrics.
func scopesToMerge() *metricdata.ResourceMetrics {
	scope := func(version, schema string, attrs ...attribute.KeyValue) instrumentation.Scope {
		return instrumentation.Scope{Name: "s", Version: version, SchemaURL: schema, Attributes: attribute.NewSet(attrs...)}
	}
	rm := &metricdata.ResourceMetrics{}
	for i, s := range []instrumentation.Scope{
		scope("1", "u", attribute.Int("k", 1)), scope("2", "u", attribute.Int("k", 1)),
		scope("1", "v", attribute.Int("k", 1)), scope("1", "u", attribute.Int("k", 2)),
		scope("1", "u", attribute.Int("k", 1)),
	} {
		metrics := append(make([]metricdata.Metrics, 0, 4), metricdata.Metrics{Name: string(rune('a' + i))})
		rm.ScopeMetrics = append(rm.ScopeMetrics, metricdata.ScopeMetrics{Scope: s, Metrics: metrics})
	}
	return rm
}

func namesByScope(rm *metricdata.ResourceMetrics) (out []string) {
	for _, sm := range rm.ScopeMetrics {
		names := ""
		for _, m := range sm.Metrics {
			names += m.Name
		}
		out = append(out, names)
	}
	return out
}

var mergedNames = []string{"ae", "b", "c", "d"}

// TestOnlyEqualScopesAreMerged: another version, schema URL or attribute is
// another scope.
func TestOnlyEqualScopesAreMerged(t *testing.T) {
	t.Parallel()
	rm := scopesToMerge()
	first := rm.ScopeMetrics[0].Metrics
	hotroad.MergeScopes(rm)
	if got := namesByScope(rm); !slices.Equal(got, mergedNames) {
		t.Errorf("scopes have %q, want %q", got, mergedNames)
	}
	if behind := first[:2][1].Name; behind != "" {
		t.Errorf("%q was written behind the first scope's metrics", behind)
	}
}

// TestMergingKeepsNothing: a batch is let go of when its export is over.
func TestMergingKeepsNothing(t *testing.T) {
	t.Parallel()
	e := hotroad.Merging(exporterFunc(func(*metricdata.ResourceMetrics) {}))
	if err := e.Export(t.Context(), nil); err != nil { // the next exporter's to judge
		t.Error(err)
	}
	var of weak.Pointer[resource.Resource]
	kept := func() (out []weak.Pointer[metricdata.Metrics]) {
		rm := scopesToMerge()
		rm.Resource = resource.NewSchemaless(attribute.Int("k", 1))
		of = weak.Make(rm.Resource)
		for _, sm := range rm.ScopeMetrics {
			out = append(out, weak.Make(&sm.Metrics[0]))
		}
		if err := e.Export(t.Context(), rm); err != nil {
			t.Error(err)
		}
		return out
	}()
	runtime.GC()
	for i, m := range kept {
		if m.Value() != nil {
			t.Errorf("the metrics of scope %d are held on to", i)
		}
	}
	if of.Value() != nil {
		t.Error("the resource is held on to")
	}
	runtime.KeepAlive(e)
}

// TestMergingConcurrently exports one batch from many goroutines: each passes
// the whole on, and nobody writes to it.
func TestMergingConcurrently(t *testing.T) {
	t.Parallel()
	rm := scopesToMerge()
	before := namesByScope(rm)
	e := hotroad.Merging(exporterFunc(func(rm *metricdata.ResourceMetrics) {
		if got := namesByScope(rm); !slices.Equal(got, mergedNames) {
			t.Errorf("scopes have %q, want %q", got, mergedNames)
		}
	}))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if err := e.Export(context.Background(), rm); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := namesByScope(rm); !slices.Equal(got, before) || rm.ScopeMetrics[0].Metrics[:2][1].Name != "" {
		t.Errorf("the incoming batch was changed: %q", got)
	}
}
