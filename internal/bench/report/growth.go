package main

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/hotroad"
	"github.com/otelperf/otelperf-go/views"
)

// sizes are the numbers of series that are measured.
var sizes = []int{1, 10, 100, 1000, 10000}

// A growth says what things take with so many series, in nanoseconds of one
// core's time.
type growth struct {
	series                int
	call, hotCall         float64 // one Record, series taken in turn
	collect, hotCollect   float64 // one collection
	evaluation, unmatched float64 // one evaluation by a baseline, and by one for another metric
}

// measureGrowth measures all sizes, each several times, and keeps the least.
func measureGrowth(rounds int) (out []growth, err error) {
	for _, n := range sizes {
		g, err := measureSize(n, rounds)
		if err != nil {
			return nil, err
		}
		out = append(out, g)
		fmt.Fprintf(os.Stderr, "report: %d series measured\n", n)
	}
	return out, nil
}

const metricName = "otelperf.operation.duration"

// A road is a histogram with its reader.
type road struct {
	records []func(context.Context, float64)
	reader  *sdkmetric.ManualReader
}

func newRoad(n int, hot bool) (*road, error) {
	var mp metric.MeterProvider
	r := &road{}
	if hot {
		h, err := hotroad.New(hotroad.WithCardinalityLimit(0))
		if err != nil {
			return nil, err
		}
		p, err := h.Producer(nil)
		if err != nil {
			return nil, err
		}
		r.reader = sdkmetric.NewManualReader(sdkmetric.WithProducer(p))
		mp = h.MeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.reader)))
	} else {
		r.reader = sdkmetric.NewManualReader()
		mp = sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.reader), sdkmetric.WithCardinalityLimit(0))
	}
	h, err := mp.Meter("growth").Float64Histogram(metricName, metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(boundaries...))
	if err != nil {
		return nil, err
	}
	for i := range n {
		set := attribute.NewSet(attribute.String("otelperf.operation.name", "search"), attribute.Int("index", i))
		if b, ok := h.(interface {
			Bind(...attribute.KeyValue) metric.Float64Histogram
		}); ok {
			bound := b.Bind(set.ToSlice()...)
			r.records = append(r.records, func(ctx context.Context, v float64) { bound.Record(ctx, v) })
			continue
		}
		opts := []metric.RecordOption{metric.WithAttributeSet(set)}
		r.records = append(r.records, func(ctx context.Context, v float64) { h.Record(ctx, v, opts...) })
	}
	for i := range 100 * n {
		r.records[i%n](context.Background(), float64(1+i%50)/1000)
	}
	return r, nil
}

var boundaries = []float64{
	1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4,
	1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
}

func measureSize(n, rounds int) (g growth, err error) {
	g.series = n
	ctx := context.Background()
	usual, err := newRoad(n, false)
	if err != nil {
		return g, err
	}
	hot, err := newRoad(n, true)
	if err != nil {
		return g, err
	}
	calls := func(r *road) func() {
		return func() {
			i := 0
			for range 20000 {
				r.records[i](ctx, 0.0003)
				if i++; i == n {
					i = 0
				}
			}
		}
	}
	var batch [2]metricdata.ResourceMetrics
	collect := func(i int, r *road) func() {
		return func() {
			if e := r.reader.Collect(ctx, &batch[i]); e != nil {
				err = e
			}
		}
	}
	evaluate := func(name string) (func(), error) {
		w, err := views.Watch([]views.Baseline{{
			Name: "search_ms", Metric: name, Statistic: views.P95, Target: 100, Unit: "ms", ThresholdPercent: 120,
		}})
		if err != nil {
			return nil, err
		}
		return func() {
			later(&batch[1])
			_ = w.Export(ctx, &batch[1]) // Watch's next exporter discards all
		}, nil
	}
	judge, err := evaluate(metricName)
	if err != nil {
		return g, err
	}
	pass, err := evaluate("another.duration")
	if err != nil {
		return g, err
	}
	tasks := []struct {
		result *float64
		per    float64
		run    func()
	}{
		{&g.call, 20000, calls(usual)},
		{&g.hotCall, 20000, calls(hot)},
		{&g.collect, 1, collect(0, usual)},
		{&g.hotCollect, 1, collect(1, hot)},
		{&g.evaluation, 1, judge},
		{&g.unmatched, 1, pass},
	}
	for round := range rounds {
		for _, t := range tasks {
			best(t.result, cpuTime(t.run)/t.per, round)
		}
	}
	return g, err
}

// later lets a second pass for the batch, so that there is an interval to judge.
func later(rm *metricdata.ResourceMetrics) {
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			if h, ok := m.Data.(metricdata.Histogram[float64]); ok {
				for i := range h.DataPoints {
					h.DataPoints[i].Time = h.DataPoints[i].Time.Add(time.Second)
				}
			}
		}
	}
}

// cpuTime returns what run takes of the process' time on all cores, by repeating
// it until that can be measured: what else runs on the machine does not count.
func cpuTime(run func()) float64 {
	run()
	for n := 1; ; n *= 2 {
		before := processTime()
		for range n {
			run()
		}
		if spent := processTime() - before; spent > 3*time.Millisecond || n >= 1<<12 {
			return float64(spent) / float64(n)
		}
	}
}

func processTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
