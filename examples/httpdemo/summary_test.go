//go:build !bare

package main

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

func point(count uint64, sum, low, high float64, buckets []uint64, attrs ...attribute.KeyValue) metricdata.HistogramDataPoint[float64] {
	return metricdata.HistogramDataPoint[float64]{
		Attributes: attribute.NewSet(attrs...), Count: count, Sum: sum,
		Bounds: []float64{0.05, 0.1, 0.2}, BucketCounts: buckets,
		Min: metricdata.NewExtrema(low), Max: metricdata.NewExtrema(high),
	}
}

func TestSummary(t *testing.T) {
	histogram := func(name string, points ...metricdata.HistogramDataPoint[float64]) metricdata.Metrics {
		return metricdata.Metrics{Name: name, Data: metricdata.Histogram[float64]{DataPoints: points}}
	}
	search := attribute.String("otelperf.operation.name", "search")
	succeeded := point(90, 9, 0.06, 0.2, []uint64{0, 45, 45, 0}, search)
	m := measurement{
		collected: metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{
			{Name: "other", Data: metricdata.Gauge[float64]{}},
			histogram("another.duration", succeeded),
			histogram(operationDuration, succeeded,
				point(10, 1, 0.01, 0.12, []uint64{5, 0, 5, 0}, search, attribute.String("error.type", "panic")),
				point(1, 0.00123456, 0.00123456, 0.00123456, []uint64{1, 0, 0, 0}, attribute.String("otelperf.operation.name", "allocation"))),
			histogram(requestDuration,
				point(4, 2, 0.5, 0.5, []uint64{0, 0, 0, 4}, attribute.String("http.request.method", "GET"), attribute.String("http.route", "/search")),
				point(4, 0.05, 0.001, 0.04, []uint64{4, 0, 0, 0}, attribute.String("http.request.method", "GET"), attribute.String("http.route", "/fast")),
				point(4, 0.13, 0.001, 0.09, []uint64{3, 1, 0, 0}, attribute.String("http.request.method", "GET"), attribute.String("http.route", "/mixed"))),
		}}}},
		baselines: []views.Status{
			{Name: "search_ms", Metric: operationDuration, Statistic: views.P95, State: views.Firing, Value: 145, Target: 100, Threshold: 120, Unit: "ms"},
			{Name: "search_ms", Metric: "otelperf.recorded.duration", State: views.Silent, Value: math.NaN(), Target: 100, Threshold: 120, Unit: "ms"},
			{Name: "allocation_ms", Metric: operationDuration, Statistic: views.P95, State: views.Silent, Value: math.NaN(), Target: 50, Threshold: 60, Unit: "ms"},
			{Name: "max_response_time_ms", Metric: requestDuration, Statistic: views.P95, State: views.OK, Value: 99.96, Target: 200, Threshold: 200, Unit: "ms",
				Group: attribute.NewSet(attribute.String("http.route", "/search"))},
			{Name: "throughput_qps", Metric: requestDuration, State: views.OK, Value: 3, Target: math.NaN()},
		},
	}
	var b strings.Builder
	if err := writeSummary(&b, m, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	const want = `
operation    count  per second    mean     p50     p95     p99    baseline  state
search         100        10.0   100ms   100ms   190ms   198ms  p95 100 ms  firing
allocation       1         0.1  1.23ms  1.23ms  1.23ms  1.23ms   p95 50 ms  no_data
GET /fast        4         0.4  12.5ms   ≤40ms   ≤40ms   ≤40ms           -  -
GET /mixed       4         0.4  32.5ms   ≤50ms    90ms    90ms           -  -
GET /search      4         0.4   500ms   500ms   500ms   500ms  p95 200 ms  ok

baseline, last judged          value  target  alert over  state
search_ms                     145 ms  100 ms      120 ms  firing
allocation_ms                      -   50 ms       60 ms  no_data
max_response_time_ms /search  100 ms  200 ms      200 ms  ok
`
	if got := "\n" + b.String(); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if succeeded.BucketCounts[0] != 0 || succeeded.Count != 90 {
		t.Errorf("the summary wrote into what was collected: %+v", succeeded)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestSummaryThatCannotBeWritten(t *testing.T) {
	if err := writeSummary(brokenPipe{}, measurement{}, time.Second); err == nil || !strings.Contains(err.Error(), "broken pipe") {
		t.Errorf("got %v", err)
	}
}

func TestSecondsHaveThreeDigits(t *testing.T) {
	for s, want := range map[float64]string{
		0: "0s", 0.000000812: "812ns", 0.0000001: "100ns", 0.00123456: "1.23ms", 0.0999949: "100ms", 0.15: "150ms", 15.06: "15.1s", 75: "1m15s", math.NaN(): "-",
	} {
		if got := seconds(s); got != want {
			t.Errorf("%v: got %s, want %s", s, got, want)
		}
	}
}
