package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/otelperf/otelperf-go/internal/bench/demo"
	"github.com/otelperf/otelperf-go/internal/bench/result"
)

// collections measures what a collection costs each that measures.
func (b base) collections(ctx context.Context, c settings, all []contender) (out []result.Collection, err error) {
	folder, err := os.MkdirTemp(b.dir, "collections")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	const every = time.Second
	for _, x := range all {
		if measures, _ := result.Measures(x.name); !measures {
			continue
		}
		r, err := b.start(ctx, x, filepath.Join(folder, x.name), every)
		if err != nil {
			return out, err
		}
		err = r.ask(ctx, c)
		var one result.Collection
		if err == nil {
			one, err = r.collect(ctx, every, 10)
		}
		if err := errors.Join(err, r.stop()); err != nil {
			return out, fmt.Errorf("%s: %w", r.name, err)
		}
		out = append(out, one)
	}
	return out, nil
}

// ask drives each load for a while, so that the service has its series.
func (r *running) ask(ctx context.Context, c settings) error {
	mix, documents, _, err := demo.Loads(ctx, r.Base)
	if err != nil {
		return err
	}
	for _, load := range []demo.Load{mix, documents} {
		clients := load.Clients(r.Base, c.clients)
		_, err := clients.Drive(ctx, c.warm)
		clients.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// collect measures n collections of the service, from the end of one to that of
// another. The first three are not among them: the service has to come to rest.
func (r *running) collect(ctx context.Context, every time.Duration, n int) (out result.Collection, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(n+3)*every+time.Minute)
	defer cancel()
	start, _ := r.sink.Received()
	if start, err = r.exports(ctx, start+3); err != nil {
		return out, err
	}
	shown := r.shown.Load()
	before, err := r.CPU()
	if err != nil {
		return out, err
	}
	end, err := r.exports(ctx, start+n)
	if err != nil {
		return out, err
	}
	after, err := r.CPU()
	if err != nil {
		return out, err
	}
	if r.page && r.shown.Load() == shown {
		return out, errors.New("the open page was told of no collection")
	}
	return result.Collection{Name: r.name, N: end - start, Every: every, CPU: (after - before) / time.Duration(end-start)}, nil
}

// exports waits until the service has exported so many batches, and has had time to do
// what comes after. It returns how many there are.
func (r *running) exports(ctx context.Context, batches int) (int, error) {
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for {
		if n, _ := r.sink.Received(); n >= batches {
			select {
			case <-ctx.Done():
				return n, ctx.Err()
			case <-time.After(50 * time.Millisecond): // the page asks after the export
				return n, nil
			}
		}
		select {
		case <-ctx.Done():
			n, _ := r.sink.Received()
			return n, fmt.Errorf("%d of %d batches of metrics were exported: %w", n, batches, ctx.Err())
		case <-look.C:
		}
	}
}
