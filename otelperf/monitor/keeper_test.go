package monitor_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/otelperf/monitor"
	"github.com/otelperf/otelperf-go/views"
)

func TestFiringAlertSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	amURL, am := receiver(t)
	config := monitor.WithConfig("c", fmt.Appendf(nil, `
[baseline_targets]
search_ms = 100
[alerting]
state_file = "state.json"
[alertmanager]
urls = [%q]
repeat_seconds = 1
[output]
directory = %q
`, amURL, dir))
	var first, second buffer
	mon := start(t, config, monitor.WithInterval(time.Hour), monitor.WithConsole(&first))
	record(t, mon, "search_ms", 150)
	flush(t, mon)
	shutdown(t, mon)
	if got := first.lines(); len(got) != 1 {
		t.Fatalf("the first process said %q, want one alert", got)
	}
	id := instanceID(t, dir)
	if id == "" {
		t.Error("the state file has no instance id")
	}
	for len(am) > 0 {
		<-am
	}

	mon = start(t, config, monitor.WithInterval(time.Hour), monitor.WithConsole(&second))
	if s, _ := mon.Snapshot().Get("search_ms"); s.State != views.Firing {
		t.Errorf("after the restart it is %v", s.State)
	}
	r := <-am // Alertmanager forgets what is not repeated
	var alerts []struct{ Labels map[string]string }
	if err := json.Unmarshal(r.body, &alerts); err != nil || len(alerts) != 1 || alerts[0].Labels["alertname"] != "search_ms" ||
		alerts[0].Labels["service_instance_id"] != id {
		t.Errorf("Alertmanager is reminded of %s, %v", r.body, err)
	}
	record(t, mon, "search_ms", 160)
	flush(t, mon)
	shutdown(t, mon)
	if got := second.lines(); got[0] != "" {
		t.Errorf("the second process said %q, although the alert fired already", got)
	}
	if again := instanceID(t, dir); again != id {
		t.Errorf("the instance is %q, was %q", again, id)
	}
}

func instanceID(t *testing.T, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		ID string `json:"service_instance_id"`
	}
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	return s.ID
}

func TestStateThatCannotBeReadStartsAfresh(t *testing.T) {
	for _, content := range []string{"", "{", `{"version":99}`, "\x00\xff"} {
		dir := t.TempDir()
		path := filepath.Join(dir, "state.json")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		mon := start(t, monitor.WithInterval(time.Hour), monitor.WithConfig("c", fmt.Appendf(nil,
			"[baseline_targets]\nsearch_ms = 100\n[alerting]\nstate_file = %q\n", path)))
		record(t, mon, "search_ms", 150)
		flush(t, mon)
		shutdown(t, mon)
		if instanceID(t, dir) == "" {
			t.Errorf("%q: no state was written", content)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*.tmp")); left != nil {
			t.Errorf("%q: it left %v", content, left)
		}
	}
}
