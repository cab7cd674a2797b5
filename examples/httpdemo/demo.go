package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"golang.org/x/term"

	"github.com/otelperf/otelperf-go/examples/httpdemo/internal/corpus"
	"github.com/otelperf/otelperf-go/examples/httpdemo/internal/index"
	"github.com/otelperf/otelperf-go/middleware"
	"github.com/otelperf/otelperf-go/otelperf/monitor"
)

const (
	// maxDocuments bounds the memory that clients can fill.
	maxDocuments = 500_000

	// shutdownTimeout bounds each step of the way out.
	shutdownTimeout = 10 * time.Second
)

// A demo is one run of the program.
type demo struct {
	options
	stdout, stderr io.Writer
}

func (d *demo) say(format string, args ...any) { say(d.stderr, format, args...) }

// run reads the corpus, then serves until ctx is done or, with -drive, until
// the load is over.
func (d *demo) run(ctx context.Context) (err error) {
	listener, err := net.Listen("tcp", d.addr) // first: a port in use is known at once
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }() // the server has closed it, where there was one
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
	total := sdkmetric.NewManualReader()
	mon, err := d.startMonitor(ctx, total, log)
	if err != nil {
		return err
	}
	handler, err := d.handler(x, mon, log)
	if err != nil {
		return errors.Join(err, bounded(ctx, mon.Shutdown))
	}
	server := newServer(handler, d.slow, log)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	base := "http://" + listener.Addr().String()

	if d.drive == 0 {
		d.say("serving on %s until interrupted; see %[1]s/debug/otelperf/ or try\ncurl '%[1]s/search?q=json+encoding&k=5'\n"+
			"curl -H 'Content-Type: application/json' -d '{\"title\":\"…\",\"text\":\"…\"}' %[1]s/documents", base)
		select {
		case err = <-served:
		case <-ctx.Done():
			d.say("shutting down")
		}
		return errors.Join(err, bounded(ctx, server.Shutdown), bounded(ctx, mon.Shutdown))
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
// through middleware, both into what the monitor judges.
func (d *demo) handler(x *index.Index, mon *monitor.Monitor, log *slog.Logger) (http.Handler, error) {
	s, err := newService(x, mon.Recorder(), d.slow)
	if err != nil {
		return nil, err
	}
	mw, err := middleware.New(
		middleware.WithMeterProvider(mon.MeterProvider()),
		middleware.WithFilter(func(r *http.Request) bool { return r.URL.Path != "/healthz" }),
	)
	if err != nil {
		return nil, err
	}
	root := http.NewServeMux()
	root.Handle("/debug/otelperf/", mon.Handler()) // not measured: it is not what the service is for
	root.Handle("/", mw.Handler(middleware.Route(newAPI(s, d.slow, log))))
	return root, nil
}

// bounded calls one step of the way out, which begins when ctx may be done.
func bounded(ctx context.Context, step func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	return step(ctx)
}

// load reads and indexes the corpus.
func (d *demo) load(ctx context.Context) (*index.Index, []corpus.Document, error) {
	start := time.Now()
	read := corpus.StandardLibrary
	if d.corpus != "" {
		read = func(ctx context.Context) (*corpus.Corpus, error) { return corpus.Folder(ctx, d.corpus) }
	}
	c, err := read(ctx)
	if err != nil {
		return nil, nil, err
	}
	x, err := index.New(maxDocuments)
	if err != nil {
		return nil, nil, err
	}
	progress, done := d.progress(len(c.Documents))
	err = x.AddAll(ctx, c.Documents, progress)
	done()
	if err != nil {
		return nil, nil, errors.Join(err, x.Close())
	}
	d.say("indexed %s in %v", c, time.Since(start).Round(time.Millisecond))
	return x, c.Documents, nil
}

// progress returns what shows the progress of indexing where stderr is a
// terminal, and what clears it away.
func (d *demo) progress(documents int) (add func(int), done func()) {
	f, ok := d.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, func() {}
	}
	bar := progressbar.NewOptions(documents,
		progressbar.OptionSetWriter(f),
		progressbar.OptionSetDescription("indexing"),
		progressbar.OptionShowCount(),
		progressbar.OptionClearOnFinish(),
	)
	// A terminal that cannot be written to is no reason not to serve.
	return func(n int) { _ = bar.Add(n) }, func() { _ = bar.Clear() }
}
