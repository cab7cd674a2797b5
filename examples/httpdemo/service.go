//go:build !bare

package main

import (
	"time"

	"github.com/otelperf/otelperf-go/examples/httpdemo/internal/index"
	"github.com/otelperf/otelperf-go/otelperf"
)

// newService times the two operations with rec. This is all that the program
// itself does to be measured: it makes an Operation for each and wraps the
// function.
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
		index:  x,
		search: otelperf.Wrap(search, find(x, slow)),
		add:    otelperf.Wrap(allocation, x.Add),
	}, nil
}
