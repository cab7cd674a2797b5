package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/internal/e2e/lab"
	"github.com/otelperf/otelperf-go/otelperf/monitor"
	"github.com/otelperf/otelperf-go/views"
)

var strategies = []string{
	"UnderscoreEscapingWithSuffixes", "UnderscoreEscapingWithoutSuffixes", "NoUTF8EscapingWithSuffixes", "NoTranslation",
}

// generate runs otelperf and returns what it writes.
func generate(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(lab.Binary(t, "otelperf"), args...)
	var talk bytes.Buffer
	cmd.Stderr = &talk
	out, err := cmd.Output()
	if err != nil || talk.Len() > 0 {
		t.Fatalf("otelperf %v: %v\n%s", args, err, talk.String())
	}
	return string(out)
}

func promtool(t *testing.T, dir string, args ...string) ([]byte, error) {
	t.Helper()
	cmd := exec.Command(lab.Binary(t, "promtool"), args...)
	cmd.Dir = dir
	return cmd.CombinedOutput()
}

// TestGeneratedRules: promtool finds nothing wrong with them, and their tests
// pass; and they would not if a threshold were another.
func TestGeneratedRules(t *testing.T) {
	t.Parallel()
	shop := lab.Repository("cmd", "otelperf", "testdata", "shop.toml")
	const interval = "1m" // promtool takes each interval's time
	for _, strategy := range strategies {
		t.Run(strategy, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			rules := generate(t, "rules", "--interval", interval, "--strategy", strategy, shop)
			lab.Write(t, dir, "rules.yml", rules)
			lab.Write(t, dir, "test.yml", generate(t, "rules", "--interval", interval, "--strategy", strategy, "--tests", "rules.yml", shop))
			if out, err := promtool(t, dir, "check", "rules", "--lint=all", "--lint-fatal", "rules.yml"); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			// A strategy changes names only: the hours that a burn rate takes to
			// end are gone through once, with the first.
			run := "(fires|fires slowly|stays quiet)$"
			if strategy == strategies[0] {
				run = ""
			}
			if out, err := promtool(t, dir, "test", "rules", "--run="+run, "test.yml"); err != nil || !bytes.Contains(out, []byte("SUCCESS")) {
				t.Fatalf("%v\n%s", err, out)
			}
			if strategy == strategies[0] {
				wantNoticed(t, dir, rules)
			}
		})
	}
	t.Run("native histograms", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		rules := generate(t, "rules", "--interval", interval, "--native-histograms", shop)
		lab.Write(t, dir, "rules.yml", rules)
		lab.Write(t, dir, "test.yml", generate(t, "rules", "--interval", interval, "--native-histograms", "--tests", "rules.yml", shop))
		if out, err := promtool(t, dir, "check", "rules", "--lint=all", "--lint-fatal", "rules.yml"); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if out, err := promtool(t, dir, "test", "rules", "test.yml"); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		wantNoticed(t, dir, rules)
	})
}

// wantNoticed: the generated tests notice rules with other thresholds, burn
// rates and shares of the past. Only the test that has to notice is run: one
// that runs all takes minutes.
func wantNoticed(t *testing.T, dir, rules string) {
	t.Helper()
	for _, change := range []struct{ test, from, to string }{
		{"^search_ms of otelperf.operation.duration .* fires$", "> 0.12\n", "> 0.3\n"},
		{"^fast_enough .* fires$", "> 10\n", "> 40\n"},
		{"^availability .* fires slowly$", "> 6\n", "> 100\n"},
		{"^slower_than_usual .* fires$", " > 1.5 * ", " > 9 * "},
	} {
		other := strings.ReplaceAll(rules, change.from, change.to)
		if other == rules {
			t.Errorf("the rules do not have %q", change.from)
		}
		lab.Write(t, dir, "rules.yml", other)
		if out, err := promtool(t, dir, "test", "rules", "--run="+change.test, "test.yml"); err == nil || !bytes.Contains(out, []byte("FAILED")) {
			t.Errorf("the test %s passes with %q for %q\n%s", change.test, change.to, change.from, out)
		}
	}
}

// A firing is one time that an alert fired.
type firing struct{ from, to time.Time }

// journal notes what the process says of its alerts.
type journal struct {
	mu    sync.Mutex
	fired map[string][]firing
}

func (j *journal) notify(_ context.Context, a views.Alert) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if a.State == views.Firing {
		j.fired[a.Name] = append(j.fired[a.Name], firing{from: a.End})
	} else if all := j.fired[a.Name]; len(all) > 0 {
		all[len(all)-1].to = a.End
	}
	return nil
}

