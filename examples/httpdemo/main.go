// Command httpdemo is a search service that is measured by otelperf: over the
// documentation of Go's standard library, or any folder of text.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/otelperf/otelperf-go/examples/httpdemo/internal/corpus"
	"github.com/otelperf/otelperf-go/examples/httpdemo/internal/index"
	"github.com/otelperf/otelperf-go/otelperf"
)

// maxDocuments bounds the memory that clients can fill.
const maxDocuments = 500_000

// shutdownTimeout bounds each step of the way out.
const shutdownTimeout = 10 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program. Results go to stdout, all talk to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "httpdemo: %v\nhttpdemo: see httpdemo -h\n", err)
		return 2
	}
	if err := serve(ctx, o, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "httpdemo: %v\n", err)
		return 1
	}
	return 0
}

func serve(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	listener, err := net.Listen("tcp", o.addr) // first: a port in use is known before the work begins
	if err != nil {
		return err
	}
	defer listener.Close()
	x, documents, err := load(ctx, o.corpus, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.Close()) }()

	rec, err := otelperf.New()
	if err != nil {
		return err
	}
	s, err := newService(x, rec, o.slow)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	server := newServer(newAPI(s, o.slow, log), o.slow, log)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		err = errors.Join(err, server.Shutdown(ctx))
	}()

	base := "http://" + listener.Addr().String()
	if o.drive > 0 {
		d := &driver{base: base, clients: o.clients, documents: documents, timeout: time.Minute + o.slow}
		r, err := d.run(ctx, o.drive)
		fmt.Fprintln(stdout, r.requests, "requests,", r.failed, "failed")
		return err
	}
	fmt.Fprintf(stderr, "serving on %s\n", base)
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		return nil
	}
}

// load reads and indexes the corpus, and shows how far it is where stderr is a
// terminal.
func load(ctx context.Context, dir string, stderr io.Writer) (*index.Index, []corpus.Document, error) {
	start := time.Now()
	read := corpus.StandardLibrary
	if dir != "" {
		read = func(ctx context.Context) (*corpus.Corpus, error) { return corpus.Folder(ctx, dir) }
	}
	c, err := read(ctx)
	if err != nil {
		return nil, nil, err
	}
	x, err := index.New(maxDocuments)
	if err != nil {
		return nil, nil, err
	}
	progress, done := bar(len(c.Documents), stderr)
	if err := x.AddAll(ctx, c.Documents, progress); err != nil {
		return nil, nil, errors.Join(err, x.Close())
	}
	done()
	fmt.Fprintf(stderr, "httpdemo: indexed %s in %v\n", c, time.Since(start).Round(time.Millisecond))
	return x, c.Documents, nil
}

// bar returns what shows the progress of indexing, and what clears it away.
func bar(documents int, stderr io.Writer) (progress func(int), done func()) {
	f, ok := stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, func() {}
	}
	b := progressbar.NewOptions(documents,
		progressbar.OptionSetWriter(f),
		progressbar.OptionSetDescription("indexing"),
		progressbar.OptionShowCount(),
		progressbar.OptionClearOnFinish(),
	)
	// That a terminal cannot be written to is no reason not to serve.
	return func(n int) { _ = b.Add(n) }, func() { _ = b.Finish() }
}
