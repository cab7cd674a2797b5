package evidence_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelperf/otelperf-go/internal/evidence"
	"github.com/otelperf/otelperf-go/internal/profiling"
	"github.com/otelperf/otelperf-go/otelperf"
)

// These tests use the runtime's profiler and flight recorder, of which there is
// one each, so none of them is parallel.

// waitsForBackend is a slow function that uses no CPU.
//
//go:noinline
func waitsForBackend(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(100 * time.Millisecond):
		return nil
	}
}

// burnsCPU is a slow function that does.
//
//go:noinline
func burnsCPU(ctx context.Context) error {
	n := 0
	for end := time.Now().Add(20 * time.Millisecond); time.Now().Before(end); {
		n++
	}
	return ctx.Err()
}

// serve runs both as labelled operations until the test ends.
func serve(t *testing.T) {
	t.Helper()
	rec, err := otelperf.New(otelperf.WithProfileLabels(),
		otelperf.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))))
	check(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, x := range []struct {
		name    string
		call    func(context.Context) error
		clients int
	}{
		{"search", waitsForBackend, 5}, // one at least is waiting at every moment
		{"rank", burnsCPU, 1},
	} {
		op, err := rec.Operation(x.name)
		check(t, err)
		for range x.clients {
			running.Go(func() {
				for ctx.Err() == nil {
					_ = op.Do(ctx, x.call)
				}
			})
		}
	}
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
}

func profilerFor(t *testing.T, window time.Duration, opts ...profiling.Option) *profiling.Profiler {
	t.Helper()
	p, err := profiling.Start(append(opts, profiling.WithWindow(window))...)
	check(t, err)
	t.Cleanup(func() { check(t, p.Stop(context.Background())) })
	return p
}

// gathered waits until the collector has gathered what was reserved.
func gathered(t *testing.T, c *evidence.Collector) {
	t.Helper()
	check(t, c.Stop(t.Context()))
}

