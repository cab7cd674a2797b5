package e2e_test

import (
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/internal/e2e/lab"
	"github.com/otelperf/otelperf-go/otelperf/monitor"
)

// TestSameAlertsOfAFleet: three instances of a service, with traffic of their
// own. For each of them Prometheus raises the alerts that it raises itself, and
// for the service the one of its fleet target, which all three have to meet.
func TestSameAlertsOfAFleet(t *testing.T) {
	t.Parallel()
	const interval = time.Second
	baselines := "[monitoring]\ninterval_seconds = 1\n[baseline_targets]\nsearch_ms = 100\n" +
		"[[baseline]]\nname = \"busy\"\nmetric = \"otelperf.operation.duration\"\nmatch = { \"otelperf.operation.name\" = \"search\" }\n" +
		"statistic = \"rate\"\ndirection = \"lower\"\nfor = \"2s\"\ntarget = 30\nfleet_target = 320\n"
	file := lab.Write(t, t.TempDir(), "fleet.toml", baselines)
	rules := lab.Write(t, t.TempDir(), "rules.yml", generate(t, "rules", "--query-offset", "5s", file))
	db := lab.StartPrometheus(t, fmt.Sprintf("rule_files: [%q]\n", rules))
	c := lab.StartCollector(t, "OTELPERF_PROM_EXPORTERS=[otlp_http/prometheus]", "OTELPERF_PROMETHEUS="+db.URL)
	const well, slow = 20 * time.Millisecond, 250 * time.Millisecond
	plans := map[string][]phase{
		// One is always well.
		"one": {{25 * time.Second, 10, well, 0}, {12 * time.Second, 10, well, 0}},
		// Two is slow for a time.
		"two": {{7 * time.Second, 10, well, 0}, {7 * time.Second, 10, slow, 0}, {23 * time.Second, 10, well, 0}},
		// Three has little to do for a time: one of three is too few for all.
		"three": {{14 * time.Second, 10, well, 0}, {9 * time.Second, 1, well, 0}, {14 * time.Second, 10, well, 0}},
	}
	journals := make(map[string]*journal)
	services := make(map[string]*service)
	for id := range plans {
		journals[id] = &journal{fired: make(map[string][]firing)}
		services[id] = startService(t, baselines+fmt.Sprintf("[resource]\nservice_instance_id = %q\n[export]\nexporters = [\"otlp\"]\nendpoint = %q\n", id, c.Endpoint()),
			monitor.WithNotify(journals[id].notify))
	}
	began := time.Now()
	var wg sync.WaitGroup
	for id, plan := range plans {
		wg.Go(func() { traffic(services[id], plan) })
	}
	wg.Wait()
	ended := time.Now()
	own := make(map[string]map[string][]firing)
	for id, j := range journals {
		j.mu.Lock()
		own[id] = maps.Clone(j.fired)
		j.mu.Unlock()
		wantSame(t, id, own[id], firings(t, db, fmt.Sprintf("instance=%q", id), began, ended, interval), interval)
	}
	if len(own["two"]["search_ms"]) == 0 || len(own["three"]["busy"]) == 0 {
		t.Errorf("two was slow and three had little to do, and they said %v and %v", own["two"], own["three"])
	}
	// The service's alert, which no process can raise: below 256 a second, of
	// 300, there are too few for the time in which three says so of itself. And for
	// a moment at the beginning, until Prometheus has heard of all three.
	wantSame(t, "of the service", map[string][]firing{"busy_fleet": own["three"]["busy"]},
		firings(t, db, `instance=""`, began.Add(5*time.Second), ended, interval), interval)
}
