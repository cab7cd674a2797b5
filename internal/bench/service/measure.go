package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/otelperf/otelperf-go/internal/bench/demo"
	"github.com/otelperf/otelperf-go/internal/bench/result"
)

// measure compares each contender with the bare service, in as many pairs of
// processes as there are rounds. With an error it returns what it has so far.
func measure(ctx context.Context, c config, pattern *regexp.Regexp) (r result.Service, err error) {
	dir, err := os.MkdirTemp("", "otelperf-service-")
	if err != nil {
		return r, fmt.Errorf("service: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binaries, err := build(ctx, c, dir)
	if err != nil {
		return r, err
	}
	sink, err := demo.NewSink(nil)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, sink.Close()) }()
	binaries.sink = sink.URL

	all := chosen(pattern)
	r = result.NewService(demo.Placing(), c.clients, c.rounds, c.length, c.slice)
	for round := range c.rounds {
		for i := range all[1:] {
			at := 1 + (i+round)%(len(all)-1) // another one begins each time
			loads, err := binaries.compare(ctx, c, all[at], round)
			if err != nil {
				return r, fmt.Errorf("service: %s: %w", all[at].name, err)
			}
			for k, l := range loads {
				if len(r.Loads) == k {
					r.Loads = append(r.Loads, result.Load{Name: l.name})
					for _, x := range all {
						r.Loads[k].Contenders = append(r.Loads[k].Contenders, result.Contender{Name: x.name, About: x.about})
					}
				}
				to := r.Loads[k].Contenders
				to[0].Rounds = append(to[0].Rounds, l.bare)
				to[at].Rounds = append(to[at].Rounds, l.other)
				to[at].Bare = append(to[at].Bare, l.bare)
			}
		}
		fmt.Fprintf(os.Stderr, "service: round %d of %d\n", round+1, c.rounds)
	}
	if n, _ := sink.Received(); n == 0 && slices.ContainsFunc(all, contender.measures) {
		return r, errors.New("service: no metric was exported")
	}
	return r, nil
}

// A bench is what services are started from.
type bench struct {
	measured, bare string // binaries
	corpus, sink   string
	dir            string
}

func build(ctx context.Context, c config, dir string) (b bench, err error) {
	b = bench{corpus: c.corpus, dir: dir}
	b.measured, b.bare, err = demo.Build(ctx, c.source, dir)
	return b, err
}

// A pair is what one load came to, with the bare service and with another.
type pair struct {
	name        string
	bare, other result.Round
}

// compare starts a bare service and the contender, and lets them take turns under
// each load. How a process lies in memory is luck, so each round has new ones.
func (b bench) compare(ctx context.Context, c config, x contender, round int) (out []pair, err error) {
	folder, err := os.MkdirTemp(b.dir, x.name)
	if err != nil {
		return nil, fmt.Errorf("service: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	var two [2]*running
	for _, i := range [2]int{round % 2, 1 - round%2} {
		started := contenders[0]
		if i == 1 {
			started = x
		}
		if two[i], err = b.start(ctx, started, filepath.Join(folder, fmt.Sprint(i))); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, two[i].stop()) }()
	}
	mix, documents, _, err := demo.Loads(ctx, two[0].Base)
	if err != nil {
		return nil, err
	}
	for _, r := range two {
		if err := r.Pause(); err != nil {
			return nil, err
		}
	}
	for _, load := range []demo.Load{mix, documents} {
		p := pair{name: load.Name}
		if p.bare, p.other, err = turns(ctx, c, two, load); err != nil {
			return nil, fmt.Errorf("%s: %w", load.Name, err)
		}
		out = append(out, p)
	}
	return out, nil
}

// turns drives the two by slices: one, the other, the other, the one.
func turns(ctx context.Context, c config, two [2]*running, load demo.Load) (bare, other result.Round, err error) {
	var sums [2]sum
	for i, r := range two {
		sums[i].clients = load.Clients(r.Base, c.clients)
		defer sums[i].clients.Close()
		if err := new(sum{clients: sums[i].clients}).drive(ctx, r, c.warm); err != nil {
			return bare, other, err
		}
	}
	for n := range max(1, int(c.length/c.slice)) {
		order := [2]int{0, 1}
		if n%2 == 1 {
			order = [2]int{1, 0}
		}
		for _, i := range order {
			if err := sums[i].drive(ctx, two[i], c.slice); err != nil {
				return bare, other, err
			}
		}
	}
	return sums[0].round(), sums[1].round(), nil
}

// A sum of slices.
type sum struct {
	clients         *demo.Clients
	seen            demo.Result
	spent, cpu, own time.Duration
}

// drive adds a slice, in which the service runs.
func (s *sum) drive(ctx context.Context, x *running, length time.Duration) (err error) {
	if err := x.Resume(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.Pause()) }()
	before, beforeOwn, err := clocks(x)
	if err != nil {
		return err
	}
	start := time.Now()
	seen, err := s.clients.Drive(ctx, length)
	if err != nil {
		return err
	}
	s.spent += time.Since(start)
	after, afterOwn, err := clocks(x)
	if err != nil {
		return err
	}
	s.seen = s.seen.Add(seen)
	s.cpu += after - before
	s.own += afterOwn - beforeOwn
	return nil
}

func (s *sum) round() result.Round {
	return result.Round{
		Requests:   s.seen.Requests,
		Throughput: s.seen.Throughput(),
		P50:        s.seen.P(0.50), P99: s.seen.P(0.99),
		CPU:       float64(s.cpu) / float64(s.seen.Requests),
		Busy:      float64(s.cpu) / float64(s.spent),
		Generator: float64(s.own) / float64(s.spent),
	}
}

func clocks(x *running) (service, own time.Duration, err error) {
	service, err = x.CPU()
	if err != nil {
		return 0, 0, err
	}
	own, err = demo.OwnCPU()
	return service, own, err
}
