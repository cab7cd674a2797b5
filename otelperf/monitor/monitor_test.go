package monitor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/otelperf/monitor"
	"github.com/otelperf/otelperf-go/views"
)

// baselineFile is the configuration that the project was begun with.
const baselineFile = `
[monitoring]
enabled = true
interval_seconds = 60
metrics_retention_hours = 24
alert_threshold_percent = 120  # 20% degradation triggers alert

[metrics]
allocation_latency = true
memory_usage = true
search_performance = true
throughput = true
error_rate = true

[alerting]
enabled = true
console_output = true
log_file = "performance_alerts.log"

[baseline_targets]
allocation_ms = 5.0
memory_mb = 1024
search_ms = 100
throughput_qps = 1000
`

func TestRecordedValuesRaiseExactlyTheAlertsTheyShould(t *testing.T) {
	var console buffer
	dir := t.TempDir()
	mon := start(t, monitor.WithConfig("monitoring.toml", []byte(baselineFile)),
		monitor.WithConfig("place", fmt.Appendf(nil, "[output]\ndirectory = %q\n", dir)),
		monitor.WithConsole(&console))
	allocation, search := 2.0, 50.0
	for range 10 {
		record(t, mon, "allocation_ms", allocation)
		record(t, mon, "search_ms", search)
		flush(t, mon)
		allocation, search = allocation+0.5, search+10
	}
	shutdown(t, mon)

	want := []string{
		"ALERT search_ms = 130.000 exceeds baseline 100.000 by 30.0% otelperf.source=recorded",
		"ALERT allocation_ms = 6.500 exceeds baseline 5.000 by 30.0% otelperf.source=recorded",
	}
	if got := console.lines(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("console:\n got %q\nwant %q", got, want)
	}
	data, err := os.ReadFile(filepath.Join(dir, "performance_alerts.log"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	if len(lines) != len(want) {
		t.Fatalf("log file has %d lines, want %d:\n%s", len(lines), len(want), data)
	}
	for i, line := range lines {
		var a struct{ Message, State, Name string }
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		if a.Message != want[i] || a.State != "firing" {
			t.Errorf("log line %d: got %+v, want message %q", i, a, want[i])
		}
	}
}

func record(t *testing.T, mon *monitor.Monitor, name string, v float64) {
	t.Helper()
	if err := mon.Record(t.Context(), name, v); err != nil {
		t.Fatal(err)
	}
}

func TestStartFromNothingMeasuresTheProcess(t *testing.T) {
	out := new(keeper)
	mon := start(t, monitor.WithExporter(out), monitor.WithInterval(100*time.Millisecond))
	for range 3 {
		flush(t, mon)
	}
	got := out.last(t)
	for _, name := range []string{
		"process.cpu.time", "process.memory.usage", "process.memory.virtual",
		"go.memory.used", "go.goroutine.count", "go.schedule.duration",
	} {
		if got[name] == nil {
			t.Errorf("there is no metric %s", name)
		}
	}
	s, ok := mon.Snapshot().Get("memory_mb")
	if !ok || s.Value < 1 || s.Value > 10_000 || s.Unit != "MiB" {
		t.Errorf("memory_mb = %v %s, %v", s.Value, s.Unit, ok)
	}
	if mon.Snapshot().Time().IsZero() {
		t.Error("the snapshot has no time")
	}
	for _, name := range []string{"allocation_ms", "search_ms", "cpu_percent", "throughput_qps"} {
		if _, ok := mon.Snapshot().Get(name); !ok {
			t.Errorf("the snapshot lacks %s", name)
		}
	}
	shutdown(t, mon)
}

func TestDisabledDoesNothing(t *testing.T) {
	dir := t.TempDir()
	mon := start(t, monitor.WithConfig("off", fmt.Appendf(nil,
		"[monitoring]\nenabled = false\n[alerting]\nlog_file = \"a.log\"\n[output]\ndirectory = %q\n", dir)))
	op, err := mon.Recorder().Operation("search")
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	if err := op.Do(t.Context(), func(context.Context) error { calls++; return nil }); err != nil || calls != 1 {
		t.Errorf("Do: %v after %d calls", err, calls)
	}
	if err := mon.Record(t.Context(), "search_ms", 1e9); err != nil {
		t.Errorf("Record: %v", err)
	}
	if n := len(mon.Snapshot().Baselines); n != 0 {
		t.Errorf("the snapshot has %d baselines", n)
	}
	flush(t, mon)
	shutdown(t, mon)
	if files, _ := os.ReadDir(dir); len(files) > 0 {
		t.Errorf("it left %v", files)
	}
}

func TestNilMonitor(t *testing.T) {
	var mon *monitor.Monitor
	if mon.Recorder() != nil || mon.MeterProvider() == nil {
		t.Error("a nil Monitor has a recorder, or no provider")
	}
	if err := mon.Record(t.Context(), "search_ms", 1); err != nil {
		t.Error(err)
	}
	if err := mon.ForceFlush(t.Context()); err != nil {
		t.Error(err)
	}
	if _, ok := mon.Snapshot().Get("search_ms"); ok {
		t.Error("a nil Monitor knows a value")
	}
	if err := mon.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAlertLeavesInTheBatchItWasSeenIn(t *testing.T) {
	out := new(keeper)
	mon := start(t, monitor.WithExporter(out),
		monitor.WithConfig("c", []byte("[baseline_targets]\nsearch_ms = 100\n")))
	op, err := mon.Recorder().Operation("search")
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		op.Record(t.Context(), 250*time.Millisecond, nil)
	}
	flush(t, mon)
	batch := out.last(t)
	if _, ok := batch["otelperf.operation.duration"]; !ok {
		t.Fatal("the batch lacks the calls")
	}
	excess, ok := batch["otelperf.baseline.excess"].(metricdata.Gauge[float64])
	if !ok || len(excess.DataPoints) != 1 || excess.DataPoints[0].Value != 1.5 {
		t.Errorf("otelperf.baseline.excess = %+v, want one point of 1.5", batch["otelperf.baseline.excess"])
	}
	active, ok := batch["otelperf.alert.active"].(metricdata.Gauge[int64])
	if !ok || len(active.DataPoints) != 1 || active.DataPoints[0].Value != 1 {
		t.Errorf("otelperf.alert.active = %+v, want one point of 1", batch["otelperf.alert.active"])
	}
}

func TestSwitchedOffOperationIsNotRecorded(t *testing.T) {
	out := new(keeper)
	mon := start(t, monitor.WithExporter(out),
		monitor.WithConfig("c", []byte("[metrics]\nsearch_performance = false\nmemory_usage = false\n")))
	for _, name := range []string{"search", "allocation"} {
		op, err := mon.Recorder().Operation(name)
		if err != nil {
			t.Fatal(err)
		}
		op.Record(t.Context(), time.Millisecond, nil)
	}
	flush(t, mon)
	batch := out.last(t)
	h := batch["otelperf.operation.duration"].(metricdata.Histogram[float64])
	if n := len(h.DataPoints); n != 1 {
		t.Fatalf("%d series of operations, want that of allocation", n)
	}
	if v, _ := h.DataPoints[0].Attributes.Value("otelperf.operation.name"); v.AsString() != "allocation" {
		t.Errorf("recorded %q", v.AsString())
	}
	if batch["process.memory.usage"] != nil {
		t.Error("memory is measured, although it is switched off")
	}
	if _, ok := mon.Snapshot().Get("search_ms"); ok {
		t.Error("the snapshot has search_ms, although it is switched off")
	}
	record(t, mon, "search_ms", 12) // the program need not know
}

func TestHangingCallsRaiseTheLatencyAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // all calls are in flight before any interval ends
		alerts := make(chan views.Alert, 10)
		mon := start(t, monitor.WithInterval(200*time.Millisecond),
			monitor.WithConfig("c", []byte("[monitoring]\nmetrics_retention_hours = 0\n[baseline_targets]\nsearch_ms = 50\n")),
			monitor.WithNotify(func(_ context.Context, a views.Alert) error { alerts <- a; return nil }))
		op, err := mon.Recorder().Operation("search")
		if err != nil {
			t.Fatal(err)
		}
		done, ended := make(chan struct{}), make(chan error)
		for range 5 {
			go func() {
				ended <- op.Do(context.Background(), func(context.Context) error { <-done; return nil })
			}()
		}
		var a views.Alert
		select {
		case a = <-alerts:
		case <-time.After(time.Minute):
		}
		close(done)
		for range 5 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		if a.Name != "search_ms" || a.State != views.Firing || a.Value != 200 {
			t.Errorf("got %v", a)
		}
		if !strings.Contains(a.String(), "at least: 5 calls in flight, none completed") {
			t.Errorf("it does not say what was seen: %s", a)
		}
	})
}

