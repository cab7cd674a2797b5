package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/internal/e2e/lab"
)

// TestAlerts: two processes of one service raise the same alert. It arrives in
// Alertmanager as one group of two alerts, and in the Collector as log events;
// the one that recovers resolves its own alert only.
func TestAlerts(t *testing.T) {
	t.Parallel()
	am := lab.StartAlertmanager(t)
	c := lab.StartCollector(t)
	toml := fmt.Sprintf("[baseline_targets]\nsearch_ms = 10\n[alerting]\nlog_events = true\n[alertmanager]\nurls = [%q]\nrepeat_seconds = 1\n", am.URL)
	instance := func(id string) *service {
		return startService(t, export(c.Endpoint(), "")+toml+fmt.Sprintf("[resource]\nservice_instance_id = %q\n", id))
	}
	one, two := instance("one"), instance("two")
	states := func() (map[string]string, error) {
		groups, err := am.Groups()
		found := make(map[string]string)
		for _, g := range groups {
			for _, a := range g.Alerts {
				if g.Labels["alertname"] != "search_ms" || g.Labels["service_name"] != "e2e" {
					return nil, fmt.Errorf("the alert %v is in the group %v", a.Labels, g.Labels)
				}
				if !strings.HasPrefix(a.Annotations["summary"], "ALERT search_ms = ") {
					return nil, fmt.Errorf("the summary is %q", a.Annotations["summary"])
				}
				found[a.Labels["service_instance_id"]] = a.Status.State
			}
		}
		return found, err
	}
	want := func(ids ...string) {
		t.Helper()
		lab.Eventually(t, 30*time.Second, func() error {
			one.record(30, 20*time.Millisecond)
			if len(ids) == 2 {
				two.record(30, 20*time.Millisecond)
			} else {
				two.record(30, time.Millisecond)
			}
			got, err := states()
			if err != nil {
				return err
			}
			if len(got) != len(ids) {
				return fmt.Errorf("firing: %v, want %v", got, ids)
			}
			for _, id := range ids {
				if got[id] != "active" {
					return fmt.Errorf("firing: %v, want %v", got, ids)
				}
			}
			return nil
		})
	}
	want("one", "two")
	want("one")
	lab.Eventually(t, 20*time.Second, func() error {
		log := c.Alerts()
		for _, text := range []string{"otelperf.alert", "ALERT search_ms", "RESOLVED search_ms"} {
			if !strings.Contains(log, text) {
				return fmt.Errorf("the log events do not contain %q:\n%s", text, log)
			}
		}
		return nil
	})
}