// TestSameAlerts feeds the same traffic to the process and, through the
// Collector, to Prometheus with the generated rules: both raise the same alerts,
// each beginning and ending within two intervals of the other.
func TestSameAlerts(t *testing.T) {
	t.Parallel()
	const interval = time.Second
	baselines := "[monitoring]\ninterval_seconds = 1\n[baseline_targets]\nsearch_ms = 100\nsearch_error_percent = 10\nsearch_qps = 30\n" +
		"[[baseline]]\nname = \"patient\"\nmetric = \"otelperf.operation.duration\"\nstatistic = \"mean\"\ntarget = 50\nunit = \"ms\"\nfor = \"2s\"\nkeep_firing_for = \"2s\"\nseverity = \"page\"\n" +
		"[[baseline]]\nname = \"busy\"\nmetric = \"otelperf.operation.duration\"\nmatch = { \"otelperf.operation.name\" = \"search\" }\nstatistic = \"rate\"\ndirection = \"lower\"\nfleet_target = 30\n"
	const native = "native histograms"
	for _, variant := range append([]string{native}, strategies...) {
		t.Run(variant, func(t *testing.T) {
			t.Parallel()
			strategy, flags := variant, []string{"--strategy", variant}
			var options []monitor.Option
			if variant == native {
				strategy, flags = strategies[0], []string{"--native-histograms"}
				options = append(options, monitor.WithRules(views.Rule{Instrument: "*.duration", Exponential: true}))
			}
			file := lab.Write(t, t.TempDir(), "same.toml", baselines)
			rules := lab.Write(t, t.TempDir(), "rules.yml", generate(t, append([]string{"rules", "--query-offset", "5s", file}, flags...)...))
			db := lab.StartPrometheus(t, fmt.Sprintf("rule_files: [%q]\notlp:\n  translation_strategy: %s\n", rules, strategy))
			c := lab.StartCollector(t, "OTELPERF_PROM_EXPORTERS=[otlp_http/prometheus]", "OTELPERF_PROMETHEUS="+db.URL)
			own := &journal{fired: make(map[string][]firing)}
			svc := startService(t, baselines+fmt.Sprintf("[export]\nexporters = [\"otlp\"]\nendpoint = %q\n", c.Endpoint()), append(options, monitor.WithNotify(own.notify))...)

			began := time.Now()
			traffic(svc, []phase{
				{6 * time.Second, 10, 20 * time.Millisecond, 0}, // well
				{7 * time.Second, 10, 250 * time.Millisecond, 0},
				{7 * time.Second, 10, 20 * time.Millisecond, 0},
				{6 * time.Second, 10, 20 * time.Millisecond, 4}, // four of ten fail
				{6 * time.Second, 10, 20 * time.Millisecond, 0},
				{6 * time.Second, 1, 20 * time.Millisecond, 0},   // few come
				{10 * time.Second, 10, 20 * time.Millisecond, 0}, // Prometheus looks at what was 5 s ago
			})
			theirs := firings(t, db, "", began, time.Now(), interval)

			// The rate of the fleet is that of the only process.
			own.mu.Lock()
			want := maps.Clone(own.fired)
			own.mu.Unlock()
			want["busy_fleet"] = want["search_qps"]
			for _, name := range []string{"search_ms", "search_error_percent", "search_qps", "patient"} {
				// More than once where the machine was too busy for the traffic.
				if len(want[name]) == 0 {
					t.Errorf("%s has not fired in the process", name)
				}
			}
			wantSame(t, "", want, theirs, interval)
			// It served nothing, and never allocated.
			checkDashboard(t, db, []string{
				"Requests per second, by route", "Requests per second, by status", "Latency by route, p95", "Requests in flight",
				"allocation_ms", "allocation_error_percent",
			}, append(flags, file)...)
		})
	}
}

// wantSame: both have the same alerts, each beginning and ending within two
// intervals of the other.
func wantSame(t *testing.T, instance string, want, theirs map[string][]firing, interval time.Duration) {
	t.Helper()
	for name := range union(want, theirs) {
		a, b := want[name], theirs[name]
		if len(a) != len(b) {
			t.Errorf("%s %s fired %d times in the process and %d times in Prometheus: %v, %v", name, instance, len(a), len(b), a, b)
			continue
		}
		for i := range a {
			from, to := b[i].from.Sub(a[i].from), b[i].to.Sub(a[i].to)
			t.Logf("%s %s: Prometheus fires %v and resolves %v after the process", name, instance, from.Round(time.Millisecond), to.Round(time.Millisecond))
			if from.Abs() > 2*interval || to.Abs() > 2*interval {
				t.Errorf("%s %s: Prometheus fires %v and resolves %v after the process, want within two intervals", name, instance, from, to)
			}
		}
	}
}

func union(a, b map[string][]firing) map[string]bool {
	all := make(map[string]bool)
	for k := range a {
		all[k] = true
	}
	for k := range b {
		all[k] = true
	}
	return all
}

// A phase is traffic of one kind: so many calls every 100 ms, as long as took,
// so many of ten of which fail.
type phase struct {
	lasts  time.Duration
	calls  int
	took   time.Duration
	failed int
}

func traffic(svc *service, phases []phase) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for _, p := range phases {
		for end := time.Now().Add(p.lasts); time.Now().Before(end); <-tick.C {
			for i := range p.calls {
				var err error
				if i < p.failed {
					err = errSearch
				}
				svc.search.Record(context.Background(), p.took, err)
			}
		}
	}
}

// firings reads from Prometheus' own ALERTS series when each alert fired, for
// the series with these labels, such as instance="one".
func firings(t *testing.T, db *lab.Database, labels string, from, to time.Time, step time.Duration) map[string][]firing {
	t.Helper()
	body, err := lab.Get(db.URL + "/api/v1/query?time=" + strconv.FormatInt(to.Unix(), 10) + "&query=" +
		url.QueryEscape(fmt.Sprintf(`ALERTS{alertstate="firing",%s}[%ds]`, labels, int(to.Sub(from).Seconds()))))
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Values [][2]any
			}
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	all := make(map[string][]firing)
	for _, r := range answer.Data.Result {
		name := r.Metric["alertname"]
		for _, v := range r.Values {
			seconds, _ := v[0].(float64)
			at := time.UnixMilli(int64(seconds * 1e3))
			list := all[name]
			if len(list) == 0 || at.Sub(list[len(list)-1].to) > step*5/2 { // one that Prometheus left out is no end
				all[name] = append(list, firing{at, at.Add(step)})
				continue
			}
			list[len(list)-1].to = at.Add(step)
		}
		slices.SortFunc(all[name], func(a, b firing) int { return a.from.Compare(b.from) })
	}
	return all
}
