package monitor_test

import (
	"compress/gzip"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/otelperf/otelperf-go/otelperf/monitor"
)

// A collecting server answers requests with codes, in turn, and with 200 then.
type collecting struct {
	*httptest.Server
	codes []int

	mu       sync.Mutex
	requests []*http.Request
	bodies   []*collectorpb.ExportMetricsServiceRequest
}

func newCollecting(t *testing.T, codes ...int) *collecting {
	r := &collecting{codes: codes}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *collecting) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	m := new(collectorpb.ExportMetricsServiceRequest)
	body := io.Reader(request.Body)
	var err error
	if request.Header.Get("Content-Encoding") == "gzip" {
		body, err = gzip.NewReader(body)
	}
	var data []byte
	if err == nil {
		data, err = io.ReadAll(body)
	}
	if err == nil {
		err = proto.Unmarshal(data, m)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests, r.bodies = append(r.requests, request), append(r.bodies, m)
	if n := len(r.requests); n <= len(r.codes) {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(r.codes[n-1])
	}
}

// seen returns what came so far.
func (r *collecting) seen() ([]*http.Request, []*collectorpb.ExportMetricsServiceRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests, r.bodies
}

// kinds returns how many explicit and exponential histograms a request has.
func kinds(m *collectorpb.ExportMetricsServiceRequest) (explicit, exponential int) {
	for _, rm := range m.GetResourceMetrics() {
		for _, sm := range rm.GetScopeMetrics() {
			for _, metric := range sm.GetMetrics() {
				explicit += len(metric.GetHistogram().GetDataPoints())
				exponential += len(metric.GetExponentialHistogram().GetDataPoints())
			}
		}
	}
	return explicit, exponential
}

// What the variables say reaches the wire.
func TestOTLPByVariables(t *testing.T) {
	r := newCollecting(t)
	for _, test := range []struct {
		vars        map[string]string
		path, gzip  string
		exponential bool
	}{
		{map[string]string{"ENDPOINT": r.URL + "/base", "HEADERS": "x-key=a%20b", "COMPRESSION": "gzip"}, "/base/v1/metrics", "gzip", false},
		{map[string]string{
			"METRICS_ENDPOINT": r.URL + "/own", "METRICS_HEADERS": "x-key=a%20b",
			"METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "base2_exponential_bucket_histogram",
		}, "/own", "", true},
	} {
		t.Run(test.path, func(t *testing.T) {
			for name, value := range test.vars {
				t.Setenv("OTEL_EXPORTER_OTLP_"+name, value)
			}
			mon := start(t, monitor.WithInterval(time.Hour))
			h, err := mon.MeterProvider().Meter("test").Int64Histogram("sizes")
			if err != nil {
				t.Fatal(err)
			}
			h.Record(t.Context(), 7)
			flush(t, mon)
			requests, bodies := r.seen()
			last := len(requests) - 1
			got := requests[last]
			if got.URL.Path != test.path || got.Header.Get("X-Key") != "a b" || got.Header.Get("Content-Encoding") != test.gzip {
				t.Errorf("%s with %v, want %s", got.URL, got.Header, test.path)
			}
			if explicit, exponential := kinds(bodies[last]); explicit+exponential == 0 || (exponential > 0) != test.exponential {
				t.Errorf("%d explicit and %d exponential histograms", explicit, exponential)
			}
			shutdown(t, mon)
		})
	}
}

// Totals are sent again within one export, for at the end there is no later; deltas that
// may have arrived are not.
func TestOTLPRepeats(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		temporality string
		code        int
		want        int // requests
	}{
		{"cumulative", http.StatusServiceUnavailable, 2},
		{"cumulative", http.StatusBadGateway, 2},
		{"delta", http.StatusBadGateway, 1},
	} {
		t.Run(fmt.Sprint(test.temporality, test.code), func(t *testing.T) {
			t.Parallel()
			r := newCollecting(t, test.code)
			mon := start(t, monitor.WithInterval(time.Hour), monitor.WithConfig("c", fmt.Appendf(nil,
				"[export]\nendpoint = %q\ntemporality = %q\n", r.URL, test.temporality)))
			err := mon.ForceFlush(t.Context())
			requests, _ := r.seen()
			if (err == nil) != (test.want == 2) || len(requests) != test.want {
				t.Errorf("%d requests and %v, want %d", len(requests), err, test.want)
			}
		})
	}
}

func TestOTLPWithoutTLSButItsFiles(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318")
	t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", certificate(t, dir))
	mon, err := monitor.Start(t.Context(), monitor.WithInterval(time.Hour))
	if err == nil || !strings.Contains(err.Error(), "use https://") {
		t.Errorf("got %v", err)
	}
	if mon != nil {
		_ = mon.Shutdown(t.Context())
	}
}

// certificate writes that of a server of httptest.
func certificate(t *testing.T, dir string) (path string) {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	path = filepath.Join(dir, "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(path, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
