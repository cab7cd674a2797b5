package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	slokprometheus "github.com/slok/go-http-metrics/metrics/prometheus"
	slok "github.com/slok/go-http-metrics/middleware"
	slokstd "github.com/slok/go-http-metrics/middleware/std"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/otelperf/otelperf-go/middleware"
)

const route = "/users/{id}"

// leaf is the handler that all of them measure. It sets the pattern that it
// matched as http.ServeMux would, and writes a small answer.
var leaf = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	r.Pattern = "GET " + route
	if _, err := w.Write(answer); err != nil {
		panic(err)
	}
})

var answer = []byte("ok")

// check ends the program where a contender cannot be made.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// sdk is a MeterProvider as a service would have it.
func sdk() metric.MeterProvider {
	return sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
}

// A server is a way to measure a handler.
type server struct {
	name string
	wrap func(http.Handler) http.Handler
}

func ourServer(opts ...middleware.Option) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		mw, err := middleware.New(append(opts, middleware.WithMeterProvider(sdk()))...)
		check(err)
		return mw.Handler(middleware.Route(h))
	}
}

var serverPeers = []server{
	{"otelhttp", func(h http.Handler) http.Handler {
		return otelhttp.NewHandler(h, "server",
			otelhttp.WithTracerProvider(tracenoop.NewTracerProvider()),
			otelhttp.WithMeterProvider(sdk()))
	}},
	{"bare", func(h http.Handler) http.Handler { return h }},
	{"floor", func(h http.Handler) http.Handler {
		record := sixAttributes("http.server.request.duration")
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			start := time.Since(clockEpoch)
			h.ServeHTTP(w, r)
			record(r.Context(), time.Since(clockEpoch)-start)
		})
	}},
	{"promhttp", func(h http.Handler) http.Handler {
		durations := prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Buckets: prometheus.DefBuckets,
		}, []string{"code", "method"})
		active := prometheus.NewGauge(prometheus.GaugeOpts{Name: "http_requests_in_flight"})
		return promhttp.InstrumentHandlerInFlight(active, promhttp.InstrumentHandlerDuration(durations, h))
	}},
	{"slok", func(h http.Handler) http.Handler {
		return slokstd.Handler(route, slok.New(slok.Config{
			Recorder: slokprometheus.NewRecorder(slokprometheus.Config{Registry: prometheus.NewRegistry()}),
		}), h)
	}},
}

// sixAttributes returns a function that records a duration by the SDK under the
// attributes that the conventions ask for, six of them, made once: with two
// readings of the clock what no instrumentation above the SDK can be below.
func sixAttributes(name string) func(context.Context, time.Duration) {
	h, err := sdk().Meter("floor").Float64Histogram(name, metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10))
	check(err)
	opts := []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(
		attribute.String("http.request.method", "GET"), attribute.String("url.scheme", "http"),
		attribute.String("http.route", route), attribute.Int("http.response.status_code", 200),
		attribute.String("network.protocol.name", "http"), attribute.String("network.protocol.version", "1.1")))}
	return func(ctx context.Context, d time.Duration) { h.Record(ctx, float64(d)/1e9, opts...) }
}

func serverComparisons() []comparison {
	withSizes := ourServer(middleware.WithBodySizes())
	return []comparison{
		serverComparison("server-serial", ourServer(), serially),
		serverComparison("server-serial-1cpu", ourServer(), onOneCPU(serially)),
		serverComparison("server-parallel", ourServer(), inParallel),
		// The three histograms that otelhttp records, and the active requests.
		serverComparison("server-sizes-serial", withSizes, serially),
		serverComparison("server-sizes-parallel", withSizes, inParallel),
		serverComparison("server-loopback-serial", ourServer(), overLoopback(false)),
		serverComparison("server-loopback-parallel", ourServer(), overLoopback(true)),
	}
}

// A driver sends requests to a handler.
type driver func(h http.Handler) (run func(*testing.B), cleanup func())

func serverComparison(what string, ours func(http.Handler) http.Handler, drive driver) comparison {
	c := comparison{what: what, ours: contender{"ours", func() (func(*testing.B), func()) { return drive(ours(leaf)) }}}
	for _, p := range serverPeers {
		c.peers = append(c.peers, contender{p.name, func() (func(*testing.B), func()) { return drive(p.wrap(leaf)) }})
	}
	return c
}

func newRequest() *http.Request {
	return httptest.NewRequest(http.MethodGet, "http://example.com/users/7", nil)
}

func serially(h http.Handler) (func(*testing.B), func()) {
	return func(b *testing.B) {
		w, r := newWriter(), newRequest()
		for b.Loop() {
			r.Pattern = "" // as a request comes from the server
			h.ServeHTTP(w, r)
		}
	}, nil
}

// onOneCPU lets no other CPU do the garbage collector's share of the work.
func onOneCPU(drive driver) driver {
	return func(h http.Handler) (func(*testing.B), func()) {
		run, cleanup := drive(h)
		return onCPUs(1, run), cleanup
	}
}

func onCPUs(n int, run func(*testing.B)) func(*testing.B) {
	return func(b *testing.B) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
		run(b)
	}
}

func inParallel(h http.Handler) (func(*testing.B), func()) {
	return func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			w, r := newWriter(), newRequest()
			for pb.Next() {
				r.Pattern = "" // as a request comes from the server
				h.ServeHTTP(w, r)
			}
		})
	}, nil
}

// overLoopback sends requests over real connections that are kept alive.
func overLoopback(parallel bool) driver {
	return func(h http.Handler) (func(*testing.B), func()) {
		s := httptest.NewServer(h)
		c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
		run := func(b *testing.B) {
			if !parallel {
				for b.Loop() {
					fetch(b, c, s.URL)
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					fetch(b, c, s.URL)
				}
			})
		}
		return run, func() {
			c.CloseIdleConnections()
			s.Close()
		}
	}
}

func fetch(b *testing.B, c *http.Client, base string) {
	resp, err := c.Get(base + "/users/7")
	if err != nil {
		b.Error(err)
		return
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		b.Error(err)
	}
	if err := resp.Body.Close(); err != nil {
		b.Error(err)
	}
}

// A writer has the optional interfaces of net/http's own for HTTP/1, because
// what it costs to wrap them is part of the comparison, and throws all away.
type writer struct{ header http.Header }

func newWriter() *writer { return &writer{make(http.Header)} }

var errUnused = errors.New("not part of the benchmark")

func (w *writer) Header() http.Header                          { return w.header }
func (w *writer) Write(p []byte) (int, error)                  { return len(p), nil }
func (w *writer) WriteString(s string) (int, error)            { return io.WriteString(io.Discard, s) }
func (w *writer) WriteHeader(int)                              {}
func (w *writer) Flush()                                       {}
func (w *writer) FlushError() error                            { return nil }
func (w *writer) ReadFrom(src io.Reader) (int64, error)        { return io.Copy(io.Discard, src) }
func (w *writer) CloseNotify() <-chan bool                     { return nil }
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, errUnused }
