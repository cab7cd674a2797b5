package main

import (
	"context"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

// seriesOf counts what it is given, by name.
type seriesOf struct{ counts map[string]int }

func (seriesOf) Temporality(k sdkmetric.InstrumentKind) metricdata.Temporality {
	return sdkmetric.DefaultTemporalitySelector(k)
}

func (seriesOf) Aggregation(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(k)
}

func (s seriesOf) Export(_ context.Context, rm *metricdata.ResourceMetrics) error {
	clear(s.counts)
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Gauge[float64]:
				s.counts[m.Name] += len(d.DataPoints)
			case metricdata.Gauge[int64]:
				s.counts[m.Name] += len(d.DataPoints)
			case metricdata.Sum[int64]:
				s.counts[m.Name] += len(d.DataPoints)
			case metricdata.Sum[float64]:
				s.counts[m.Name] += len(d.DataPoints)
			case metricdata.Histogram[float64]:
				s.counts["given"] += len(d.DataPoints)
			}
		}
	}
	return nil
}

func (seriesOf) ForceFlush(context.Context) error { return nil }
func (seriesOf) Shutdown(context.Context) error   { return nil }

// TestOwnSeriesAreBounded: what the Processor adds to 1,000 series grows with
// baselines and their groups, not with the series, and no more when all fire.
func TestOwnSeriesAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		baselines []views.Baseline
		groups    int // at the most, over all baselines
		firing    bool
	}{
		"ten baselines":       {judged, 10, false},
		"fifty routes":        {byRoute, 50, false},
		"ten that all fire":   {hopeless(judged), 10, true},
		"fifty that all fire": {hopeless(byRoute), 50, true},
	} {
		next := seriesOf{make(map[string]int)}
		p, err := views.NewProcessor(next, c.baselines, views.WithErrorHandler(func(error) {}))
		if err != nil {
			t.Fatal(err)
		}
		rm := batchOf(1000)
		for range 10 {
			grow(rm)
			if err := p.Export(context.Background(), rm); err != nil {
				t.Fatal(err)
			}
		}
		if next.counts["given"] != 1000 {
			t.Errorf("%s: %d of 1,000 series are passed on", name, next.counts["given"])
		}
		own := 0
		for metric, n := range next.counts {
			if metric == "given" {
				continue
			}
			own += n
			if most := 2 * c.groups; n > most {
				t.Errorf("%s: %s has %d series for %d groups", name, metric, n, c.groups)
			}
		}
		if own == 0 {
			t.Errorf("%s: the Processor says nothing of its own", name)
		}
		if c.firing && next.counts["otelperf.alert.active"] == 0 {
			t.Errorf("%s: none fires: %v", name, next.counts)
		}
		t.Logf("%s: %v", name, next.counts)
	}
}

func hopeless(in []views.Baseline) (out []views.Baseline) {
	for _, b := range in {
		b.Target = 0
		if b.Direction == views.LowerIsWorse {
			b.Target = 1e9
		}
		out = append(out, b)
	}
	return out
}
