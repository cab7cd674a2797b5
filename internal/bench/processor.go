package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/bench/demo"
	"github.com/otelperf/otelperf-go/views"
)

func init() { suites = append(suites, processorComparisons) }

// judged are ten baselines as a service of operations and routes has them, by
// what the short names of a configuration stand for.
var judged = []views.Baseline{
	ofOperation("search_ms", "search", views.P95, 100, "ms"),
	ofOperation("allocation_ms", "allocation", views.P95, 100, "ms"),
	ofOperation("search_qps", "search", views.Rate, 0.001, ""),
	ofOperation("search_error_percent", "search", views.ErrorRatio, 50, "%"),
	ofOperation("allocation_error_percent", "allocation", views.ErrorRatio, 50, "%"),
	{Name: "response_ms", Metric: httpDuration, Statistic: views.P95, Target: 100, Unit: "ms"},
	{Name: "response_p99_ms", Metric: httpDuration, Statistic: views.P99, Target: 500, Unit: "ms"},
	{Name: "response_mean_ms", Metric: httpDuration, Statistic: views.Mean, Target: 500, Unit: "ms"},
	{Name: "errors_percent", Metric: httpDuration, Statistic: views.ErrorRatio, Target: 50, Unit: "%"},
	{Name: "throughput_qps", Metric: httpDuration, Statistic: views.Rate, Target: 0.001, Direction: views.LowerIsWorse},
}

// byRoute is one baseline that judges fifty routes, each by itself: each has
// series of its own among what is exported.
var byRoute = []views.Baseline{
	{Name: "response_ms", Metric: httpDuration, Statistic: views.P95, Target: 100, Unit: "ms", By: []attribute.Key{"http.route"}},
}

const (
	httpDuration      = "http.server.request.duration"
	operationDuration = "otelperf.operation.duration"
)

func ofOperation(name, operation string, s views.Statistic, target float64, unit string) views.Baseline {
	b := views.Baseline{
		Name: name, Metric: operationDuration, Statistic: s, Target: target, Unit: unit,
		Match: []attribute.KeyValue{attribute.String("otelperf.operation.name", operation)},
	}
	if s == views.Rate {
		b.Direction = views.LowerIsWorse
	}
	return b
}

// processorComparisons set an export of 1,000 series over OTLP to a receiver on
// the loopback interface beside the same through a Processor. Times are the
// process' CPU time, the receiver's share included.
func processorComparisons() (out []comparison) {
	const series = 1000
	for _, c := range []struct {
		what      string
		baselines []views.Baseline
	}{
		{"processor-otlp-1000series", judged},
		{"processor-otlp-1000series-by-route", byRoute},
	} {
		out = append(out, comparison{
			what:  c.what,
			ours:  contender{"ours", func() (func(*testing.B), func()) { return exporting(series, c.baselines) }},
			peers: []contender{{"otlp-alone", func() (func(*testing.B), func()) { return exporting(series, nil) }}},
			cpu:   true,
		})
	}
	return out
}

func exporting(series int, baselines []views.Baseline) (func(*testing.B), func()) {
	ctx := context.Background()
	sink, err := demo.NewSink(nil)
	check(err)
	exporter, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(sink.URL))
	check(err)
	var next sdkmetric.Exporter = exporter
	if len(baselines) > 0 {
		next, err = views.NewProcessor(exporter, baselines)
		check(err)
	}
	rm := batchOf(series)
	export := func() error {
		grow(rm)
		return next.Export(ctx, rm)
	}
	for range 3 { // until everything is known
		check(export())
	}
	run := func(b *testing.B) {
		for b.Loop() {
			if err := export(); err != nil {
				b.Fatal(err)
			}
		}
	}
	return run, func() {
		check(next.Shutdown(ctx))
		check(sink.Close())
	}
}

// batchOf returns what the SDK collects of so many series, half of them of
// operations and half of HTTP routes.
func batchOf(series int) *metricdata.ResourceMetrics {
	ctx := context.Background()
	reader := sdkmetric.NewManualReader()
	view, err := views.For(judged...)
	check(err)
	meter := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithView(view)).Meter("bench")
	operation, err := meter.Float64Histogram(operationDuration, metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(boundaries...))
	check(err)
	request, err := meter.Float64Histogram(httpDuration, metric.WithUnit("s"))
	check(err)
	for i := range series / 2 {
		name := [...]string{"search", "allocation", "load", "store", "render"}[i%5]
		inOperation := metric.WithAttributes(attribute.String("otelperf.operation.name", name), attribute.Int("index", i))
		inRequest := metric.WithAttributes(
			attribute.String("http.request.method", "GET"), attribute.String("url.scheme", "https"),
			attribute.String("http.route", fmt.Sprintf("/route/%d/{id}", i/10)), attribute.Int("http.response.status_code", 200+i%10),
			attribute.String("network.protocol.version", "1.1"), attribute.String("server.address", "example.com"))
		for j := range 20 {
			operation.Record(ctx, float64(1+j)/1e3, inOperation)
			request.Record(ctx, float64(1+j)/1e3, inRequest)
		}
	}
	rm := new(metricdata.ResourceMetrics)
	check(reader.Collect(ctx, rm))
	return rm
}

// grow makes the batch the one that comes a minute later.
func grow(rm *metricdata.ResourceMetrics) {
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			h, ok := m.Data.(metricdata.Histogram[float64])
			if !ok {
				continue
			}
			for i := range h.DataPoints {
				d := &h.DataPoints[i]
				d.Time = d.Time.Add(time.Minute)
				d.BucketCounts[i%len(d.BucketCounts)] += 25
				d.Count += 25
				d.Sum += 0.25
			}
		}
	}
}
