package main

import (
	"context"
	"fmt"
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
	"github.com/otelperf/otelperf-go/internal/bench/result"
	"github.com/otelperf/otelperf-go/internal/stripe"
	"github.com/otelperf/otelperf-go/otelperf"
)

// parts says where the time of one call on the hot road goes, in nanoseconds.
type parts struct {
	// What a function that does nothing takes to be called by the measurement is
	// in all of them.
	empty, function, clock, active, record, exponential, recordOnly, whole float64

	// A Record of the SDK with no attributes, and with six that were made beforehand.
	sdkNone, sdkSix float64

	// The whole in each round by one thread, by one for each core at the same
	// operation, and by one for each at an operation of its own, which share
	// nothing. Then one atomic number in place of the active count. In time of one
	// core.
	alone, crowd, apart, aloneAtomic, crowdAtomic []float64

	// In how many turns of the first three the cores were side by side.
	sideBySide int

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

// recordOptions returns what a measurement with n attributes is recorded with.
func recordOptions(n int) []metric.RecordOption {
	var attrs []attribute.KeyValue
	for i := range n {
		attrs = append(attrs, attribute.String(fmt.Sprint("k", i), "v"))
	}
	return []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attrs...))}
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
	op, err := rec.Operation("search")
	if err != nil {
		return p, err
	}
	sdk, err := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())).Meter("parts").
		Float64Histogram(metricName, metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(boundaries...))
	if err != nil {
		return p, err
	}
	none, six := recordOptions(0), recordOptions(6)
	var count stripe.Count
	count.Init()
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
	tasks := []struct {
		result *float64
		per    float64
		run    func()
	}{
		{&p.empty, calls, times(func() {})},
		{&p.function, calls, times(func() { _ = nothing(ctx) })},
		{&p.clock, calls, times(clock)},
		{&p.active, calls, times(func() { count.Cell().Enter().Leave(-1) })},
		{&p.record, calls, times(func() { explicit.Record(ctx, 0.0003) })},
		{&p.exponential, calls, times(func() { exponential.Record(ctx, 0.0003) })},
		{&p.recordOnly, calls, times(func() { op.Record(ctx, 300*time.Microsecond, nil) })},
		{&p.whole, calls, times(func() { _ = op.Do(ctx, nothing) })},
		{&p.sdkNone, calls, times(func() { sdk.Record(ctx, 0.0003, none...) })},
		{&p.sdkSix, calls, times(func() { sdk.Record(ctx, 0.0003, six...) })},
	}
	for round := range rounds {
		if err := collect(); err != nil { // as a service does, now and then
			return p, err
		}
		for _, t := range tasks {
			best(t.result, cpuTime(t.run)/t.per, round)
		}
		if err := p.addCrowds(); err != nil {
			return p, err
		}
		if err := p.addOnSDK(); err != nil {
			return p, err
		}
	}
	return p, nil
}

