package main

import (
	"context"
	"runtime"
	"slices"
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

	// The whole in each round by one thread, by one for each core at the same
	// operation, and by one for each at an operation of its own, which share
	// nothing. Then one atomic number in place of the active count. In time of one
	// core.
	alone, crowd, apart, aloneAtomic, crowdAtomic []float64

	// A call on the SDK's own road, and the least that it takes, in each round.
	onSDK, floor []float64

	// A Counter, and two atomic additions in its place, likewise.
	aloneCounter, aloneAdds, crowdCounter, crowdAdds []float64
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
	var number padded[atomic.Int64]
	var counter padded[otelperf.Counter]
	var adds padded[struct{ count, total atomic.Uint64 }]
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
		{&p.active, calls, times(func() { count.Cell().Enter().Leave(-1, 7) })},
		{&p.record, calls, times(func() { explicit.Record(ctx, 0.0003) })},
		{&p.exponential, calls, times(func() { exponential.Record(ctx, 0.0003) })},
		{&p.recordOnly, calls, times(func() { op.Record(ctx, 300*time.Microsecond, nil) })},
		{&p.whole, calls, times(do(op))},
	}
	// A single one of these is too short for several threads to be at it at once.
	const many = 10
	upAndDown := func(int) func() {
		return func() {
			for range many {
				number.n.Add(1)
				number.n.Add(-1)
			}
		}
	}
	record := func(int) func() {
		return func() {
			for range many {
				counter.n.Record(time.Microsecond)
			}
		}
	}
	addTwice := func(int) func() {
		return func() {
			for range many {
				adds.n.count.Add(1)
				adds.n.total.Add(uint64(time.Microsecond))
			}
		}
	}
	crowds := [][]crowd{
		{{&p.alone, 1, own, 1}, {&p.crowd, cores, shared, 1}, {&p.apart, cores, own, 1}},
		{{&p.aloneAtomic, 1, upAndDown, many}, {&p.crowdAtomic, cores, upAndDown, many}},
		{{&p.aloneCounter, 1, record, many}, {&p.aloneAdds, 1, addTwice, many}},
		{{&p.crowdCounter, cores, record, many}, {&p.crowdAdds, cores, addTwice, many}},
	}
	for round := range rounds {
		if err := collect(); err != nil { // as a service does, now and then
			return p, err
		}
		for _, t := range tasks {
			best(t.result, cpuTime(t.run)/t.per, round)
		}
		for _, compared := range crowds {
			addRound(compared)
		}
		if err := p.addOnSDK(); err != nil {
			return p, err
		}
	}
	return p, nil
}

// addOnSDK adds a round of calls on the SDK's own road beside two readings of the clock
// and one Record. Both are made anew for it, for where their parts happen to lie in
// memory is a part of what they take. They take turns of a fraction of a millisecond:
// what else a machine has to do mostly lasts longer, and so slows down both.
func (p *parts) addOnSDK() error {
	ctx := context.Background()
	rec, err := otelperf.New(otelperf.WithMeterProvider(sdkProvider()))
	if err != nil {
		return err
	}
	op, err := rec.Operation("search")
	if err != nil {
		return err
	}
	h, err := sdkProvider().Meter("floor").Float64Histogram("duration", metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(boundaries...))
	if err != nil {
		return err
	}
	opts := []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attribute.String("otelperf.operation.name", "search")))}
	tasks := []func(){
		func() { _ = op.Do(ctx, nothing) },
		func() {
			start := time.Since(epoch)
			_ = nothing(ctx)
			h.Record(ctx, float64(time.Since(epoch)-start)/1e9, opts...)
		},
	}
	const turns, calls = 100, 1000
	var spent [2]time.Duration
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for turn := range 1 + turns {
		for i := range tasks {
			i ^= turn & 1
			start := threadTime()
			for range calls {
				tasks[i]()
			}
			if turn > 0 { // the first one makes their series
				spent[i] += threadTime() - start
			}
		}
	}
	p.onSDK = append(p.onSDK, float64(spent[0].Nanoseconds())/(turns*calls))
	p.floor = append(p.floor, float64(spent[1].Nanoseconds())/(turns*calls))
	return nil
}

// sdkProvider returns a provider of the SDK, with a reader.
func sdkProvider() metric.MeterProvider {
	return sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
}

// best keeps the least.
func best(of *float64, got float64, round int) {
	if round == 0 || got < *of {
		*of = got
	}
}

// attempts are made at a round.
const attempts = 5

// A padded value has its cache lines for itself.
type padded[T any] struct {
	_ [64]byte
	n T
	_ [64]byte
}

// A crowd is n threads at work together, and where the time goes that one call
// takes, of per that each does at a time.
type crowd struct {
	to  *[]float64
	n   int
	of  func(thread int) func()
	per float64
}

// addRound adds a round to each of some crowds that are compared, unless other
// processes took so much of it that the threads were not at it all at the same
// time.
func addRound(compared []crowd) {
	var got []float64
	for _, c := range compared {
		for range attempts {
			if ns, ok := together(c.n, c.of); ok {
				got = append(got, ns/c.per)
				break
			}
		}
	}
	if len(got) < len(compared) {
		return
	}
	for i, c := range compared {
		*c.to = append(*c.to, got[i])
	}
}

// together has n threads call what of returns for each and returns how many
// nanoseconds of its own time a thread took for a call. What the scheduler does to
// start and end them does not count. ok is false if they did not do so side by
// side, on CPUs of their own, for nine tenths of the time.
func together(n int, of func(thread int) func()) (ns float64, ok bool) {
	const calls = 10 * calls
	var ready, spent atomic.Int64
	var wg sync.WaitGroup
	begun, ended := make([]time.Duration, n), make([]time.Duration, n)
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
			begun[i] = time.Since(epoch)
			for range calls {
				f()
			}
			ended[i] = time.Since(epoch)
			spent.Add(int64(threadTime() - start))
		})
	}
	wg.Wait()
	least := 0.9 * float64(slices.Max(ended)-slices.Min(begun))
	ok = float64(slices.Min(ended)-slices.Max(begun)) >= least && float64(spent.Load()) >= float64(n)*least
	return float64(spent.Load()) / float64(n*calls), ok
}
