package main

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/otelperf/otelperf-go/examples/httpdemo/internal/corpus"
	"github.com/otelperf/otelperf-go/examples/httpdemo/internal/index"
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
