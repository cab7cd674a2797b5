package config_test

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/internal/config"
	"github.com/otelperf/otelperf-go/views"
)

// named returns the lines of the baselines with one of these names, all
// companions apart unless companions are asked for.
func named(t *testing.T, c *config.Config, companions bool, names ...string) []string {
	t.Helper()
	var got []string
	for _, l := range lines(t, c) {
		name, _, _ := strings.Cut(l, " ")
		if slices.Contains(names, name) && (companions || !strings.Contains(l, "otelperf.recorded.")) {
			got = append(got, l)
		}
	}
	return got
}

func TestTargets(t *testing.T) {
	c := load(t, write(t, `
[monitoring]
alert_threshold_percent = 150
[baseline_targets]
render_ms = 2.5
render_qps = 10
render_error_percent = 1
"db.query_ms" = 7
cache.get_ms = 1
throughput_ms = 3
search_error_percent = 0
cpu_percent = 50
`))
	compareLines(t, named(t, c, false, "render_ms", "render_qps", "render_error_percent", "db.query_ms", "cache.get_ms", "throughput_ms", "search_error_percent", "cpu_percent"), []string{
		"search_error_percent = error_ratio otelperf.operation.duration otelperf.operation.name=search: 0 %, higher 0",
		"cpu_percent = value process.cpu.utilization: 50 %, higher 75",
		"cache.get_ms = p95 otelperf.operation.duration otelperf.operation.name=cache.get: 1 ms, higher 1.5",
		"db.query_ms = p95 otelperf.operation.duration otelperf.operation.name=db.query: 7 ms, higher 10.5",
		"render_error_percent = error_ratio otelperf.operation.duration otelperf.operation.name=render: 1 %, higher 1.5",
		"render_ms = p95 otelperf.operation.duration otelperf.operation.name=render: 2.5 ms, higher 3.75",
		"render_qps = rate otelperf.operation.duration otelperf.operation.name=render: 10 1/s, lower 5",
		"throughput_ms = p95 otelperf.operation.duration otelperf.operation.name=throughput: 3 ms, higher 4.5",
	})
	compareLines(t, named(t, c, true, "render_qps"), []string{
		"render_qps = rate otelperf.operation.duration otelperf.operation.name=render: 10 1/s, lower 5",
		"render_qps = value otelperf.recorded.rate otelperf.baseline.name=render_qps by otelperf.source: 10 1/s, lower 5",
	})
}

func TestThroughputOf(t *testing.T) {
	for of, want := range map[string][]string{
		"":             {"http.server.request.duration", "otelperf.operation.duration unless http.server.request.duration"},
		`"http"`:       {"http.server.request.duration"},
		`"operations"`: {"otelperf.operation.duration"},
	} {
		text := "[baseline_targets]\nthroughput_qps = 10\n"
		if of != "" {
			text += "[monitoring]\nthroughput_of = " + of + "\n"
		}
		var all []string
		for _, w := range want {
			all = append(all, "throughput_qps = rate "+w+": 10 1/s, lower 8")
		}
		compareLines(t, named(t, load(t, write(t, text)), false, "throughput_qps"), all)
	}
}

// A switch takes away every baseline of its kind, and nothing else.
func TestSwitches(t *testing.T) {
	const tables = `
[baseline_targets]
allocation_ms = 5
render_qps = 1
render_error_percent = 1
[thresholds]
max_memory_mb = 5
max_cpu_percent = 50
max_response_time_ms = 5
[[baseline]]
name = "failing"
metric = "http.server.request.duration"
statistic = "error_ratio"
target = 1
unit = "%"
[[baseline]]
name = "virtual"
metric = "process.memory.virtual"
statistic = "value"
target = 1
unit = "GiB"
[[baseline]]
name = "slow search"
metric = "otelperf.operation.duration"
match = { otelperf.operation.name = "search" }
statistic = "p99"
target = 1
unit = "ms"
[[baseline]]
name = "messages"
metric = "messages"
statistic = "rate"
target = 1
`
	all := func(text string) (names []string) {
		for _, l := range lines(t, load(t, write(t, text+tables))) {
			name, _, _ := strings.Cut(l, " =")
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		return names
	}
	everything := all("")
	tests := []struct {
		switches string
		gone     []string
	}{
		{"[metrics]\nallocation_latency = false", []string{"allocation_ms", "allocation_error_percent"}},
		{"[metrics]\nsearch_performance = false", []string{"search_ms", "search_error_percent", "slow search"}},
		{"[metrics]\nmemory_usage = false", []string{"memory_mb", "max_memory_mb", "virtual"}},
		{"[monitoring]\nmemory_tracking = false", []string{"memory_mb", "max_memory_mb", "virtual"}},
		{"[metrics]\nthroughput = false", []string{"throughput_qps", "render_qps"}},
		{"[metrics]\nerror_rate = false", []string{"allocation_error_percent", "search_error_percent", "render_error_percent", "failing"}},
	}
	for _, tt := range tests {
		want := slices.DeleteFunc(slices.Clone(everything), func(n string) bool { return slices.Contains(tt.gone, n) })
		if len(want)+len(tt.gone) != len(everything) {
			t.Fatalf("%v are not all there to begin with: %v", tt.gone, everything)
		}
		if got := all(tt.switches); !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", tt.switches, got, want)
		}
		// The names are known all the same, so that a program may go on
		// recording them.
		for _, r := range load(t, write(t, tt.switches+tables)).Recordable() {
			if r.Off != slices.Contains(tt.gone, r.Name) {
				t.Errorf("%s: %s is off: %t", tt.switches, r.Name, r.Off)
			}
		}
	}
}

