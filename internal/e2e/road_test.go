package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/otlptranslator"

	"github.com/otelperf/otelperf-go/internal/e2e/lab"
)

// A load is what clients saw of a server: how often each route was answered
// with each status.
type load struct {
	mu       sync.Mutex
	answered map[[2]string]int
}

// drive sends requests from several clients until stop is closed or the server
// is gone.
func (l *load) drive(base string, clients int, stop <-chan struct{}) *sync.WaitGroup {
	l.answered = make(map[[2]string]int)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			client := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
			defer client.CloseIdleConnections()
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				route, resp, err := ask(client, base, i, n)
				if err != nil {
					continue
				}
				_, err = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if err != nil {
					continue
				}
				l.mu.Lock()
				l.answered[[2]string{route, strconv.Itoa(resp.StatusCode)}]++
				l.mu.Unlock()
			}
		})
	}
	return &wg
}

func ask(client *http.Client, base string, i, n int) (route string, resp *http.Response, err error) {
	switch n % 5 {
	case 0:
		body, _ := json.Marshal(map[string]string{"title": fmt.Sprintf("note %d of %d", n, i), "text": "a document about reading files"})
		resp, err = client.Post(base+"/documents", "application/json", bytes.NewReader(body))
		return "/documents", resp, err
	case 1:
		resp, err = client.Get(base + "/search")
		return "/search", resp, err // no question: 400
	case 2:
		resp, err = client.Get(base + "/documents/none")
		return "/documents/{id...}", resp, err
	}
	resp, err = client.Get(base + "/search?q=" + url.QueryEscape("read file "+strconv.Itoa(n)))
	return "/search", resp, err
}

func (l *load) total() (n int) {
	for _, c := range l.answered {
		n += c
	}
	return n
}

// A demo is the search service, over a small corpus.
type demo struct {
	*lab.Process
	URL string
}

func startDemo(t *testing.T, toml string, args ...string) *demo {
	t.Helper()
	dir := t.TempDir()
	lab.Write(t, dir, "one.md", "# Reading files\n\nHow to read a file line by line.\n")
	lab.Write(t, dir, "two.md", "# Sorting\n\nHow to sort a slice of numbers.\n")
	config := lab.Write(t, t.TempDir(), "demo.toml", toml)
	addr := fmt.Sprintf("127.0.0.1:%d", lab.Port(t))
	d := &demo{URL: "http://" + addr}
	d.Process = lab.Run(t, "httpdemo", t.TempDir(), nil, append([]string{"-addr", addr, "-corpus", dir, "-config", config}, args...)...)
	lab.Eventually(t, 30*time.Second, func() error { _, err := lab.Get(d.URL + "/healthz"); return err })
	return d
}

