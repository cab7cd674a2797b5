package config_test

import (
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/internal/config"
	"github.com/otelperf/otelperf-go/views"
)

const (
	monitoringFile = "testdata/monitoring_config.toml"
	perfFile       = "testdata/perf_monitor.toml"
)

func load(t testing.TB, paths ...string) *config.Config {
	t.Helper()
	c, err := config.Load(paths...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// public returns the parts of a configuration that Go code sees.
func public(c *config.Config) []any {
	return []any{c.Monitoring, c.Metrics, c.Alerting, c.Targets, c.Thresholds, c.Output, c.Export, c.Resource, len(c.Tables)}
}

func compare(t *testing.T, got, want *config.Config) {
	t.Helper()
	g, w := public(got), public(want)
	for i := range g {
		if !reflect.DeepEqual(g[i], w[i]) {
			t.Errorf("%T:\n got %+v\nwant %+v", g[i], g[i], w[i])
		}
	}
}

func TestDefault(t *testing.T) {
	want := &config.Config{
		Monitoring: config.Monitoring{
			Enabled: true, Interval: 60 * time.Second, Retention: 24 * time.Hour,
			AlertThresholdPercent: 120, SampleRate: 100, MemoryTracking: true, HeapProfiling: true,
		},
		Metrics: config.Metrics{
			AllocationLatency: true, MemoryUsage: true, SearchPerformance: true, Throughput: true, ErrorRate: true,
		},
		Alerting: config.Alerting{Enabled: true, ConsoleOutput: true},
		Targets:  map[string]float64{},
		Output:   config.Output{Directory: ".", ProfilingFile: "cpu_profile.prof"},
		Export: config.Export{
			QueueSize: 64, File: "metrics.jsonl",
			OTLP: config.OTLP{Protocol: "http/protobuf", Temporality: "cumulative"},
		},
	}
	compare(t, config.Default(), want)
	compare(t, load(t), want)
	if got := load(t).Exporters(); got != nil {
		t.Errorf("exporters %v, want none", got)
	}
}

func applyMonitoring(c *config.Config) {
	c.Alerting.LogFile = "performance_alerts.log"
	c.Targets = map[string]float64{"allocation_ms": 5, "memory_mb": 1024, "search_ms": 100, "throughput_qps": 1000}
}

func applyPerf(c *config.Config) {
	c.Monitoring.SampleRate = 1000
	c.Monitoring.CPUProfiling = true
	c.Thresholds = config.Thresholds{MaxMemoryMB: 1024, MaxCPUPercent: 80, MaxResponseTimeMS: 100}
	c.Output = config.Output{Directory: "data/logs", MetricsFile: "performance_metrics.json", ProfilingFile: "profiling_data.prof"}
}

func TestSamples(t *testing.T) {
	logs := filepath.Join("data", "logs")
	tests := []struct {
		name    string
		files   []string
		want    []func(*config.Config)
		log     string
		profile string
	}{
		{
			"monitoring_config", []string{monitoringFile},
			[]func(*config.Config){applyMonitoring},
			"performance_alerts.log", "cpu_profile.prof",
		},
		{
			"perf_monitor", []string{perfFile},
			[]func(*config.Config){applyPerf},
			"", filepath.Join(logs, "profiling_data.prof"),
		},
		{
			"both", []string{monitoringFile, perfFile},
			[]func(*config.Config){applyMonitoring, applyPerf},
			filepath.Join(logs, "performance_alerts.log"), filepath.Join(logs, "profiling_data.prof"),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, want := load(t, tt.files...), config.Default()
			for _, apply := range tt.want {
				apply(want)
			}
			compare(t, got, want)
			if p := got.Paths(); p.AlertLog != tt.log || p.Profile != tt.profile {
				t.Errorf("paths %+v, want log %q and profile %q", p, tt.log, tt.profile)
			}
			if w := got.Warnings(); w != nil {
				t.Errorf("warnings %q, want none", w)
			}
			// Their order makes no difference: they have no key in common but
			// one of the same value.
			slices.Reverse(tt.files)
			compare(t, load(t, tt.files...), want)
		})
	}
}

// line shows what decides of a baseline.
func line(b views.Baseline) string {
	s := fmt.Sprintf("%s = %s %s", b.Name, b.Statistic, b.Metric)
	for _, kv := range b.Match {
		s += fmt.Sprintf(" %s=%v", kv.Key, kv.Value.AsInterface())
	}
	for _, k := range b.By {
		s += " by " + string(k)
	}
	if b.Unless != "" {
		s += " unless " + b.Unless
	}
	if math.IsNaN(b.Target) {
		return fmt.Sprintf("%s: observed in %s, %v", s, b.Unit, b.Direction)
	}
	return fmt.Sprintf("%s: %v %s, %v %v", s, b.Target, b.Unit, b.Direction, b.Threshold())
}

func lines(t testing.TB, c *config.Config) []string {
	t.Helper()
	all, err := c.Baselines()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range all {
		got = append(got, line(b))
	}
	return got
}

func compareLines(t *testing.T, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("%d:\n got %s\nwant %s", i, g, w)
		}
	}
}

func TestBaselinesOfSamples(t *testing.T) {
	compareLines(t, lines(t, load(t, monitoringFile, perfFile)), []string{
		"allocation_ms = p95 otelperf.operation.duration otelperf.operation.name=allocation: 5 ms, higher 6",
		"allocation_ms = value otelperf.recorded.duration otelperf.baseline.name=allocation_ms by otelperf.source: 5 ms, higher 6",
		"search_ms = p95 otelperf.operation.duration otelperf.operation.name=search: 100 ms, higher 120",
		"search_ms = value otelperf.recorded.duration otelperf.baseline.name=search_ms by otelperf.source: 100 ms, higher 120",
		"allocation_error_percent = error_ratio otelperf.operation.duration otelperf.operation.name=allocation: observed in %, higher",
		"allocation_error_percent = value otelperf.recorded.error_ratio otelperf.baseline.name=allocation_error_percent by otelperf.source: observed in %, higher",
		"search_error_percent = error_ratio otelperf.operation.duration otelperf.operation.name=search: observed in %, higher",
		"search_error_percent = value otelperf.recorded.error_ratio otelperf.baseline.name=search_error_percent by otelperf.source: observed in %, higher",
		"memory_mb = value process.memory.usage: 1024 MiB, higher 1228.8",
		"memory_mb = value otelperf.recorded.memory otelperf.baseline.name=memory_mb by otelperf.source: 1024 MiB, higher 1228.8",
		"cpu_percent = value process.cpu.utilization: observed in %, higher",
		"cpu_percent = value otelperf.recorded.utilization otelperf.baseline.name=cpu_percent by otelperf.source: observed in %, higher",
		"throughput_qps = rate http.server.request.duration: 1000 1/s, lower 800",
		"throughput_qps = rate otelperf.operation.duration unless http.server.request.duration: 1000 1/s, lower 800",
		"throughput_qps = value otelperf.recorded.rate otelperf.baseline.name=throughput_qps by otelperf.source: 1000 1/s, lower 800",
		"max_memory_mb = value process.memory.usage: 1024 MiB, higher 1024",
		"max_cpu_percent = value process.cpu.utilization: 80 %, higher 80",
		"max_response_time_ms = p95 http.server.request.duration by http.route: 100 ms, higher 100",
	})
}
