package rules_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/internal/rules"
	"github.com/otelperf/otelperf-go/views"
)

func search(change func(*views.Baseline)) views.Baseline {
	b := views.Baseline{
		Name: "search_ms", Metric: "otelperf.operation.duration", Statistic: views.P95, Target: 100, Unit: "ms",
		Match: []attribute.KeyValue{attribute.String("otelperf.operation.name", "search")},
	}
	if change != nil {
		change(&b)
	}
	return b
}

func minute(change func(*rules.Options)) rules.Options {
	o := rules.Options{Interval: time.Minute}
	if change != nil {
		change(&o)
	}
	return o
}

func find(t *testing.T, s *rules.Set, record, alert string) rules.Rule {
	t.Helper()
	for _, g := range s.Groups {
		for _, r := range g.Rules {
			if r.Record == record && r.Alert == alert {
				return r
			}
		}
	}
	t.Fatalf("there is no rule with record %q and alert %q", record, alert)
	return rules.Rule{}
}

// TestNames: each strategy names series and labels as Prometheus does.
func TestNames(t *testing.T) {
	t.Parallel()
	tests := map[rules.Strategy]string{
		"":                                      `rate(otelperf_operation_duration_seconds_bucket{otelperf_operation_name="search"}[132s])`,
		rules.UnderscoreEscapingWithSuffixes:    `rate(otelperf_operation_duration_seconds_bucket{otelperf_operation_name="search"}[132s])`,
		rules.UnderscoreEscapingWithoutSuffixes: `rate(otelperf_operation_duration_bucket{otelperf_operation_name="search"}[132s])`,
		rules.NoUTF8EscapingWithSuffixes:        `rate({"otelperf.operation.duration_seconds_bucket", "otelperf.operation.name"="search"}[132s])`,
		rules.NoTranslation:                     `rate({"otelperf.operation.duration_bucket", "otelperf.operation.name"="search"}[132s])`,
	}
	for strategy, want := range tests {
		s, err := rules.New([]views.Baseline{search(nil)}, minute(func(o *rules.Options) { o.Strategy = strategy }))
		if err != nil {
			t.Fatal(err)
		}
		if r := find(t, s, "otelperf:baseline:value", ""); !strings.Contains(r.Expr, want) {
			t.Errorf("%s: %s does not contain %s", strategy, r.Expr, want)
		}
	}
	if _, err := rules.New(nil, minute(func(o *rules.Options) { o.Strategy = "none" })); err == nil {
		t.Error("an unknown strategy is no error")
	}
}

