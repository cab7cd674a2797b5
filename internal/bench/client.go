package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/otelperf/otelperf-go/middleware"
)

// A client is a way to measure a transport.
type client struct {
	name string
	wrap func(http.RoundTripper) http.RoundTripper
}

func ourClient(opts ...middleware.Option) func(http.RoundTripper) http.RoundTripper {
	return func(base http.RoundTripper) http.RoundTripper {
		tr, err := middleware.NewTransport(base, append(opts, middleware.WithMeterProvider(sdk()))...)
		check(err)
		return tr
	}
}

var clientPeers = []client{
	{"bare", func(base http.RoundTripper) http.RoundTripper { return base }},
	{"floor", func(base http.RoundTripper) http.RoundTripper {
		return timedTransport{base, sixAttributes("http.client.request.duration")}
	}},
	{"otelhttp", func(base http.RoundTripper) http.RoundTripper {
		return otelhttp.NewTransport(base,
			otelhttp.WithTracerProvider(tracenoop.NewTracerProvider()),
			otelhttp.WithMeterProvider(sdk()))
	}},
	{"promhttp", func(base http.RoundTripper) http.RoundTripper {
		durations := prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_client_request_duration_seconds", Buckets: prometheus.DefBuckets,
		}, []string{"code", "method"})
		active := prometheus.NewGauge(prometheus.GaugeOpts{Name: "http_client_requests_in_flight"})
		return promhttp.InstrumentRoundTripperInFlight(active, promhttp.InstrumentRoundTripperDuration(durations, base))
	}},
}

// A timedTransport records how long requests take, and no more.
type timedTransport struct {
	base   http.RoundTripper
	record func(context.Context, time.Duration)
}

func (t timedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	start := time.Since(clockEpoch)
	resp, err := t.base.RoundTrip(r)
	t.record(r.Context(), time.Since(clockEpoch)-start)
	return resp, err
}

// canned answers every request with the same response.
type canned struct{ response http.Response }

func (c *canned) RoundTrip(*http.Request) (*http.Response, error) {
	resp := c.response
	return &resp, nil
}

func newCanned() *canned {
	return &canned{http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header), Body: http.NoBody,
	}}
}

// A clientDriver sends requests through a transport.
type clientDriver func(wrap func(http.RoundTripper) http.RoundTripper) (run func(*testing.B), cleanup func())

func clientComparisons() []comparison {
	bodyEnd := ourClient(middleware.WithBodyEnd())
	return []comparison{
		clientComparison("client-serial", ourClient(), throughCanned(false)),
		clientComparison("client-serial-1cpu", ourClient(), func(wrap func(http.RoundTripper) http.RoundTripper) (func(*testing.B), func()) {
			run, cleanup := throughCanned(false)(wrap)
			return onCPUs(1, run), cleanup
		}),
		clientComparison("client-parallel", ourClient(), throughCanned(true)),
		clientComparison("client-loopback-serial", ourClient(), throughLoopback(false)),
		clientComparison("client-loopback-parallel", ourClient(), throughLoopback(true)),
		clientComparison("client-bodyend-loopback-serial", bodyEnd, throughLoopback(false)),
	}
}

func clientComparison(what string, ours func(http.RoundTripper) http.RoundTripper, drive clientDriver) comparison {
	c := comparison{what: what, ours: contender{"ours", func() (func(*testing.B), func()) { return drive(ours) }}}
	for _, p := range clientPeers {
		c.peers = append(c.peers, contender{p.name, func() (func(*testing.B), func()) { return drive(p.wrap) }})
	}
	return c
}

func throughCanned(parallel bool) clientDriver {
	return func(wrap func(http.RoundTripper) http.RoundTripper) (func(*testing.B), func()) {
		rt := wrap(newCanned())
		send := func(b *testing.B, r *http.Request) {
			resp, err := rt.RoundTrip(r)
			if err != nil {
				b.Error(err)
				return
			}
			if err := resp.Body.Close(); err != nil {
				b.Error(err)
			}
		}
		return func(b *testing.B) {
			if !parallel {
				r := newRequest()
				for b.Loop() {
					send(b, r)
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				r := newRequest()
				for pb.Next() {
					send(b, r)
				}
			})
		}, nil
	}
}

func throughLoopback(parallel bool) clientDriver {
	return func(wrap func(http.RoundTripper) http.RoundTripper) (func(*testing.B), func()) {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "ok")
		}))
		base := &http.Transport{MaxIdleConnsPerHost: 64}
		c := &http.Client{Transport: wrap(base)}
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
			base.CloseIdleConnections()
			s.Close()
		}
	}
}
