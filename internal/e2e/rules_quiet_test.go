package e2e_test

import (
	"testing"
)

// TestRulesThatStayQuiet: what is no reason to alert: too few measurements, calls
// whose caller left, nothing that ever failed, a burn rate below its factor, a
// past that is too short or zero. And so that it is known that they could, each
// kind of rule fires later, when it has a reason.
func TestRulesThatStayQuiet(t *testing.T) {
	t.Parallel()
	const config = `
[monitoring]
interval_seconds = 60
[[baseline]]
name = "few"
metric = "http.client.request.duration"
statistic = "error_ratio"
objective = 0.9
burn = ["10m/2m/4"]
[[baseline]]
name = "left"
metric = "otelperf.operation.duration"
match = { "otelperf.operation.name" = "search" }
statistic = "error_ratio"
objective = 0.9
burn = ["10m/2m/4"]
[[baseline]]
name = "left_percent"
metric = "otelperf.operation.duration"
match = { "otelperf.operation.name" = "search" }
statistic = "error_ratio"
target = 5
unit = "%"
[[baseline]]
name = "flawless"
metric = "otelperf.operation.duration"
match = { "otelperf.operation.name" = "export" }
statistic = "error_ratio"
objective = 0.9
burn = ["10m/2m/4"]
[[baseline]]
name = "flawless_percent"
metric = "otelperf.operation.duration"
match = { "otelperf.operation.name" = "export" }
statistic = "error_ratio"
target = 5
unit = "%"
[[baseline]]
name = "between"
metric = "http.server.request.duration"
statistic = "error_ratio"
objective = 0.9
burn = ["10m/2m/4"]
clear_percent = 50
[[baseline]]
name = "patient"
metric = "http.server.request.duration"
statistic = "error_ratio"
objective = 0.9
burn = ["10m/2m/4"]
for = "5m"
[[baseline]]
name = "slower"
metric = "otelperf.operation.duration"
match = { "otelperf.operation.name" = "export" }
statistic = "mean"
relative = 10
[[baseline]]
name = "seldom"
metric = "otelperf.operation.duration"
match = { "otelperf.operation.name" = "report" }
statistic = "mean"
relative = 10
[[baseline]]
name = "idle"
metric = "go.goroutine.count"
statistic = "value"
relative = 10
[[baseline]]
name = "fewer"
metric = "go.memory.allocations"
statistic = "rate"
direction = "lower"
relative = 10
for = "2m"
`
	// Until minute 30 nothing is amiss. Then half of the server's requests fail,
	// exports are slow, reports are slow but few, goroutines appear and
	// allocations cease. An export was slow in minute 5 already, when there was no
	// past to tell.
	testRules(t, config, `
    input_series:
      - series: 'http_client_request_duration_seconds_count{job="j",instance="i",error_type="500"}'
        values: '0+1x100'
      - series: 'otelperf_operation_duration_seconds_count{job="j",instance="i",otelperf_operation_name="search"}'
        values: '0+50x100'
      - series: 'otelperf_operation_duration_seconds_count{job="j",instance="i",otelperf_operation_name="search",error_type="canceled"}'
        values: '0+50x100'
      - series: 'http_server_request_duration_seconds_count{job="j",instance="i"}'
        values: '0+70x30 2150+50x70'
      - series: 'http_server_request_duration_seconds_count{job="j",instance="i",error_type="500"}'
        values: '0+30x30 950+50x70'
      - series: 'otelperf_operation_duration_seconds_count{job="j",instance="i",otelperf_operation_name="export"}'
        values: '0+100x100'
      - series: 'otelperf_operation_duration_seconds_sum{job="j",instance="i",otelperf_operation_name="export"}'
        values: '0+10x4 140+10x25 490+100x70'
      - series: 'otelperf_operation_duration_seconds_count{job="j",instance="i",otelperf_operation_name="report"}'
        values: '0+100x30 3005+5x70'
      - series: 'otelperf_operation_duration_seconds_sum{job="j",instance="i",otelperf_operation_name="report"}'
        values: '0+10x30 300.5+0.5x3 307+5x65'
      - series: 'go_goroutine_count{job="j",instance="i"}'
        values: '0+0x30 5+0x70'
      - series: 'go_memory_allocations_total{job="j",instance="i"}'
        values: '0+600x30 18060+60x70'
    promql_expr_test:
      - {expr: 'count by (alertname) (ALERTS)', eval_time: 5m}
      - {expr: 'count by (alertname) (ALERTS)', eval_time: 6m}
      - {expr: 'count by (alertname) (ALERTS)', eval_time: 30m}
      # The mean of nothing is nothing to be held against.
      - {expr: 'count by (alertname) (ALERTS{alertname="idle"})', eval_time: 31m}
      - expr: count by (alertname, alertstate) (ALERTS)
        eval_time: 32m
        exp_samples:
          - {labels: '{alertname="slower", alertstate="firing"}', value: 1}
          - {labels: '{alertname="idle", alertstate="firing"}', value: 1}
          - {labels: '{alertname="fewer", alertstate="pending"}', value: 1}
      - expr: round(otelperf:baseline:excess{otelperf_baseline_name="fewer"}, 0.001)
        eval_time: 33m
        exp_samples: [{labels: '{job="j", instance="i", otelperf_baseline_name="fewer", otelperf_baseline_metric="go.memory.allocations", otelperf_baseline_statistic="rate"}', value: 0.9}]
      - expr: round(otelperf:baseline:excess{otelperf_baseline_name="slower"}, 0.001)
        eval_time: 33m
        exp_samples: [{labels: '{job="j", instance="i", otelperf_baseline_name="slower", otelperf_baseline_metric="otelperf.operation.duration", otelperf_baseline_statistic="mean"}', value: 9}]
      # The long window has passed its factor with minute 35 or 36.
      - expr: count by (alertname, alertstate) (ALERTS)
        eval_time: 39m
        exp_samples:
          - {labels: '{alertname="slower", alertstate="firing"}', value: 1}
          - {labels: '{alertname="idle", alertstate="firing"}', value: 1}
          - {labels: '{alertname="fewer", alertstate="firing"}', value: 1}
          - {labels: '{alertname="between", alertstate="firing"}', value: 1}
          - {labels: '{alertname="patient", alertstate="pending"}', value: 1}
      - expr: count by (alertname, alertstate) (ALERTS)
        eval_time: 50m
        exp_samples:
          - {labels: '{alertname="slower", alertstate="firing"}', value: 1}
          - {labels: '{alertname="idle", alertstate="firing"}', value: 1}
          - {labels: '{alertname="fewer", alertstate="firing"}', value: 1}
          - {labels: '{alertname="between", alertstate="firing"}', value: 1}
          - {labels: '{alertname="patient", alertstate="firing"}', value: 1}
`, "--query-offset", "-1s")
}
