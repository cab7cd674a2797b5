//go:build !bare

package main

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelperf/otelperf-go/views"
)

// TestEverythingIsMeasured sends one request of each kind through the whole
// program and counts what the monitor has of them.
func TestEverythingIsMeasured(t *testing.T) {
	t.Chdir(t.TempDir())
	var stdout, stderr bytes.Buffer
	d := &demo{stdout: &stdout, stderr: &stderr}
	log := slog.New(slog.DiscardHandler)
	total := sdkmetric.NewManualReader()
	mon, err := d.startMonitor(t.Context(), total, log)
	if err != nil {
		t.Fatal(err)
	}
	var handled atomic.Int64
	handler, err := d.handler(testService(t, 10, 0).index, mon, log, &handled)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	for range 2 {
		send(t, "GET", server.URL+"/search?q=json", "", "")
	}
	send(t, "GET", server.URL+"/search?q=", "", "") // refused before the operation
	send(t, "POST", server.URL+"/documents", "application/json", `{"title":"a","text":"b"}`)
	send(t, "GET", server.URL+"/documents/encoding/json.Marshal", "", "")
	send(t, "GET", server.URL+"/documents/nothing", "", "")
	send(t, "GET", server.URL+"/healthz", "", "")
	for path, status := range map[string]int{
		"/debug/otelperf": http.StatusTemporaryRedirect, "/debug/otelperf/": http.StatusOK, "/debug/otelperf/api/overview": http.StatusOK,
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Host = "localhost"
		if handler.ServeHTTP(w, r); w.Code != status {
			t.Errorf("%s: %d, want %d", path, w.Code, status)
		}
	}
	server.Close()
	if n := handled.Load(); n != 6 {
		t.Errorf("%d requests handled, want 6", n)
	}

	m, err := measure(t.Context(), mon, total)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]uint64)
	for _, r := range rows(m.collected) {
		got[r.name] = r.point.Count
	}
	want := map[string]uint64{
		"search": 2, "allocation": 1,
		"GET /search": 3, "POST /documents": 1, "GET /documents/{id...}": 2,
	}
	for name, n := range want {
		if got[name] != n {
			t.Errorf("%s: %d counted, want %d", name, got[name], n)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("counted besides: %v", got)
	}
	judged := make(map[string]float64)
	for _, s := range m.baselines {
		if s.Metric != "" && s.Target == s.Target && !strings.HasPrefix(s.Metric, "otelperf.recorded.") {
			judged[s.Name] = s.Target
		}
		if s.State == views.Firing {
			t.Errorf("%s fires", s.Name)
		}
	}
	for name, target := range map[string]float64{"search_ms": 100, "allocation_ms": 200, "memory_mb": 512, "cpu_percent": 80} {
		if judged[name] != target {
			t.Errorf("%s is held against %v, want %v", name, judged[name], target)
		}
		delete(judged, name)
	}
	if len(judged) > 0 {
		t.Errorf("judged besides: %v", judged)
	}
	if err := mon.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if stdout.Len() > 0 {
		t.Errorf("without -drive the metrics were printed: %.100s", &stdout)
	}
}

func TestConfigOfTheirOwn(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for content, says := range map[string]string{
		"monitoring.enabled = false":          "",
		"[baseline_targets]\nsearch_ms = 7":   "",
		"[baseline_targets]\nserach_ms = 'a'": "own.toml",
		"= nonsense":                          "own.toml",
	} {
		name := filepath.Join(dir, "own.toml")
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		d := &demo{options: options{config: name}, stdout: new(bytes.Buffer), stderr: new(bytes.Buffer)}
		total := sdkmetric.NewManualReader()
		mon, err := d.startMonitor(t.Context(), total, slog.New(slog.DiscardHandler))
		if says != "" {
			if !errors.As(err, new(configError)) || !strings.Contains(err.Error(), says) {
				t.Errorf("%q: got %v", content, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", content, err)
			continue
		}
		if _, err := measure(t.Context(), mon, total); err != nil {
			t.Errorf("%q: %v", content, err)
		}
		if err := mon.Shutdown(t.Context()); err != nil {
			t.Errorf("%q: %v", content, err)
		}
	}
}
