package views_test

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

func exemplar[N int64 | float64](v N) []metricdata.Exemplar[N] {
	return []metricdata.Exemplar[N]{{Value: v, Time: epoch.Add(90 * time.Second), TraceID: []byte{0: 1, 15: 1}, SpanID: []byte{0: 1, 7: 1}}}
}

// TestExemplarsOfEachKind of histogram, in the unit of the alert.
func TestExemplarsOfEachKind(t *testing.T) {
	for name, data := range map[string]metricdata.Aggregation{
		"Histogram[int64]":              withExemplar[int64](histogramOf[int64](false, true)),
		"Histogram[float64]":            withExemplar[float64](histogramOf[float64](false, true)),
		"ExponentialHistogram[int64]":   withExemplar[int64](exponentialOf[int64](false, true)),
		"ExponentialHistogram[float64]": withExemplar[float64](exponentialOf[float64](false, true)),
	} {
		for stat, want := range map[views.Statistic]float64{views.P95: 4000, views.Max: 4000, views.Rate: 4} {
			b := views.Baseline{Name: "b", Metric: "m", Statistic: stat, Target: 0, Unit: "ms"}
			if stat == views.Rate {
				b.Unit = ""
			}
			j := newJudge(t, b)
			j.tick(metricUnit("m", "s", metricdata.Histogram[float64]{}))
			if stat == views.Rate { // it begins with the second interval
				j.at = epoch
				first := histogramOf[float64](true, true).(metricdata.Histogram[float64])
				j.tick(metricUnit("m", "s", first))
			}
			j.tick(metricUnit("m", "s", data))
			if len(j.alerts) != 1 || len(j.alerts[0].Exemplars) != 1 || j.alerts[0].Exemplars[0].Value != want {
				t.Errorf("%s of %s: got %+v, want one of %v", stat, name, j.alerts, want)
			}
		}
	}
}

func withExemplar[N int64 | float64](data metricdata.Aggregation) metricdata.Aggregation {
	switch d := data.(type) {
	case metricdata.Histogram[N]:
		d.DataPoints[0].Exemplars = exemplar[N](4)
	case metricdata.ExponentialHistogram[N]:
		d.DataPoints[0].Exemplars = exemplar[N](4)
	}
	return data
}

// TestExemplarsOfTheJudgedSeriesOnly: not of another metric, nor of a scope
// beyond the limit, nor of what was rejected, though the attributes are the same.
func TestExemplarsOfTheJudgedSeriesOnly(t *testing.T) {
	j := newJudge(t, views.Baseline{Name: "b", Metric: "m", Match: []attribute.KeyValue{search}, Statistic: views.Max, Target: 1, Unit: "s"})
	rm := &metricdata.ResourceMetrics{}
	for i := range 1001 { // one more than there may be
		data := histogramOf[float64](false, true).(metricdata.Histogram[float64])
		data.DataPoints[0].Attributes = attribute.NewSet(search)
		data.DataPoints[0].Exemplars = exemplar(3.0)
		sm := metricdata.ScopeMetrics{Scope: instrumentation.Scope{Version: string(rune('a' + i))}, Metrics: []metricdata.Metrics{metricUnit("m", "s", data)}}
		switch i {
		case 0:
			other := histogramOf[float64](false, true).(metricdata.Histogram[float64])
			other.DataPoints[0].Attributes = attribute.NewSet(search)
			other.DataPoints[0].Exemplars = exemplar(99.0)
			sm.Metrics = append(sm.Metrics, metricUnit("other", "s", other))
		case 1000:
			data.DataPoints[0].Exemplars = exemplar(77.0)
		}
		rm.ScopeMetrics = append(rm.ScopeMetrics, sm)
	}
	if err := j.p.Export(context.Background(), rm); err != nil {
		t.Fatal(err)
	}
	if len(j.alerts) != 1 || len(j.alerts[0].Exemplars) != 5 {
		t.Fatalf("got %+v", j.alerts)
	}
	for _, x := range j.alerts[0].Exemplars {
		if x.Value != 3 {
			t.Errorf("got one of %v, want 3", x.Value)
		}
	}
}
