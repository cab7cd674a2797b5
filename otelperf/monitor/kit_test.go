package monitor_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/otelperf/otelperf-go/otelperf/monitor"
)

func TestMain(m *testing.M) {
	for _, v := range os.Environ() { // the machine's own settings are not the test's
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "OTEL_") {
			os.Unsetenv(name)
		}
	}
	os.Exit(m.Run())
}

// start starts a Monitor that tells the test's log what it has to say, and is
// shut down with the test.
func start(t *testing.T, opts ...monitor.Option) *monitor.Monitor {
	t.Helper()
	out := &testLog{w: t.Output()}
	logger := slog.New(slog.NewTextHandler(out, nil))
	t.Cleanup(out.end) // after the Monitor's own, which is registered later
	mon, err := monitor.Start(t.Context(), append([]monitor.Option{
		monitor.WithLogger(logger), monitor.WithConsole(io.Discard), monitor.WithServiceName("test"),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = mon.Shutdown(ctx) // tests that mean it have done so
	})
	return mon
}

// testLog is a test's output until the test ends: an exporter that ignored the
// end of its context still says so afterwards.
type testLog struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func (l *testLog) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.w = io.Discard
}

func shutdown(t *testing.T, mon *monitor.Monitor) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := mon.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

func flush(t *testing.T, mon *monitor.Monitor) {
	t.Helper()
	if err := mon.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A buffer is a writer that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Split(strings.TrimSuffix(b.b.String(), "\n"), "\n")
}

// A backend is a real OTLP endpoint over HTTP that keeps what it is sent.
type backend struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*collectorpb.ExportMetricsServiceRequest

	arrived chan struct{} // one for each request, before it is answered
	release chan struct{} // closed: requests are answered
}

func newBackend(t *testing.T) *backend {
	b := &backend{arrived: make(chan struct{}, 1000), release: make(chan struct{})}
	b.Server = httptest.NewServer(b)
	t.Cleanup(b.Close)
	return b
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		zr, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = zr
	}
	data, err := io.ReadAll(body)
	req := new(collectorpb.ExportMetricsServiceRequest)
	if err == nil {
		err = proto.Unmarshal(data, req)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	b.arrived <- struct{}{}
	select {
	case <-b.release:
	case <-r.Context().Done():
		return // the client gave up: not taken
	}
	b.mu.Lock()
	b.requests = append(b.requests, req)
	b.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// each visits every metric of the name that arrived.
func (b *backend) each(name string, visit func(*metricspb.Metric)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.requests {
		for _, rm := range r.ResourceMetrics {
			for _, sm := range rm.ScopeMetrics {
				for _, m := range sm.Metrics {
					if m.Name == name {
						visit(m)
					}
				}
			}
		}
	}
}

// A keeper is an exporter that keeps the names of each collection's metrics
// and the data of those asked for.
type keeper struct {
	temporality sdkmetric.TemporalitySelector
	mu          sync.Mutex
	batches     []map[string]metricdata.Aggregation
}

func (k *keeper) Temporality(kind sdkmetric.InstrumentKind) metricdata.Temporality {
	if k.temporality != nil {
		return k.temporality(kind)
	}
	return sdkmetric.DefaultTemporalitySelector(kind)
}

func (*keeper) Aggregation(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(kind)
}

func (k *keeper) Export(_ context.Context, rm *metricdata.ResourceMetrics) error {
	batch := make(map[string]metricdata.Aggregation)
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			switch d := m.Data.(type) { // the queue reuses the points
			case metricdata.Gauge[float64]:
				d.DataPoints = append([]metricdata.DataPoint[float64](nil), d.DataPoints...)
				batch[m.Name] = d
			case metricdata.Gauge[int64]:
				d.DataPoints = append([]metricdata.DataPoint[int64](nil), d.DataPoints...)
				batch[m.Name] = d
			case metricdata.Sum[int64]:
				d.DataPoints = append([]metricdata.DataPoint[int64](nil), d.DataPoints...)
				batch[m.Name] = d
			case metricdata.Histogram[float64]:
				d.DataPoints = append([]metricdata.HistogramDataPoint[float64](nil), d.DataPoints...)
				batch[m.Name] = d
			default:
				batch[m.Name] = m.Data
			}
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.batches = append(k.batches, batch)
	return nil
}

func (*keeper) ForceFlush(context.Context) error { return nil }
func (*keeper) Shutdown(context.Context) error   { return nil }

// last returns the newest collection.
func (k *keeper) last(t *testing.T) map[string]metricdata.Aggregation {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.batches) == 0 {
		t.Fatal("nothing was exported")
	}
	return k.batches[len(k.batches)-1]
}