func TestOptionsGoOverFiles(t *testing.T) {
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "3600000")
	out := new(keeper)
	mon := start(t, monitor.WithExporter(out),
		monitor.WithConfig("c", []byte("[resource]\nservice_name = \"file\"\nattributes = { team = \"file\", zone = \"file\" }\n")),
		monitor.WithResource(attribute.String("team", "option")),
		monitor.WithBaselines(views.Baseline{
			Name: "mine", Metric: "my.level", Statistic: views.Value, Target: 1,
		}),
		monitor.WithGlobal())
	t.Cleanup(func() { otel.SetMeterProvider(nil) })
	if otel.GetMeterProvider() != mon.MeterProvider() {
		t.Error("WithGlobal has not set the provider")
	}
	g, err := otel.Meter("test").Float64Gauge("my.level")
	if err != nil {
		t.Fatal(err)
	}
	g.Record(t.Context(), 5)
	flush(t, mon)
	s, ok := mon.Snapshot().Get("mine")
	if !ok || s.State != views.Firing || s.Value != 5 || s.Target != 1 {
		t.Errorf("got %+v", s)
	}
}

// TestAlertingOffStarts: values are shown and nothing fires, whatever the
// baseline is held against.
func TestAlertingOffStarts(t *testing.T) {
	mon, err := monitor.Start(t.Context(),
		monitor.WithConfig("c.toml", []byte("[alerting]\nenabled = false\n[export]\nexporters = [\"none\"]\n"+
			"[[baseline]]\nname = \"heavier\"\nmetric = \"process.memory.usage\"\nstatistic = \"value\"\nrelative = 1\n")),
		monitor.WithBaselines(views.Baseline{Name: "fails", Metric: "theirs", Statistic: views.ErrorRatio, Objective: 0.99}))
	if err != nil {
		t.Fatal(err)
	}
	defer mon.Shutdown(t.Context())
	for range 3 {
		flush(t, mon)
	}
	if s, ok := mon.Snapshot().Get("heavier"); !ok || !math.IsNaN(s.Target) || s.State != views.OK {
		t.Errorf("got %+v, %t, want a value without a target", s, ok)
	}
}

