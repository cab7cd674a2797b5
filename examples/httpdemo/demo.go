//go:build !bare

package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelperf/otelperf-go/examples/httpdemo/internal/index"
	"github.com/otelperf/otelperf-go/middleware"
	"github.com/otelperf/otelperf-go/otelperf/monitor"
)

// run reads the corpus, then serves until ctx is done or, with -drive, until
// the load is over.
func (d *demo) run(ctx context.Context) (err error) {
	listener, err := net.Listen("tcp", d.addr) // first: a port in use is known at once
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }() // the server has closed it, where there was one
	// A bad configuration is known before indexing too.
	if err := d.checkConfig(ctx); err != nil {
		return err
	}
	x, documents, err := d.load(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	if d.drive > 0 && len(documents) == 0 {
		return errors.New("the corpus is empty: there is nothing to ask for")
	}

	// The monitor starts when indexing, which takes all CPUs, is over.
	log := slog.New(slog.NewTextHandler(d.stderr, nil))
	var total *sdkmetric.ManualReader // a second reader is recorded to as well: only where it is asked
	if d.drive > 0 {
		total = sdkmetric.NewManualReader()
	}
	mon, err := d.startMonitor(ctx, total, log)
	if err != nil {
		return err
	}
	var handled atomic.Int64
	handler, err := d.handler(x, mon, log, &handled)
	if err != nil {
		return errors.Join(err, bounded(ctx, mon.Shutdown))
	}
	server := newServer(handler, d.slow, log)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	base := "http://" + listener.Addr().String()

	if d.drive == 0 {
		d.say("serving on %s until interrupted; see %[1]s%[2]s/ or try\ncurl '%[1]s/search?q=json+encoding&k=5'\n"+
			"curl -H 'Content-Type: application/json' -d '{\"title\":\"…\",\"text\":\"…\"}' %[1]s/documents", base, page)
		select {
		case err = <-served:
		case <-ctx.Done():
			d.say("shutting down")
		}
		err = errors.Join(err, bounded(ctx, server.Shutdown), bounded(ctx, mon.Shutdown))
		d.say("%d requests handled", handled.Load())
		return err
	}

	d.say("serving on %s, %d clients send requests for %v", base, d.clients, d.drive)
	load := &driver{
		base: base, clients: d.clients, documents: documents,
		timeout: 2*searchTimeout + d.slow, grace: shutdownTimeout / 2,
	}
	seen := load.run(ctx, d.drive)
	var m measurement
	err = errors.Join(
		bounded(ctx, server.Shutdown),
		bounded(ctx, func(ctx context.Context) (err error) {
			m, err = measure(ctx, mon, total)
			return err
		}),
		bounded(ctx, mon.Shutdown), // with it the last metrics are printed: the table comes after
	)
	err = errors.Join(err, writeSummary(d.stdout, m, seen.elapsed))
	d.say("%d requests in %v, %d failed", seen.requests, seen.elapsed.Round(time.Millisecond), seen.failed)
	if seen.failure != nil {
		d.say("one that failed: %v", seen.failure)
	}
	if seen.failed == seen.requests {
		err = errors.Join(err, errors.New("no request succeeded"))
	}
	return err
}

// handler puts the service together: its operations through otelperf, its HTTP
// through middleware, both into what the monitor judges. It counts requests on its
// own account too: what any backend says of them has to be the same number.
func (d *demo) handler(x *index.Index, mon *monitor.Monitor, log *slog.Logger, handled *atomic.Int64) (http.Handler, error) {
	s, err := newService(x, mon.Recorder(), d.slow)
	if err != nil {
		return nil, err
	}
	mw, err := middleware.New(
		middleware.WithMeterProvider(mon.MeterProvider()),
		middleware.WithFilter(isWork),
	)
	if err != nil {
		return nil, err
	}
	mux := newAPI(s, d.slow, log)
	mux.Handle(page+"/", mon.Handler())
	measured := mw.Handler(middleware.Route(mux))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isWork(r) {
			defer handled.Add(1)
		}
		measured.ServeHTTP(w, r)
	}), nil
}

// page is where the monitor shows what it measures and judges.
const page = "/debug/otelperf"

// isWork leaves out what the service is not for: requests that only ask whether
// it is there, and the page.
func isWork(r *http.Request) bool {
	rest, isPage := strings.CutPrefix(r.URL.Path, page)
	return r.URL.Path != "/healthz" && !(isPage && (rest == "" || rest[0] == '/'))
}
