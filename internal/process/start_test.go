package process_test

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/process"
	"github.com/otelperf/otelperf-go/internal/version"
)

// values are the points of a collection by metric and attributes, such as
// "process.cpu.time user".
type values map[string]float64

func collect(t testing.TB, reader sdkmetric.Reader) values {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &rm); err != nil {
		t.Errorf("Collect() = %v", err)
	}
	got := values{}
	for _, scope := range rm.ScopeMetrics {
		want := instrumentation.Scope{Name: "github.com/otelperf/otelperf-go/otelperf/monitor", Version: version.Version}
		if scope.Scope != want {
			t.Errorf("scope is %+v, want %+v", scope.Scope, want)
		}
		for _, m := range scope.Metrics {
			add := func(p metricdata.DataPoint[float64]) {
				name := m.Name
				for _, kv := range p.Attributes.ToSlice() {
					name += " " + kv.Value.String()
				}
				got[name] = p.Value
			}
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					add(metricdata.DataPoint[float64]{Attributes: p.Attributes, Value: float64(p.Value)})
				}
			case metricdata.Sum[float64]:
				for _, p := range data.DataPoints {
					add(p)
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					add(p)
				}
			default:
				t.Errorf("%s is a %T", m.Name, m.Data)
			}
		}
	}
	return got
}

// start observes fake, or this process if it is nil.
func start(t testing.TB, options ...process.Option) (sdkmetric.Reader, *process.Instruments) {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	instruments, err := process.Start(provider, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(instruments.Close(), provider.Shutdown(context.Background())); err != nil {
			t.Error(err)
		}
	})
	return reader, instruments
}

// names are what a collection has besides the Go runtime's figures.
func names(v values) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(v)), func(name string) bool { return strings.HasPrefix(name, "go.") })
}

func TestAbsentIsNotZero(t *testing.T) {
	reader, _ := start(t, process.WithFake(&process.Fake{User: 3, System: 1}))
	want := []string{
		"otelperf.process.read.failures",
		"process.cpu.time system", "process.cpu.time user",
		"process.paging.faults", // kinds are not told apart
	}
	if got := names(collect(t, reader)); !slices.Equal(got, want) {
		t.Errorf("collected %v, want %v", got, want)
	}
}

func TestWithoutMemory(t *testing.T) {
	fake := &process.Fake{Resident: 1 << 20, Threads: 5, Uptime: time.Minute}
	reader, _ := start(t, process.WithFake(fake))
	got := collect(t, reader)
	for name, want := range map[string]float64{
		"process.memory.usage": 1 << 20, "process.memory.virtual": 2 << 20,
		"process.thread.count": 5, "process.uptime": 60, "otelperf.process.read.failures": 0,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s = %v, %t, want %v", name, v, ok, want)
		}
	}
	reader, _ = start(t, process.WithFake(fake), process.WithoutMemory())
	for _, name := range names(collect(t, reader)) {
		if strings.Contains(name, "memory") {
			t.Errorf("%s is there without memory", name)
		}
	}
}

func TestFailuresAreCountedAndToldOnce(t *testing.T) {
	var heard []error
	fake := &process.Fake{Threads: 5, CPUs: 2}
	reader, _ := start(t, process.WithFake(fake), process.WithErrorHandler(func(err error) { heard = append(heard, err) }))
	fake.Err = errors.New("no such file")
	for range 3 {
		if got := names(collect(t, reader)); !slices.Equal(got, []string{"otelperf.process.read.failures"}) {
			t.Errorf("collected %v of what cannot be read", got)
		}
	}
	if got := collect(t, reader)["otelperf.process.read.failures"]; got != 8 {
		t.Errorf("%v failures are counted, want 8", got)
	}
	fake.Err = nil
	if got := collect(t, reader); got["process.thread.count"] != 5 {
		t.Errorf("collected %v afterwards", got)
	}
	if len(heard) != 2 || !strings.Contains(heard[0].Error(), "monitor: cannot read this process' CPU time: no such file") {
		t.Errorf("the handler heard %v", heard)
	}
	fake.Err = errors.New("again")
	collect(t, reader)
	if len(heard) != 4 {
		t.Errorf("the handler heard %v", heard)
	}
}

