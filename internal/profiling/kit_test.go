package profiling_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/profiling"
	"github.com/otelperf/otelperf-go/internal/trial"
)

// What these tests share with others.
type told = trial.Told

var check, child, part = trial.Check, trial.Child, trial.Part

// A counted is a provider whose windows can be read.
type counted struct {
	*sdkmetric.MeterProvider
	reader *sdkmetric.ManualReader
}

func newCounted() counted {
	reader := sdkmetric.NewManualReader()
	return counted{sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), reader}
}

// windows returns otelperf.profiling.windows by outcome.
func (c counted) windows(t *testing.T) map[string]int64 {
	t.Helper()
	var rm metricdata.ResourceMetrics
	check(t, c.reader.Collect(context.Background(), &rm))
	got := make(map[string]int64)
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			if m.Name != "otelperf.profiling.windows" {
				continue
			}
			for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
				outcome, _ := p.Attributes.Value("otelperf.profiling.outcome")
				got[outcome.AsString()] = p.Value
			}
		}
	}
	return got
}

// A fake takes profiles whose content is their number, and keeps when each
// began and ended.
type fake struct {
	mu   sync.Mutex
	busy bool
	from time.Time
	log  []string
	n    int
	hz   int
	w    io.Writer
}

func newFake() *fake { return &fake{from: time.Now()} }

func (f *fake) option() profiling.Option {
	return profiling.WithFake(profiling.Fake{Begin: f.begin, End: f.end})
}

func (f *fake) begin(w io.Writer, hz int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.busy {
		f.log = append(f.log, fmt.Sprintf("busy %s", time.Since(f.from)))
		return profiling.ErrBusy
	}
	f.n++
	f.w, f.hz = w, hz
	f.log = append(f.log, fmt.Sprintf("begin %s", time.Since(f.from)))
	return nil
}

func (f *fake) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	fmt.Fprintf(f.w, "profile %d", f.n)
	f.log = append(f.log, fmt.Sprintf("end %s", time.Since(f.from)))
}

func (f *fake) setBusy(busy bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy = busy
}

func (f *fake) events() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.log...)
}

// start starts a Profiler that ends with the test.
func start(t *testing.T, opts ...profiling.Option) *profiling.Profiler {
	t.Helper()
	p, err := profiling.Start(append([]profiling.Option{
		profiling.WithErrorHandler(func(err error) { t.Errorf("told: %v", err) }),
		profiling.WithMeterProvider(newCounted()),
	}, opts...)...)
	check(t, err)
	t.Cleanup(func() { check(t, p.Stop(context.Background())) })
	return p
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(data)
}

// older lists what stands beside the file.
func older(t *testing.T, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	check(t, err)
	var names []string
	for _, e := range entries {
		if e.Name() != filepath.Base(path) {
			names = append(names, e.Name())
		}
	}
	return names
}
