package main

import (
	"context"
	"runtime"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/hotroad"
	"github.com/otelperf/otelperf-go/internal/stripe"
	"github.com/otelperf/otelperf-go/otelperf"
)

// parts says where the time of one call on the hot road goes, in nanoseconds.
type parts struct {
	loop, clock, active, record, exponential, recordOnly, whole float64

	// The whole, with one goroutine for each core at the same operation, in
	// time of one core; the same with an operation for each, which share nothing,
	// and of one atomic number in place of the active count.
	crowd, apart, crowdAtomic, aloneAtomic float64
}

const calls = 20000

var epoch = time.Now()

//go:noinline
func nothing(context.Context) error { return nil }

// hotProvider returns a provider on the hot road, and a collection of it.
func hotProvider(views ...sdkmetric.View) (mp metric.MeterProvider, collect func() error, err error) {
	road, err := hotroad.New(hotroad.WithView(views...))
	if err != nil {
		return nil, nil, err
	}
	p, err := road.Producer(nil)
	if err != nil {
		return nil, nil, err
	}
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(p))
	collect = func() error {
		var rm metricdata.ResourceMetrics
		return reader.Collect(context.Background(), &rm)
	}
	return road.MeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))), collect, nil
}

func boundOn(mp metric.MeterProvider) (metric.Float64Histogram, error) {
	h, err := mp.Meter("parts").Float64Histogram(metricName, metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(boundaries...))
	if err != nil {
		return nil, err
	}
	return h.(interface {
		Bind(...attribute.KeyValue) metric.Float64Histogram
	}).Bind(attribute.String("k", "v")), nil
}

func measureParts(rounds int) (p parts, err error) {
	ctx := context.Background()
	mp, collect, err := hotProvider()
	if err != nil {
		return p, err
	}
	explicit, err := boundOn(mp)
	if err != nil {
		return p, err
	}
	other, _, err := hotProvider(sdkmetric.NewView(sdkmetric.Instrument{Name: "*"}, sdkmetric.Stream{
		Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}}))
	if err != nil {
		return p, err
	}
	exponential, err := boundOn(other)
	if err != nil {
		return p, err
	}
	rec, err := otelperf.New(otelperf.WithMeterProvider(mp))
	if err != nil {
		return p, err
	}
	ops := make([]*otelperf.Operation, 1+runtime.GOMAXPROCS(0)) // the first for all, the others for one each
	for i := range ops {
		if ops[i], err = rec.Operation("search", attribute.Int("of", i)); err != nil {
			return p, err
		}
	}
	op := ops[0]
	var count stripe.Count
	count.Init()
	var number paddedNumber
	do := func(op *otelperf.Operation) func() { return func() { _ = op.Do(ctx, nothing) } }
	clock := func() {
		start := time.Since(epoch)
		runtime.KeepAlive(time.Since(epoch) - start)
	}
	times := func(f func()) func() {
		return func() {
			for range calls {
				f()
			}
		}
	}
	same := func(f func()) func(int) func() { return func(int) func() { return times(f) } }
	cores := float64(runtime.GOMAXPROCS(0))
	tasks := []struct {
		result *float64
		per    float64
		run    func()
	}{
		{&p.loop, calls, times(func() { _ = nothing(ctx) })},
		{&p.clock, calls, times(clock)},
		{&p.active, calls, times(func() { count.Enter().Leave(-1, 7) })},
		{&p.record, calls, times(func() { explicit.Record(ctx, 0.0003) })},
		{&p.exponential, calls, times(func() { exponential.Record(ctx, 0.0003) })},
		{&p.recordOnly, calls, times(func() { op.Record(ctx, 300*time.Microsecond, nil) })},
		{&p.whole, calls, times(do(op))},
		{&p.crowd, calls * cores, crowd(same(do(op)))},
		{&p.apart, calls * cores, crowd(func(core int) func() { return times(do(ops[1+core])) })},
		{&p.aloneAtomic, calls, times(number.both)},
		{&p.crowdAtomic, calls * cores, crowd(same(number.both))},
	}
	for round := range rounds {
		if err := collect(); err != nil { // as a service does, now and then
			return p, err
		}
		for _, t := range tasks {
			got := cpuTime(t.run) / t.per
			if round == 0 || got < *t.result {
				*t.result = got
			}
		}
	}
	return p, nil
}

// crowd runs what of returns for each core on all of them at once.
func crowd(of func(core int) func()) func() {
	fs := make([]func(), runtime.GOMAXPROCS(0))
	for i := range fs {
		fs[i] = of(i)
	}
	return func() {
		var wg sync.WaitGroup
		for _, f := range fs {
			wg.Go(f)
		}
		wg.Wait()
	}
}
