package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/internal/e2e/lab"
)

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
