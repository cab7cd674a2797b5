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

// often is the interval of services whose collections are measured.
const often = 200 * time.Millisecond

// collections measures what a collection takes of each that measures, of which turns show
// little: while a service is stopped collections fall due, and run before its turn counts.
// Nothing is asked of the service meanwhile, after each of the loads was driven.
func (b base) collections(ctx context.Context, c settings, all []contender) (out []result.Collection, err error) {
	folder, err := os.MkdirTemp(b.dir, "collections")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	for _, x := range all {
		if measures, _ := result.Measures(x.name); !measures {
			continue
		}
		r, err := b.start(ctx, x, filepath.Join(folder, x.name), often)
		if err != nil {
			return nil, err
		}
		one, err := r.collection(ctx, c)
		if err := errors.Join(err, r.stop()); err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// collection measures one service.
func (r *running) collection(ctx context.Context, c settings) (out result.Collection, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", r.name, err)
		}
	}()
	mix, documents, _, err := demo.Loads(ctx, r.Base)
	if err != nil {
		return out, err
	}
	for _, load := range []demo.Load{mix, documents} {
		clients := load.Clients(r.Base, c.clients)
		_, err := clients.Drive(ctx, c.warm)
		clients.Close()
		if err != nil {
			return out, err
		}
	}
	first, _ := r.sink.Received()
	before, err := r.CPU()
	if err != nil {
		return out, err
	}
	select {
	case <-ctx.Done():
		return out, ctx.Err()
	case <-time.After(c.idle):
	}
	after, err := r.CPU()
	if err != nil {
		return out, err
	}
	last, _ := r.sink.Received()
	if last == first {
		return out, fmt.Errorf("no metric was exported in %v", c.idle)
	}
	return result.Collection{Name: r.name, N: last - first, CPU: (after - before) / time.Duration(last-first)}, nil
}
