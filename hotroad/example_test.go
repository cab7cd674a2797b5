package hotroad_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/hotroad"
	"github.com/otelperf/otelperf-go/otelperf"
)

// counting prints what it is given, in short.
type counting struct{ sdkmetric.Exporter }

func (counting) Export(_ context.Context, rm *metricdata.ResourceMetrics) error {
	for _, s := range rm.ScopeMetrics {
		for _, m := range s.Metrics {
			if h, ok := m.Data.(metricdata.Histogram[float64]); ok {
				fmt.Println(m.Name, h.DataPoints[0].Count, h.DataPoints[0].Sum, m.Unit)
			}
		}
	}
	return nil
}

// The wrappers and the middleware need nothing else: they bind their attributes
// where a histogram lets them.
func Example() {
	out, err := stdoutmetric.New(stdoutmetric.WithWriter(os.Stderr))
	if err != nil {
		panic(err)
	}
	exporter := counting{out}

	road, err := hotroad.New()
	if err != nil {
		panic(err)
	}
	producer, err := road.Producer(exporter)
	if err != nil {
		panic(err)
	}
	sdk := sdkmetric.NewMeterProvider(sdkmetric.WithReader(
		sdkmetric.NewPeriodicReader(hotroad.Merging(exporter), sdkmetric.WithProducer(producer))))

	rec, err := otelperf.New(otelperf.WithMeterProvider(road.MeterProvider(sdk)))
	if err != nil {
		panic(err)
	}
	search, err := rec.Operation("search")
	if err != nil {
		panic(err)
	}
	search.Record(context.Background(), 250*time.Millisecond, nil)
	search.Record(context.Background(), 500*time.Millisecond, nil)
	if err := sdk.Shutdown(context.Background()); err != nil {
		panic(err)
	}
	// Output: otelperf.operation.duration 2 0.75 s
}
