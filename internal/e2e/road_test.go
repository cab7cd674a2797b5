package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
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
	return startDemoWith(t, nil, toml, args...)
}

// startDemoWith is startDemo with further variables.
func startDemoWith(t *testing.T, env []string, toml string, args ...string) *demo {
	t.Helper()
	dir := t.TempDir()
	lab.Write(t, dir, "one.md", "# Reading files\n\nHow to read a file line by line.\n")
	lab.Write(t, dir, "two.md", "# Sorting\n\nHow to sort a slice of numbers.\n")
	config := lab.Write(t, t.TempDir(), "demo.toml", toml)
	addr := fmt.Sprintf("127.0.0.1:%d", lab.Port(t))
	d := &demo{URL: "http://" + addr}
	d.Process = lab.Run(t, "httpdemo", t.TempDir(), env, append([]string{"-addr", addr, "-corpus", dir, "-config", config}, args...)...)
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

	// One alert fires at once, so that its metrics are there.
	toml := fmt.Sprintf("[monitoring]\ninterval_seconds = 1\n[baseline_targets]\nsearch_ms = 0.001\nallocation_ms = 1000\n"+
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
	handled := uint64(0)
	for _, p := range metrics {
		if p.Name == "http.server.request.duration" {
			handled += p.Count
		}
	}
	if line := fmt.Sprintf("httpdemo: %d requests handled\n", handled); !strings.Contains(d.Output(), line) {
		t.Errorf("the Collector's file has %d requests, the demo counted otherwise:\n%s", handled, d.Output())
	}
	checkMetrics(t, metrics)
	checkOperations(t, metrics, l.answered)
	checkBounds(t, metrics)
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
	config := lab.Write(t, t.TempDir(), "shop.toml", "[monitoring]\ninterval_seconds = 1\n[baseline_targets]\nsearch_ms = 1000\nallocation_ms = 1000\nmemory_mb = 500\n[thresholds]\nmax_response_time_ms = 100\n")
	// No search failed.
	checkDashboard(t, pushed, []string{"Failures per second, by type"}, config)
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

// checkOperations: what the service did, of which the clients know by the answers.
func checkOperations(t *testing.T, points []lab.Point, answered map[[2]string]int) {
	t.Helper()
	for operation, request := range map[string][2]string{"search": {"/search", "200"}, "allocation": {"/documents", "201"}} {
		got := uint64(0)
		for _, p := range points {
			if p.Name == "otelperf.operation.duration" && p.Of("otelperf.operation.name="+operation) {
				got += p.Count
			}
		}
		if want := answered[request]; want == 0 || got != uint64(want) {
			t.Errorf("%d operations %s were measured, and %d answers to %v came of them", got, operation, want, request)
		}
	}
}

// A shape is what there is to know of a metric but its values.
type shape struct {
	unit, kind string
	monotonic  bool
	attributes string // the keys, in order
}

// The metrics of the demo, all of them.
var ours = map[string]shape{
	"http.server.request.duration":       {"s", "histogram", false, "http.request.method http.response.status_code http.route network.protocol.name network.protocol.version url.scheme"},
	"http.server.active_requests":        {"{request}", "sum", false, "http.request.method url.scheme"},
	"otelperf.http.server.streams":       {"{request}", "sum", false, "http.request.method url.scheme"},
	"otelperf.operation.duration":        {"s", "histogram", false, "otelperf.operation.name"},
	"otelperf.operation.active":          {"{operation}", "sum", false, "otelperf.operation.name"},
	"otelperf.baseline.excess":           {"1", "gauge", false, "otelperf.baseline.name"},
	"otelperf.alert.active":              {"{alert}", "gauge", false, "otelperf.baseline.name"},
	"otelperf.alert.transitions":         {"{transition}", "sum", true, "otelperf.alert.state otelperf.baseline.name"},
	"otelperf.export.dropped":            {"{data_point}", "sum", true, "otelperf.drop.reason otelperf.exporter.name"},
	"otelperf.notify.dropped":            {"{alert}", "sum", true, "otelperf.drop.reason otelperf.sink.name"},
	"otelperf.history.rows.dropped":      {"{row}", "sum", true, "otelperf.drop.reason"},
	"otelperf.process.read.failures":     {"{failure}", "sum", true, ""},
	"process.context_switches":           {"{context_switch}", "sum", true, "process.context_switch.type"},
	"process.cpu.time":                   {"s", "sum", true, "cpu.mode"},
	"process.cpu.utilization":            {"1", "gauge", false, "cpu.mode"},
	"process.memory.usage":               {"By", "sum", false, ""},
	"process.memory.virtual":             {"By", "sum", false, ""},
	"process.paging.faults":              {"{fault}", "sum", true, "system.paging.fault.type"},
	"process.thread.count":               {"{thread}", "sum", false, ""},
	"process.unix.file_descriptor.count": {"{file_descriptor}", "sum", false, ""},
	"process.unix.file_descriptor.limit": {"{file_descriptor}", "sum", false, ""},
	"process.uptime":                     {"s", "gauge", false, ""},
	"go.config.gogc":                     {"%", "sum", false, ""},
	"go.cpu.time":                        {"s", "sum", true, "go.cpu.detailed_state go.cpu.state"},
	"go.goroutine.count":                 {"{goroutine}", "sum", false, ""},
	"go.memory.allocated":                {"By", "sum", true, ""},
	"go.memory.allocations":              {"{allocation}", "sum", true, ""},
	"go.memory.gc.cycles":                {"{gc_cycle}", "sum", true, ""},
	"go.memory.gc.goal":                  {"By", "sum", false, ""},
	"go.memory.gc.pause.duration":        {"s", "histogram", false, ""},
	"go.memory.used":                     {"By", "sum", false, "go.memory.type"},
	"go.processor.limit":                 {"{thread}", "sum", false, ""},
	"go.schedule.duration":               {"s", "histogram", false, ""},
}

// missed is there only where the demo had no time to collect for longer than an interval.
const missed = "otelperf.evaluations.missed"

// checkMetrics: each metric with unit, kind, temporality, resource and the very
// attributes, and no other metric.
func checkMetrics(t *testing.T, points []lab.Point) {
	t.Helper()
	found := make(map[string]bool)
	for _, p := range points {
		found[p.Name] = true
		want, ok := ours[p.Name]
		if p.Name == missed {
			want, ok = shape{"{evaluation}", "sum", true, ""}, true
		}
		if got := (shape{p.Unit, p.Kind, p.Monotonic, strings.Join(slices.Sorted(maps.Keys(p.Attributes)), " ")}); !ok || got != want {
			t.Errorf("%s is %+v, want %+v", p.Name, got, want)
		}
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
	for name := range ours {
		if !found[name] {
			t.Errorf("%s is missing", name)
		}
	}
}

// checkDatabase: each point of the file is in the database under the name that
// the translation gives it, with the same attributes and value.
func checkDatabase(t *testing.T, name string, db *lab.Database, points []lab.Point) {
	t.Helper()
	namer := otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes)
	underscores := strings.NewReplacer(".", "_")
	compared := make(map[string]bool)
	for _, p := range points {
		kind, values := otlptranslator.MetricTypeGauge, map[string]float64{"": p.Value}
		switch {
		case p.Kind == "histogram":
			kind, values = otlptranslator.MetricTypeHistogram, map[string]float64{"_count": float64(p.Count), "_sum": p.Sum}
		case p.Monotonic:
			kind = otlptranslator.MetricTypeMonotonicCounter
		case p.Kind == "sum":
			kind = otlptranslator.MetricTypeNonMonotonicCounter
		}
		series, err := namer.Build(otlptranslator.Metric{Name: p.Name, Unit: p.Unit, Type: otlptranslator.MetricType(kind)})
		if err != nil {
			t.Fatal(err)
		}
		var labels []string
		for k, v := range p.Attributes {
			labels = append(labels, fmt.Sprintf("%s=%q", underscores.Replace(k), v))
		}
		compared[p.Name] = true
		if p.Kind == "histogram" {
			of := series + "_bucket{" + strings.Join(labels, ",") + "}"
			lab.Eventually(t, 20*time.Second, func() error { return checkBuckets(name, db, of, p) })
		}
		for suffix, want := range values {
			expr := series + suffix + "{" + strings.Join(labels, ",") + "}"
			lab.Eventually(t, 20*time.Second, func() error {
				got, err := db.Scalar(expr)
				if err == nil && math.Abs(got-want) > 1e-9*math.Abs(want) {
					err = fmt.Errorf("is %v, want %v", got, want)
				}
				if err != nil {
					err = fmt.Errorf("%s: %s: %w", name, expr, err)
				}
				return err
			})
		}
	}
	delete(compared, missed)
	if len(compared) != len(ours) {
		t.Errorf("%s: %d metrics were compared, want %d", name, len(compared), len(ours))
	}
}

// checkDashboard runs every query of the dashboard that otelperf writes by the
// arguments. Each shows something but those of the panels of which nothing
// happened.
func checkDashboard(t *testing.T, db *lab.Database, quiet []string, args ...string) {
	t.Helper()
	out := []byte(generate(t, append([]string{"dashboard"}, args...)...))
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(out, &board); err != nil {
		t.Fatal(err)
	}
	// The service may have ended: look at the time that it ran.
	fill := strings.NewReplacer("$job", ".*", "$instance", ".*", "$__rate_interval", "5m", "[2200ms]", "[5m]", "[1500ms]", "[5m]")
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
		if !shown && len(p.Targets) > 1 && !slices.Contains(quiet, p.Title) {
			t.Errorf("panel %q shows nothing in any of its lines", p.Title)
		}
	}
	if queries < 30 {
		t.Errorf("only %d queries were run", queries)
	}
}
