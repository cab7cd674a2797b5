package main

import (
	"context"
	"time"

	"github.com/otelperf/otelperf-go/examples/httpdemo/internal/corpus"
	"github.com/otelperf/otelperf-go/examples/httpdemo/internal/index"
	"github.com/otelperf/otelperf-go/otelperf"
)

// A question is what a client asks.
type question struct {
	text string
	k    int
}

// An answer is what the index finds.
type answer struct {
	hits  []index.Hit
	total uint64
}

// A service is the index with its two operations timed. This is all that the
// program itself does to be measured: it makes an Operation for each and wraps
// the function.
type service struct {
	index  *index.Index
	search func(context.Context, question) (answer, error)
	add    func(context.Context, corpus.Document) (corpus.Document, error)
}

// newService times index's functions with rec. Each search takes slow longer
// than it would.
func newService(x *index.Index, rec *otelperf.Recorder, slow time.Duration) (*service, error) {
	search, err := rec.Operation("search")
	if err != nil {
		return nil, err
	}
	allocation, err := rec.Operation("allocation")
	if err != nil {
		return nil, err
	}
	return &service{
		index: x,
		search: otelperf.Wrap(search, func(ctx context.Context, q question) (answer, error) {
			if err := wait(ctx, slow); err != nil {
				return answer{}, err
			}
			hits, total, err := x.Search(ctx, q.text, q.k)
			return answer{hits, total}, err
		}),
		add: otelperf.Wrap(allocation, x.Add),
	}, nil
}

// wait returns after d, or as soon as ctx is done with its error.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
