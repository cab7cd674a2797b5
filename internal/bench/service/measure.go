package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/otelperf/otelperf-go/internal/bench/demo"
	"github.com/otelperf/otelperf-go/internal/bench/result"
)

// measure starts all contenders and lets them take turns.
func measure(ctx context.Context, c config, pattern *regexp.Regexp) (r result.Service, err error) {
	dir, err := os.MkdirTemp("", "otelperf-service-")
	if err != nil {
		return r, fmt.Errorf("service: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	measured, bare, err := demo.Build(ctx, c.source, dir)
	if err != nil {
		return r, err
	}
	sink, err := demo.NewSink(nil)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, sink.Close()) }()
	var all []*running
	defer func() {
		for _, x := range all {
			err = errors.Join(err, x.stop())
		}
	}()
	for _, x := range chosen(pattern) {
		fmt.Fprintf(os.Stderr, "service: %s starts\n", x.name)
		started, err := x.start(ctx, measured, bare, c.corpus, dir, sink.URL)
		if err != nil {
			return r, err
		}
		all = append(all, started)
		if err := started.Pause(); err != nil {
			return r, err
		}
	}
	if err := all[0].Resume(); err != nil {
		return r, err
	}
	mix, documents, _, err := demo.Loads(ctx, all[0].Base)
	if err != nil {
		return r, err
	}
	if err := all[0].Pause(); err != nil {
		return r, err
	}
	r = result.NewService(demo.Placing(), c.clients, c.length)
	for _, load := range []demo.Load{mix, documents} {
		l := result.NewLoad(load.Name)
		for _, x := range all {
			l.Contenders = append(l.Contenders, result.Contender{Name: x.name, About: x.about})
		}
		for round := range c.rounds {
			for i := range all[1:] {
				at := 1 + (i+round)%(len(all)-1) // another one begins each time
				first, second := 0, at           // the bare one before it, or after it
				if round%2 == 1 {
					first, second = at, 0
				}
				got := make(map[int]result.Round, 2)
				for _, n := range []int{first, second} {
					var err error
					if got[n], err = turn(ctx, c, all[n], load); err != nil {
						return r, fmt.Errorf("service: %s, %s: %w", load.Name, all[n].name, err)
					}
				}
				l.Contenders[0].Rounds = append(l.Contenders[0].Rounds, got[0])
				l.Contenders[at].Rounds = append(l.Contenders[at].Rounds, got[at])
				l.Contenders[at].Bare = append(l.Contenders[at].Bare, got[0])
			}
			fmt.Fprintf(os.Stderr, "service: %s, round %d of %d\n", load.Name, round+1, c.rounds)
		}
		r.Loads = append(r.Loads, l)
	}
	if n, _ := sink.Received(); n == 0 && len(all) > 3 {
		return r, errors.New("service: no metric was exported")
	}
	return r, nil
}

// turn drives one contender for a while.
func turn(ctx context.Context, c config, x *running, load demo.Load) (got result.Round, err error) {
	if err := x.Resume(); err != nil {
		return got, err
	}
	defer func() { err = errors.Join(err, x.Pause()) }()
	if _, err := load.Drive(ctx, x.Base, c.clients, c.warm); err != nil {
		return got, err
	}
	before, beforeOwn, err := clocks(x)
	if err != nil {
		return got, err
	}
	start := time.Now()
	seen, err := load.Drive(ctx, x.Base, c.clients, c.length)
	if err != nil {
		return got, err
	}
	spent := time.Since(start)
	after, afterOwn, err := clocks(x)
	if err != nil {
		return got, err
	}
	return result.Round{
		Requests:   seen.Requests,
		Throughput: seen.Throughput,
		P50:        seen.P(0.50), P99: seen.P(0.99),
		CPU:       float64(after-before) / float64(seen.Requests),
		Busy:      float64(after-before) / float64(spent),
		Generator: float64(afterOwn-beforeOwn) / float64(spent),
	}, nil
}

func clocks(x *running) (service, own time.Duration, err error) {
	service, err = x.CPU()
	if err != nil {
		return 0, 0, err
	}
	own, err = demo.OwnCPU()
	return service, own, err
}