func TestStartRefuses(t *testing.T) {
	for _, c := range []struct {
		name, want string
		opts       []monitor.Option
	}{
		{"unknown key", `c.toml:2`, []monitor.Option{monitor.WithConfig("c.toml", []byte("[alerting]\nconsol_output = true\n"))}},
		{"missing file", "no-such.toml", []monitor.Option{monitor.WithConfigFiles("no-such.toml")}},
		{"short interval", "shorter than 100ms", []monitor.Option{monitor.WithInterval(time.Millisecond)}},
		{"bad baseline", `"x"`, []monitor.Option{monitor.WithBaselines(views.Baseline{Name: "x", Statistic: views.Value})}},
		{"hot road and a reader", "WithReader", []monitor.Option{monitor.WithHotRoad(), monitor.WithReader(sdkmetric.NewManualReader())}},
		{"log file in a file", "log_file", []monitor.Option{monitor.WithConfig("c", []byte("[alerting]\nlog_file = \"/dev/null/x\"\n"))}},
	} {
		t.Run(c.name, func(t *testing.T) {
			mon, err := monitor.Start(t.Context(), c.opts...)
			if err == nil {
				_ = mon.Shutdown(t.Context())
				t.Fatal("no error")
			}
			if mon != nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want one line with %q", err, c.want)
			}
		})
	}
}

