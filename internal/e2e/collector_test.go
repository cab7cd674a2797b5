package e2e_test

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/otelperf/otelperf-go/internal/e2e/lab"
)

// TestCollectorConfigurationsAreValid: no error and no word.
func TestCollectorConfigurationsAreValid(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"collector-config.yaml", "collector-gateway.yaml"} {
		out, err := exec.Command(lab.Binary(t, "otelcol"), "validate", "--config", lab.Repository(file)).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
	// So that validation is known to notice.
	bad := lab.Write(t, t.TempDir(), "bad.yaml", "receivers:\n  otlp:\n    protocol: {}\n")
	if out, err := exec.Command(lab.Binary(t, "otelcol"), "validate", "--config", bad).CombinedOutput(); err == nil {
		t.Errorf("an unknown key is valid:\n%s", out)
	}
}

// TestTiersStartWithoutWarning: agent, gateway and store as configured, with
// nothing but the ports changed.
func TestTiersStartWithoutWarning(t *testing.T) {
	t.Parallel()
	prometheus := lab.StartPrometheus(t, "")
	gateway := lab.StartGateway(t, "OTELPERF_PROMETHEUS="+prometheus.URL)
	agent := lab.StartCollector(t,
		"OTELPERF_EXPORTERS=[otlp_grpc, file/metrics]", "OTELPERF_PROM_EXPORTERS=[otlp_http/prometheus, prometheus]",
		"OTELPERF_LOG_EXPORTERS=[otlp_grpc, file/alerts]",
		"OTELPERF_PROMETHEUS="+prometheus.URL, "OTELPERF_GATEWAY=127.0.0.1:"+strconv.Itoa(gateway.GRPC))
	send(t, agent, 3)
	prometheus.Want(`sum(otelperf_operation_duration_seconds_count{job="e2e"})`, 3)
	for name, c := range map[string]*lab.Collector{"agent": agent, "gateway": gateway} {
		for line := range strings.SplitSeq(c.Output(), "\n") {
			if strings.Contains(line, "\twarn\t") || strings.Contains(line, "\terror\t") {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
}
