package monitor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/otelperf/monitor"
	"github.com/otelperf/otelperf-go/views"
)

func TestAlertComesWithEvidence(t *testing.T) {
	dir := t.TempDir()
	var console buffer
	alerts := make(chan views.Alert, 10)
	mon := start(t, monitor.WithInterval(time.Hour), monitor.WithConsole(&console),
		monitor.WithConfig("c", fmt.Appendf(nil, `
[baseline_targets]
search_ms = 100
[alerting]
evidence = true
[export]
headers = { authorization = "hush" }
[output]
directory = %q
`, dir)),
		monitor.WithNotify(func(_ context.Context, a views.Alert) error { alerts <- a; return nil }))
	record(t, mon, "search_ms", 50)
	flush(t, mon)
	record(t, mon, "search_ms", 150)
	flush(t, mon)
	a := <-alerts
	shutdown(t, mon)
	if rel, err := filepath.Rel(dir, a.Evidence); err != nil || strings.HasPrefix(rel, "..") || rel == "." {
		t.Fatalf("evidence=%q is not inside %s", a.Evidence, dir)
	}
	if line := console.lines()[0]; !strings.HasSuffix(line, " evidence="+a.Evidence) {
		t.Errorf("the line does not end in the evidence's place: %s", line)
	}
	for _, name := range []string{"README", "index.json", "goroutine.pprof", "heap.pprof", "trace.out", "series.csv", "config.toml"} {
		data, err := os.ReadFile(filepath.Join(a.Evidence, name))
		if err != nil || len(data) == 0 {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
		if strings.Contains(string(data), "hush") {
			t.Errorf("%s tells a secret", name)
		}
	}
	series, err := os.ReadFile(filepath.Join(a.Evidence, "series.csv"))
	if err != nil || !strings.Contains(string(series), "search_ms,otelperf.source=recorded,ms,") {
		t.Errorf("series.csv lacks the judged values: %s, %v", series, err)
	}
}

// TestHeapProfiling: the runtime samples allocations as the program has it, unless the
// configuration ends that. Evidence has a heap profile where there are samples.
func TestHeapProfiling(t *testing.T) {
	defer func(rate int) { runtime.MemProfileRate = rate }(runtime.MemProfileRate)
	for _, tc := range []struct {
		text      string
		own, want int
		alerts    bool
	}{
		{"", 100_000, 100_000, true},
		{"", 0, 0, true},
		{"heap_profiling = true\n", 100_000, 100_000, true},
		{"heap_profiling = false\n", 100_000, 0, true},
		{"enabled = false\n", 100_000, 100_000, false},
		{"enabled = false\nheap_profiling = false\n", 100_000, 0, false},
	} {
		runtime.MemProfileRate = tc.own
		dir := t.TempDir()
		var told views.Alert
		mon := start(t, monitor.WithInterval(time.Hour),
			monitor.WithConfig("c", fmt.Appendf(nil, "[monitoring]\n%s[baseline_targets]\nsearch_ms = 100\n"+
				"[alerting]\nconsole_output = false\nevidence = true\n[output]\ndirectory = %q\n", tc.text, dir)),
			monitor.WithNotify(func(_ context.Context, a views.Alert) error { told = a; return nil }))
		if got := runtime.MemProfileRate; got != tc.want {
			t.Errorf("%q: one sample in %d bytes, want %d", tc.text, got, tc.want)
		}
		record(t, mon, "search_ms", 150)
		flush(t, mon)
		shutdown(t, mon)
		if !tc.alerts {
			continue
		}
		if _, err := os.Stat(filepath.Join(told.Evidence, "goroutine.pprof")); told.Evidence == "" || err != nil {
			t.Fatalf("%q: evidence in %q: %v", tc.text, told.Evidence, err)
		}
		_, err := os.Stat(filepath.Join(told.Evidence, "heap.pprof"))
		if has := !errors.Is(err, fs.ErrNotExist); has != (tc.want > 0) {
			t.Errorf("%q: heap.pprof: %v", tc.text, err)
		}
	}
}

func TestProfilesAreTakenInWindows(t *testing.T) {
	dir := t.TempDir()
	mon := start(t, monitor.WithConfig("c", fmt.Appendf(nil,
		"[monitoring]\ncpu_profiling = true\n[output]\ndirectory = %q\n", dir)))
	shutdown(t, mon) // cuts the first window short: it is not the last whole one
	if _, err := os.Stat(filepath.Join(dir, "cpu_profile.prof")); err == nil {
		t.Error("a window that was cut short became the profile")
	}
}

func TestHistoryOutlivesTheProcess(t *testing.T) {
	dir := t.TempDir()
	config := monitor.WithConfig("c", fmt.Appendf(nil,
		"[baseline_targets]\nsearch_ms = 100\n[output]\ndirectory = %q\nmetrics_file = \"metrics.json\"\n", dir))
	began := time.Now().Add(-time.Minute)
	mon := start(t, config, monitor.WithInterval(time.Hour))
	op, err := mon.Recorder().Operation("search")
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		op.Record(t.Context(), 40*time.Millisecond, nil)
	}
	flush(t, mon)
	lines := mon.History("search", began)
	if len(lines) != 1 || len(lines[0].Points) != 1 || lines[0].Points[0].Count != 50 {
		t.Fatalf("got %+v, want one interval of 50 calls", lines)
	}
	shutdown(t, mon)

	again := start(t, config, monitor.WithInterval(time.Hour))
	limit, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for len(pointsOf(again, "search", began)) == 0 { // it is read in the background
		if limit.Err() != nil {
			t.Fatal("the history did not survive a restart")
		}
		flush(t, again)
	}
	data, err := os.ReadFile(filepath.Join(dir, "metrics.json"))
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	var otlp struct{ ResourceMetrics []any }
	if err := json.Unmarshal([]byte(line), &otlp); err != nil || len(otlp.ResourceMetrics) != 1 {
		t.Errorf("the file's first line is no OTLP JSON: %v", err)
	}
}

