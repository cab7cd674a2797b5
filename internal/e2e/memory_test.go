package e2e_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/otelperf/monitor"
)

// twinOf, in the environment, makes the test binary a twin that exports there.
const twinOf = "OTELPERF_E2E_TWIN"

func TestMain(m *testing.M) {
	if endpoint := os.Getenv(twinOf); endpoint != "" {
		if err := runTwin(endpoint); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// A twin is a service in a process of its own, so that its memory can be told
// from the test's. It exports totals and deltas, with a short interval and a
// short queue.
type twin struct {
	t      *testing.T
	ask    io.Writer
	answer *bufio.Reader
}

const twinInterval = 100 * time.Millisecond

// A reading is of a twin's memory, in KiB but for the count.
type reading struct{ collections, heap, resident, goroutines int }

func startTwin(t *testing.T, endpoint string) *twin {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), twinOf+"="+endpoint)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	ask, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	answer, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = ask.Close() // it ends when nobody asks any more
		_ = cmd.Wait()
	})
	tw := &twin{t: t, ask: ask, answer: bufio.NewReader(answer)}
	tw.say("count") // it runs
	return tw
}

// say sends a word and returns the reading that comes back.
func (tw *twin) say(word string) (r reading) {
	tw.t.Helper()
	if _, err := fmt.Fprintln(tw.ask, word); err != nil {
		tw.t.Fatal(err)
	}
	line, err := tw.answer.ReadString('\n')
	if err == nil {
		_, err = fmt.Sscan(line, &r.collections, &r.heap, &r.resident, &r.goroutines)
	}
	if err != nil {
		tw.t.Fatalf("%q: %v", line, err)
	}
	return r
}

// after is a reading when there were n more collections than now.
func (tw *twin) after(n int) reading {
	tw.t.Helper()
	tick := time.NewTicker(twinInterval)
	defer tick.Stop()
	for end := tw.say("count").collections + n; tw.say("count").collections < end; {
		<-tick.C
	}
	return tw.say("read")
}

// wantFlat: 40 collections later nothing has grown. What a busy machine has
// under way for long is no growth either, and is over in a later reading.
func (tw *twin) wantFlat(t *testing.T, since reading) {
	t.Helper()
	r := tw.after(max(since.collections+40-tw.say("count").collections, 0))
	grown := func() bool {
		return r.heap > since.heap+2048 || r.resident > since.resident+6144 || r.goroutines > since.goroutines+10
	}
	for range 5 {
		if grown() {
			r = tw.after(5)
		}
	}
	t.Logf("in %d collections the heap went from %d to %d KiB, resident memory from %d to %d KiB, goroutines from %d to %d",
		r.collections-since.collections, since.heap, r.heap, since.resident, r.resident, since.goroutines, r.goroutines)
	if grown() {
		t.Error("memory has grown")
	}
}

// runTwin is the twin's own main.
func runTwin(endpoint string) error {
	const twins = 2
	var operations []func()
	count := &counting{}
	for _, temporality := range []string{"cumulative", "delta"} {
		mon, err := monitor.Start(context.Background(),
			monitor.WithConfig("twin.toml", fmt.Appendf(nil, "[resource]\nservice_name = \"twin\"\n[monitoring]\ninterval_seconds = %v\nmetrics_retention_hours = 0\n"+ // history grows until it is full
				"[export]\nexporters = [\"otlp\"]\nendpoint = %q\ntemporality = %q\ntimeout_seconds = 0.2\nqueue_size = 4\n",
				twinInterval.Seconds(), endpoint, temporality)),
			monitor.WithExporter(count), monitor.WithConsole(io.Discard), monitor.WithLogger(slog.New(slog.DiscardHandler)))
		if err != nil {
			return err
		}
		// So many that each interval which is kept shows.
		for i := range 100 {
			op, err := mon.Recorder().Operation(fmt.Sprint("twin ", i))
			if err != nil {
				return err
			}
			operations = append(operations, func() { op.Record(context.Background(), time.Millisecond, nil) })
		}
	}
	go func() {
		for range time.Tick(10 * time.Millisecond) {
			for _, record := range operations {
				record()
			}
		}
	}()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		r := reading{collections: int(count.n.Load()) / twins}
		if lines.Text() == "read" {
			if err := r.measure(); err != nil {
				return err
			}
		}
		fmt.Println(r.collections, r.heap, r.resident, r.goroutines)
	}
	return nil
}

// measure takes the least of some: what is under way at one moment is no growth.
func (r *reading) measure() error {
	tick := time.NewTicker(twinInterval / 3)
	defer tick.Stop()
	for i := range 10 {
		<-tick.C
		debug.FreeOSMemory() // after a garbage collection
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			return err
		}
		_, rest, _ := strings.Cut(string(status), "VmRSS:")
		var resident int
		if _, err := fmt.Sscan(rest, &resident); err != nil {
			return err
		}
		if heap := int(m.HeapAlloc >> 10); i == 0 || heap < r.heap {
			r.heap = heap
		}
		if i == 0 || resident < r.resident {
			r.resident = resident
		}
		if n := runtime.NumGoroutine(); i == 0 || n < r.goroutines {
			r.goroutines = n
		}
	}
	return nil
}

// A counting exporter counts collections.
type counting struct{ n atomic.Int64 }

func (*counting) Temporality(sdkmetric.InstrumentKind) metricdata.Temporality {
	return metricdata.CumulativeTemporality
}

func (*counting) Aggregation(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(k)
}

func (c *counting) Export(context.Context, *metricdata.ResourceMetrics) error { c.n.Add(1); return nil }
func (*counting) ForceFlush(context.Context) error                            { return nil }
func (*counting) Shutdown(context.Context) error                              { return nil }

// TestMemoryInFaults: no fault makes a service's memory grow. It runs before the
// tests that are parallel, as it takes time from them.
func TestMemoryInFaults(t *testing.T) { //nolint:tparallel // before those that are
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			s := newStreet(t, f.down)
			tw := startTwin(t, f.endpointOf(s))
			f.inject(s)
			tw.wantFlat(t, tw.after(20))
		})
	}
}
