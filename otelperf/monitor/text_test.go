package monitor_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/grpc"

	"github.com/otelperf/otelperf-go/otelperf/monitor"
)

// A grpcBackend is a backend over gRPC.
type grpcBackend struct {
	collectorpb.UnimplementedMetricsServiceServer
	*backend
}

func (g grpcBackend) Export(_ context.Context, r *collectorpb.ExportMetricsServiceRequest) (*collectorpb.ExportMetricsServiceResponse, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.requests = append(g.requests, r)
	return new(collectorpb.ExportMetricsServiceResponse), nil
}

// overGRPC returns where the backend listens for gRPC too.
func (b *backend) overGRPC(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	collectorpb.RegisterMetricsServiceServer(s, grpcBackend{backend: b})
	go func() { _ = s.Serve(l) }() // until Stop
	t.Cleanup(s.Stop)
	return "http://" + l.Addr().String()
}

// One text of the program's own that is not UTF-8 costs nothing: not itself, nor what is
// collected with it, at a backend and in a file.
func TestTextThatIsNotUTF8(t *testing.T) {
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			b := newBackend(t)
			close(b.release)
			address := b.URL
			if protocol == "grpc" {
				address = b.overGRPC(t)
			}
			dir := t.TempDir()
			mon := start(t, monitor.WithInterval(time.Hour), monitor.WithConfig("c", fmt.Appendf(nil,
				"[export]\nexporters = [\"otlp\", \"file\"]\nprotocol = %q\nendpoint = %q\nfile = \"export.jsonl\"\n[output]\ndirectory = %q\n",
				protocol, address, dir)))
			counter, err := mon.MeterProvider().Meter("test").Int64Counter("files")
			if err != nil {
				t.Fatal(err)
			}
			counter.Add(t.Context(), 3, metric.WithAttributes(attribute.String("name", "caf\xe9")))
			counter.Add(t.Context(), 4, metric.WithAttributes(attribute.String("name", "cafe")))
			flush(t, mon)
			shutdown(t, mon)
			got := make(map[string]int64)
			b.each("files", func(m *metricspb.Metric) {
				for _, p := range m.GetSum().GetDataPoints() {
					got[p.GetAttributes()[0].GetValue().GetStringValue()] = p.GetAsInt()
				}
			})
			if len(got) != 2 || got[`caf\xe9`] != 3 || got["cafe"] != 4 {
				t.Errorf("the backend has %v", got)
			}
			text, err := os.ReadFile(filepath.Join(dir, "export.jsonl"))
			if err != nil || !strings.Contains(string(text), `caf\\xe9`) || !strings.Contains(string(text), `"cafe"`) {
				t.Errorf("the file has %d bytes without one of the two, %v", len(text), err)
			}
		})
	}
}
