package e2e_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/otelperf/otelperf-go/internal/e2e/lab"
)

// TestSizes measures what the demo sends in one interval, and holds it against
// the numbers that docs/fleet.md reckons with.
func TestSizes(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var newest []byte
	backend := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			mu.Lock()
			newest = body
			mu.Unlock()
		}
	}))
	defer backend.Close()
	d := startDemo(t, "[monitoring]\ninterval_seconds = 0.5\n[baseline_targets]\nsearch_ms = 1000\nallocation_ms = 1000\nmemory_mb = 1024\ncpu_percent = 100\n"+
		"[thresholds]\nmax_response_time_ms = 1000\n[export]\nexporters = [\"otlp\"]\nendpoint = \""+backend.URL+"\"\n")
	var l load
	stop := make(chan struct{})
	wg := l.drive(d.URL, 2, stop)
	var points, series int
	lab.Eventually(t, 30*time.Second, func() error {
		l.mu.Lock()
		n := l.total()
		l.mu.Unlock()
		if n < 200 {
			return io.ErrUnexpectedEOF
		}
		return nil
	})
	timer := time.NewTimer(1500 * time.Millisecond)
	<-timer.C
	close(stop)
	wg.Wait()
	d.Stop()
	mu.Lock()
	defer mu.Unlock()
	var request collector.ExportMetricsServiceRequest
	if err := proto.Unmarshal(newest, &request); err != nil {
		t.Fatal(err)
	}
	for _, rm := range request.ResourceMetrics {
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				points += len(m.GetGauge().GetDataPoints()) + len(m.GetSum().GetDataPoints())
				series += len(m.GetGauge().GetDataPoints()) + len(m.GetSum().GetDataPoints())
				for _, h := range m.GetHistogram().GetDataPoints() {
					points++
					series += len(h.BucketCounts) + 2
				}
			}
		}
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(newest)
	_ = z.Close()
	t.Logf("%d points, %d series in Prometheus, %d bytes, %d compressed", points, series, len(newest), packed.Len())

	page, err := os.ReadFile(lab.Repository("docs", "fleet.md"))
	if err != nil {
		t.Fatal(err)
	}
	for what, got := range map[string]int{
		"data points of one export": points, "series in Prometheus": series,
		"bytes of one export": len(newest), "bytes of one export, gzip": packed.Len(),
	} {
		m := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(what) + ` \| ([\d,]+) \|`).FindSubmatch(page)
		if m == nil {
			t.Errorf("docs/fleet.md does not say how many %s", what)
			continue
		}
		want, _ := strconv.Atoi(strings.ReplaceAll(string(m[1]), ",", ""))
		if got > want*13/10 || got < want*7/10 {
			t.Errorf("%s: %d, docs/fleet.md says %d", what, got, want)
		}
	}
}
