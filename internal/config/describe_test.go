package config_test

import (
	"strings"
	"testing"

	"github.com/otelperf/otelperf-go/internal/config"
)

// What is described can be read again, means the same, and tells no secret.
func TestDescribe(t *testing.T) {
	const text = `
[monitoring]
interval_seconds = 2
metrics_retention_hours = 0
heap_profiling = false
[output]
profiling_file = ""
[export]
exporters = ["otlp", "console"]
endpoint = "https://collector:4318/v1/metrics"
headers = { authorization = "hush" }
[baseline_targets]
search_ms = 100
"a.b_ms" = 5
[alertmanager]
urls = ["http://localhost:9093"]
bearer_token = "hush"
[webhook]
url = "http://localhost/hush"
password = "hush"
username = "me"
[[baseline]]
name = "checkout"
metric = "http.server.request.duration"
match = { "http.route" = "/checkout" }
by = ["http.request.method"]
statistic = "p99"
target = 250
unit = "ms"
for = "2m"
[[baseline]]
name = "budget"
metric = "http.server.request.duration"
statistic = "error_ratio"
objective = 0.999
burn = ["1h/5m/14.4"]
remind = "1h"
[[baseline]]
name = "drift"
metric = "go.goroutine.count"
statistic = "value"
relative = 30
warm_up = 10
max_firing = 5
[[baseline]]
name = "none"
metric = "go.goroutine.count"
statistic = "value"
target = 0
`
	c, err := config.LoadSources(config.Source{Name: "text", Data: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := c.Describe(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "hush") {
		t.Errorf("it tells a secret:\n%s", &b)
	}
	again, err := config.LoadSources(config.Source{Name: "described", Data: []byte(b.String())})
	if err != nil {
		t.Fatalf("%v in\n%s", err, &b)
	}
	want, err := c.Baselines()
	if err != nil {
		t.Fatal(err)
	}
	got, err := again.Baselines()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d baselines, want %d:\n%s", len(got), len(want), &b)
	}
	for i := range want {
		if got[i].Name != want[i].Name || got[i].Threshold() != want[i].Threshold() && !want[i].Observed() ||
			len(got[i].Match) != len(want[i].Match) || len(got[i].By) != len(want[i].By) || got[i].For != want[i].For ||
			len(got[i].Burn) != len(want[i].Burn) || got[i].Objective != want[i].Objective || got[i].Relative != want[i].Relative ||
			got[i].WarmUp != want[i].WarmUp || got[i].MaxFiring != want[i].MaxFiring || got[i].Remind != want[i].Remind {
			t.Errorf("got %+v, want %+v", got[i], want[i])
		}
	}
	if again.Monitoring != c.Monitoring || again.Output != c.Output {
		t.Errorf("got %+v, %+v, want %+v, %+v", again.Monitoring, again.Output, c.Monitoring, c.Output)
	}
}
