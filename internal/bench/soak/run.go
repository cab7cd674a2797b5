package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/otelperf/otelperf-go/internal/bench/demo"
	"github.com/otelperf/otelperf-go/internal/bench/result"
)

type config struct {
	length         time.Duration
	clients        int
	hot            bool
	corpus, source string
}

// everything is what a service could have on. The baseline `always` fires.
const everything = `
monitoring.metrics_retention_hours = %.6f
alerting.evidence = true
alerting.log_file = "alerts.log"
alerting.state_file = "state.json"
output.metrics_file = "history.json"
`

const always = `
[[baseline]]
name = "always"
metric = "otelperf.operation.duration"
statistic = "p50"
target = 0
remind = "5s"
`

func run(ctx context.Context, c config) (s result.Soak, err error) {
	if err := demo.Place(); err != nil {
		return s, err
	}
	dir, err := os.MkdirTemp("", "otelperf-soak-")
	if err != nil {
		return s, fmt.Errorf("soak: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary, err := demo.Measured.Compile(ctx, c.source, dir)
	if err != nil {
		return s, err
	}
	w := newWatch()
	sink, err := demo.NewSink(w.exported)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, sink.Close()) }()
	road := ""
	if c.hot {
		road = demo.Hot
	}
	p, err := demo.Start(ctx, binary, demo.Options{
		Dir: dir, Corpus: c.corpus, Lines: w.line,
		Config: demo.Config(time.Second, fmt.Sprintf(everything, (c.length/10).Hours()), demo.Profiled, road, demo.TenBaselines, always),
		Env:    []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + sink.URL, "GODEBUG=gctrace=1"},
	})
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()

	s = result.Soak{When: time.Now().UTC().Truncate(time.Second), Machine: result.Machine(), Placing: demo.Placing(), Hot: c.hot, Length: c.length}
	if err := drive(ctx, c, p, w, &s); err != nil {
		return s, err
	}
	s.Exports, _ = sink.Received()
	s.Lines, err = w.lines()
	if err == nil && s.Shown == 0 {
		err = errors.New("soak: the open page was told of no collection")
	}
	return s, err
}

// drive puts the service under load and watches it meanwhile.
func drive(ctx context.Context, c config, p *demo.Process, w *watch, s *result.Soak) error {
	mix, _, junk, err := demo.Loads(ctx, p.Base)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	over, end := context.WithTimeout(ctx, c.length)
	defer end()
	w.begin(p.PID())
	defer w.end()
	var wg sync.WaitGroup
	var mixed, odd int
	var errs [3]error
	wg.Go(func() {
		var r demo.Result
		clients := mix.Clients(p.Base, c.clients)
		defer clients.Close()
		r, errs[0] = clients.Drive(ctx, c.length)
		mixed = r.Requests
		end()
	})
	wg.Go(func() {
		every := time.NewTicker(5 * time.Second)
		defer every.Stop()
		stranger := junk.Clients(p.Base, 1)
		for over.Err() == nil && errs[1] == nil {
			var r demo.Result
			if r, errs[1] = stranger.Drive(ctx, 100*time.Millisecond); errs[1] != nil {
				cancel() // ends the others too
			}
			odd += r.Requests
			select {
			case <-over.Done():
			case <-every.C:
			}
		}
	})
	wg.Go(func() { s.HungUp = demo.HangUp(over, p.Base) })
	var shown atomic.Int64
	wg.Go(func() {
		if errs[2] = demo.Look(over, p.Base, &shown); errs[2] != nil {
			cancel()
		}
	})
	wg.Wait()
	s.Requests, s.Shown = mixed+odd, int(shown.Load())
	return errors.Join(errs[:]...)
}
