package views_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

// A judge feeds synthetic collections to a Processor and keeps what comes out.
type judge struct {
	t      *testing.T
	p      *views.Processor
	at     time.Time
	alerts []string
	out    *metricdata.ResourceMetrics
	errs   []error
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newJudge(t *testing.T, baselines ...views.Baseline) *judge {
	t.Helper()
	j := &judge{t: t, at: epoch}
	p, err := views.NewProcessor(capture{j}, baselines,
		views.WithInterval(time.Minute),
		views.WithNotify(func(a views.Alert) { j.alerts = append(j.alerts, a.String()) }),
		views.WithErrorHandler(func(err error) { j.errs = append(j.errs, err) }))
	if err != nil {
		t.Fatal(err)
	}
	j.p = p
	return j
}

type capture struct{ j *judge }

func (capture) Temporality(k sdkmetric.InstrumentKind) metricdata.Temporality {
	return sdkmetric.DefaultTemporalitySelector(k)
}

func (capture) Aggregation(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(k)
}

func (c capture) Export(_ context.Context, rm *metricdata.ResourceMetrics) error {
	c.j.out = rm
	return nil
}
func (capture) ForceFlush(context.Context) error { return nil }
func (capture) Shutdown(context.Context) error   { return nil }

// tick moves a minute on and exports the metrics.
func (j *judge) tick(metrics ...metricdata.Metrics) {
	j.t.Helper()
	j.at = j.at.Add(time.Minute)
	rm := &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: metrics}}}
	if err := j.p.Export(context.Background(), rm); err != nil {
		j.t.Fatal(err)
	}
}

// want compares the alerts since the last call.
func (j *judge) want(alerts ...string) {
	j.t.Helper()
	if got, want := fmt.Sprintf("%q", j.alerts), fmt.Sprintf("%q", alerts); got != want {
		j.t.Errorf("at %s: got alerts %s, want %s", j.at.Format(time.TimeOnly), got, want)
	}
	j.alerts = nil
}

func (j *judge) gauge(name, unit string, v float64, attrs ...attribute.KeyValue) metricdata.Metrics {
	return metricdata.Metrics{Name: name, Unit: unit, Data: metricdata.Gauge[float64]{
		DataPoints: []metricdata.DataPoint[float64]{{
			Attributes: attribute.NewSet(attrs...), Time: j.at.Add(time.Minute), Value: v,
		}},
	}}
}

func TestValueIsJudgedAgainstThreshold(t *testing.T) {
	j := newJudge(t, views.Baseline{
		Name: "search_ms", Metric: "recorded", Statistic: views.Value, Target: 100, Unit: "ms",
	})
	for ms := 50.0; ms <= 120; ms += 10 {
		j.tick(j.gauge("recorded", "s", ms/1000))
		j.want()
	}
	j.tick(j.gauge("recorded", "s", 0.130))
	j.want("ALERT search_ms = 130.000 exceeds baseline 100.000 by 30.0%")
	j.tick(j.gauge("recorded", "s", 0.140))
	j.want()
	j.tick(j.gauge("recorded", "s", 0.120))
	j.want("RESOLVED search_ms = 120.000 is back within baseline 100.000 after 2m0s")
}