// TestDrops: there are rules for each metric of this repository that counts what was
// dropped or left out, without being told of it.
func TestDrops(t *testing.T) {
	t.Parallel()
	name := regexp.MustCompile(`"(otelperf\.[a-z_.]+\.(?:dropped|rejected|missed|failures))"`)
	found := make(map[string]bool)
	for _, dir := range []string{"views", "middleware", "otelperf", "internal"} {
		err := filepath.WalkDir(filepath.Join("..", "..", dir), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "rules") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, m := range name.FindAllSubmatch(source, -1) {
				found[string(m[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(found) < 13 {
		t.Errorf("only %v are in the source", found)
	}
	for metric := range found {
		s, err := rules.New([]views.Baseline{{Name: "drops", Metric: metric, Statistic: views.Rate, Target: 1}}, minute(nil))
		if err != nil {
			t.Error(err)
			continue
		}
		want := strings.ReplaceAll(metric, ".", "_") + "_total"
		if r := find(t, s, "otelperf:baseline:value", ""); !strings.Contains(r.Expr, want+"[") {
			t.Errorf("%s does not contain %s", r.Expr, want)
		}
	}
}

// TestStatistics: what each statistic is in PromQL, in the metric's unit, with
// the threshold in that unit and the alert's value in the baseline's.
func TestStatistics(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		baseline views.Baseline
		value    string
		alert    []string
	}{
		{
			"quantile", search(nil),
			`histogram_quantile(0.95, sum by (job, instance, le) (rate(otelperf_operation_duration_seconds_bucket{otelperf_operation_name="search"}[132s]))) >= 0`,
			[]string{"> 0.12\n", "> 19.5)", ") * 1000"},
		},
		{
			"p99.9 asks for more", search(func(b *views.Baseline) { b.Statistic = views.P999 }),
			`histogram_quantile(0.999, `, []string{"> 999.5)"},
		},
		{
			"max is a bucket's bound", search(func(b *views.Baseline) { b.Statistic = views.Max }),
			`histogram_quantile(1, `, []string{"> 0.12\n"},
		},
		{
			"mean", search(func(b *views.Baseline) { b.Statistic = views.Mean }),
			`otelperf_operation_duration_seconds_sum{`, []string{"> 0.12\n"},
		},
		{
			"rate, lower is worse", search(func(b *views.Baseline) {
				b.Statistic, b.Unit, b.Direction = views.Rate, "1/s", views.LowerIsWorse
			}),
			`sum by (job, instance) (rate(otelperf_operation_duration_seconds_count{otelperf_operation_name="search"}[132s]))`,
			[]string{"< 80\n", "min by (job, instance)"},
		},
		{
			"error ratio", search(func(b *views.Baseline) { b.Statistic, b.Unit, b.Target = views.ErrorRatio, "%", 5 }),
			`error_type!="", error_type!="canceled"`, []string{"> 0.06\n", ") * 100"},
		},
		{
			"error ratio of a server that says no error.type", views.Baseline{Name: "errors", Metric: "http.server.request.duration", Statistic: views.ErrorRatio, Unit: "%", Target: 5},
			`or rate(http_server_request_duration_seconds_count{error_type="", http_response_status_code=~"[5-9].."}[132s])`, []string{"> 0.06\n"},
		},
		{
			"level", views.Baseline{Name: "memory_mb", Metric: "process.memory.usage", Statistic: views.Value, Target: 1024, Unit: "MiB"},
			`sum by (job, instance) (last_over_time(process_memory_usage_bytes[132s]))`, []string{"> 1288490188.8\n"},
		},
		{
			"increase", views.Baseline{Name: "gc", Metric: "go.memory.gc.cycles", Statistic: views.Value, Target: 10},
			`(rate(go_memory_gc_cycles_total[132s])) * 60`, []string{"> 12\n"},
		},
		{
			"recorded by the program", views.Baseline{Name: "search_ms", Metric: "otelperf.recorded.duration", Statistic: views.Value, Target: 100, Unit: "ms", By: []attribute.Key{"otelperf.source"}},
			`sum by (job, instance, otelperf_source) (last_over_time(otelperf_recorded_duration_seconds[90s]))`, nil,
		},
		{
			"superseded", search(func(b *views.Baseline) {
				b.Statistic, b.Unit, b.Unless = views.Rate, "1/s", "http.server.request.duration"
			}),
			`group by (job, instance) (last_over_time(http_server_request_duration_seconds_count[132s]))`, nil,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := rules.New([]views.Baseline{tt.baseline}, minute(nil))
			if err != nil {
				t.Fatal(err)
			}
			if r := find(t, s, "otelperf:baseline:value", ""); !strings.Contains(r.Expr, tt.value) {
				t.Errorf("value is %s, which does not contain %s", r.Expr, tt.value)
			}
			alert := find(t, s, "", tt.baseline.Name)
			for _, want := range tt.alert {
				if !strings.Contains(alert.Expr, want) {
					t.Errorf("the alert is %s, which does not contain %q", alert.Expr, want)
				}
			}
		})
	}
}

func TestNativeHistograms(t *testing.T) {
	t.Parallel()
	for statistic, want := range map[views.Statistic]string{
		views.P95:        `histogram_quantile(0.95, sum by (job, instance) (rate(otelperf_operation_duration_seconds{`,
		views.Mean:       `histogram_avg(sum by (job, instance) (rate(otelperf_operation_duration_seconds{`,
		views.ErrorRatio: `histogram_count(sum by (job, instance) (rate(otelperf_operation_duration_seconds{`,
	} {
		b := search(func(b *views.Baseline) {
			if b.Statistic = statistic; statistic == views.ErrorRatio {
				b.Unit = "%"
			}
		})
		s, err := rules.New([]views.Baseline{b}, minute(func(o *rules.Options) { o.NativeHistograms = true }))
		if err != nil {
			t.Fatal(err)
		}
		if r := find(t, s, "otelperf:baseline:value", ""); !strings.Contains(r.Expr, want) {
			t.Errorf("%s: %s does not contain %s", statistic, r.Expr, want)
		}
	}
}

// TestHistogramsOfTheRuntime: they have classic buckets even where all others are
// native ones.
func TestHistogramsOfTheRuntime(t *testing.T) {
	t.Parallel()
	for _, metric := range []string{"go.schedule.duration", "go.memory.gc.pause.duration"} {
		s, err := rules.New([]views.Baseline{{Name: "waits", Metric: metric, Statistic: views.P99, Target: 10, Unit: "ms"}},
			minute(func(o *rules.Options) { o.NativeHistograms = true }))
		if err != nil {
			t.Fatal(err)
		}
		if r := find(t, s, "otelperf:baseline:value", ""); !strings.Contains(r.Expr, "_seconds_bucket[132s]") {
			t.Errorf("%s: the value is %s", metric, r.Expr)
		}
		var out bytes.Buffer
		if err := s.WriteDashboard(&out, "shop"); err != nil {
			t.Fatal(err)
		}
		if series := strings.ReplaceAll(metric, ".", "_") + "_seconds_bucket{"; !strings.Contains(out.String(), series) {
			t.Errorf("the dashboard does not ask for %s", series)
		}
	}
}

// TestUnlessOfANativeHistogram: the metric that takes over is named as what it
// is, whatever the baseline's own is.
func TestUnlessOfANativeHistogram(t *testing.T) {
	t.Parallel()
	b := views.Baseline{Name: "busy", Metric: "go.memory.allocated", Statistic: views.Rate, Target: 10, Unless: "http.server.request.duration"}
	for native, want := range map[bool]string{
		true:  "last_over_time(http_server_request_duration_seconds[132s])",
		false: "last_over_time(http_server_request_duration_seconds_count[132s])",
	} {
		s, err := rules.New([]views.Baseline{b}, minute(func(o *rules.Options) { o.NativeHistograms = native }))
		if err != nil {
			t.Fatal(err)
		}
		if r := find(t, s, "otelperf:baseline:value", ""); !strings.Contains(r.Expr, want) {
			t.Errorf("%s does not contain %s", r.Expr, want)
		}
	}
}

// TestFleet: a fleet target makes rules over all processes of a service, and one
// alone makes no alert for a process.
func TestFleet(t *testing.T) {
	t.Parallel()
	b := search(func(b *views.Baseline) {
		b.Statistic, b.Unit, b.Direction = views.Rate, "1/s", views.LowerIsWorse
		b.Target, b.FleetTarget, b.For, b.Severity = math.NaN(), 5000, 2*time.Minute, "page"
		b.KeepFiringFor = time.Minute
	})
	s, err := rules.New([]views.Baseline{b}, minute(nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range s.Groups {
		for _, r := range g.Rules {
			if r.Alert == "search_ms" {
				t.Error("a process has no target, and an alert")
			}
		}
	}
	alert := find(t, s, "", "search_ms_fleet")
	if !strings.Contains(alert.Expr, "< 4000\n") || !strings.Contains(alert.Expr, "min by (job) (") {
		t.Errorf("the fleet's alert is %s", alert.Expr)
	}
	if alert.For != b.For || alert.KeepFiringFor != b.KeepFiringFor || alert.Labels["severity"] != "page" {
		t.Errorf("for, keep_firing_for and severity are %v, %v, %q", alert.For, alert.KeepFiringFor, alert.Labels["severity"])
	}
	if r := find(t, s, "otelperf:fleet_baseline:value", ""); strings.Contains(r.Expr, "instance") {
		t.Errorf("the fleet's value tells instances apart: %s", r.Expr)
	}
}

// TestTemplates: braces in what the configuration says are no templates.
func TestTemplates(t *testing.T) {
	t.Parallel()
	b := search(func(b *views.Baseline) {
		b.Labels = map[string]string{"team.name": "{{shop}}"}
		b.Annotations = map[string]string{"runbook": "see {{ this }}"}
	})
	s, err := rules.New([]views.Baseline{b}, minute(nil))
	if err != nil {
		t.Fatal(err)
	}
	alert := find(t, s, "", "search_ms")
	if got, want := alert.Labels["team_name"], `{{"{{"}}shop}}`; got != want {
		t.Errorf("label is %q, want %q", got, want)
	}
	if got, want := alert.Annotations["runbook"], `see {{"{{"}} this }}`; got != want {
		t.Errorf("annotation is %q, want %q", got, want)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	tests := map[string]views.Baseline{
		"nothing is known of the metric": search(func(b *views.Baseline) { b.Metric = "shop.age" }),
		"does not fit":                   search(func(b *views.Baseline) { b.Unit = "MiB" }),
		"which is a histogram":           search(func(b *views.Baseline) { b.Statistic = views.Value }),
	}
	for want, b := range tests {
		if _, err := rules.New([]views.Baseline{b}, minute(nil)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error that says %q", err, want)
		}
	}
	if _, err := rules.New(nil, rules.Options{}); err == nil {
		t.Error("no interval is no error")
	}
}

// TestDashboard: the model is JSON, panels have their own numbers and places,
// and every panel asks for something.
func TestDashboard(t *testing.T) {
	t.Parallel()
	s, err := rules.New([]views.Baseline{search(nil)}, minute(nil))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := s.WriteDashboard(&out, "shop"); err != nil {
		t.Fatal(err)
	}
	var d struct {
		SchemaVersion int
		Panels        []struct {
			ID      int
			Type    string
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(out.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if d.SchemaVersion < 41 {
		t.Errorf("schema version %d is old", d.SchemaVersion)
	}
	ids := make(map[int]bool)
	places := make(map[[2]int]string)
	for _, p := range d.Panels {
		at := [2]int{p.GridPos.X, p.GridPos.Y}
		if ids[p.ID] || places[at] != "" {
			t.Errorf("panel %q has the number or the place of another", p.Title)
		}
		ids[p.ID], places[at] = true, p.Title
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q asks for nothing", p.Title)
		}
		for _, q := range p.Targets {
			if !strings.Contains(q.Expr, `job=~"$job"`) {
				t.Errorf("panel %q does not follow the reader's choice: %s", p.Title, q.Expr)
			}
		}
	}
	if len(d.Panels) < 20 {
		t.Errorf("%d panels", len(d.Panels))
	}
}

func TestParseMetric(t *testing.T) {
	t.Parallel()
	name, m, err := rules.ParseMetric("shop.jobs={job},counter")
	if err != nil || name != "shop.jobs" || m != (rules.Metric{Unit: "{job}", Kind: rules.Counter}) {
		t.Errorf("got %q, %+v, %v", name, m, err)
	}
	for _, bad := range []string{"", "a", "a=s", "=s,gauge", "a=s,thing"} {
		if _, _, err := rules.ParseMetric(bad); err == nil {
			t.Errorf("%q is no error", bad)
		}
	}
}
