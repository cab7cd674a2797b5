package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/internal/e2e/lab"
)

// TestCollectorReadsMetricsFile: the otlp_json_file receiver, configured as
// docs/page.md says, follows the file over a restart and a file put aside, and
// gets every search once.
func TestCollectorReadsMetricsFile(t *testing.T) {
	t.Parallel()
	p := readPage(t, "page.md")
	out := filepath.Join(p.dir, "out.jsonl")
	config := lab.Write(t, p.dir, "config.yaml", p.blocks["yaml"][0]+fmt.Sprintf(`
exporters:
  file: {path: %q, flush_interval: 100ms}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [otlp_json_file], exporters: [file]}
`, out))
	collector := lab.Run(t, "filecollector", p.dir, nil, "--config", config)
	lab.Eventually(t, 30*time.Second, func() error {
		if !strings.Contains(collector.Output(), "Everything is ready") {
			return fmt.Errorf("the Collector is not ready:\n%s", collector.Output())
		}
		return nil
	})

	logs := filepath.Join(p.dir, "data", "logs")
	file := filepath.Join(logs, "performance_metrics.json")
	toml := fmt.Sprintf(`
[monitoring]
interval_seconds = 0.5
[baseline_targets]
search_ms = 100
[output]
directory = %q
metrics_file = "performance_metrics.json"
`, logs)
	var want int
	for run := range 3 {
		if run == 2 { // as it happens each hour
			if err := os.Rename(file, filepath.Join(logs, "performance_metrics-20260102T150405.000Z.json")); err != nil {
				t.Fatal(err)
			}
		}
		s := startService(t, toml)
		for range 3 {
			s.record(20, 10*time.Millisecond)
			want += 20
			if err := s.ForceFlush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.stop(10 * time.Second); err != nil {
			t.Fatal(err)
		}
		lab.Eventually(t, 30*time.Second, func() error { return searchesIn(out, want) })
	}

	var points []lab.Point
	lab.Eventually(t, 10*time.Second, func() (err error) { // its last line may be half written
		points, err = lab.ReadPoints(out)
		return err
	})
	judged := 0
	for _, point := range points {
		if point.Resource["service.name"] != "e2e" {
			t.Errorf("%s is of %q", point.Name, point.Resource["service.name"])
		}
		if point.Name == "otelperf.baseline.value" && point.Of("otelperf.baseline.name=search_ms") && point.Value > 0 {
			judged++
		}
	}
	if judged == 0 {
		t.Error("no judged value of search_ms arrived")
	}
	for line := range strings.SplitSeq(collector.Output(), "\n") {
		if strings.Contains(line, "\twarn\t") || strings.Contains(line, "\terror\t") {
			t.Error(line)
		}
	}
}

// searchesIn is nil if a Collector's file has so many searches as deltas, a
// tenth of them failed.
func searchesIn(file string, want int) error {
	points, err := lab.ReadPoints(file)
	if err != nil {
		return err
	}
	var all, failed uint64
	for _, p := range points {
		if p.Name != "otelperf.operation.duration" || !p.Of("otelperf.operation.name=search") {
			continue
		}
		if p.Temporality != 1 {
			return fmt.Errorf("%s has the temporality %d", p.Name, p.Temporality)
		}
		all += p.Count
		if p.Attributes["error.type"] != "" {
			failed += p.Count
		}
	}
	if all != uint64(want) || failed != uint64(want/10) {
		return fmt.Errorf("%d searches arrived, %d failed, want %d and %d", all, failed, want, want/10)
	}
	return nil
}
