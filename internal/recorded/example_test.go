package recorded_test

import (
	"context"
	"fmt"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/recorded"
)

func ExampleStore() {
	store, err := recorded.New([]recorded.Def{
		{Name: "search_ms", Metric: "search.duration", Unit: "s", Factor: 1000},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(store.Producer()))
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	defer func() { _ = provider.Shutdown(context.Background()) }()

	for _, ms := range []float64{50, 140, 60} {
		if err := store.Record("search_ms", ms); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(store.Record("serach_ms", 70))

	for range 2 {
		var rm metricdata.ResourceMetrics
		if err := reader.Collect(context.Background(), &rm); err != nil {
			fmt.Println(err)
		}
		if len(rm.ScopeMetrics) == 0 {
			fmt.Println("nothing")
			continue
		}
		m := rm.ScopeMetrics[0].Metrics[0]
		fmt.Println(m.Name, m.Data.(metricdata.Gauge[float64]).DataPoints[0].Value, m.Unit)
	}
	// Output:
	// monitor: nothing is defined to be recorded as "serach_ms"; did you mean "search_ms"? (known: search_ms)
	// search.duration 0.14 s
	// nothing
}
