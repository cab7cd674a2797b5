package e2e_test

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/internal/e2e/lab"
)

// TestBackendDownBehindQueue: for three minutes Prometheus is not there, and in
// the midst of them the Collector is killed. What it accepted is on disk:
// everything arrives once Prometheus is there, each sample at its own time.
func TestBackendDownBehindQueue(t *testing.T) {
	t.Parallel()
	const outage = 3 * time.Minute
	port := lab.Port(t)
	c := lab.StartCollector(t, "OTELPERF_PROM_EXPORTERS=[otlp_http/prometheus]", fmt.Sprintf("OTELPERF_PROMETHEUS=http://127.0.0.1:%d", port))
	svc := startService(t, "[monitoring]\ninterval_seconds = 1\n[baseline_targets]\nsearch_ms = 10\n"+
		fmt.Sprintf("[export]\nexporters = [\"otlp\"]\nendpoint = %q\n", c.Endpoint()))
	began := time.Now()
	recorded := 0
	traffic := func(d time.Duration) {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for end := time.Now().Add(d); time.Now().Before(end); <-tick.C {
			svc.record(10, time.Millisecond)
			recorded += 10
		}
	}
	traffic(outage / 2)
	if n := queued(t, c); n == 0 {
		t.Error("nothing waits in the Collector's queue")
	}
	killed := time.Now()
	c.Kill()
	c.Start()
	restart := time.Since(killed)
	traffic(outage / 2)
	wantTotal(t, c, uint64(recorded))
	waiting := queued(t, c)
	outageWas := time.Since(began)
	db := lab.StartPrometheusAt(t, port, "")
	lab.Eventually(t, 2*time.Minute, func() error { // the Collector pauses for up to 45 s
		got, err := db.Scalar(`sum(otelperf_operation_duration_seconds_count)`)
		if err == nil && got != float64(recorded) {
			err = fmt.Errorf("%v searches arrived, want %d", got, recorded)
		}
		return err
	})
	window := int(outageWas.Seconds()) + 180
	samples, err := db.Scalar(fmt.Sprintf(`max(count_over_time(otelperf_operation_duration_seconds_count[%ds]))`, window))
	// One for each interval, but for those that a busy machine left out, and those of
	// the Collector's restart, which the next one replaces.
	if want := 0.9 * (outageWas - restart).Seconds(); err != nil || samples < want {
		t.Errorf("%v samples of an outage of %v, %v: want %v", samples, outageWas, err, want)
	}
	resets, err := db.Scalar(fmt.Sprintf(`sum(resets(otelperf_operation_duration_seconds_count[%ds]))`, window))
	if err != nil || resets != 0 {
		t.Errorf("%v samples are less than the one before, %v", resets, err)
	}
	t.Logf("%d searches; %v batches waited; %v samples for an outage of %v", recorded, waiting, samples, outageWas.Round(time.Second))
}

// queued is how much waits in the Collector's queue to Prometheus, as its own
// telemetry says.
func queued(t *testing.T, c *lab.Collector) float64 {
	t.Helper()
	page, err := lab.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", c.Telemetry))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^otelcol_exporter_queue_size\{[^}]*exporter="otlp_http/prometheus"[^}]*\} (\S+)$`).FindSubmatch(page)
	if m == nil {
		t.Fatal("the Collector's telemetry does not say how long its queue is")
	}
	n, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil || math.IsNaN(n) {
		t.Fatalf("%s: %v", m[1], err)
	}
	return n
}
