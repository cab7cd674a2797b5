package page_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/history"
	"github.com/otelperf/otelperf-go/internal/page"
	"github.com/otelperf/otelperf-go/views"
)

// collection is one interval of one operation, in delta form.
func collection(end time.Time, name string, count uint64) *metricdata.ResourceMetrics {
	return &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{
		{Name: "otelperf.operation.duration", Unit: "s", Data: metricdata.Histogram[float64]{
			Temporality: metricdata.DeltaTemporality,
			DataPoints: []metricdata.HistogramDataPoint[float64]{{
				Attributes: attribute.NewSet(attribute.String("otelperf.operation.name", name)),
				StartTime:  end.Add(-time.Minute), Time: end, Count: count, Sum: float64(count) * 0.02,
				Bounds: []float64{0.01, 0.1, 1}, BucketCounts: []uint64{0, count, 0, 0},
			}},
		}},
	}}}}
}

var slow = views.Baseline{
	Name: "search_ms", Metric: "otelperf.operation.duration", Statistic: views.P95, Target: 10, Unit: "ms",
	Match: []attribute.KeyValue{attribute.String("otelperf.operation.name", "search")},
}

// served is a handler over two intervals, and what feeds it.
func served(t *testing.T, evidence string, opts ...page.Option) (*page.Handler, func(end time.Time)) {
	t.Helper()
	h, err := history.Open()
	if err != nil {
		t.Fatal(err)
	}
	judge, err := views.Watch([]views.Baseline{slow, {Name: "unseen", Metric: "no.such", Statistic: views.Value, Target: 1}}, views.WithNotify(h.Alert))
	if err != nil {
		t.Fatal(err)
	}
	tap := history.Tap(judge, h)
	feed := func(end time.Time) {
		if err := tap.Export(t.Context(), collection(end, "search", 60)); err != nil {
			t.Error(err)
		}
	}
	now := time.Now()
	feed(now.Add(-time.Minute))
	feed(now)
	p, err := page.New(page.Source{
		History: h, Status: judge.Status, Evidence: evidence, Interval: time.Minute,
		Resource: attribute.NewSet(attribute.String("service.name", "shop"), attribute.String("process.owner", "root-of-all-evil")),
	}, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, feed
}

func get(h http.Handler, target string, headers ...string) *http.Response {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Host = "localhost:8080"
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestOtherHostsAndOriginsAreRefused(t *testing.T) {
	p, _ := served(t, "", page.WithAllowedHosts("Dash.example", ""))
	for _, c := range []struct {
		why     string
		path    string
		headers []string
		want    int
	}{
		{"localhost", "/", nil, 200},
		{"loopback", "/", []string{"Host", "127.0.0.1:1"}, 200},
		{"loopback of version 6", "/", []string{"Host", "[::1]:80"}, 200},
		{"a name below localhost", "/", []string{"Host", "a.localhost"}, 200},
		{"an allowed host", "/", []string{"Host", "dash.example.:443"}, 200},
		{"a rebound name", "/", []string{"Host", "evil.example"}, 403},
		{"a look-alike", "/", []string{"Host", "localhost.evil.example"}, 403},
		{"an address of the network", "/api/snapshot", []string{"Host", "10.1.2.3"}, 403},
		{"the page itself", "/api/snapshot", []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"another site's script", "/api/snapshot", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"another port's script", "/api/events", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"another site's link", "/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200},
		{"a link to the data", "/api/snapshot", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 403},
		{"another site's frame", "/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403},
		{"an old browser elsewhere", "/api/snapshot", []string{"Origin", "http://evil.example"}, 403},
		{"an old browser here", "/api/snapshot", []string{"Origin", "http://localhost:8080"}, 200},
		{"a sandboxed frame", "/api/snapshot", []string{"Origin", "null"}, 403},
	} {
		if r := get(p, c.path, c.headers...); r.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", c.why, r.StatusCode, c.want)
		}
	}
	open, _ := served(t, "", page.WithAllowedHosts("*"))
	if r := get(open, "/", "Host", "anything.example"); r.StatusCode != http.StatusOK {
		t.Errorf("any host: %d", r.StatusCode)
	}
}

func TestReadOnlyAndStrict(t *testing.T) {
	p, _ := served(t, "")
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions, http.MethodConnect, "BREW"} {
		r := httptest.NewRequest(method, "/", nil)
		r.Host = "localhost"
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
	for _, path := range []string{"/", "/api/snapshot", "/assets/app.js", "/nothing", "/evidence/a/b"} {
		h := get(p, path).Header
		csp := h.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q", path, csp)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cross-Origin-Resource-Policy") != "same-origin" {
			t.Errorf("%s: headers %v", path, h)
		}
		if h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s shares with other origins", path)
		}
	}
	if s := body(t, get(p, "/api/overview")); strings.Contains(s, "root-of-all-evil") || !strings.Contains(s, `"service.name":"shop"`) {
		t.Errorf("the overview shows %.300s", s)
	}
}

func TestAnyPrefix(t *testing.T) {
	p, _ := served(t, "")
	mux := http.NewServeMux()
	mux.Handle("/debug/otelperf/", p)
	mux.Handle("/api/x/", p)
	mux.Handle("/stripped/", http.StripPrefix("/stripped", p))
	prefixes := []string{"/x/api", "/x/assets", "/x/evidence", "/evidence/x"} // which look like what is below the page
	for _, prefix := range prefixes {
		mux.Handle(prefix+"/", p)
	}
	for _, prefix := range append(prefixes, "/debug/otelperf", "/api/x", "/stripped") {
		for path, kind := range map[string]string{
			"/": "text/html; charset=utf-8", "/assets/app.js": "text/javascript; charset=utf-8", "/assets/uPlot.LICENSE.txt": "text/plain; charset=utf-8",
			"/api/snapshot": "application/json", "/api/overview?range=60": "application/json",
		} {
			r := get(mux, prefix+path)
			if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != kind {
				t.Errorf("%s%s: %d %s", prefix, path, r.StatusCode, r.Header.Get("Content-Type"))
			}
		}
	}
	r := get(p, "/proxy/debug/otelperf?x=1")
	if r.StatusCode != http.StatusMovedPermanently || r.Header.Get("Location") != "otelperf/" {
		t.Errorf("without a slash: %d to %q", r.StatusCode, r.Header.Get("Location"))
	}
	for path, to := range map[string]string{"/api": "api/", "/evidence/x": "x/", "/p/evidence//x": "x/", "/a/b/c": "c/"} {
		if r := get(p, path); r.StatusCode != http.StatusMovedPermanently || r.Header.Get("Location") != to {
			t.Errorf("%s, where the page may be: %d to %q", path, r.StatusCode, r.Header.Get("Location"))
		}
	}
	for _, path := range []string{
		"/assets/nothing.js", "/api/nothing", "/evidence/folder/file", "/p/evidence/.hidden/file", "/evidence/folder/.hidden",
		"/evidence/api/.x", "/evidence/assets/x",
	} {
		if r := get(p, path); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
	for _, path := range []string{"/assets/nothing.js", "/assets/../page.go", "/assets/", "/a/assets/app.js/x"} {
		if r := get(p, path); r.StatusCode == http.StatusOK && strings.Contains(body(t, r), "package page") {
			t.Errorf("%s shows the source", path)
		}
	}
}

// TestPageIsSelfContained: nothing is inline, nothing is from elsewhere, and
// whatever the page names is there.
func TestPageIsSelfContained(t *testing.T) {
	p, _ := served(t, "")
	index := body(t, get(p, "/"))
	for _, bad := range []string{"style=", "onclick", "onload", "<style", "http://", "https://", "src=\"/", "href=\"/"} {
		if strings.Contains(index, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	names, err := filepath.Glob("assets/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		r := get(p, "/"+name)
		if r.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", name, r.StatusCode)
		}
		if again := get(p, "/"+name, "If-None-Match", r.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
			t.Errorf("%s is sent again: %d", name, again.StatusCode)
		}
		text := body(t, r)
		if strings.HasPrefix(filepath.Base(name), "uPlot") {
			continue
		}
		for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "http://", "https://", "@import"} {
			if strings.Contains(text, bad) && filepath.Ext(name) != ".svg" {
				t.Errorf("%s has %s", name, bad)
			}
		}
	}
	if _, err := os.Stat("assets/uPlot.LICENSE.txt"); err != nil {
		t.Error(err)
	}
}

func TestSnapshotAndHistoryAsJSON(t *testing.T) {
	p, _ := served(t, "")
	var snapshot struct {
		Baselines []struct {
			ID, Name, State, Unit string
			Value, Target, Excess *float64
			Count                 uint64
		}
	}
	if err := json.Unmarshal([]byte(body(t, get(p, "/api/snapshot"))), &snapshot); err != nil {
		t.Fatal(err)
	}
	if len(snapshot.Baselines) != 2 {
		t.Fatalf("%+v", snapshot)
	}
	if b := snapshot.Baselines[0]; b.Name != "search_ms" || b.State != "firing" || *b.Target != 10 || *b.Value <= 10 || b.Count != 60 {
		t.Errorf("search_ms is %+v", b)
	}
	if b := snapshot.Baselines[1]; b.State != "no_data" || b.Value != nil {
		t.Errorf("unseen is %+v", b)
	}
	var hist struct {
		History []struct {
			Series struct{ ID, Kind, Name, Unit string }
			Points []struct {
				Start, End  time.Time
				Value, Rate *float64
				State       string
				Count       uint64
			}
		}
	}
	for query, points := range map[string]int{"name=search_ms": 2, "name=search": 2, "name=search&since=30s": 1, "name=search&since=2999-01-01T00:00:00Z": 0} {
		if err := json.Unmarshal([]byte(body(t, get(p, "/api/history?"+query))), &hist); err != nil {
			t.Fatal(err)
		}
		if len(hist.History) != 1 || len(hist.History[0].Points) != points {
			t.Errorf("%s: %+v", query, hist)
		}
	}
	if r := get(p, "/api/history?name=search&since=yesterday"); r.StatusCode != http.StatusBadRequest {
		t.Errorf("since=yesterday: %d", r.StatusCode)
	}
	if s := body(t, get(p, "/api/history")); !strings.Contains(s, `"name":"search_ms"`) {
		t.Errorf("the list of series is %s", s)
	}
	for _, path := range []string{"/api/chart", "/api/chart?id=none&range=x&columns=-1", "/api/heat", "/api/heat?id=none", "/api/evidence", "/api/overview?range=1e99"} {
		if r := get(p, path); r.StatusCode != http.StatusOK || !json.Valid([]byte(body(t, r))) {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}

func TestAssetsAreServedWhole(t *testing.T) {
	p, _ := served(t, "")
	entries, err := os.ReadDir("assets")
	if err != nil || len(entries) < 3 {
		t.Fatalf("%d assets: %v", len(entries), err)
	}
	for _, e := range entries {
		want, err := os.ReadFile(filepath.Join("assets", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		r := get(p, "/prefix/assets/"+e.Name())
		if got := body(t, r); r.StatusCode != http.StatusOK || got != string(want) {
			t.Errorf("%s: %d and %d bytes, want %d", e.Name(), r.StatusCode, len(got), len(want))
		}
	}
}

func TestEvidenceStaysInItsFolder(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "evidence")
	folder := filepath.Join(root, "20260102-search")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(dir, "secret.txt"), "secret")
	write(filepath.Join(root, "secret.txt"), "secret")
	write(filepath.Join(folder, "cpu.pprof"), "<script>profile</script>")
	write(filepath.Join(folder, ".hidden"), "secret")
	longest := strings.Repeat("n", 200)
	write(filepath.Join(folder, longest), "profile")
	write(filepath.Join(folder, longest+"n"), "secret")
	write(filepath.Join(folder, "index.json"), `{"state":"complete","started":"2026-01-02T15:04:05Z","alerts":[{"name":"search_ms","message":"ALERT <b>"}],
		"files":[{"name":"cpu.pprof","about":"CPU","open":"go tool pprof cpu.pprof"},{"name":"../../secret.txt"},{"name":"gone.pprof"},{"name":"link"}]}`)
	if err := os.Symlink(filepath.Join(dir, "secret.txt"), filepath.Join(folder, "link")); err != nil {
		t.Skip("there are no links here:", err)
	}
	if err := os.Symlink(dir, filepath.Join(root, "outside")); err != nil {
		t.Fatal(err)
	}
	p, _ := served(t, root)
	list := body(t, get(p, "/api/evidence"))
	if !strings.Contains(list, `"cpu.pprof"`) || strings.Contains(list, "secret") || !strings.Contains(list, "the file is not there") {
		t.Errorf("the list is %s", list)
	}
	r := get(p, "/x/evidence/20260102-search/cpu.pprof")
	if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "application/octet-stream" ||
		!strings.HasPrefix(r.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("the profile: %d %v", r.StatusCode, r.Header)
	}
	if r := get(p, "/evidence/20260102-search/"+longest); r.StatusCode != http.StatusOK || body(t, r) != "profile" {
		t.Errorf("a name of 200 bytes: %d", r.StatusCode)
	}
	for _, path := range []string{
		"/evidence/20260102-search/" + longest + "n",
		"/evidence/20260102-search/link", "/evidence/outside/secret.txt", "/evidence/20260102-search/.hidden",
		"/evidence/../secret.txt", "/evidence/20260102-search/../secret.txt", "/evidence/20260102-search/..%2f..%2fsecret.txt",
		"/evidence/%2e%2e/secret.txt", "/evidence/20260102-search/gone.pprof", "/evidence/20260102-search/", "/evidence/secret.txt",
		"/evidence/20260102-search", "/evidence/20260102-search/cpu.pprof%00.txt",
	} {
		if r := get(p, path); strings.Contains(body(t, r), "secret") || r.Header.Get("Content-Disposition") != "" {
			t.Errorf("%s was sent", path)
		}
	}
}

func TestEventsFollowCollectionsAndEndWithTheServer(t *testing.T) {
	p, feed := served(t, "")
	server := httptest.NewServer(p)
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if k := response.Header.Get("Content-Type"); k != "text/event-stream" {
		t.Errorf("the stream is %s", k)
	}
	lines := bufio.NewScanner(response.Body)
	next := func(want string) {
		t.Helper()
		for lines.Scan() {
			if lines.Text() == want {
				return
			}
		}
		t.Fatalf("the stream ended before %q: %v", want, lines.Err())
	}
	next("event: hello")
	feed(time.Now())
	next("event: collection")

	// The server's own Shutdown ends the stream, and need not wait for it.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := server.Config.Shutdown(ctx); err != nil {
		t.Errorf("the server's Shutdown: %v", err)
	}
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "event:") {
			t.Errorf("after the end: %s", lines.Text())
		}
	}
}

func TestNewNeedsAHistory(t *testing.T) {
	if _, err := page.New(page.Source{}); err == nil {
		t.Error("no error")
	}
	h, err := history.Open()
	if err != nil {
		t.Fatal(err)
	}
	p, err := page.New(page.Source{History: h}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r := get(p, "/api/overview"); r.StatusCode != http.StatusOK {
		t.Errorf("an empty overview: %d", r.StatusCode)
	}
	if !slices.Contains([]int{http.StatusOK}, get(p, "/").StatusCode) {
		t.Error("an empty page")
	}
}
