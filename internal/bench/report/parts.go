package main

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
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

	// The whole in each round by one goroutine, by one for each core at the same
	// operation, and by one for each at an operation of its own, which share
	// nothing. In time of one core.
	alone, crowd, apart []float64

	// One atomic number in place of the active count.
	crowdAtomic, aloneAtomic float64
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
	shared := func(int) func() { return do(op) }
	own := func(core int) func() { return do(ops[1+core]) }
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
	cores := runtime.GOMAXPROCS(0)
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
	}
	for round := range rounds {
		if err := collect(); err != nil { // as a service does, now and then
			return p, err
		}
		for _, t := range tasks {
			best(t.result, cpuTime(t.run)/t.per, round)
		}
		p.alone = append(p.alone, together(1, shared))
		p.crowd = append(p.crowd, together(cores, shared))
		p.apart = append(p.apart, together(cores, own))
		plain := func(int) func() { return number.both }
		best(&p.aloneAtomic, together(1, plain), round)
		best(&p.crowdAtomic, together(cores, plain), round)
	}
	return p, nil
}

// best keeps the least.
func best(of *float64, got float64, round int) {
	if round == 0 || got < *of {
		*of = got
	}
}

// together has n threads call what of returns for each, all at the same time, and
// returns how many nanoseconds of its own time a thread took for a call. What the
// scheduler does to start and end them does not count.
func together(n int, of func(thread int) func()) float64 {
	const calls = 10 * calls
	var ready, spent atomic.Int64
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			f := of(i)
			f()
			for ready.Add(1); ready.Load() < int64(n); {
				runtime.Gosched()
			}
			start := threadTime()
			for range calls {
				f()
			}
			spent.Add(int64(threadTime() - start))
		})
	}
	wg.Wait()
	return float64(spent.Load()) / float64(n*calls)
}
