package views_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

func Example() {
	latency := views.Baseline{
		Name: "search_ms", Metric: "otelperf.operation.duration",
		Match:     []attribute.KeyValue{attribute.String("otelperf.operation.name", "search")},
		Statistic: views.P95, Target: 100, Unit: "ms",
	}
	view, err := views.For(latency)
	if err != nil {
		fmt.Println(err)
		return
	}
	proc, err := views.Watch([]views.Baseline{latency}, views.WithNotify(func(a views.Alert) { fmt.Println(a) }))
	if err != nil {
		fmt.Println(err)
		return
	}
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(proc)), sdkmetric.WithView(view))

	duration, err := mp.Meter("shop").Float64Histogram("otelperf.operation.duration", metric.WithUnit("s"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 100 {
		duration.Record(context.Background(), 0.14, metric.WithAttributes(attribute.String("otelperf.operation.name", "search")))
	}
	if err := mp.Shutdown(context.Background()); err != nil { // flushes
		fmt.Println(err)
	}
	// Output: ALERT search_ms = 140.000 exceeds baseline 100.000 by 40.0%
}

func ExampleBaseline_burnRate() {
	slo := views.Baseline{
		Name: "checkout_slo", Metric: "otelperf.operation.duration",
		Match:     []attribute.KeyValue{attribute.String("otelperf.operation.name", "checkout")},
		Statistic: views.P99, Target: 250, Unit: "ms", // slower than this is bad
		Objective: 0.999, // of the calls have to be good
		Burn: []views.BurnWindow{
			{Long: time.Hour, Short: 5 * time.Minute, Factor: 14.4},
			{Long: 6 * time.Hour, Short: 30 * time.Minute, Factor: 6},
		},
	}
	fmt.Println(slo.Validate())
	// Output: <nil>
}

func ExampleCompose() {
	view, err := views.Compose(
		[]views.Baseline{{Name: "db_ms", Metric: "db.client.operation.duration", Statistic: views.P99, Target: 20, Unit: "ms"}},
		views.Rule{Instrument: "db.*", Keep: []attribute.Key{"db.operation.name", "error.type"}},
		views.Rule{Instrument: "go.schedule.duration", Discard: true},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	stream, _ := view(sdkmetric.Instrument{
		Name: "db.client.operation.duration", Kind: sdkmetric.InstrumentKindHistogram, Unit: "s",
	})
	bounds := stream.Aggregation.(sdkmetric.AggregationExplicitBucketHistogram).Boundaries
	fmt.Println(len(bounds), "boundaries, from", bounds[0], "to", bounds[len(bounds)-1])
	fmt.Println(stream.AttributeFilter(attribute.String("db.query.text", "SELECT 1")))
	// Output:
	// 32 boundaries, from 1e-06 to 10
	// false
}

func ExampleNewFilter() {
	stdout, err := stdoutmetric.New(stdoutmetric.WithWriter(os.Stderr))
	if err != nil {
		fmt.Println(err)
		return
	}
	// What the Processor found goes to this exporter, what it was found in does not.
	found, err := views.NewFilter(stdout, views.KeepMetrics("otelperf.alert.*", "otelperf.baseline.*"))
	if err != nil {
		fmt.Println(err)
		return
	}
	proc, err := views.NewProcessor(found, []views.Baseline{
		{Name: "memory_mb", Metric: "process.memory.usage", Statistic: views.Value, Target: 1024, Unit: "MiB"},
	})
	fmt.Println(proc != nil, err)
	// Output: true <nil>
}

func ExampleProcessor_SaveState() {
	baselines := []views.Baseline{{Name: "memory_mb", Metric: "process.memory.usage", Statistic: views.Value, Target: 1024, Unit: "MiB"}}
	old, err := views.Watch(baselines)
	if err != nil {
		fmt.Println(err)
		return
	}
	var state bytes.Buffer // a file, in life
	if err := old.SaveState(&state); err != nil {
		fmt.Println(err)
		return
	}
	_, err = views.Watch(baselines, views.WithState(&state))
	fmt.Println(err)
	// Output: <nil>
}

// A reader of its own judges; another one, here one that is asked by hand as
// the Prometheus exporter is by a scrape, gets what was found.
func ExampleProcessor_Producer() {
	depth := views.Baseline{Name: "queue_depth", Metric: "queue.depth", Statistic: views.Value, Target: 100}
	proc, err := views.Watch([]views.Baseline{depth})
	if err != nil {
		fmt.Println(err)
		return
	}
	judging := sdkmetric.NewPeriodicReader(proc)
	scraped := sdkmetric.NewManualReader(sdkmetric.WithProducer(proc.Producer(metricdata.CumulativeTemporality)))
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(judging), sdkmetric.WithReader(scraped))

	queue, err := mp.Meter("shop").Int64Gauge("queue.depth")
	if err != nil {
		fmt.Println(err)
		return
	}
	queue.Record(context.Background(), 180)
	if err := mp.ForceFlush(context.Background()); err != nil { // judges
		fmt.Println(err)
	}
	var rm metricdata.ResourceMetrics
	if err := scraped.Collect(context.Background(), &rm); err != nil {
		fmt.Println(err)
	}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			fmt.Println(m.Name)
		}
	}
	// Output:
	// queue.depth
	// otelperf.baseline.excess
	// otelperf.alert.active
	// otelperf.alert.transitions
}