// addCrowds adds a round of what several cores do at once. What they share is made anew
// for it, for where it happens to lie in memory is a part of what it takes.
func (p *parts) addCrowds() error {
	ctx := context.Background()
	mp, _, err := hotProvider()
	if err != nil {
		return err
	}
	rec, err := otelperf.New(otelperf.WithMeterProvider(mp))
	if err != nil {
		return err
	}
	cores := runtime.GOMAXPROCS(0)
	ops := make([]*otelperf.Operation, 1+cores) // the first for all, the others for one each
	for i := range ops {
		if ops[i], err = rec.Operation("search", attribute.Int("of", i)); err != nil {
			return err
		}
	}
	do := func(op *otelperf.Operation) func() { return func() { _ = op.Do(ctx, nothing) } }
	shared := func(int) func() { return do(ops[0]) }
	own := func(core int) func() { return do(ops[1+core]) }
	var (
		number  padded[atomic.Int64]
		counter padded[otelperf.Counter]
		adds    padded[struct{ count, total atomic.Uint64 }]
	)
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
	t := newTeam(cores)
	defer t.leave()
	p.sideBySide += t.compare([]crowd{{&p.alone, 1, own, 1}, {&p.crowd, cores, shared, 1}, {&p.apart, cores, own, 1}})
	t.compare([]crowd{{&p.aloneAtomic, 1, upAndDown, many}, {&p.crowdAtomic, cores, upAndDown, many}})
	t.compare([]crowd{{&p.aloneCounter, 1, record, many}, {&p.aloneAdds, 1, addTwice, many}})
	t.compare([]crowd{{&p.crowdCounter, cores, record, many}, {&p.crowdAdds, cores, addTwice, many}})
	return nil
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

// A team is threads that work when they are told to, all at the same time.
type team struct {
	tasks []chan func()
	gone  sync.WaitGroup

	ready        atomic.Int64
	done         sync.WaitGroup
	begun, ended []time.Duration
	spent        []time.Duration
}

// turnCalls are made by each thread in a turn, after warmUp more. That takes some
// tenths of a millisecond.
const turnCalls, warmUp = 4000, 200

func newTeam(n int) *team {
	t := &team{
		tasks: make([]chan func(), n), begun: make([]time.Duration, n),
		ended: make([]time.Duration, n), spent: make([]time.Duration, n),
	}
	for i := range t.tasks {
		t.tasks[i] = make(chan func())
		t.gone.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for f := range t.tasks[i] {
				for range warmUp {
					f()
				}
				for t.ready.Add(-1); t.ready.Load() > 0; { // they are all awake
				}
				start := threadTime()
				t.begun[i] = time.Since(epoch)
				for range turnCalls {
					f()
				}
				t.ended[i] = time.Since(epoch)
				t.spent[i] = threadTime() - start
				t.done.Done()
			}
		})
	}
	return t
}

// leave ends the threads.
func (t *team) leave() {
	for _, c := range t.tasks {
		close(c)
	}
	t.gone.Wait()
}

// A round has so many turns, and counts if enough of them do.
const turnsOfRound, enoughTurns = 100, 20

// compare adds a round to each of some crowds that are compared, in which they take
// turns, in one order and then in the other: what else a machine has to do mostly lasts
// longer than a turn, and so slows down all of them. The median counts, of those turns in
// which each crowd was at work side by side. There is no round if these are too few.
func (t *team) compare(crowds []crowd) (sideBySide int) {
	work := make([][]func(), len(crowds))
	for i, c := range crowds {
		for thread := range c.n {
			work[i] = append(work[i], c.of(thread))
		}
	}
	took := make([][]float64, len(crowds))
	for turn := range turnsOfRound {
		ns, all := make([]float64, len(crowds)), true
		for i := range crowds {
			if turn%2 == 1 {
				i = len(crowds) - 1 - i
			}
			var ok bool
			ns[i], ok = t.turn(work[i])
			all = all && ok
		}
		if all {
			for i := range crowds {
				took[i] = append(took[i], ns[i]/crowds[i].per)
			}
		}
	}
	if len(took[0]) >= enoughTurns {
		for i, c := range crowds {
			*c.to = append(*c.to, result.Median(took[i]))
		}
	}
	return len(took[0])
}

// turn has a thread for each function call it, and returns how many nanoseconds of its
// own time one took for a call. What the scheduler does to start and end them does not
// count. ok is false if they did not do so side by side, on CPUs of their own, for nine
// tenths of the time.
func (t *team) turn(work []func()) (ns float64, ok bool) {
	n := len(work)
	t.ready.Store(int64(n))
	t.done.Add(n)
	for i, f := range work {
		t.tasks[i] <- f
	}
	t.done.Wait()
	var spent time.Duration
	for _, s := range t.spent[:n] {
		spent += s
	}
	least := 0.9 * float64(slices.Max(t.ended[:n])-slices.Min(t.begun[:n]))
	ok = float64(slices.Min(t.ended[:n])-slices.Max(t.begun[:n])) >= least && float64(spent) >= float64(n)*least
	return float64(spent) / float64(n*turnCalls), ok
}
