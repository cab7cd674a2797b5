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

// measure compares each contender with the references, in as many groups of new
// processes as there are rounds. With an error it returns what it has so far.
func measure(ctx context.Context, c settings, pattern *regexp.Regexp) (r result.Service, err error) {
	dir, err := os.MkdirTemp("", "otelperf-service-")
	if err != nil {
		return r, fmt.Errorf("service: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := base{binaries: make(map[demo.Build]string), corpus: c.corpus, dir: dir}
	sink, err := demo.NewSink(nil)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, sink.Close()) }()
	b.sink = sink

	all := chosen(pattern)
	for _, x := range slices.Concat(references, all) {
		if b.binaries[x.build] == "" {
			if b.binaries[x.build], err = x.build.Compile(ctx, c.source, dir); err != nil {
				return r, err
			}
		}
	}
	r = result.NewService(demo.Placing(), c.clients, c.length, c.slice)
	for round := range c.rounds {
		for i := range all {
			x := all[(i+round)%len(all)] // another one begins each time
			got, err := b.compare(ctx, c, x, round)
			if err != nil {
				return r, fmt.Errorf("service: %s: %w", x.name, err)
			}
			for _, l := range got {
				r.Add(l.load, l.rounds[len(l.rounds)-1], l.rounds[:len(l.rounds)-1])
			}
		}
		r.Rounds++
		fmt.Fprintf(os.Stderr, "service: round %d of %d\n", r.Rounds, c.rounds)
	}
	return r, nil
}

// A base is what services are started from.
type base struct {
	binaries    map[demo.Build]string
	corpus, dir string
	sink        *demo.Sink
}

// An outcome is what one load came to, with the references and then the contender.
type outcome struct {
	load   string
	rounds []result.Named
}

// compare starts the references and the contender, and lets them take turns under
// each load. How a process lies in memory is luck, so each round has new ones.
func (b base) compare(ctx context.Context, c settings, x contender, round int) (out []outcome, err error) {
	folder, err := os.MkdirTemp(b.dir, x.name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	all := append(slices.Clone(references), x)
	services := make([]*running, len(all))
	for n := range all {
		i := (n + round) % len(all)
		if services[i], err = b.start(ctx, all[i], filepath.Join(folder, fmt.Sprint(i))); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, services[i].stop()) }()
	}
	var loads []demo.Load
	for _, r := range services { // all of them are asked the same
		mix, documents, _, err := demo.Loads(ctx, r.Base)
		if err == nil {
			err = r.Pause()
		}
		if err != nil {
			return nil, err
		}
		loads = []demo.Load{mix, documents}
	}
	before, _ := b.sink.Received()
	for _, load := range loads {
		rounds, err := turns(ctx, c, services, load, round)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", load.Name, err)
		}
		out = append(out, outcome{load.Name, rounds})
	}
	if after, _ := b.sink.Received(); x.build == demo.Measured && after == before {
		return nil, errors.New("no metric was exported")
	}
	if x.page && services[len(services)-1].shown.Load() == 0 {
		return nil, errors.New("the open page was told of no collection")
	}
	return out, nil
}

// turns drives the services by slices, one after the other, half of the time in
// one direction and then in the other.
func turns(ctx context.Context, c settings, services []*running, load demo.Load, round int) (out []result.Named, err error) {
	sums := make([]sum, len(services))
	for i, r := range services {
		sums[i].clients = load.Clients(r.Base, c.clients)
		defer sums[i].clients.Close()
		warm := sum{clients: sums[i].clients}
		if err := warm.drive(ctx, r, c.warm); err != nil {
			return nil, err
		}
	}
	n := c.turns() * len(services)
	for k := range n {
		at := round + k
		if k >= n/2 {
			at = round + n - k
		}
		i := at % len(services)
		if err := sums[i].drive(ctx, services[i], c.slice); err != nil {
			return nil, err
		}
	}
	for i, r := range services {
		out = append(out, result.Named{Name: r.name, About: r.about, Round: sums[i].round()})
	}
	return out, nil
}

// A sum of slices.
type sum struct {
	clients         *demo.Clients
	seen            demo.Result
	spent, cpu, own time.Duration
}

// settle is how long a service has, once it runs again, before latencies count:
// the first requests of a turn meet caches that are others'.
const settle = 10 * time.Millisecond

// drive adds a slice, in which the service runs.
func (s *sum) drive(ctx context.Context, x *running, length time.Duration) (err error) {
	before, beforeOwn, err := clocks(x)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := x.Resume(); err != nil {
		return err
	}
	seen, err := s.clients.Drive(ctx, length, settle)
	if err := errors.Join(err, x.Pause()); err != nil {
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