// TestRoad drives the demo, has it told to end while requests are under way, and
// looks for every metric of it, with the very same values, in the Collector's
// file, in Prometheus by push and by scrape, and in VictoriaMetrics behind a
// gateway. No request that was answered is missing anywhere.
func TestRoad(t *testing.T) {
	t.Parallel()
	pushed := lab.StartPrometheus(t, "")
	victoria := lab.StartVictoriaMetrics(t)
	gateway := lab.StartGateway(t, "OTELPERF_STORES=[otlp_http/victoriametrics]", "OTELPERF_VICTORIAMETRICS="+victoria.URL)
	agent := lab.StartCollector(t,
		"OTELPERF_EXPORTERS=[otlp_grpc, file/metrics]", "OTELPERF_PROM_EXPORTERS=[otlp_http/prometheus, prometheus]",
		"OTELPERF_PROMETHEUS="+pushed.URL, "OTELPERF_GATEWAY=127.0.0.1:"+strconv.Itoa(gateway.GRPC))
	scraped := lab.StartPrometheus(t, fmt.Sprintf("scrape_configs:\n  - job_name: collector\n    scrape_interval: 1s\n"+
		"    honor_labels: true\n    static_configs: [{targets: [\"127.0.0.1:%d\"]}]\n", agent.Scrape))

	toml := fmt.Sprintf("[monitoring]\ninterval_seconds = 1\n[baseline_targets]\nsearch_ms = 1000\nallocation_ms = 1000\n"+
		"[resource]\nservice_name = \"shop\"\nservice_instance_id = \"one\"\n[export]\nexporters = [\"otlp\"]\nendpoint = %q\n", agent.Endpoint())
	d := startDemo(t, toml)
	var l load
	stop := make(chan struct{})
	wg := l.drive(d.URL, 6, stop)
	lab.Eventually(t, 30*time.Second, func() error {
		if n := len(agent.Metrics()); n < 600 {
			return fmt.Errorf("%d points so far", n)
		}
		return nil
	})
	d.Signal(syscall.SIGTERM) // under load
	if code := d.Wait(20 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	close(stop)
	wg.Wait()
	if l.total() < 100 {
		t.Fatalf("only %d requests were answered", l.total())
	}

	for key, want := range l.answered {
		got := uint64(0)
		for _, p := range newest(agent.Metrics()) {
			if p.Name == "http.server.request.duration" && p.Of("http.route="+key[0], "http.response.status_code="+key[1]) {
				got += p.Count
			}
		}
		if got != uint64(want) {
			t.Errorf("%s %s: clients saw %d answers, the Collector's file has %d", key[0], key[1], want, got)
		}
	}
	metrics := newest(agent.Metrics())
	checkMetrics(t, metrics)
	for name, db := range map[string]*lab.Database{"Prometheus, pushed": pushed, "Prometheus, scraped": scraped, "VictoriaMetrics": victoria} {
		checkDatabase(t, name, db, metrics)
	}
	for key, want := range l.answered {
		of := fmt.Sprintf(`{job="shop",instance="one",http_route=%q,http_response_status_code=%q,http_request_method!=""}`, key[0], key[1])
		pushed.Want("sum(http_server_request_duration_seconds_count"+of+")", float64(want))
		scraped.Want("sum(http_server_request_duration_seconds_count"+of+")", float64(want))
		of = fmt.Sprintf(`{service_name="shop",service_instance_id="one",http_route=%q,http_response_status_code=%q}`, key[0], key[1])
		victoria.Want("sum(http_server_request_duration_seconds_count"+of+")", float64(want))
	}
	checkDashboard(t, pushed)
}

// newest are the last points of each series.
func newest(points []lab.Point) []lab.Point {
	last := make(map[string]lab.Point)
	for _, p := range points {
		key := p.Name + p.Scope + fmt.Sprint(p.Attributes)
		if q, ok := last[key]; !ok || !p.Time.Before(q.Time) {
			last[key] = p
		}
	}
	return slices.Collect(maps.Values(last))
}

// checkMetrics: what must be there, with unit, kind and temporality.
func checkMetrics(t *testing.T, points []lab.Point) {
	t.Helper()
	type shape struct {
		unit, kind string
		monotonic  bool
	}
	found := make(map[string]shape)
	for _, p := range points {
		found[p.Name] = shape{p.Unit, p.Kind, p.Monotonic}
		if p.Kind != "gauge" && p.Temporality != 2 {
			t.Errorf("%s has temporality %d, want 2, cumulative", p.Name, p.Temporality)
		}
		if p.Kind != "gauge" && !p.Start.Before(p.Time) {
			t.Errorf("%s starts at %v and ends at %v", p.Name, p.Start, p.Time)
		}
		if p.Resource["service.name"] != "shop" || p.Resource["service.instance.id"] != "one" {
			t.Errorf("%s is of the resource %v", p.Name, p.Resource)
		}
	}
	for name, want := range map[string]shape{
		"http.server.request.duration":       {"s", "histogram", false},
		"http.server.active_requests":        {"{request}", "sum", false},
		"otelperf.http.server.streams":       {"{request}", "sum", false},
		"otelperf.operation.duration":        {"s", "histogram", false},
		"otelperf.operation.active":          {"{operation}", "sum", false},
		"otelperf.baseline.excess":           {"1", "gauge", false},
		"otelperf.alert.active":              {"{alert}", "gauge", false},
		"process.cpu.time":                   {"s", "sum", true},
		"process.cpu.utilization":            {"1", "gauge", false},
		"process.memory.usage":               {"By", "sum", false},
		"process.memory.virtual":             {"By", "sum", false},
		"process.thread.count":               {"{thread}", "sum", false},
		"process.unix.file_descriptor.count": {"{file_descriptor}", "sum", false},
		"process.uptime":                     {"s", "gauge", false},
		"go.memory.used":                     {"By", "sum", false},
		"go.memory.allocated":                {"By", "sum", true},
		"go.goroutine.count":                 {"{goroutine}", "sum", false},
		"go.schedule.duration":               {"s", "histogram", false},
		"go.memory.gc.pause.duration":        {"s", "histogram", false},
		"go.memory.gc.cycles":                {"{gc_cycle}", "sum", true},
	} {
		if got, ok := found[name]; !ok || got != want {
			t.Errorf("%s is %+v, want %+v", name, got, want)
		}
	}
}

// checkDatabase: each metric of the file is in the database under the name that
// the translation gives it, and adds up to the same.
func checkDatabase(t *testing.T, name string, db *lab.Database, points []lab.Point) {
	t.Helper()
	namer := otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes)
	sums := make(map[string]float64)
	for _, p := range points {
		kind, value, suffix := otlptranslator.MetricTypeGauge, p.Value, ""
		switch {
		case p.Kind == "histogram":
			kind, value, suffix = otlptranslator.MetricTypeHistogram, float64(p.Count), "_count"
		case p.Monotonic:
			kind = otlptranslator.MetricTypeMonotonicCounter
		case p.Kind == "sum":
			kind = otlptranslator.MetricTypeNonMonotonicCounter
		}
		series, err := namer.Build(otlptranslator.Metric{Name: p.Name, Unit: p.Unit, Type: otlptranslator.MetricType(kind)})
		if err != nil {
			t.Fatal(err)
		}
		sums[series+suffix] += value
	}
	if len(sums) < 25 {
		t.Errorf("%s: only %d metrics were compared", name, len(sums))
	}
	for series, want := range sums {
		lab.Eventually(t, 20*time.Second, func() error {
			got, err := db.Scalar("sum(" + series + ")")
			if err == nil && math.Abs(got-want) > 1e-9*math.Abs(want) {
				err = fmt.Errorf("%s: %s adds up to %v, want %v", name, series, got, want)
			}
			return err
		})
	}
}