func TestRecordRefuses(t *testing.T) {
	mon := start(t)
	if err := mon.Record(t.Context(), "serach_ms", 1); err == nil || !strings.Contains(err.Error(), "search_ms") {
		t.Errorf("got %v, want a suggestion", err)
	}
	if err := mon.Record(t.Context(), "search_ms", -1); err == nil {
		t.Error("a negative value is taken")
	}
}

// The two files that the project was begun with, alone and together.
func TestSampleFilesStart(t *testing.T) {
	samples := func(names ...string) []string {
		var paths []string
		for _, n := range names {
			p, err := filepath.Abs(filepath.Join("../../internal/config/testdata", n))
			if err != nil {
				t.Fatal(err)
			}
			paths = append(paths, p)
		}
		return paths
	}
	for _, files := range [][]string{
		samples("monitoring_config.toml"),
		samples("perf_monitor.toml"),
		samples("monitoring_config.toml", "perf_monitor.toml"),
		samples("perf_monitor.toml", "monitoring_config.toml"),
	} {
		t.Run(fmt.Sprint(len(files), filepath.Base(files[0])), func(t *testing.T) {
			t.Chdir(t.TempDir())
			mon := start(t, monitor.WithConfigFiles(files...))
			record(t, mon, "search_ms", 1e6)
			record(t, mon, "memory_mb", 1e6)
			flush(t, mon)
			search, _ := mon.Snapshot().Get("search_ms")
			judged := strings.Contains(strings.Join(files, " "), "monitoring_config")
			if firing := search.State == views.Firing; firing != judged {
				t.Errorf("search_ms is %v", search.State)
			}
			_, err := os.Stat(filepath.Join("data", "logs", "performance_alerts.log"))
			if inDirectory := len(files) == 2; (err == nil) != inDirectory {
				t.Errorf("the alert log is in output.directory: %v", err)
			}
			shutdown(t, mon)
		})
	}
}

func TestFileExporterWritesOTLPJSON(t *testing.T) {
	dir := t.TempDir()
	mon := start(t, monitor.WithInterval(time.Hour), monitor.WithConfig("c", fmt.Appendf(nil,
		"[export]\nexporters = [\"file\"]\nfile = \"out/metrics.jsonl\"\n[output]\ndirectory = %q\n", dir)))
	op, err := mon.Recorder().Operation("search")
	if err != nil {
		t.Fatal(err)
	}
	op.Record(t.Context(), time.Millisecond, nil)
	flush(t, mon)
	flush(t, mon)
	shutdown(t, mon)
	data, err := os.ReadFile(filepath.Join(dir, "out", "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(data)) {
		var otlp struct {
			ResourceMetrics []struct {
				ScopeMetrics []struct{ Metrics []struct{ Name string } }
			}
		}
		if err := json.Unmarshal([]byte(line), &otlp); err != nil || len(otlp.ResourceMetrics) != 1 {
			t.Errorf("line %d: %v", n, err)
		}
		n++
	}
	if n < 2 || !strings.Contains(string(data), "otelperf.operation.duration") {
		t.Errorf("%d lines, want one for each collection, with the operation", n)
	}
}
