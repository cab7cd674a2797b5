package demo

import (
	"fmt"
	"strings"
	"time"
)

// measuredConfig collects, judges and exports. No alert fires: that is a cost of
// its own.
const measuredConfig = `
export.exporters = ["otlp"]
alerting.console_output = false
baseline_targets.search_ms = 60000
baseline_targets.allocation_ms = 60000
baseline_targets.memory_mb = 100000
baseline_targets.cpu_percent = 100
`

// Hot, Profiled and Unsampled are for [Config].
const (
	Hot       = "monitoring.hot_road = true\n"
	Profiled  = "monitoring.cpu_profiling = true\nmonitoring.sample_rate = 100\n"
	Unsampled = "monitoring.heap_profiling = false\n"
)

// TenBaselines are for [Config] and stand beside the four that are always there. Four
// of them judge each route by itself.
var TenBaselines = func() string {
	var out strings.Builder
	for i, b := range []struct{ metric, statistic, by string }{
		{"http.server.request.duration", "p95", "http.route"},
		{"http.server.request.duration", "p99", "http.route"},
		{"http.server.request.duration", "mean", "http.route"},
		{"http.server.request.duration", "error_ratio", "http.route"},
		{"http.server.request.duration", "max", ""},
		{"http.server.request.duration", "p99.9", ""},
		{"otelperf.operation.duration", "p50", "otelperf.operation.name"},
		{"otelperf.operation.duration", "p99", "otelperf.operation.name"},
		{"otelperf.operation.duration", "error_ratio", ""},
		{"otelperf.operation.duration", "max", ""},
	} {
		fmt.Fprintf(&out, "[[baseline]]\nname = \"baseline_%d\"\nmetric = %q\nstatistic = %q\ntarget = 1000000\n", i, b.metric, b.statistic)
		if b.by != "" {
			fmt.Fprintf(&out, "by = [%q]\n", b.by)
		}
	}
	return out.String()
}()

// Config returns the configuration of a measured service as TOML, which collects
// that often, with more. What has tables comes last.
func Config(every time.Duration, more ...string) string {
	return fmt.Sprintf("monitoring.interval_seconds = %v\n", every.Seconds()) + measuredConfig + strings.Join(more, "")
}