func TestDisabledOperations(t *testing.T) {
	for text, want := range map[string][]string{
		"": nil, "allocation_latency = false": {"allocation"}, "search_performance = false": {"search"},
		"allocation_latency = false\nsearch_performance = false": {"allocation", "search"},
	} {
		if got := load(t, write(t, "[metrics]\n"+text)).DisabledOperations(); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestAlertingDisabledObserves(t *testing.T) {
	c := load(t, monitoringFile, perfFile)
	judged := len(lines(t, c))
	c.Alerting.Enabled = false
	all, err := c.Baselines()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != judged {
		t.Errorf("%d baselines, want %d", len(all), judged)
	}
	for _, b := range all {
		if !b.Observed() {
			t.Errorf("%s is judged", line(b))
		}
	}
}

// TestAlertingDisabledObservesEveryKind: a burn rate and a baseline relative to
// its own past are nothing without what they are held against, and would be
// refused as such.
func TestAlertingDisabledObservesEveryKind(t *testing.T) {
	c := load(t, write(t, `
[alerting]
enabled = false
[[baseline]]
name = "slower"
metric = "http.server.request.duration"
statistic = "mean"
relative = 60
warm_up = 10
[[baseline]]
name = "available"
metric = "http.server.request.duration"
statistic = "error_ratio"
objective = 0.999
burn = ["1h/5m/14.4"]
`))
	all, err := c.Baselines()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range all {
		if !b.Observed() || b.Relative != 0 || b.Objective != 0 {
			t.Errorf("%s is judged", line(b))
		}
	}
	if _, err := views.Watch(all); err != nil {
		t.Error(err)
	}
}

const fullTable = `
[[baseline]]
name = "checkout"
metric = "http.server.request.duration"
by = ["http.route", "server.address"]
statistic = "p97.5"
target = 250
unit = "ms"
direction = "higher"
threshold_percent = 150
clear_percent = 110.5
for = "2m"
keep_firing_for = "1m30s"
min_count = 50
no_data = "keep"
active = "-"
unless = "other.metric"
severity = "page"
fleet_target = 5_000
[baseline.match]
"http.request.method" = "POST"
http.response.status_code = 200
tls = true
ratio = 0.5
[baseline.labels]
team = "shop"
[baseline.annotations]
runbook = "https://example.com"
`

func fullBaseline() views.Baseline {
	return views.Baseline{
		Name: "checkout", Metric: "http.server.request.duration",
		Match: []attribute.KeyValue{
			attribute.String("http.request.method", "POST"), attribute.Int("http.response.status_code", 200),
			attribute.Bool("tls", true), attribute.Float64("ratio", 0.5),
		},
		By: []attribute.Key{"http.route", "server.address"}, Statistic: "p97.5", Target: 250, Unit: "ms",
		ThresholdPercent: 150, ClearPercent: 110.5, For: 2 * time.Minute, KeepFiringFor: 90 * time.Second,
		MinCount: 50, NoData: views.NoDataKeep, Active: "-", Unless: "other.metric", Severity: "page",
		Labels: map[string]string{"team": "shop"}, Annotations: map[string]string{"runbook": "https://example.com"},
		FleetTarget: 5000,
	}
}

// last returns the baseline that comes last: the only table's.
func last(t *testing.T, c *config.Config) views.Baseline {
	t.Helper()
	all, err := c.Baselines()
	if err != nil {
		t.Fatal(err)
	}
	return all[len(all)-1]
}

func TestTable(t *testing.T) {
	if got, want := last(t, load(t, write(t, fullTable))), fullBaseline(); !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
	// Written inline it is the same.
	inline := `baseline = [{ name = "x", metric = "m", statistic = "max", target = 1, match = { a.b = "c" } }]`
	want := views.Baseline{
		Name: "x", Metric: "m", Statistic: views.Max, Target: 1, ThresholdPercent: 120,
		Match: []attribute.KeyValue{attribute.String("a.b", "c")},
	}
	if got := last(t, load(t, write(t, inline))); !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
}

func TestTableDefaults(t *testing.T) {
	c := load(t, write(t, "[monitoring]\nalert_threshold_percent = 175\n"+complete))
	want := views.Baseline{Name: "x", Metric: "m", Statistic: views.Value, Target: 1, ThresholdPercent: 175}
	if got := last(t, c); !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
	fleet := last(t, load(t, write(t, strings.Replace(complete, "target", "fleet_target", 1))))
	if !fleet.Observed() || fleet.FleetTarget != 1 {
		t.Errorf("with a fleet_target alone: %+v", fleet)
	}
	lower := last(t, load(t, write(t, complete+"direction = \"lower\"\nno_data = \"alert\"\n")))
	if lower.Direction != views.LowerIsWorse || lower.NoData != views.NoDataAlert || lower.Threshold() != 0.8 {
		t.Errorf("lower is worse: %+v", lower)
	}
}

// A later file changes a table of the same name key by key.
func TestTableOverride(t *testing.T) {
	over := `
[[baseline]]
name = "checkout"
target = 300
direction = "lower"
no_data = "resolve"
match = { tls = false, new = 1 }
labels = { team = "ops", tier = "1" }
`
	want := fullBaseline()
	want.Target, want.Direction, want.NoData = 300, views.LowerIsWorse, views.NoDataResolve
	want.Match[2] = attribute.Bool("tls", false)
	want.Match = append(want.Match, attribute.Int("new", 1))
	want.Labels = map[string]string{"team": "ops", "tier": "1"}
	c := load(t, write(t, fullTable), write(t, over))
	if got := last(t, c); !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
	if len(c.Tables) != 1 {
		t.Errorf("%d tables, want 1", len(c.Tables))
	}

	// Several of one name: the metric says which.
	pair := complete + strings.Replace(complete, `"m"`, `"n"`, 1)
	second := strings.Replace(strings.Replace(complete, `"m"`, `"n"`, 1), "target = 1", "target = 2", 1)
	c = load(t, write(t, pair), write(t, second))
	if len(c.Tables) != 2 || c.Tables[0].Target != 1 || c.Tables[1].Target != 2 {
		t.Errorf("tables %+v", c.Tables)
	}
	path := write(t, "[[baseline]]\nname = \"x\"\ntarget = 3\n")
	_, err := config.Load(write(t, pair), path)
	if want := "config: " + path + `:1:3: there are several baselines "x": add metric = "…" to say which one this changes`; err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}

	// A fault of the merged table is reported where the last file touched it.
	path = write(t, "[[baseline]]\nname = \"x\"\nthreshold_percent = 100\n")
	_, err = config.Load(write(t, complete+"clear_percent = 110\n"), path)
	if err == nil || !strings.Contains(err.Error(), "baseline.clear_percent = 110 of baseline \"x\" is beyond its threshold of 100 %") {
		t.Error(err)
	}
}

// A table of a standard name replaces it, and its levels go for what is recorded.
func TestTableReplacesStandardName(t *testing.T) {
	c := load(t, write(t, `
[[baseline]]
name = "search_ms"
metric = "otelperf.operation.duration"
match = { otelperf.operation.name = "search" }
statistic = "p99"
target = 50
unit = "ms"
threshold_percent = 200
for = "5m"
severity = "page"
`))
	compareLines(t, named(t, c, true, "search_ms"), []string{
		"search_ms = value otelperf.recorded.duration otelperf.baseline.name=search_ms by otelperf.source: 50 ms, higher 100",
		"search_ms = p99 otelperf.operation.duration otelperf.operation.name=search: 50 ms, higher 100",
	})
	all, _ := c.Baselines()
	i := slices.IndexFunc(all, func(b views.Baseline) bool { return b.Metric == "otelperf.recorded.duration" && b.Name == "search_ms" })
	if b := all[i]; b.For != 5*time.Minute || b.Severity != "page" || b.MinCount != 1 {
		t.Errorf("the companion is %+v", b)
	}
}

func TestBaselinesAreTheCallersOwn(t *testing.T) {
	c := load(t, write(t, fullTable))
	b := last(t, c)
	b.Match[0], b.By[0] = attribute.String("changed", ""), "changed"
	if got, want := last(t, c), fullBaseline(); !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
}

// What Go code sets is checked like what a file says, without a place.
func TestBaselinesOfGoCode(t *testing.T) {
	c := config.Default()
	c.Monitoring.AlertThresholdPercent = 300
	c.Targets["throughput_qps"] = 5
	const want = "config: monitoring.alert_threshold_percent = 300 could never fire for baseline_targets.throughput_qps, where lower is worse: use less than 200"
	if err := c.Validate(); err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	c = config.Default()
	c.Targets["search_ms"] = math.Inf(1)
	if _, err := c.Baselines(); err == nil || err.Error() != "config: baseline_targets.search_ms: the target is infinite" {
		t.Error(err)
	}
}

func TestRecordable(t *testing.T) {
	c := load(t, write(t, "[baseline_targets]\nrender_qps = 5\nrender_ms = 1\n"))
	want := []config.Recordable{
		{Name: "allocation_ms", Metric: "otelperf.recorded.duration", MetricUnit: "s", Unit: "ms", Factor: 1000},
		{Name: "search_ms", Metric: "otelperf.recorded.duration", MetricUnit: "s", Unit: "ms", Factor: 1000},
		{Name: "allocation_error_percent", Metric: "otelperf.recorded.error_ratio", MetricUnit: "1", Unit: "%", Factor: 100},
		{Name: "search_error_percent", Metric: "otelperf.recorded.error_ratio", MetricUnit: "1", Unit: "%", Factor: 100},
		{Name: "memory_mb", Metric: "otelperf.recorded.memory", MetricUnit: "By", Unit: "MiB", Factor: 1.0 / (1 << 20)},
		{Name: "cpu_percent", Metric: "otelperf.recorded.utilization", MetricUnit: "1", Unit: "%", Factor: 100},
		{Name: "throughput_qps", Metric: "otelperf.recorded.rate", MetricUnit: "1/s", Unit: "1/s", Factor: 1, Direction: views.LowerIsWorse},
		{Name: "render_ms", Metric: "otelperf.recorded.duration", MetricUnit: "s", Unit: "ms", Factor: 1000},
		{Name: "render_qps", Metric: "otelperf.recorded.rate", MetricUnit: "1/s", Unit: "1/s", Factor: 1, Direction: views.LowerIsWorse},
	}
	got := c.Recordable()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
	for i, v := range map[int]float64{0: 0.25, 4: 3 << 20, 5: 2.5, 6: 250} {
		if b := got[i].Base(250); i != 4 && b != v {
			t.Errorf("%s: 250 %s is %v %s, want %v", got[i].Name, got[i].Unit, b, got[i].MetricUnit, v)
		}
	}
	if b := got[4].Base(3); b != 3<<20 {
		t.Errorf("3 MiB is %v bytes", b)
	}
	// Each has its baseline.
	all, err := c.Baselines()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range got {
		n := 0
		for _, b := range all {
			if b.Name == r.Name && b.Metric == r.Metric && b.Unit == r.Unit && b.Direction == r.Direction &&
				b.Statistic == views.Value && reflect.DeepEqual(b.Match, []attribute.KeyValue{attribute.String("otelperf.baseline.name", r.Name)}) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s has %d companions, want 1", r.Name, n)
		}
	}
}

func TestWarnings(t *testing.T) {
	c := load(t, write(t, `
[metrics]
memory_usage = false
[baseline_targets]
cpu_percent = 90
search_error_percent = 50
memory_mb = 5
[thresholds]
max_cpu_percent = 100
`))
	want := []string{
		"baseline_targets.memory_mb is not judged: a switch in [metrics] or monitoring.memory_tracking turns it off",
		"baseline_targets.cpu_percent alerts above 108 %, which is never reached",
		"thresholds.max_cpu_percent alerts above 100 %, which is never reached",
	}
	if got := c.Warnings(); !slices.Equal(got, want) {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
}
