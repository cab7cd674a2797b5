package e2e_test

import (
	"fmt"
	"testing"

	"github.com/otelperf/otelperf-go/internal/e2e/lab"
)

// testRules has promtool check the rules of a configuration, and try them: tests
// are its input series, a minute apart, and what is expected of them.
func testRules(t *testing.T, config, tests string, options ...string) {
	t.Helper()
	dir := t.TempDir()
	arguments := append([]string{"rules"}, options...)
	arguments = append(arguments, lab.Write(t, dir, "otelperf.toml", config))
	lab.Write(t, dir, "rules.yml", generate(t, arguments...))
	lab.Write(t, dir, "test.yml", "rule_files: [rules.yml]\nevaluation_interval: 1m\ntests:\n  - interval: 1m"+tests)
	if out, err := promtool(t, dir, "check", "rules", "--lint=all", "--lint-fatal", "rules.yml"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := promtool(t, dir, "test", "rules", "test.yml"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestSpecialRules: what a burn rate and a baseline relative to its own past
// make of some hours of traffic.
func TestSpecialRules(t *testing.T) {
	t.Parallel()
	const config = `
[monitoring]
interval_seconds = 60
[[baseline]]
name = "available"
metric = "http.server.request.duration"
statistic = "error_ratio"
objective = 0.99
[[baseline]]
name = "failing"
metric = "http.server.request.duration"
statistic = "error_ratio"
target = 10
unit = "%"
[[baseline]]
name = "fast"
metric = "otelperf.operation.duration"
statistic = "p95"
target = 1
unit = "s"
objective = 0.9
burn = ["30m/5m/5"]
[[baseline]]
name = "usual"
metric = "process.memory.usage"
statistic = "value"
relative = 30
warm_up = 10
threshold_percent = 150
`
	// Two hours well, half an hour badly, two hours well.
	testRules(t, config, `
    input_series:
      - series: 'http_server_request_duration_seconds_count{job="j",instance="i"}'
        values: '0+100x120 12070+70x30 14200+100x120'
      - series: 'http_server_request_duration_seconds_count{job="j",instance="i",error_type="500",http_response_status_code="500"}'
        values: '0+0x120 4+4x30 124+0x120'
      # Some instrumentations say the status only.
      - series: 'http_server_request_duration_seconds_count{job="j",instance="i",http_response_status_code="503"}'
        values: '0+0x120 26+26x30 806+0x120'
      - series: 'otelperf_operation_duration_seconds_bucket{job="j",instance="i",le="1"}'
        values: '0+100x120 12020+20x30 12720+100x120'
      - series: 'otelperf_operation_duration_seconds_count{job="j",instance="i"}'
        values: '0+100x272'
      - series: 'process_memory_usage_bytes{job="j",instance="i"}'
        values: '100+0x120 200+0x30 100+0x120'
    promql_expr_test:
      - expr: count by (alertname) (ALERTS{alertstate="firing"})
        eval_time: 118m
      - expr: count by (alertname) (ALERTS{alertstate="firing"})
        eval_time: 124m
        exp_samples:
          - labels: '{alertname="failing"}'
            value: 1
          - labels: '{alertname="usual"}'
            value: 1
      - expr: count by (alertname) (ALERTS{alertstate="firing"})
        eval_time: 150m
        exp_samples:
          - labels: '{alertname="available"}'
            value: 1
          - labels: '{alertname="failing"}'
            value: 1
          - labels: '{alertname="fast"}'
            value: 1
          - labels: '{alertname="usual"}'
            value: 1
      - expr: count by (alertname) (ALERTS{alertstate="firing"})
        eval_time: 210m
`)
}

// TestRulesOfHangsAndSilence: calls that hang fire, too few calls change
// nothing, and silence decides after three intervals as no_data says.
func TestRulesOfHangsAndSilence(t *testing.T) {
	t.Parallel()
	const config = `
[monitoring]
interval_seconds = 60
[baseline_targets]
search_ms = 100
[[baseline]]
name = "kept"
metric = "otelperf.operation.duration"
match = { "otelperf.operation.name" = "index" }
statistic = "mean"
target = 1
unit = "s"
no_data = "keep"
[[baseline]]
name = "heard"
metric = "process.memory.usage"
statistic = "value"
target = 1024
unit = "MiB"
no_data = "alert"
`
	// search: an hour well, with two calls in flight at all times; for 10 minutes
	// three calls hang; well; 10 minutes slow;
	// then so few calls that they say nothing; then none at all.
	testRules(t, config, `
    input_series:
      - series: 'otelperf_operation_active{job="j",instance="i",otelperf_operation_name="search"}'
        values: '2+0x60 3+0x10 2+0x20 0+0x120'
      - series: 'otelperf_operation_duration_seconds_count{job="j",instance="i",otelperf_operation_name="search"}'
        values: '0+100x60 6000+0x10 6100+100x20 8200+100x10 9205+5x20 9305+0x60'
      - series: 'otelperf_operation_duration_seconds_bucket{job="j",instance="i",otelperf_operation_name="search",le="0.12"}'
        values: '0+100x60 6000+0x10 6100+100x20 8100+0x10 8105+5x20 8205+0x60'
      - series: 'otelperf_operation_duration_seconds_bucket{job="j",instance="i",otelperf_operation_name="search",le="0.25"}'
        values: '0+100x60 6000+0x10 6100+100x20 8200+100x10 9205+5x20 9305+0x60'
      - series: 'otelperf_operation_duration_seconds_bucket{job="j",instance="i",otelperf_operation_name="search",le="+Inf"}'
        values: '0+100x60 6000+0x10 6100+100x20 8200+100x10 9205+5x20 9305+0x60'
      - series: 'otelperf_operation_duration_seconds_count{job="j",instance="i",otelperf_operation_name="index"}'
        values: '0+100x30 3000+0x170'
      - series: 'otelperf_operation_duration_seconds_sum{job="j",instance="i",otelperf_operation_name="index"}'
        values: '0+200x30 6000+0x170'
      - series: 'process_memory_usage_bytes{job="j",instance="i"}'
        values: '100+0x30'
    promql_expr_test:
      - {expr: 'ALERTS{alertname="search_ms"}', eval_time: 58m}
      - expr: count by (alertname, alertstate) (ALERTS{alertname="search_ms"})
        eval_time: 66m
        exp_samples: [{labels: '{alertname="search_ms", alertstate="firing"}', value: 1}]
      - {expr: 'ALERTS{alertname="search_ms"}', eval_time: 80m}
      # Slow: it fires, and goes on while there is too little to tell.
      - expr: count by (alertname, alertstate) (ALERTS{alertname="search_ms"})
        eval_time: 100m
        exp_samples: [{labels: '{alertname="search_ms", alertstate="firing"}', value: 1}]
      - expr: count by (alertname, alertstate) (ALERTS{alertname="search_ms"})
        eval_time: 120m
        exp_samples: [{labels: '{alertname="search_ms", alertstate="firing"}', value: 1}]
      # Silence: it resolves.
      - {expr: 'ALERTS{alertname="search_ms"}', eval_time: 135m}
      # Where no_data is keep, nothing ever tells it that all is well.
      - expr: count by (alertname, alertstate) (ALERTS{alertname="kept"})
        eval_time: 190m
        exp_samples: [{labels: '{alertname="kept", alertstate="firing"}', value: 1}]
      # Where it is alert, silence is one.
      - {expr: 'ALERTS{alertname="heard"}', eval_time: 30m}
      - expr: count by (alertname, otelperf_reason) (ALERTS{alertname="heard", alertstate="firing"})
        eval_time: 50m
        exp_samples: [{labels: '{alertname="heard", otelperf_reason="no_data"}', value: 1}]
`)
}

// TestRulesOfHangsInNativeHistograms: calls in flight are a hang only if none
// completes, by a native histogram's count too.
func TestRulesOfHangsInNativeHistograms(t *testing.T) {
	t.Parallel()
	const config = "[monitoring]\ninterval_seconds = 60\n[baseline_targets]\nsearch_ms = 100\n"
	fast := func(n int) string {
		return fmt.Sprintf("{{schema:3 count:%d sum:%d offset:-35 buckets:[%d]}}", n, n/20, n)
	}
	testRules(t, config, fmt.Sprintf(`
    input_series:
      - series: 'otelperf_operation_active{job="j",instance="i",otelperf_operation_name="search"}'
        values: '2+0x100 0+0x19 3+0x20'
      - series: 'otelperf_operation_duration_seconds{job="j",instance="i",otelperf_operation_name="search"}'
        values: '%s+%sx60 %sx10 %s+%sx30 %sx60'
    promql_expr_test:
      - {expr: 'ALERTS{alertname="search_ms"}', eval_time: 58m}
      - expr: count by (alertname, alertstate) (ALERTS{alertname="search_ms"})
        eval_time: 66m
        exp_samples: [{labels: '{alertname="search_ms", alertstate="firing"}', value: 1}]
      - {expr: 'ALERTS{alertname="search_ms"}', eval_time: 85m}
      # Three calls begin in an interval in which none completes: it is a hang if
      # they are still there at the end of the next.
      - {expr: 'ALERTS{alertname="search_ms"}', eval_time: 121m}
      - expr: count by (alertname, alertstate) (ALERTS{alertname="search_ms"})
        eval_time: 122m
        exp_samples: [{labels: '{alertname="search_ms", alertstate="firing"}', value: 1}]
`, fast(0), fast(100), fast(6000), fast(6100), fast(100), fast(9100)), "--native-histograms", "--query-offset", "-1s")
}

// TestRulesOfLevelsThatAreNotFixed: what levels do is done by burn rates and by
// baselines relative to their own past, too: an alert goes on down to its clear
// level, calls that hang breach, and silence decides as no_data says.
func TestRulesOfLevelsThatAreNotFixed(t *testing.T) {
	t.Parallel()
	const config = `
[monitoring]
interval_seconds = 60
[[baseline]]
name = "lingers"
metric = "http.server.request.duration"
statistic = "error_ratio"
objective = 0.9
burn = ["10m/2m/4"]
clear_percent = 50
no_data = "alert"
[[baseline]]
name = "strict"
metric = "http.server.request.duration"
statistic = "error_ratio"
objective = 0.9
burn = ["10m/2m/4"]
no_data = "keep"
[[baseline]]
name = "hangs"
metric = "otelperf.operation.duration"
match = { "otelperf.operation.name" = "search" }
statistic = "mean"
relative = 10
no_data = "alert"
[[baseline]]
name = "kept"
metric = "otelperf.operation.duration"
match = { "otelperf.operation.name" = "index" }
statistic = "mean"
relative = 10
no_data = "keep"
[[baseline]]
name = "slow"
metric = "otelperf.operation.duration"
match = { "otelperf.operation.name" = "export" }
statistic = "mean"
relative = 10
`
	// Requests: half an hour well, half of them fail for 15 minutes, which burns
	// at 5, then three of ten, which burns at 3; 20 minutes well; half again, and
	// nothing from minute 95 on. Searches: three hang from minute 40 to 50. Indexing
	// is slow from minute 40 on, and then over. An export takes two minutes as a
	// rule: calls in flight for an interval are nothing that hangs.
	testRules(t, config, `
    input_series:
      - series: 'http_server_request_duration_seconds_count{job="j",instance="i"}'
        values: '0+100x30 3050+50x14 3770+70x14 4850+100x19 6700+50x14 7400+0x60'
      - series: 'http_server_request_duration_seconds_count{job="j",instance="i",error_type="500"}'
        values: '0+0x30 50+50x14 780+30x14 1200+0x19 1250+50x14 1950+0x60'
      - series: 'otelperf_operation_active{job="j",instance="i",otelperf_operation_name="search"}'
        values: '0+0x39 3+0x10 0+0x100'
      - series: 'otelperf_operation_duration_seconds_count{job="j",instance="i",otelperf_operation_name="search"}'
        values: '0+100x39 3900+0x10 4000+100x30 _x70'
      - series: 'otelperf_operation_duration_seconds_sum{job="j",instance="i",otelperf_operation_name="search"}'
        values: '0+10x39 390+0x10 400+10x30 _x70'
      - series: 'otelperf_operation_duration_seconds_count{job="j",instance="i",otelperf_operation_name="index"}'
        values: '0+100x40 4100+100x4 4500+0x100'
      - series: 'otelperf_operation_duration_seconds_sum{job="j",instance="i",otelperf_operation_name="index"}'
        values: '0+10x40 500+100x4 900+0x100'
      - series: 'otelperf_operation_active{job="j",instance="i",otelperf_operation_name="export"}'
        values: '30+0x60 30+0x9 0+0x80'
      - series: 'otelperf_operation_duration_seconds_count{job="j",instance="i",otelperf_operation_name="export"}'
        values: '0+30x60 1800+0x9 1800+0x80'
      - series: 'otelperf_operation_duration_seconds_sum{job="j",instance="i",otelperf_operation_name="export"}'
        values: '0+3600x60 216000+0x9 216000+0x80'
    promql_expr_test:
      - {expr: 'count by (alertname) (ALERTS)', eval_time: 29m}
      - expr: count by (alertname) (ALERTS{alertstate="firing", alertname=~"lingers|strict"})
        eval_time: 43m
        exp_samples: [{labels: '{alertname="lingers"}', value: 1}, {labels: '{alertname="strict"}', value: 1}]
      # The windows burn at 3: over the clear level of 2, and not over 4.
      - expr: count by (alertname) (ALERTS{alertname=~"lingers|strict"})
        eval_time: 58m
        exp_samples: [{labels: '{alertname="lingers"}', value: 1}]
      - {expr: 'count by (alertname) (ALERTS{alertname=~"lingers|strict"})', eval_time: 75m}
      - expr: count by (alertname) (ALERTS{alertstate="firing", alertname=~"lingers|strict"})
        eval_time: 94m
        exp_samples: [{labels: '{alertname="lingers"}', value: 1}, {labels: '{alertname="strict"}', value: 1}]
      # Nothing comes any more: one says so, one keeps what it was.
      - expr: count by (alertname, otelperf_reason) (ALERTS{alertname=~"lingers|strict"})
        eval_time: 130m
        exp_samples: [{labels: '{alertname="lingers", otelperf_reason="no_data"}', value: 1}, {labels: '{alertname="strict"}', value: 1}]
      # Three searches hang, which take 0.1 s as a rule: they fire with the
      # interval's length; later nothing comes at all.
      - {expr: 'count by (alertname) (ALERTS{alertname="hangs"})', eval_time: 39m}
      - expr: count by (alertname, otelperf_reason) (ALERTS{alertname="hangs", alertstate="firing"})
        eval_time: 45m
        exp_samples: [{labels: '{alertname="hangs"}', value: 1}]
      - {expr: 'count by (alertname) (ALERTS{alertname="hangs"})', eval_time: 60m}
      - expr: count by (alertname, otelperf_reason) (ALERTS{alertname="hangs"})
        eval_time: 100m
        exp_samples: [{labels: '{alertname="hangs", otelperf_reason="no_data"}', value: 1}]
      - expr: count by (alertname) (ALERTS{alertname="kept", alertstate="firing"})
        eval_time: 44m
        exp_samples: [{labels: '{alertname="kept"}', value: 1}]
      - expr: count by (alertname) (ALERTS{alertname="kept", alertstate="firing"})
        eval_time: 140m
        exp_samples: [{labels: '{alertname="kept"}', value: 1}]
      - {expr: 'count by (alertname) (ALERTS{alertname="slow"})', eval_time: 65m}
    alert_rule_test:
      - eval_time: 45m
        alertname: hangs
        exp_alerts:
          - exp_labels: {job: j, instance: i, otelperf_baseline_name: hangs, otelperf_baseline_metric: otelperf.operation.duration, otelperf_baseline_statistic: mean}
            exp_annotations: {summary: "hangs = 60.000 is beyond the mean of its own last 10 intervals job=j instance=i"}
      - eval_time: 94m
        alertname: strict
        exp_alerts:
          - exp_labels: {job: j, instance: i, otelperf_baseline_name: strict, otelperf_baseline_metric: http.server.request.duration, otelperf_baseline_statistic: error_ratio}
            exp_annotations: {objective: "0.9", summary: "strict = 5.000 times the burn rate that an objective of 0.9 allows job=j instance=i"}
`, "--query-offset", "-1s")
}
