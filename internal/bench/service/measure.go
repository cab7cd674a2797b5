package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/otelperf/otelperf-go/internal/bench/demo"
	"github.com/otelperf/otelperf-go/internal/bench/result"
)

// measure compares the contenders with the references, in as many groups of new
// processes as there are rounds. With an error it returns what it has so far.
func measure(ctx context.Context, c settings, all []contender) (r result.Service, err error) {
	dir, err := os.MkdirTemp("", "otelperf-service-")
	if err != nil {
		return r, fmt.Errorf("service: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := base{binaries: make(map[demo.Build]string), corpus: c.corpus, dir: dir}
	for _, x := range all {
		if b.binaries[x.build] == "" {
			if b.binaries[x.build], err = x.build.Compile(ctx, c.source, dir); err != nil {
				return r, err
			}
		}
	}
	r = result.NewService(demo.Placing(), c.corpus, c.clients, c.length, c.settle, c.slice)
	r.Share = c.share
	if b.rates, err = b.atShare(ctx, c); err != nil {
		return r, fmt.Errorf("service: %w", err)
	}
	if r.Collections, err = b.collections(ctx, c, all); err != nil {
		return r, fmt.Errorf("service: %w", err)
	}
	for round := range c.rounds {
		got, err := b.compare(ctx, c, all, round)
		if err != nil {
			return r, fmt.Errorf("service: %w", err)
		}
		for _, l := range got {
			r.Add(l.load, l.rounds, len(references))
		}
		for i := range r.Loads {
			r.Loads[i].Rate = b.rates[r.Loads[i].Name]
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
	rates       map[string]float64 // by load: see settings.share
}

// atShare returns the rates, by load, at which requests arrive.
func (b base) atShare(ctx context.Context, c settings) (rates map[string]float64, err error) {
	if c.share == 0 {
		return nil, nil
	}
	rates = make(map[string]float64)
	r, err := b.start(ctx, references[0], filepath.Join(b.dir, "share"), time.Second)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	loads, err := c.loads(ctx, r)
	if err != nil {
		return nil, err
	}
	for _, load := range loads {
		clients := load.Clients(r.Base, c.clients)
		defer clients.Close()
		if _, err := clients.Drive(ctx, c.warm); err != nil {
			return nil, err
		}
		most, err := clients.Drive(ctx, c.length)
		if err != nil {
			return nil, err
		}
		rates[load.Name] = c.share * most.Throughput()
		fmt.Fprintf(os.Stderr, "service: %s: %.0f requests a second, of %.0f\n", load.Name, rates[load.Name], most.Throughput())
	}
	return rates, nil
}

// loads returns those that are driven.
func (c settings) loads(ctx context.Context, r *running) ([]demo.Load, error) {
	mix, documents, _, err := demo.Loads(ctx, r.Base)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	return slices.DeleteFunc([]demo.Load{mix, documents}, func(l demo.Load) bool { return !c.load.MatchString(l.Name) }), nil
}

// An outcome is what one load came to, with each of the services.
type outcome struct {
	load   string
	rounds []result.Named
}

// compare starts all services and lets them take turns under each load. How a process
// lies in memory is luck, so each round has new ones.
func (b base) compare(ctx context.Context, c settings, all []contender, round int) (out []outcome, err error) {
	folder, err := os.MkdirTemp(b.dir, "round")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	services := make([]*running, len(all))
	defer func() {
		for _, r := range services {
			if r != nil {
				err = errors.Join(err, r.stop())
			}
		}
	}()
	var loads []demo.Load // all of them are asked the same
	for n := range all {
		i := (n + round) % len(all)
		every := time.Duration(len(all)) * time.Second // once in each second of its own
		r, err := b.start(ctx, all[i], filepath.Join(folder, all[i].name), every)
		if err != nil {
			return nil, err
		}
		services[i] = r
		if loads, err = c.loads(ctx, r); err != nil {
			return nil, err
		}
		if err := r.Pause(); err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
	}
	for _, load := range loads {
		rounds, err := b.turns(ctx, c, services, load, round)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", load.Name, err)
		}
		out = append(out, outcome{load.Name, rounds})
	}
	for _, r := range services {
		if err := r.worked(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// turns drives the services by slices, one after the other, half of the time in
// one direction and then in the other. The order is another one in each round: who
// comes next finds the caches that the one before has left.
func (b base) turns(ctx context.Context, c settings, services []*running, load demo.Load, round int) (out []result.Named, err error) {
	sums := make([]sum, len(services))
	for i, r := range services {
		if rate := b.rates[load.Name]; rate > 0 {
			sums[i].clients = load.Arriving(r.Base, rate, uint64(round))
		} else {
			sums[i].clients = load.Clients(r.Base, c.clients)
		}
		defer sums[i].clients.Close()
		warm := sum{clients: sums[i].clients}
		if err := warm.drive(ctx, r, 0, c.warm); err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
	}
	order := rand.New(rand.NewPCG(uint64(round), 0)).Perm(len(services))
	n := c.turns() * len(services)
	for k := range n {
		if k >= n/2 {
			k = n - k
		}
		i := order[k%len(services)]
		if err := sums[i].drive(ctx, services[i], c.settle, c.slice); err != nil {
			return nil, fmt.Errorf("%s: %w", services[i].name, err)
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

// drive lets the service run and adds what it does for as long as length says, after
// it has settled: the first requests of a turn meet caches that are others'.
func (s *sum) drive(ctx context.Context, x *running, settle, length time.Duration) (err error) {
	if err := x.Resume(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.Pause()) }()
	if settle > 0 {
		if _, err := s.clients.Drive(ctx, settle); err != nil {
			return err
		}
	}
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