func pointsOf(mon *monitor.Monitor, name string, since time.Time) []monitor.Point {
	for _, l := range mon.History(name, since) {
		return l.Points
	}
	return nil
}

func TestHotRoadExportsTheSame(t *testing.T) {
	counts := make(map[string]uint64)
	for name, opts := range map[string][]monitor.Option{
		"sdk": nil, "hot": {monitor.WithHotRoad()}, "file": {monitor.WithConfig("h", []byte("[monitoring]\nhot_road = true\n"))},
	} {
		out := new(keeper)
		mon := start(t, append(opts, monitor.WithExporter(out), monitor.WithInterval(time.Hour),
			monitor.WithConfig("c", []byte("[baseline_targets]\nsearch_ms = 100\n")))...)
		op, err := mon.Recorder().Operation("search")
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			op.Record(t.Context(), 250*time.Millisecond, nil)
		}
		flush(t, mon)
		h, ok := out.last(t)["otelperf.operation.duration"].(metricdata.Histogram[float64])
		if !ok || len(h.DataPoints) != 1 {
			t.Fatalf("%s: got %+v", name, h)
		}
		counts[name] = h.DataPoints[0].Count
		if s, _ := mon.Snapshot().Get("search_ms"); s.State != views.Firing || s.Value != 250 {
			t.Errorf("%s: judged %v %v", name, s.State, s.Value)
		}
	}
	if counts["sdk"] != 100 || counts["hot"] != 100 || counts["file"] != 100 {
		t.Errorf("got %v", counts)
	}
}

func TestHandlerShowsThePage(t *testing.T) {
	mon := start(t, monitor.WithInterval(time.Hour),
		monitor.WithConfig("c", []byte("[baseline_targets]\nsearch_ms = 100\n")))
	record(t, mon, "search_ms", 150)
	flush(t, mon)
	mux := http.NewServeMux()
	mux.Handle("/debug/otelperf/", mon.Handler())
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	for path, want := range map[string]string{
		"/debug/otelperf/":             "<!doctype html>",
		"/debug/otelperf/api/overview": "search_ms",
	} {
		res, err := http.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(strings.ToLower(string(body)), want) {
			t.Errorf("%s: %s, %v, without %q: %.300s", path, res.Status, err, want, body)
		}
	}
	var none *monitor.Monitor
	w := httptest.NewRecorder()
	none.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/debug/otelperf/", nil))
	if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "metrics_retention_hours") {
		t.Errorf("without history: %d %s", w.Code, w.Body)
	}
}

// TestLinesThatHistoryLosesAreExported: the metrics file cannot be written.
func TestLinesThatHistoryLosesAreExported(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "metrics.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	reader := sdkmetric.NewManualReader()
	mon := start(t, monitor.WithInterval(time.Hour), monitor.WithReader(reader),
		monitor.WithConfig("c", fmt.Appendf(nil, "[output]\ndirectory = %q\nmetrics_file = \"metrics.json\"\n", dir)))
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	reasons := make(map[string]bool)
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			if m.Name != "otelperf.history.dropped" {
				continue
			}
			for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
				reason, _ := p.Attributes.Value("otelperf.drop.reason")
				reasons[reason.AsString()] = true
			}
		}
	}
	if len(reasons) != 3 || !reasons["write_failed"] || !reasons["queue_full"] || !reasons["damaged"] {
		t.Errorf("exported reasons %v", reasons)
	}
	shutdown(t, mon)
}
