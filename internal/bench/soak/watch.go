package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"sync"
	"time"

	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"

	"github.com/otelperf/otelperf-go/internal/bench/result"
)

// A watch samples a process: after garbage collections, once a second at most,
// its memory and descriptors, and from what it exports its goroutines and what it
// allocates.
type watch struct {
	mu         sync.Mutex
	pid        int // 0: not yet, or no longer
	start      time.Time
	last       time.Time // a sample after a garbage collection
	err        error
	rss, live  []result.Sample
	fds        []result.Sample
	threads    []result.Sample
	goroutines []result.Sample
	allocated  []result.Sample
	before     exported // what allocated was reckoned from the last time
}

// exported is what one batch says.
type exported struct{ goroutines, allocated, requests float64 }

func newWatch() *watch { return &watch{} }

func (w *watch) begin(pid int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pid, w.start = pid, time.Now()
}

func (w *watch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pid = 0
}

// collected finds in a line of GODEBUG=gctrace=1 what was alive, in MiB.
var collected = regexp.MustCompile(`^gc \d+ @.* \d+->\d+->(\d+) MB, `)

// line reads a line of the process' stderr.
func (w *watch) line(s string) {
	m := collected.FindStringSubmatch(s)
	if m == nil {
		return
	}
	live, err := strconv.ParseFloat(m[1], 64)
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if w.pid == 0 || w.err != nil || now.Sub(w.last) < time.Second {
		return
	}
	w.last = now
	if err != nil {
		w.err = fmt.Errorf("soak: %q: %w", s, err)
		return
	}
	rss, threads, fds, err := look(w.pid)
	if err != nil {
		w.err = fmt.Errorf("soak: %w", err)
		return
	}
	at := now.Sub(w.start)
	w.live = append(w.live, result.Sample{At: at, Value: live})
	w.rss = append(w.rss, result.Sample{At: at, Value: rss})
	w.threads = append(w.threads, result.Sample{At: at, Value: threads})
	w.fds = append(w.fds, result.Sample{At: at, Value: fds})
}

var status = regexp.MustCompile(`(?m)^(VmRSS|Threads):\s+(\d+)`)

// look reads what the kernel knows of a process: its resident memory in MiB, its
// threads and its open descriptors.
func look(pid int) (rss, threads, fds float64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, 0, err
	}
	for _, m := range status.FindAllStringSubmatch(string(text), -1) {
		n, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return 0, 0, 0, err
		}
		if m[1] == "VmRSS" {
			rss = n / 1024
		} else {
			threads = n
		}
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return rss, threads, float64(len(open)), err
}

// exported reads a batch. Where a newer one overtook it in the queue, only what
// the newer one did not have is left, and that says nothing here.
func (w *watch) exported(rms []*metrics.ResourceMetrics) {
	now := readBatch(rms)
	if now.goroutines == 0 || now.allocated == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pid == 0 {
		return
	}
	at := time.Since(w.start)
	w.goroutines = append(w.goroutines, result.Sample{At: at, Value: now.goroutines})
	if now.allocated == w.before.allocated {
		return // the runtime's numbers are renewed every 15 seconds
	}
	if served := now.requests - w.before.requests; w.before.allocated > 0 && served > 0 {
		perRequest := (now.allocated - w.before.allocated) / served / 1024
		w.allocated = append(w.allocated, result.Sample{At: at, Value: perRequest})
	}
	w.before = now
}

func readBatch(rms []*metrics.ResourceMetrics) (x exported) {
	for _, rm := range rms {
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				switch m.Name {
				case "go.goroutine.count":
					x.goroutines = number(m.GetSum().GetDataPoints()) + number(m.GetGauge().GetDataPoints())
				case "go.memory.allocated":
					x.allocated = number(m.GetSum().GetDataPoints())
				case "http.server.request.duration":
					for _, p := range m.GetHistogram().GetDataPoints() {
						x.requests += float64(p.Count)
					}
				}
			}
		}
	}
	return x
}

func number(points []*metrics.NumberDataPoint) (sum float64) {
	for _, p := range points {
		sum += float64(p.GetAsInt()) + p.GetAsDouble()
	}
	return sum
}

// lines returns what was sampled.
func (w *watch) lines() ([]result.Line, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return nil, w.err
	}
	// What the service does each second, however many requests it answers in it,
	// is shared by fewer of them on a busy machine.
	allocated := result.NewLine("allocated for each request", "KiB", w.allocated, 0.02, 0)
	allocated.Told = true
	return []result.Line{
		result.NewLine("resident memory after GC", "MiB", w.rss, 0.03, 0),
		result.NewLine("heap after GC", "MiB", w.live, 0.01, 1), // the trace has whole MiB
		result.NewLine("goroutines", "", w.goroutines, 0, 2),
		result.NewLine("descriptors", "", w.fds, 0, 2),
		result.NewLine("threads", "", w.threads, 0, 2),
		allocated,
	}, nil
}
