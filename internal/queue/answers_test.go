package queue_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/otelperf/otelperf-go/internal/queue"
	"github.com/otelperf/otelperf-go/internal/trial"
)

// A mood is what a backend does with the first request it gets.
type mood struct {
	takes bool       // it takes that one, too
	cut   bool       // and then cuts the connection instead of answering
	http  int        // else its answer over HTTP
	grpc  codes.Code // and over gRPC
}

// A moody backend has one, and is well from the second request on.
type moody struct {
	*backend
	mood
	once sync.Once
	tap  tap
	then func() // after the first request; may be nil
}

// isFirst reports whether a request is the first one, which it deals with.
func (m *moody) isFirst(take func()) (first bool) {
	m.once.Do(func() {
		first = true
		if m.takes {
			take()
		}
		if m.then != nil {
			m.then()
		}
		if m.cut {
			_ = (<-m.tap.conns).Close()
		}
	})
	return first
}

func (m *moody) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if m.isFirst(func() { m.backend.ServeHTTP(discard{}, r) }) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(max(m.http, http.StatusOK)) // where it was not cut off
		return
	}
	m.backend.ServeHTTP(w, r)
}

// A discard is an answer that nobody gets.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

func (m *moody) Export(ctx context.Context, request *collector.ExportMetricsServiceRequest) (*collector.ExportMetricsServiceResponse, error) {
	if m.isFirst(func() { _, _ = m.backend.Export(ctx, request) }) {
		return nil, status.Error(m.grpc, "moody")
	}
	return m.backend.Export(ctx, request)
}

// A tap is a listener that hands out the connections that it accepts.
type tap struct {
	net.Listener
	conns chan net.Conn
}

func (t tap) Accept() (net.Conn, error) {
	c, err := t.Listener.Accept()
	if err == nil {
		t.conns <- c
	}
	return c, err
}

// answering is the real exporter of deltas, watched, and with its own attempts
// if own says so.
func answering(t *testing.T, protocol, address string, own bool) sdkmetric.Exporter {
	t.Helper()
	if protocol == "http" {
		transport := &http.Transport{}
		t.Cleanup(transport.CloseIdleConnections)
		answers := queue.NewAnswers(transport)
		e, err := otlpmetrichttp.New(t.Context(), otlpmetrichttp.WithEndpoint(address), otlpmetrichttp.WithInsecure(),
			otlpmetrichttp.WithHTTPClient(&http.Client{Transport: answers}), otlpmetrichttp.WithTemporalitySelector(allDelta),
			otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{Enabled: own, InitialInterval: time.Millisecond, MaxInterval: time.Millisecond, MaxElapsedTime: time.Minute}))
		if err != nil {
			t.Fatal(err)
		}
		return answers.Exporter(e)
	}
	answers := queue.NewAnswers(nil)
	e, err := otlpmetricgrpc.New(t.Context(), otlpmetricgrpc.WithEndpoint(address), otlpmetricgrpc.WithInsecure(),
		otlpmetricgrpc.WithDialOption(grpc.WithStatsHandler(answers)), otlpmetricgrpc.WithTemporalitySelector(allDelta),
		otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig{Enabled: own, InitialInterval: time.Millisecond, MaxInterval: time.Millisecond, MaxElapsedTime: time.Minute}))
	if err != nil {
		t.Fatal(err)
	}
	return answers.Exporter(e)
}

// startMoody starts a backend at a free port.
func startMoody(t *testing.T, protocol string, m mood) *moody {
	t.Helper()
	b := &moody{backend: &backend{sums: map[string]float64{}}, mood: m, tap: tap{listen(t, trial.Address(t)), make(chan net.Conn, 100)}}
	b.serve(t, protocol, b.tap)
	return b
}

func (m *moody) serve(t *testing.T, protocol string, l net.Listener) {
	if protocol == "http" {
		server := &http.Server{Handler: m, ReadHeaderTimeout: time.Minute}
		go func() { _ = server.Serve(l) }()
		t.Cleanup(func() { _ = server.Close() })
		return
	}
	server := grpc.NewServer()
	collector.RegisterMetricsServiceServer(server, m)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
}

// wantDropped: that many points were dropped for the reason, and none for others.
func wantDropped(t *testing.T, e *queue.Exporter, reason string, n uint64) {
	t.Helper()
	for r, got := range e.Stats().Dropped {
		want := uint64(0)
		if r == reason {
			want = n
		}
		if got != want {
			t.Errorf("%d points dropped as %s, want %d", got, r, want)
		}
	}
}