// goTool runs one of Go's tools.
func goTool(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"tool"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("go tool %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// Every file opens with the tool that the index names, and shows the function
// that was slow: by its CPU time, or by its waiting.
func TestToolsOpenEveryFile(t *testing.T) {
	serve(t)
	dir := t.TempDir()
	p := profilerFor(t, 600*time.Millisecond) // and no window that nobody asked for
	ready := make(chan struct{})
	c := startWith(t, dir, evidence.WithProfiler(whenReady{p, ready}))
	before, err := capture(t.Context(), p) // is cpu-before.pprof, while the trace is recorded
	check(t, err)
	for last, _ := p.Last(); !last.End.Equal(before.End); last, _ = p.Last() { // it is answered before it is kept
		runtime.Gosched()
	}
	path := c.Reserve(firing("search_ms"))
	<-ready
	gathered(t, c)

	shows := map[string][]string{ // what each file has to show
		"trace.out":        {"evidence_test.waitsForBackend", "evidence_test.burnsCPU"},
		"goroutine.pprof":  {"evidence_test.waitsForBackend"},
		"goroutine.txt":    {"evidence_test.waitsForBackend", "[select]"},
		"heap.pprof":       {"flat%"},
		"cpu-before.pprof": {"evidence_test.burnsCPU"},
		"cpu.pprof":        {"evidence_test.burnsCPU"},
		"build.txt":        {"go\tgo1.", "github.com/otelperf/otelperf-go"},
	}
	x := readIndex(t, path)
	if x.State != "complete" || len(x.Files) != len(shows) {
		t.Errorf("index %+v", x)
	}
	for _, f := range x.Files {
		file := filepath.Join(path, f.Name)
		args := strings.Fields(f.Open)
		var out string
		switch {
		case args[0] == "less":
			data, err := os.ReadFile(file)
			check(t, err)
			out = string(data)
		case args[2] == "trace": // as it is opened, without the browser
			out = goTool(t, "trace", "-d=parsed", file)
			goTool(t, "trace", "-pprof=sync", file)
		default:
			args[len(args)-1] = file
			out = goTool(t, args[2:]...)
		}
		for _, want := range shows[f.Name] {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %s does not show %s but %d bytes, from\n%.1000s\nto\n%s", f.Name, f.Open, want, len(out), out, out[max(0, len(out)-1000):])
			}
		}
	}

	for _, tt := range []struct {
		file, operation, shown, hidden string
	}{
		{"cpu.pprof", "rank", "evidence_test.burnsCPU", ""},
		{"cpu.pprof", "search", "", "evidence_test.burnsCPU"},
		{"goroutine.pprof", "search", "evidence_test.waitsForBackend", "evidence_test.burnsCPU"},
	} {
		out := goTool(t, "pprof", "-top", "-tagfocus=operation="+tt.operation, filepath.Join(path, tt.file))
		if !strings.Contains(out, tt.shown) || tt.hidden != "" && strings.Contains(out, tt.hidden) {
			t.Errorf("%s of %s shows:\n%s", tt.file, tt.operation, out)
		}
	}
}

// whenReady says when a profile was captured.
type whenReady struct {
	*profiling.Profiler
	ready chan struct{}
}

func (w whenReady) Capture(ctx context.Context) (profiling.Profile, error) {
	defer close(w.ready)
	return capture(ctx, w.Profiler)
}

// capture takes profiles until one shows what is busy: on a machine that has no
// time for the test, a window may have no sample.
func capture(ctx context.Context, p *profiling.Profiler) (profiling.Profile, error) {
	for {
		profile, err := p.Capture(ctx)
		if err != nil {
			return profile, err
		}
		zr, err := gzip.NewReader(bytes.NewReader(profile.Data))
		if err != nil {
			return profile, err
		}
		text, err := io.ReadAll(zr)
		if err != nil || bytes.Contains(text, []byte("evidence_test.burnsCPU")) {
			return profile, err
		}
	}
}

// A flight recorder that is taken costs the trace, and nothing else. When it is
// free it is ours.
func TestFlightRecorderIsTaken(t *testing.T) {
	users := trace.NewFlightRecorder(trace.FlightRecorderConfig{})
	check(t, users.Start())
	told := make(chan error)
	c := startWith(t, t.TempDir(), evidence.WithErrorHandler(func(err error) { go func() { told <- err }() }))
	if err := <-told; !strings.Contains(err.Error(), "no traces for now") {
		t.Errorf("told %v", err)
	}
	for range 2 {
		path := c.Reserve(firing("search_ms", attribute.Bool("taken", users.Enabled())))
		if err := <-told; !strings.HasPrefix(err.Error(), "monitor: evidence: "+path+": trace.out: ") {
			t.Errorf("told %v", err)
		}
		if x := readIndex(t, path); x.State != "partial" || x.Files[0].Error == "" || x.Files[1].Error != "" {
			t.Errorf("index %+v", x)
		}
		if users.Enabled() {
			users.Stop() // the second time ours begins
		}
	}
	path := c.Reserve(firing("third"))
	gathered(t, c)
	if x := readIndex(t, path); x.State != "complete" {
		t.Errorf("index %+v", x)
	}
	goTool(t, "trace", "-d=parsed", filepath.Join(path, "trace.out"))
	check(t, users.Start()) // it is free again
	users.Stop()
}

// Somebody else's CPU profile stays whole, and the evidence says that it was
// taken.
func TestAUsersOwnProfile(t *testing.T) {
	check(t, pprof.StartCPUProfile(io.Discard))
	p := profilerFor(t, 100*time.Millisecond, profiling.WithErrorHandler(func(error) {}))
	counts, handler, ready := newCounted(), new(told), make(chan struct{})
	c := start(t, t.TempDir(), evidence.WithProfiler(whenReady{p, ready}), evidence.WithMeterProvider(counts),
		evidence.WithErrorHandler(handler.Handle))
	path := c.Reserve(firing("search_ms"))
	<-ready
	gathered(t, c)
	pprof.StopCPUProfile()
	if errs := handler.All(); len(errs) != 1 || !errors.Is(errs[0], profiling.ErrBusy) {
		t.Errorf("told %q", errs)
	}
	for _, f := range readIndex(t, path).Files {
		if f.Name == "cpu.pprof" && !strings.Contains(f.Error, "somebody else is profiling") {
			t.Errorf("index: %+v", f)
		}
	}
}
