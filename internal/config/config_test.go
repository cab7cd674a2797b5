package config_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/internal/config"
)

// Every kind of number and string, and keys that a later file leaves alone.
func TestLoadOrder(t *testing.T) {
	first := write(t, `
[monitoring]
interval_seconds = 0x10
metrics_retention_hours = 1.5
sample_rate = 2_00.0
[alerting]
log_file = 'a\b.log'
[export]
headers = { authorization = "x", X-Team = "a" }
`)
	second := write(t, "\xef\xbb\xbf"+`monitoring.interval_seconds = 2.5e0 # a comment
alerting = { log_file = "", enabled = false }
export.headers.x-team = "b"
`)
	c := load(t, first, second)
	if c.Monitoring.Interval != 2500*time.Millisecond || c.Monitoring.Retention != 90*time.Minute || c.Monitoring.SampleRate != 200 {
		t.Errorf("monitoring %+v", c.Monitoring)
	}
	if c.Alerting.LogFile != "" || c.Alerting.Enabled || !c.Alerting.ConsoleOutput {
		t.Errorf("alerting %+v", c.Alerting)
	}
	if h := c.Export.OTLP.Headers; len(h) != 2 || h["authorization"] != "x" || h["x-team"] != "b" {
		t.Errorf("headers %v", h)
	}
	if !c.IsSet("monitoring.sample_rate") || c.IsSet("monitoring.hot_road") || !c.IsSet("export.headers") {
		t.Error("IsSet does not tell what was set")
	}
	if c := load(t, second, first); c.Alerting.LogFile != `a\b.log` || c.Monitoring.Interval != 16*time.Second {
		t.Errorf("in the other order: %+v, %+v", c.Alerting, c.Monitoring)
	}
	// Comments alone are a template, not a mistake.
	compare(t, load(t, write(t, "# [monitoring]\n# enabled = false\n")), config.Default())
}

// Two files fail where the last one made it so.
func TestErrorNamesTheLaterFile(t *testing.T) {
	targets, percent := write(t, "\n\n[baseline_targets]\nthroughput_qps = 1\n"), write(t, "[monitoring]\nalert_threshold_percent = 200\n")
	for _, paths := range [][]string{{targets, percent}, {percent, targets}} {
		_, err := config.Load(paths...)
		if err == nil || !strings.HasPrefix(err.Error(), "config: "+paths[1]+":") {
			t.Errorf("%v, want one of %s", err, paths[1])
		}
	}
}

func TestPaths(t *testing.T) {
	absolute := filepath.Join(t.TempDir(), "alerts.log")
	c := load(t, write(t, "[output]\ndirectory = \"out/\"\nmetrics_file = \"m/../m.json\"\n[alerting]\nlog_file = '"+absolute+"'\nstate_file = \"s/state\"\n"))
	want := config.Paths{
		Directory: "out",
		AlertLog:  absolute,
		State:     filepath.Join("out", "s", "state"),
		Metrics:   filepath.Join("out", "m.json"),
		Profile:   filepath.Join("out", "cpu_profile.prof"),
		Export:    filepath.Join("out", "metrics.jsonl"),
		Evidence:  filepath.Join("out", "evidence"),
	}
	if got := c.Paths(); got != want {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
	want = config.Paths{Directory: ".", Profile: "cpu_profile.prof", Export: "metrics.jsonl", Evidence: "evidence"}
	if got := config.Default().Paths(); got != want {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
}

// Every documented default is what Default returns: a file that says so changes
// nothing. And each key has its documentation.
func TestKeys(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range config.Keys() {
		if seen[k.Name] {
			t.Errorf("%s is listed twice", k.Name)
		}
		seen[k.Name] = true
		if k.Meaning == "" || k.Type == "" {
			t.Errorf("%s is not documented: %+v", k.Name, k)
		}
		if k.Default == "" || strings.HasPrefix(k.Name, "baseline.") {
			continue
		}
		compare(t, load(t, write(t, k.Name+" = "+k.Default)), config.Default())
	}
	for _, name := range []string{
		"monitoring.enabled", "monitoring.interval_seconds", "monitoring.metrics_retention_hours", "monitoring.alert_threshold_percent",
		"monitoring.sample_rate", "monitoring.memory_tracking", "monitoring.cpu_profiling", "monitoring.heap_profiling", "monitoring.throughput_of", "monitoring.hot_road",
		"metrics.allocation_latency", "metrics.search_performance", "metrics.memory_usage", "metrics.throughput", "metrics.error_rate",
		"alerting.enabled", "alerting.console_output", "alerting.log_file", "alerting.evidence", "alerting.state_file",
		"baseline_targets.<operation>_ms", "baseline_targets.memory_mb", "baseline_targets.cpu_percent", "baseline_targets.throughput_qps",
		"thresholds.max_memory_mb", "thresholds.max_cpu_percent", "thresholds.max_response_time_ms",
		"output.directory", "output.metrics_file", "output.profiling_file",
		"baseline.name", "baseline.metric", "baseline.match", "baseline.by", "baseline.statistic", "baseline.target", "baseline.unit",
		"baseline.direction", "baseline.threshold_percent", "baseline.clear_percent", "baseline.for", "baseline.keep_firing_for",
		"baseline.min_count", "baseline.no_data", "baseline.severity", "baseline.labels", "baseline.annotations", "baseline.fleet_target",
	} {
		if !seen[name] {
			t.Errorf("%s is not listed", name)
		}
	}
}

func TestZeroConfigIsUsable(t *testing.T) {
	var c config.Config
	if err := c.ApplyEnv(environment(map[string]string{"OTEL_SERVICE_NAME": "x"})); err != nil || c.Resource.ServiceName != "x" {
		t.Errorf("%v, %+v", err, c.Resource)
	}
}

func TestLoadSources(t *testing.T) {
	text := config.Source{Name: "built in", Data: []byte("[monitoring]\ninterval_seconds = 5\nsample_rate = 50\n")}
	c, err := config.LoadSources(text, config.File(write(t, "[monitoring]\ninterval_seconds = 7\n")))
	if err != nil {
		t.Fatal(err)
	}
	if c.Monitoring.Interval != 7*time.Second || c.Monitoring.SampleRate != 50 {
		t.Errorf("got %+v", c.Monitoring)
	}
	for data, want := range map[string]string{
		"[x]": "config: built in:1:2: unknown table [x]: want one of [monitoring], [metrics], [alerting], [baseline_targets], [thresholds], [output], [export], [resource], [alertmanager], [webhook], [[baseline]]",
		"":    "config: built in: the file is empty: write at least one table, such as [monitoring], or leave the file out",
		strings.Repeat("#", config.MaxFileSize+1): "config: built in: the file has 1048577 bytes or more, and a configuration may have 1048576: is it the right file?",
	} {
		_, err := config.LoadSources(config.Source{Name: "built in", Data: []byte(data)})
		if err == nil || err.Error() != want {
			t.Errorf("%.20q: %v\nwant %s", data, err, want)
		}
	}
}
