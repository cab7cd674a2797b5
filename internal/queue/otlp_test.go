package queue_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/otelperf/otelperf-go/internal/queue"
	"github.com/otelperf/otelperf-go/internal/trial"
)

// A backend receives OTLP and adds up what it got.
type backend struct {
	collector.UnimplementedMetricsServiceServer
	hold     chan struct{} // if set, answers wait until it is closed
	received chan struct{} // if set, gets a token for each request

	rejects int64 // points of each request, it says

	mu   sync.Mutex
	sums map[string]float64
}

func (b *backend) Export(_ context.Context, request *collector.ExportMetricsServiceRequest) (*collector.ExportMetricsServiceResponse, error) {
	if b.received != nil {
		b.received <- struct{}{}
	}
	if b.hold != nil {
		<-b.hold
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, resource := range request.GetResourceMetrics() {
		for _, scope := range resource.GetScopeMetrics() {
			for _, m := range scope.GetMetrics() {
				for _, p := range m.GetSum().GetDataPoints() {
					b.sums[m.GetName()] += p.GetAsDouble() + float64(p.GetAsInt())
				}
			}
		}
	}
	response := new(collector.ExportMetricsServiceResponse)
	if b.rejects > 0 {
		response.PartialSuccess = &collector.ExportMetricsPartialSuccess{RejectedDataPoints: b.rejects, ErrorMessage: "too old"}
	}
	return response, nil
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var request collector.ExportMetricsServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &request)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	response, err := b.Export(r.Context(), &request)
	if err == nil {
		body, err = proto.Marshal(response)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(body)
}

func (b *backend) sum(name string) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sums[name]
}

// A protocol is one of the real exporters and a server for it. It has no attempts of its
// own, as the monitor has it for deltas: one that begins as the time is over does not say
// that nothing was sent.
type protocol struct {
	name  string
	dial  func(t testing.TB, address string) sdkmetric.Exporter
	serve func(t testing.TB, l net.Listener, b *backend)
}

func allDelta(sdkmetric.InstrumentKind) metricdata.Temporality { return metricdata.DeltaTemporality }

var protocols = []protocol{
	{
		name: "grpc",
		dial: func(t testing.TB, address string) sdkmetric.Exporter {
			e, err := otlpmetricgrpc.New(t.Context(), otlpmetricgrpc.WithEndpoint(address), otlpmetricgrpc.WithInsecure(),
				otlpmetricgrpc.WithTemporalitySelector(allDelta), otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig{Enabled: false}))
			if err != nil {
				t.Fatal(err)
			}
			return e
		},
		serve: func(t testing.TB, l net.Listener, b *backend) {
			server := grpc.NewServer()
			collector.RegisterMetricsServiceServer(server, b)
			go func() { _ = server.Serve(l) }()
			t.Cleanup(server.Stop)
		},
	},
	{
		name: "http",
		dial: func(t testing.TB, address string) sdkmetric.Exporter {
			e, err := otlpmetrichttp.New(t.Context(), otlpmetrichttp.WithEndpoint(address), otlpmetrichttp.WithInsecure(),
				otlpmetrichttp.WithTemporalitySelector(allDelta), otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{Enabled: false}))
			if err != nil {
				t.Fatal(err)
			}
			return e
		},
		serve: func(t testing.TB, l net.Listener, b *backend) {
			server := &http.Server{Handler: b, ReadHeaderTimeout: time.Minute}
			go func() { _ = server.Serve(l) }()
			t.Cleanup(func() { _ = server.Close() })
		},
	},
}

func forEachProtocol(t *testing.T, test func(*testing.T, protocol)) {
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) { test(t, p) })
	}
}

