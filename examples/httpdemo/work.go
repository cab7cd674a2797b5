package main

import (
	"context"
	"time"

	"github.com/otelperf/otelperf-go/examples/httpdemo/internal/corpus"
	"github.com/otelperf/otelperf-go/examples/httpdemo/internal/index"
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

// find returns the function that is the operation "search". Each search takes
// slow longer than it would.
func find(x *index.Index, slow time.Duration) func(context.Context, question) (answer, error) {
	return func(ctx context.Context, q question) (answer, error) {
		if err := wait(ctx, slow); err != nil {
			return answer{}, err
		}
		hits, total, err := x.Search(ctx, q.text, q.k)
		return answer{hits, total}, err
	}
}

// A service is the index with its two operations.
type service struct {
	index  *index.Index
	search func(context.Context, question) (answer, error)
	add    func(context.Context, corpus.Document) (corpus.Document, error)
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