// What was certainly not taken is sent again; what may have been is not, and is
// counted as just that.
func TestOTLPSendsNothingTwice(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		mood
		want   float64 // arrives of the first delta, 1, and the second, 10
		reason string  // why the first was dropped; empty: it was not
		own    bool    // the same if the exporter has attempts of its own
	}{
		{"taken and cut off", mood{takes: true, cut: true}, 11, queue.ReasonUnanswered, false},
		{"cut off", mood{cut: true}, 10, queue.ReasonUnanswered, false},
		{"busy", mood{http: http.StatusServiceUnavailable, grpc: codes.Unavailable}, 11, "", true},
		{"too many", mood{http: http.StatusTooManyRequests, grpc: codes.Unavailable}, 11, "", true},
		{"gave up", mood{takes: true, http: http.StatusGatewayTimeout, grpc: codes.DeadlineExceeded}, 11, queue.ReasonUnanswered, false},
		{"lost on the way", mood{http: http.StatusBadGateway, grpc: codes.Aborted}, 10, queue.ReasonUnanswered, false},
		{"not wanted", mood{http: http.StatusBadRequest, grpc: codes.InvalidArgument}, 10, queue.ReasonFailed, true},
		{"not allowed", mood{http: http.StatusUnauthorized, grpc: codes.Unauthenticated}, 10, queue.ReasonFailed, true},
	}
	for _, test := range tests {
		for _, protocol := range []string{"http", "grpc"} {
			check := func(own bool) func(*testing.T) {
				return func(t *testing.T) {
					t.Parallel()
					m := startMoody(t, protocol, test.mood)
					e := queue.New(answering(t, protocol, m.tap.Addr().String(), own), queue.WithErrorHandler(func(error) {}))
					give(t, e, delta("d", 1))
					_ = e.ForceFlush(t.Context())
					give(t, e, delta("d", 10))
					flush(t, e)
					if got := m.sum("d"); got != test.want {
						t.Errorf("%v arrived, want %v", got, test.want)
					}
					n := uint64(0)
					if test.reason != "" {
						n = 1
					}
					wantDropped(t, e, test.reason, n)
					shutdown(t, e)
				}
			}
			t.Run(test.name+"/"+protocol, check(false))
			if test.own {
				t.Run(test.name+"/"+protocol+", own attempts", check(true))
			}
		}
	}
}

// An exporter with attempts of its own may lose the answer to the first and
// then reach nobody: its error is the last attempt's, the doubt that of the first.
func TestOTLPDoubtStays(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"http", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			m := startMoody(t, protocol, mood{takes: true, cut: protocol == "grpc", http: http.StatusBadGateway})
			m.then = func() { _ = m.tap.Close() } // from now on nobody is there
			address := m.tap.Addr().String()
			e := queue.New(answering(t, protocol, address, true), queue.WithErrorHandler(func(error) {}), queue.WithTimeout(8*time.Second))
			give(t, e, delta("d", 1))
			if err := e.ForceFlush(t.Context()); err == nil {
				t.Error("flushing is no error")
			}
			m.serve(t, protocol, listen(t, address))
			give(t, e, delta("d", 10))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			for e.Stats().Exported == 0 && ctx.Err() == nil {
				_ = e.ForceFlush(ctx)
			}
			if got := m.sum("d"); got != 11 {
				t.Errorf("%v arrived, want 11", got)
			}
			wantDropped(t, e, queue.ReasonUnanswered, 1)
			shutdown(t, e)
		})
	}
}

// A failing exporter fails before it makes an attempt.
type failing struct {
	sdkmetric.Exporter
	err error
}

func (f failing) Export(context.Context, *metricdata.ResourceMetrics) error { return f.err }

// What had no time for an attempt was not sent, and is kept; what failed before one for
// another reason would fail again.
func TestNoAttemptWasMade(t *testing.T) {
	t.Parallel()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx  context.Context
		err  error
		want bool
	}{
		"the time was over":    {over, context.Canceled, true},
		"it cannot be encoded": {t.Context(), errors.New("not UTF-8"), false},
	} {
		err := queue.NewAnswers(nil).Exporter(failing{err: test.err}).Export(test.ctx, new(metricdata.ResourceMetrics))
		var unsent *queue.UnsentError
		if errors.As(err, &unsent) != test.want || !errors.Is(err, test.err) {
			t.Errorf("%s: %v, unsent: %t", name, err, unsent != nil)
		}
	}
}
