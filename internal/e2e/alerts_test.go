package e2e_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/internal/e2e/lab"
)

// TestAlerts: two processes of one service raise the same alert. It arrives in
// Alertmanager as one group of two alerts, and in the Collector as log events;
// the one that recovers resolves its own alert only, as Alertmanager itself says.
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
	// Both are at work all the time: silence would resolve what fires.
	var slow atomic.Pointer[[]string]
	slow.Store(new([]string))
	work, done := context.WithCancel(t.Context())
	var working sync.WaitGroup
	working.Go(func() {
		every := time.NewTicker(100 * time.Millisecond)
		defer every.Stop()
		for work.Err() == nil {
			for id, s := range map[string]*service{"one": one, "two": two} {
				if slices.Contains(*slow.Load(), id) {
					s.record(30, 20*time.Millisecond)
				} else {
					s.record(30, time.Millisecond)
				}
			}
			<-every.C
		}
	})
	defer working.Wait()
	defer done()
	want := func(ids ...string) {
		t.Helper()
		slow.Store(&ids)
		lab.Eventually(t, 30*time.Second, func() error {
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
	// said waits until Alertmanager has sent word of the group with this status
	// and these alerts in it.
	said := func(status string, states map[string]string) {
		t.Helper()
		lab.Eventually(t, 30*time.Second, func() error {
			var got []string
			for _, n := range am.Notifications() {
				if n.GroupLabels["alertname"] != "search_ms" || n.GroupLabels["service_name"] != "e2e" {
					t.Fatalf("a notification about the group %v", n.GroupLabels)
				}
				of := make(map[string]string)
				for _, a := range n.Alerts {
					of[a.Labels["service_instance_id"]] = a.Status
				}
				missing := maps.Clone(states)
				maps.DeleteFunc(missing, func(id, state string) bool { return of[id] == state })
				if n.Status == status && len(missing) == 0 {
					return nil
				}
				got = append(got, fmt.Sprintf("%s: %v", n.Status, of))
			}
			return fmt.Errorf("Alertmanager said %q, want %s: %v", got, status, states)
		})
	}
	want("one", "two")
	said("firing", map[string]string{"one": "firing", "two": "firing"})
	want("one")
	said("firing", map[string]string{"one": "firing", "two": "resolved"})
	for _, n := range am.Notifications() {
		for _, a := range n.Alerts {
			if a.Status == "resolved" && a.Labels["service_instance_id"] != "two" {
				t.Errorf("the alert of %q is resolved, which goes on", a.Labels["service_instance_id"])
			}
		}
	}
	want()
	said("resolved", map[string]string{"one": "resolved"})
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
