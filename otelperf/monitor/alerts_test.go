package monitor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/protobuf/proto"

	"github.com/otelperf/otelperf-go/otelperf/monitor"
)

// A request is what a server of an alert was sent.
type request struct {
	path, auth string
	body       []byte
}

// receiver is a server that keeps what it is sent.
func receiver(t *testing.T) (url string, requests chan request) {
	t.Helper()
	requests = make(chan request, 100)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- request{r.URL.Path, r.Header.Get("Authorization"), body}
	}))
	t.Cleanup(s.Close)
	return s.URL, requests
}

func TestAlertsGoWhereTheFileSays(t *testing.T) {
	am, amRequests := receiver(t)
	hook, hookRequests := receiver(t)
	otlp, otlpRequests := receiver(t)
	mon := start(t, monitor.WithInterval(time.Hour), monitor.WithConfig("c", fmt.Appendf(nil, `
[baseline_targets]
search_ms = 100
[alerting]
log_events = true
[export]
exporters = ["otlp"]
endpoint = %q
[alertmanager]
urls = [%q]
bearer_token = "hush"
labels = { team = "shop" }
[webhook]
url = "%s/hook"
body = '{"text": {{json .String}}}'
username = "me"
password = "hush"
`, otlp, am, hook)))
	record(t, mon, "search_ms", 150)
	flush(t, mon)

	const line = "ALERT search_ms = 150.000 exceeds baseline 100.000 by 50.0% otelperf.source=recorded"
	r := <-amRequests
	var alerts []struct{ Labels, Annotations map[string]string }
	if err := json.Unmarshal(r.body, &alerts); err != nil {
		t.Fatal(err)
	}
	if r.path != "/api/v2/alerts" || r.auth != "Bearer hush" || len(alerts) != 1 ||
		alerts[0].Labels["alertname"] != "search_ms" || alerts[0].Labels["team"] != "shop" ||
		alerts[0].Labels["service_name"] != "test" || alerts[0].Annotations["summary"] != line {
		t.Errorf("Alertmanager got %s %s %s", r.path, r.auth, r.body)
	}
	r = <-hookRequests
	var text struct{ Text string }
	if err := json.Unmarshal(r.body, &text); err != nil {
		t.Fatal(err)
	}
	if r.path != "/hook" || !strings.HasPrefix(r.auth, "Basic ") || text.Text != line {
		t.Errorf("the webhook got %s %s %s", r.path, r.auth, r.body)
	}
	shutdown(t, mon) // none may be lost
	found := false
	for len(otlpRequests) > 0 {
		r := <-otlpRequests
		if r.path != "/v1/logs" {
			continue
		}
		var logs collectorpb.ExportLogsServiceRequest
		if err := proto.Unmarshal(r.body, &logs); err != nil {
			t.Fatal(err)
		}
		rec := logs.ResourceLogs[0].ScopeLogs[0].LogRecords[0]
		found = rec.EventName != "" && rec.Body.GetStringValue() == line
	}
	if !found {
		t.Error("no log event arrived at the OTLP endpoint")
	}
}

// A log event that the backend did not take is sent again, by the same rules as
// any other alert.
func TestLogEventsOutliveAnOutage(t *testing.T) {
	var refused atomic.Int32
	arrived := make(chan string, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path != "/v1/logs" {
			return
		}
		if refused.Add(1) <= 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		var logs collectorpb.ExportLogsServiceRequest
		if err := proto.Unmarshal(body, &logs); err != nil {
			t.Error(err)
			return
		}
		for _, r := range logs.ResourceLogs[0].ScopeLogs[0].LogRecords {
			arrived <- r.Body.GetStringValue()
		}
	}))
	t.Cleanup(s.Close)
	mon := start(t, monitor.WithInterval(time.Hour), monitor.WithConfig("c", fmt.Appendf(nil,
		"[baseline_targets]\nsearch_ms = 100\n[alerting]\nlog_events = true\n[export]\nexporters = [\"otlp\"]\nendpoint = %q\n", s.URL)))
	record(t, mon, "search_ms", 150)
	flush(t, mon)
	if got, want := <-arrived, "ALERT search_ms = 150.000 exceeds baseline 100.000 by 50.0% otelperf.source=recorded"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	shutdown(t, mon)
	if n := refused.Load(); n != 3 || len(arrived) != 0 {
		t.Errorf("%d requests, and %d events more", n, len(arrived))
	}
}

func TestBadDestinationsAreErrorsOfStart(t *testing.T) {
	for _, c := range []struct{ toml, want string }{
		{"[webhook]\nurl = \"http://x/secret\"\nbody = \"{{.Nonsense}}\"\n", "[webhook]"},
		{"[alertmanager]\nurls = [\"http://x\"]\nca_file = \"no-such.pem\"\n", "no-such.pem"},
		{"[webhook]\nurl = \"ftp://x/secret\"\n", "webhook.url"},
	} {
		mon, err := monitor.Start(context.Background(), monitor.WithConfig("c", []byte(c.toml)))
		if err == nil {
			_ = mon.Shutdown(context.Background())
			t.Errorf("%s: no error", c.toml)
			continue
		}
		if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %q, want %s and no secret", c.toml, err, c.want)
		}
	}
}
