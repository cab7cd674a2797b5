package monitor_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/middleware"
	"github.com/otelperf/otelperf-go/otelperf/monitor"
	"github.com/otelperf/otelperf-go/views"
)

// TestSecretsAreNowhere plants secrets where programs have them, in the
// environment, in the configuration, in the headers, cookies and queries of
// requests, and looks for them in all that the page answers and in every file
// that is written.
func TestSecretsAreNowhere(t *testing.T) {
	const planted = "s3cr3t-"
	t.Setenv("DATABASE_PASSWORD", planted+"environment")
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key="+planted+"variable")
	collector := newBackend(t)
	close(collector.release)
	dir := t.TempDir()
	alerts := make(chan views.Alert, 10)
	mon := start(t, monitor.WithInterval(time.Hour),
		monitor.WithConfig("c", fmt.Appendf(nil, `
[baseline_targets]
search_ms = 100
[alerting]
evidence = true
log_file = "alerts.log"
state_file = "state.json"
[thresholds]
max_response_time_ms = 0.000001
[export]
exporters = ["otlp"]
endpoint = %q
headers = { authorization = "Bearer %sheader" }
[output]
directory = %q
metrics_file = "metrics.json"
`, collector.URL, planted, dir)),
		monitor.WithNotify(func(_ context.Context, a views.Alert) error { alerts <- a; return nil }))

	mw, err := middleware.New(middleware.WithMeterProvider(mon.MeterProvider()))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /items/{id}", func(http.ResponseWriter, *http.Request) {})
	root := http.NewServeMux()
	root.Handle("/debug/otelperf/", mon.Handler())
	root.Handle("/", mw.Handler(middleware.Route(mux)))
	server := httptest.NewServer(root)
	defer server.Close()
	get := func(path string) (string, []byte) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+planted+"request")
		r.Header.Set("X-Api-Key", planted+"request")
		r.Header.Set("User-Agent", planted+"agent")
		r.AddCookie(&http.Cookie{Name: "session", Value: planted + "cookie"})
		res, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		head := new(bytes.Buffer)
		if err := res.Header.Write(head); err != nil {
			t.Fatal(err)
		}
		return head.String(), body
	}
	for range 30 {
		get("/items/" + planted + "path?password=" + planted + "query")
	}
	get("/" + planted + "unknown")
	flush(t, mon)
	record(t, mon, "search_ms", 150)
	for range 30 {
		get("/items/" + planted + "path?password=" + planted + "query")
	}
	flush(t, mon)
	a := <-alerts

	// Everything that the page links to, and every interface it asks.
	const page = "/debug/otelperf/"
	todo := []string{page, page + "api/snapshot", page + "api/history", page + "api/overview?range=900", page + "api/evidence",
		page + "api/history?name=search_ms&since=1h", page + "evidence/" + filepath.Base(a.Evidence) + "/index.json"}
	for _, id := range regexp.MustCompile(`"id":"([0-9a-f]{32})"`).FindAllStringSubmatch(string(second(get(page+"api/overview?range=900"))), -1) {
		todo = append(todo, page+"api/chart?range=900&id="+id[1], page+"api/heat?range=900&id="+id[1])
	}
	answered := 0
	for _, path := range todo {
		head, body := get(path)
		if strings.Contains(head, planted) || bytes.Contains(body, []byte(planted)) {
			t.Errorf("%s tells a secret: %s %.2000s", path, head, body)
		}
		if len(body) > 100 {
			answered++
		}
	}
	if answered < 8 {
		t.Errorf("only %d of %d answers had something in them", answered, len(todo))
	}
	shutdown(t, mon)
	collector.mu.Lock()
	exported := len(collector.requests)
	collector.mu.Unlock()
	if exported == 0 {
		t.Error("nothing was exported: the headers were not in use")
	}

	var seen []string
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen = append(seen, d.Name())
		if zr, err := gzip.NewReader(bytes.NewReader(data)); err == nil { // a profile
			if plain, err := io.ReadAll(zr); err == nil {
				data = append(data, plain...)
			}
		}
		if i := bytes.Index(data, []byte(planted)); i >= 0 {
			t.Errorf("%s tells a secret: %q", path, data[max(0, i-100):min(len(data), i+100)])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"README", "index.json", "config.toml", "series.csv", "build.txt", "goroutine.txt", "goroutine.pprof", "heap.pprof", "trace.out",
		"metrics.json", "alerts.log", "state.json",
	} {
		if !strings.Contains(strings.Join(seen, " ")+" ", name+" ") {
			t.Errorf("%s was not written, there are %q", name, seen)
		}
	}
}

func second(_ string, body []byte) []byte { return body }
