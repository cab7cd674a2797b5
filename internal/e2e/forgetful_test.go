package e2e_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// A forgetful server stands between a service and the gRPC port of its Collector. While
// it forgets, it ends the connection of each request that the Collector has taken in
// place of the answer. Toxiproxy, which does not know what an answer is, may end it
// before there was one, and with it the request.
type forgetful struct {
	collector.UnimplementedMetricsServiceServer
	net.Listener // Accept keeps the connections

	to      collector.MetricsServiceClient
	forgets atomic.Bool

	mu   sync.Mutex
	open []net.Conn
}

func newForgetful(t *testing.T, port int) *forgetful {
	t.Helper()
	conn, err := grpc.NewClient(fmt.Sprintf("127.0.0.1:%d", port), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &forgetful{Listener: listener, to: collector.NewMetricsServiceClient(conn)}
	server := grpc.NewServer()
	collector.RegisterMetricsServiceServer(server, f)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(f); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		server.Stop()
		serving.Wait()
	})
	return f
}

func (f *forgetful) port() int { return f.Addr().(*net.TCPAddr).Port }

func (f *forgetful) Accept() (net.Conn, error) {
	c, err := f.Listener.Accept()
	if err == nil {
		f.mu.Lock()
		f.open = append(f.open, c)
		f.mu.Unlock()
	}
	return c, err
}

func (f *forgetful) Export(ctx context.Context, r *collector.ExportMetricsServiceRequest) (*collector.ExportMetricsServiceResponse, error) {
	answer, err := f.to.Export(context.WithoutCancel(ctx), r)
	if err == nil && f.forgets.Load() {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, c := range f.open {
			_ = c.Close() // some are from the last time
		}
		f.open = nil
	}
	return answer, err
}
