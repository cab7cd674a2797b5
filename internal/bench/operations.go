package main

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"testing"
	"time"

	vm "github.com/VictoriaMetrics/metrics"
	"github.com/prometheus/client_golang/prometheus"
	gometrics "github.com/rcrowley/go-metrics"
	"github.com/spacemonkeygo/monkit/v3"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelperf/otelperf-go/hotroad"
	"github.com/otelperf/otelperf-go/middleware"
	"github.com/otelperf/otelperf-go/otelperf"
)

func init() { suites = append(suites, operationComparisons, hotServerComparisons) }

// hotSDK is a MeterProvider on the hot road, with one reader as sdk has.
func hotSDK() metric.MeterProvider {
	road, err := hotroad.New()
	check(err)
	producer, err := road.Producer(nil)
	check(err)
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(producer))
	return road.MeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
}

// A call is one way to time one of several operations, given its number.
type call func(ctx context.Context, operation int)

// work is what is timed: nothing, through a pointer that the compiler does not
// see through.
//
//go:noinline
func work(context.Context) error { return nil }

// A timer makes calls for n operations, and a function that cleans up, or nil.
type timer struct {
	name string
	make func(n int) (call, func())
}

func wrapped(provider func() metric.MeterProvider) func(n int) (call, func()) {
	return func(n int) (call, func()) {
		rec, err := otelperf.New(otelperf.WithMeterProvider(provider()))
		check(err)
		ops := make([]*otelperf.Operation, n)
		for i := range ops {
			ops[i], err = rec.Operation("search", attribute.Int("index", i))
			check(err)
		}
		return func(ctx context.Context, i int) { _ = ops[i].Do(ctx, work) }, nil
	}
}

var clockEpoch = time.Now()

// boundaries are those that otelperf advises.
var boundaries = []float64{
	1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4,
	1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
}

// timerPeers are other ways to do what otelperf does. None of them but monkit
// counts what is under way, or tells failures from successes.
var timerPeers = []timer{
	{"floor", func(n int) (call, func()) {
		// Two readings of the clock and one Record: what no wrapper around the
		// SDK can be below.
		h, err := sdk().Meter("floor").Float64Histogram("duration", metric.WithUnit("s"),
			metric.WithExplicitBucketBoundaries(boundaries...))
		check(err)
		opts := make([][]metric.RecordOption, n)
		for i := range opts {
			opts[i] = []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(
				attribute.String("otelperf.operation.name", "search"), attribute.Int("index", i)))}
		}
		return func(ctx context.Context, i int) {
			start := time.Since(clockEpoch)
			_ = work(ctx)
			h.Record(ctx, float64(time.Since(clockEpoch)-start)/1e9, opts[i]...)
		}, nil
	}},
	{"bare", func(int) (call, func()) {
		return func(ctx context.Context, _ int) { _ = work(ctx) }, nil
	}},
	{"clock", func(int) (call, func()) {
		return func(ctx context.Context, _ int) {
			start := time.Since(clockEpoch)
			_ = work(ctx)
			runtime.KeepAlive(time.Since(clockEpoch) - start)
		}, nil
	}},
	{"monkit", func(n int) (call, func()) {
		scope := monkit.NewRegistry().ScopeNamed("bench")
		funcs := make([]*monkit.Func, n)
		for i := range funcs {
			funcs[i] = scope.FuncNamed(fmt.Sprint("search", i))
		}
		return func(ctx context.Context, i int) {
			var err error
			exit := funcs[i].Task(&ctx)
			err = work(ctx)
			exit(&err)
		}, nil
	}},
	{"victoriametrics", func(n int) (call, func()) {
		set := vm.NewSet()
		hs := make([]*vm.Histogram, n)
		for i := range hs {
			hs[i] = set.NewHistogram(fmt.Sprintf(`search{index="%d"}`, i))
		}
		return func(ctx context.Context, i int) {
			start := time.Now()
			_ = work(ctx)
			hs[i].UpdateDuration(start)
		}, nil
	}},
	{"go-metrics", func(n int) (call, func()) {
		ts := make([]gometrics.Timer, n)
		for i := range ts {
			ts[i] = gometrics.NewTimer()
		}
		stop := func() {
			for _, t := range ts {
				t.Stop() // else it is kept, and its rates are worked out
			}
		}
		return func(ctx context.Context, i int) {
			start := time.Now()
			_ = work(ctx)
			ts[i].UpdateSince(start)
		}, stop
	}},
	{"prometheus", func(n int) (call, func()) {
		vec := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "search", Buckets: boundaries}, []string{"index"})
		hs := make([]prometheus.Observer, n)
		for i := range hs {
			hs[i] = vec.WithLabelValues(fmt.Sprint(i))
		}
		return func(ctx context.Context, i int) {
			start := time.Now()
			_ = work(ctx)
			hs[i].Observe(time.Since(start).Seconds())
		}, nil
	}},
}

// operationComparisons are on both roads, on one and two CPUs, and with all of
// them at one operation or over a hundred.
func operationComparisons() (out []comparison) {
	roads := []timer{
		{"operation", wrapped(sdk)},
		{"operation-hot", wrapped(hotSDK)},
	}
	for _, road := range roads {
		for _, load := range []struct {
			name       string
			cpus, keys int
		}{
			{"serial-1cpu", 1, 1},
			{"serial-2cpu", 2, 1},
			{"parallel-one-2cpu", 2, 1},
			{"parallel-hundred-2cpu", 2, 100},
		} {
			parallel := load.keys > 1 || load.name == "parallel-one-2cpu"
			contend := func(t timer) contender {
				return contender{t.name, func() (func(*testing.B), func()) {
					f, cleanup := t.make(load.keys)
					return timed(f, load.keys, load.cpus, parallel), cleanup
				}}
			}
			c := comparison{what: road.name + "-" + load.name, ours: contend(road)}
			for _, p := range timerPeers {
				c.peers = append(c.peers, contend(p))
			}
			out = append(out, c)
		}
	}
	return out
}

// timed runs the call on that many CPUs.
func timed(f call, keys, cpus int, parallel bool) func(*testing.B) {
	ctx := context.Background()
	return onCPUs(cpus, func(b *testing.B) {
		if !parallel {
			for b.Loop() {
				f(ctx, 0)
			}
			return
		}
		b.RunParallel(func(pb *testing.PB) {
			i := 0
			for pb.Next() {
				f(ctx, i)
				if i++; i >= keys {
					i = 0
				}
			}
		})
	})
}

func hotServer(h http.Handler) http.Handler {
	mw, err := middleware.New(middleware.WithMeterProvider(hotSDK()))
	check(err)
	return mw.Handler(middleware.Route(h))
}

// hotServerComparisons are those of serverComparisons, on the hot road.
func hotServerComparisons() []comparison {
	return []comparison{
		serverComparison("server-hot-serial", hotServer, serially),
		serverComparison("server-hot-serial-1cpu", hotServer, onOneCPU(serially)),
		serverComparison("server-hot-parallel", hotServer, inParallel),
	}
}
