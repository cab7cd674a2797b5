package config

import (
	"fmt"
	"strings"
)

//go:generate go test -run ^TestMarkdown$ . -update

// tableIntros say what a table is for, before its keys.
var tableIntros = map[string]string{
	"monitoring": "What runs, and how often.",
	"metrics":    "Each switch turns series and the baselines that judge them on or off, `[[baseline]]` tables included.",
	"alerting":   "Who is told.",
	"baseline_targets": "What is expected, by short name. `allocation_ms`, `search_ms`, `allocation_error_percent`, `search_error_percent`, `memory_mb`, `cpu_percent` and `throughput_qps` are shown without a target as well.\n\n" +
		"`Monitor.Record(ctx, name, value)` takes the same names, for values measured elsewhere. Those are judged by the same levels as a group of their own, `otelperf.source=recorded`.",
	"thresholds":   "Hard limits: the value itself is the alert level, without the tolerance of `monitoring.alert_threshold_percent`.",
	"output":       "Where files go.",
	"export":       "Where metrics go.",
	"resource":     "Who this process is.",
	"alertmanager": "Prometheus Alertmanagers that alerts go to, over their API v2. Its labels are alertname, service_name, service_instance_id, the group's attributes and the alert's labels.",
	"webhook":      "Any HTTP endpoint that alerts go to.",
	"baseline": "One `[[baseline]]` table for each thing that is judged beyond the short names:\n\n" +
		"```toml\n" + tableExample + "```\n\n" +
		"A table named like a standard short name replaces it. A later file's table of the same name changes the earlier one key by key.",
}

const tableExample = `[[baseline]]
name = "checkout_p99"
metric = "http.server.request.duration"
match = { "http.route" = "/checkout", "http.request.method" = "POST" }
statistic = "p99"
target = 250
unit = "ms"
threshold_percent = 150
clear_percent = 110
for = "2m"
severity = "page"
labels = { team = "shop" }
annotations = { runbook = "https://example.com/checkout" }
`

var variables = []struct{ names, effect string }{
	{"OTEL_SDK_DISABLED", "`true`: as `monitoring.enabled = false`."},
	{"OTEL_METRIC_EXPORT_INTERVAL", "`monitoring.interval_seconds`, in milliseconds."},
	{"OTEL_METRIC_EXPORT_TIMEOUT", "How long one collection may take, in milliseconds; no key."},
	{"OTEL_METRICS_EXPORTER", "`export.exporters`, as a list with commas; `logging` is `console`."},
	{"OTEL_EXPORTER_OTLP_ENDPOINT", "`export.endpoint` and `export.insecure`. Read by the exporters: `/v1/metrics` is added for HTTP, but not to `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`."},
	{"OTEL_EXPORTER_OTLP_HEADERS", "`export.headers`, all of them. Read by the exporters."},
	{"OTEL_EXPORTER_OTLP_PROTOCOL", "`export.protocol`."},
	{"OTEL_EXPORTER_OTLP_COMPRESSION", "`export.compression`."},
	{"OTEL_EXPORTER_OTLP_TIMEOUT", "`export.timeout_seconds`, in milliseconds."},
	{"OTEL_EXPORTER_OTLP_INSECURE", "`export.insecure`."},
	{"OTEL_EXPORTER_OTLP_CERTIFICATE", "`export.ca_file`."},
	{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "`export.cert_file`."},
	{"OTEL_EXPORTER_OTLP_CLIENT_KEY", "`export.key_file`."},
	{"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "`export.temporality`."},
	{"OTEL_SERVICE_NAME", "`resource.service_name`."},
	{"OTEL_RESOURCE_ATTRIBUTES", "`[resource]`, attribute by attribute."},
}

// Markdown returns the page that documents every key.
func Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Configuration

<!-- Made from the tables in internal/config by go generate ./internal/config; do not edit. -->

One or several TOML files, none of them required. Settings come in this order, later ones win:
defaults, files in the order given, `+"`OTEL_*`"+` variables, Go options. A file overrides key by key.

Any other key is an error, and so is a value out of range. Each error is one line that names
file, line, column, key and fix:

    config: monitoring.toml:2:1: unknown key "alerting.consol_output", did you mean "console_output"?

A file is UTF-8 text of at most %d KiB. Numbers may be written as integers or with a
fraction, `+"`1024` or `5.0`"+`. In a table of free keys (headers, match, labels, attributes) dotted names
work with and without quotes.
`, MaxFileSize>>10)
	table := ""
	for _, k := range Keys() {
		name, key, _ := strings.Cut(k.Name, ".")
		if name != table {
			title := "[" + name + "]"
			if name == "baseline" {
				title = "[[baseline]]"
			}
			fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| key | type | default | range | unit | meaning |\n|---|---|---|---|---|---|\n", title, tableIntros[name])
			table = name
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", code(key), k.Type, code(k.Default), k.Range, k.Unit, k.Meaning)
	}
	b.WriteString("\n## Variables\n\nEach `OTEL_EXPORTER_OTLP_…` also exists as `OTEL_EXPORTER_OTLP_METRICS_…`, which goes first. An empty variable counts\nas not set; one that cannot be used is reported and left out.\n\n| variable | overrides |\n|---|---|\n")
	for _, v := range variables {
		fmt.Fprintf(&b, "| `%s` | %s |\n", v.names, v.effect)
	}
	return b.String()
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}