func listen(t testing.TB, address string) net.Listener {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestOTLPShutdownInMidExportLosesNothing(t *testing.T) {
	forEachProtocol(t, func(t *testing.T, p protocol) {
		b := &backend{hold: make(chan struct{}), received: make(chan struct{}, 1000), sums: map[string]float64{}}
		l := listen(t, "127.0.0.1:0")
		p.serve(t, l, b)
		e := queue.New(p.dial(t, l.Addr().String()), queue.WithBatchSize(1))
		reader := sdkmetric.NewPeriodicReader(e, sdkmetric.WithInterval(time.Millisecond))
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		counter, err := provider.Meter("test").Int64Counter("calls")
		if err != nil {
			t.Fatal(err)
		}
		counter.Add(t.Context(), 1)
		<-b.received // this one hangs in the backend
		const calls = 10_000
		for range calls - 1 {
			counter.Add(t.Context(), 1)
		}
		done := make(chan error)
		go func() { done <- provider.Shutdown(t.Context()) }()
		close(b.hold)
		if err := <-done; err != nil {
			t.Errorf("Shutdown = %v", err)
		}
		if got := b.sum("calls"); got != calls {
			t.Errorf("%v of %d calls arrived", got, calls)
		}
	})
}

func TestOTLPHangingEndpoint(t *testing.T) {
	forEachProtocol(t, func(t *testing.T, p protocol) {
		l := listen(t, "127.0.0.1:0")
		var connections sync.WaitGroup
		var mu sync.Mutex
		var open []net.Conn
		connections.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				mu.Lock()
				open = append(open, c) // and never a word
				mu.Unlock()
			}
		})
		defer func() {
			_ = l.Close()
			connections.Wait()
			for _, c := range open {
				_ = c.Close()
			}
		}()
		e := queue.New(p.dial(t, l.Addr().String()), queue.WithErrorHandler(func(error) {}))
		for range 20 {
			give(t, e, delta("d", 1))
		}
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := e.ForceFlush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ForceFlush = %v", err)
		}
		if err := e.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown = %v", err)
		}
		if d := time.Since(start); d > 8*time.Second { // an attempt has ten
			t.Errorf("ForceFlush and Shutdown took %s with 100ms to go", d)
		}
		// The exporter honours its context, so that the goroutine ends.
		if err := e.Shutdown(t.Context()); err != nil {
			t.Errorf("second Shutdown = %v", err)
		}
		if got := e.Stats().Dropped[queue.ReasonShutdown]; got != 20 {
			t.Errorf("%d points are counted as lost, want 20", got)
		}
	})
}

// A backend that is away while a service runs gets everything when it is back.
func TestOTLPRefusedEndpointComesBack(t *testing.T) {
	t.Parallel()
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			address := trial.Address(t)
			e := queue.New(p.dial(t, address), queue.WithErrorHandler(func(error) {}), queue.WithTimeout(8*time.Second))
			for range 20 {
				give(t, e, delta("d", 1))
			}
			if err := e.ForceFlush(t.Context()); err == nil {
				t.Error("ForceFlush without a backend = nil")
			}
			if n := e.Dropped(); n != 0 {
				t.Errorf("%d points were dropped", n)
			}
			b := &backend{sums: map[string]float64{}}
			p.serve(t, listen(t, address), b)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			for e.Stats().Exported < 20 && ctx.Err() == nil {
				_ = e.ForceFlush(ctx)
			}
			if got := b.sum("d"); got != 20 || e.Dropped() != 0 {
				t.Errorf("%v of 20 arrived, %d were dropped", got, e.Dropped())
			}
			shutdown(t, e)
		})
	}
}

// What a backend rejects of a batch is counted, and the rest is not.
func TestOTLPPartialSuccess(t *testing.T) {
	forEachProtocol(t, func(t *testing.T, p protocol) {
		b := &backend{sums: map[string]float64{}, rejects: 2}
		l := listen(t, "127.0.0.1:0")
		p.serve(t, l, b)
		e := queue.New(p.dial(t, l.Addr().String()), queue.WithErrorHandler(func(error) {}))
		give(t, e, delta("d", 1, 2, 3))
		if err := e.ForceFlush(t.Context()); err == nil || !strings.Contains(err.Error(), "too old") {
			t.Errorf("ForceFlush() = %v", err)
		}
		if s := e.Stats(); s.Exported != 1 || s.Dropped[queue.ReasonRejected] != 2 || e.Dropped() != 2 {
			t.Errorf("exported %d, dropped %v; want one point exported and two rejected", s.Exported, s.Dropped)
		}
		_ = e.Shutdown(t.Context()) // which tells of it once more
	})
}