// checkDashboard runs every query of the generated dashboard.
func checkDashboard(t *testing.T, db *lab.Database) {
	t.Helper()
	config := lab.Write(t, t.TempDir(), "shop.toml", "[monitoring]\ninterval_seconds = 1\n[baseline_targets]\nsearch_ms = 1000\nallocation_ms = 1000\nmemory_mb = 500\n[thresholds]\nmax_response_time_ms = 100\n")
	out, err := exec.Command(lab.Binary(t, "otelperf"), "dashboard", config).Output()
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(out, &board); err != nil {
		t.Fatal(err)
	}
	// The demo has ended: look at the time that it ran.
	fill := strings.NewReplacer("$job", ".*", "$instance", ".*", "$__rate_interval", "5m", "[2200ms]", "[5m]", "[1500ms]", "[5m]")
	// What nothing happened of has no data: no search failed. The runtime
	// instrumentation renews the scheduling latency every 15 s only.
	quiet := []string{"Failures per second, by type", "Scheduling latency, p99"}
	queries := 0
	for _, p := range board.Panels {
		shown := false
		for _, q := range p.Targets {
			queries++
			result, err := db.Query(fill.Replace(q.Expr))
			if err != nil {
				t.Errorf("panel %q: %v", p.Title, err)
			}
			// A baseline's panel has a line for each metric that may have it.
			shown = shown || len(result) > 0
			if len(result) == 0 && len(p.Targets) == 1 && !slices.Contains(quiet, p.Title) {
				t.Errorf("panel %q shows nothing: %s", p.Title, fill.Replace(q.Expr))
			}
		}
		if !shown && len(p.Targets) > 1 {
			t.Errorf("panel %q shows nothing in any of its lines", p.Title)
		}
	}
	if queries < 30 {
		t.Errorf("only %d queries were run", queries)
	}
}

// TestKilled: kill -9 leaves whole lines in the demo's own files: what it
// exported, and the log of its alerts.
func TestKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := startDemo(t, fmt.Sprintf("[monitoring]\ninterval_seconds = 0.2\n[baseline_targets]\nsearch_ms = 0.001\n[alerting]\nlog_file = \"alerts.log\"\n"+
		"[output]\ndirectory = %q\n[export]\nexporters = [\"file\"]\nfile = \"metrics.jsonl\"\n", dir))
	var l load
	stop := make(chan struct{})
	wg := l.drive(d.URL, 4, stop)
	file, log := filepath.Join(dir, "metrics.jsonl"), filepath.Join(dir, "alerts.log")
	lab.Eventually(t, 30*time.Second, func() error {
		points, err := lab.ReadPoints(file)
		if err == nil && len(points) < 400 {
			err = fmt.Errorf("%d points so far", len(points))
		}
		if data, _ := os.ReadFile(log); err == nil && len(data) == 0 {
			err = errors.New("no alert so far")
		}
		return err
	})
	d.Kill()
	close(stop)
	wg.Wait()
	if _, err := lab.ReadPoints(file); err != nil {
		t.Errorf("a line is not whole: %v", err)
	}
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(data), "\n")
	if last := lines[len(lines)-1]; last != "" {
		t.Errorf("the last line of the log does not end: %q", last)
	}
	for _, line := range lines[:len(lines)-1] {
		var alert map[string]any
		if err := json.Unmarshal([]byte(line), &alert); err != nil {
			t.Errorf("a line of the log is not whole: %v: %q", err, line)
		}
	}
}