func TestStartFails(t *testing.T) {
	broken := errors.New("broken")
	if i, err := process.Start(noop.NewMeterProvider(), process.WithoutSource(broken)); i != nil || !errors.Is(err, broken) {
		t.Errorf("Start without a source = %v, %v", i, err)
	}
	i, err := process.Start(brokenProvider{}, nil)
	if i != nil || err == nil || !strings.Contains(err.Error(), "monitor: process metrics: ") {
		t.Errorf("Start with a broken meter = %v, %v", i, err)
	}
}

// A brokenProvider cannot make counters.
type brokenProvider struct{ noop.MeterProvider }

func (brokenProvider) Meter(string, ...metric.MeterOption) metric.Meter { return brokenMeter{} }

type brokenMeter struct{ noop.Meter }

func (brokenMeter) Int64ObservableCounter(string, ...metric.Int64ObservableCounterOption) (metric.Int64ObservableCounter, error) {
	return nil, errors.New("no counters here")
}

func TestGlobalProviderAndDefaults(t *testing.T) {
	defer otel.SetMeterProvider(otel.GetMeterProvider())
	reader := sdkmetric.NewManualReader()
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	i, err := process.Start(nil, process.WithErrorHandler(nil), process.WithWindow(-1))
	if err != nil {
		t.Fatal(err)
	}
	if got := collect(t, reader); got["process.uptime"] <= 0 {
		t.Errorf("collected %v", got)
	}
	if err := i.Close(); err != nil {
		t.Error(err)
	}
	if got := collect(t, reader); len(got) != 0 {
		t.Errorf("collected %v after Close", got)
	}
	if err := i.Close(); err != nil {
		t.Errorf("second Close = %v", err)
	}
}

func TestReadersDoNotShortenEachOthersWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &process.Fake{CPUs: 2}
		first, second := sdkmetric.NewManualReader(), sdkmetric.NewManualReader()
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(first), sdkmetric.WithReader(second))
		i, err := process.Start(provider, process.WithFake(fake), process.WithWindow(10*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if got := collect(t, first); len(names(got)) != 4 {
			t.Errorf("collected %v at once, want no utilization", names(got))
		}
		// The process uses one CPU of two in even seconds, and none in odd ones.
		for s := range 60 {
			if s%2 == 0 {
				fake.User += 0.75
				fake.System += 0.25
			}
			pass(time.Second)
			for _, reader := range []sdkmetric.Reader{second, first, second} {
				if s%10 != 9 && reader == first {
					continue
				}
				got := collect(t, reader)
				user, system := got["process.cpu.utilization user"], got["process.cpu.utilization system"]
				if s%10 == 9 && (user != 0.1875 || system != 0.0625) {
					t.Errorf("after %d s: %v and %v, want the share of ten seconds", s+1, user, system)
				}
				if now := i.Now(); now.CPU != user+system || !math.IsNaN(now.Resident) {
					t.Errorf("Now() = %+v, want CPU %v and no memory", now, user+system)
				}
			}
		}
		if err := errors.Join(i.Close(), provider.Shutdown(t.Context())); err != nil {
			t.Error(err)
		}
	})
}

func TestConcurrentUse(t *testing.T) {
	reader, i := start(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				var rm metricdata.ResourceMetrics
				if err := reader.Collect(context.Background(), &rm); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range 20 {
				i.Now()
			}
		})
	}
	wg.Wait()
}

// pass lets time go by in a bubble of testing/synctest.
func pass(d time.Duration) { <-time.After(d) }

// between checks that a figure lies between two readings of the same by
// another way, one before and one after.
func between(t *testing.T, got values, name string, before, after, slack float64) {
	t.Helper()
	v, ok := got[name]
	if !ok || v < min(before, after)-slack || v > max(before, after)+slack {
		t.Errorf("%s = %v, %t, want %v … %v, ± %v", name, v, ok, before, after, slack)
	}
}
