package queue_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/otelperf/otelperf-go/internal/queue"
)

// A backend that names a time hears nothing before it, whoever asks, and then
// gets every delta.
func TestRefusingBackendIsLeftAlone(t *testing.T) {
	tests := []struct {
		name  string
		after time.Duration // that the backend names; 0: none
		want  time.Duration // of the second attempt, after the first
	}{
		{"a time", 10 * time.Minute, 10 * time.Minute},
		{"less than the pause", 100 * time.Millisecond, time.Second},
		{"none", 0, time.Second},
		{"next year", 365 * 24 * time.Hour, time.Hour},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var attempts []time.Duration
				next := &stub{export: func(context.Context, *metricdata.ResourceMetrics) error {
					attempts = append(attempts, time.Since(start))
					if len(attempts) > 1 {
						return nil
					}
					refused := &queue.RefusedError{Err: errors.New("too busy")}
					if test.after > 0 {
						refused.Until = time.Now().Add(test.after)
					}
					return refused
				}}
				e := queue.New(next, queue.WithErrorHandler(func(error) {}))
				for range 5 {
					give(t, e, delta("d", 1))
					synctest.Wait()
					if test.after < time.Minute {
						continue // a flush may ask at once
					}
					var refused *queue.RefusedError
					if err := e.ForceFlush(t.Context()); !errors.As(err, &refused) || !strings.Contains(err.Error(), "wants nothing before") {
						t.Errorf("ForceFlush() = %v, want the refusal", err)
					}
				}
				pass(test.want)
				synctest.Wait()
				if len(attempts) != 6 || attempts[0] != 0 || attempts[1] != test.want {
					t.Errorf("attempts at %v, want the second one at %v", attempts, test.want)
				}
				if s := e.Stats(); s.Exported != 5 || e.Dropped() != 0 {
					t.Errorf("%d of 5 points arrived, %d were dropped", s.Exported, e.Dropped())
				}
				shutdown(t, e)
			})
		})
	}
}

// Shutdown does not wait for a time that a backend named: nobody comes after it.
func TestShutdownOfARefusedExporter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &stub{export: func(context.Context, *metricdata.ResourceMetrics) error {
			return &queue.RefusedError{Until: time.Now().Add(time.Hour), Err: errors.New("too busy")}
		}}
		e := queue.New(next, queue.WithErrorHandler(func(error) {}))
		give(t, e, delta("d", 1, 2))
		synctest.Wait()
		start := time.Now()
		err := e.Shutdown(t.Context())
		if err == nil || !strings.Contains(err.Error(), "too busy") {
			t.Errorf("Shutdown() = %v, want the refusal", err)
		}
		if d := time.Since(start); d != 0 || e.Stats().Dropped[queue.ReasonFailed] != 2 {
			t.Errorf("Shutdown took %v and dropped %v, want two points and no time", d, e.Stats().Dropped)
		}
	})
}

// A throttle refuses the first request for two seconds, in its
// protocol's words.
type throttle struct {
	*backend
	httpStatus int
	asDate     bool

	mu    sync.Mutex
	times []time.Time
}

// wait says how long to wait; 0: come in.
func (h *throttle) wait() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.times = append(h.times, time.Now())
	if len(h.times) == 1 {
		return 12 * time.Second
	}
	return 0
}

func (h *throttle) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch d := h.wait(); {
	case d == 0:
		h.backend.ServeHTTP(w, r)
		return
	case h.asDate:
		w.Header().Set("Retry-After", time.Now().Add(d).UTC().Format(http.TimeFormat))
	default:
		w.Header().Set("Retry-After", strconv.Itoa(int(d.Seconds())))
	}
	w.WriteHeader(h.httpStatus)
}

func (h *throttle) Export(ctx context.Context, request *collector.ExportMetricsServiceRequest) (*collector.ExportMetricsServiceResponse, error) {
	d := h.wait()
	if d == 0 {
		return h.backend.Export(ctx, request)
	}
	s, err := status.New(codes.ResourceExhausted, "too busy").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(d)})
	if err != nil {
		return nil, err
	}
	return nil, s.Err()
}

// The real exporters give up on a batch before the time that a backend named
// when their own time is over; the queue does not, and does not ask sooner.
func TestOTLPRetryAfter(t *testing.T) {
	t.Parallel()
	overHTTP := func(t *testing.T, h *throttle) sdkmetric.Exporter {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		answers := queue.NewAnswers(server.Client().Transport)
		e, err := otlpmetrichttp.New(t.Context(), otlpmetrichttp.WithEndpointURL(server.URL),
			otlpmetrichttp.WithHTTPClient(&http.Client{Transport: answers}), otlpmetrichttp.WithTemporalitySelector(allDelta))
		if err != nil {
			t.Fatal(err)
		}
		return answers.Exporter(e)
	}
	overGRPC := func(t *testing.T, h *throttle) sdkmetric.Exporter {
		server := grpc.NewServer()
		collector.RegisterMetricsServiceServer(server, h)
		l := listen(t, "127.0.0.1:0")
		go func() { _ = server.Serve(l) }()
		t.Cleanup(server.Stop)
		e, err := otlpmetricgrpc.New(t.Context(), otlpmetricgrpc.WithEndpoint(l.Addr().String()), otlpmetricgrpc.WithInsecure(),
			otlpmetricgrpc.WithTemporalitySelector(allDelta))
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	tests := []struct {
		name  string
		h     *throttle
		make  func(*testing.T, *throttle) sdkmetric.Exporter
		least time.Duration
	}{
		{"429", &throttle{httpStatus: http.StatusTooManyRequests}, overHTTP, 12 * time.Second},
		{"503", &throttle{httpStatus: http.StatusServiceUnavailable}, overHTTP, 12 * time.Second},
		{"a date", &throttle{httpStatus: http.StatusServiceUnavailable, asDate: true}, overHTTP, 11 * time.Second}, // whole seconds
		{"gRPC", &throttle{}, overGRPC, 12 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.h.backend = &backend{sums: map[string]float64{}, received: make(chan struct{}, 9)}
			// The exporter would wait by itself, if it were given the time.
			e := queue.New(test.make(t, test.h), queue.WithTimeout(8*time.Second), queue.WithErrorHandler(func(error) {}))
			for range 3 {
				give(t, e, delta("d", 1))
			}
			for range 3 {
				<-test.h.received
			}
			flush(t, e)
			if got := test.h.sum("d"); got != 3 || e.Dropped() != 0 {
				t.Errorf("%v of 3 arrived, %d were dropped", got, e.Dropped())
			}
			test.h.mu.Lock()
			defer test.h.mu.Unlock()
			if d := test.h.times[1].Sub(test.h.times[0]); d < test.least {
				t.Errorf("the backend was asked again after %v, and had said twelve seconds", d)
			}
			shutdown(t, e)
		})
	}
}
