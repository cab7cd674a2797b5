// Command service compares the demo, measured in several ways, with the demo
// that nothing measures, under a load generator:
//
//	go run -C internal/bench ./service
//
// There are two that nothing measures, which the others are compared with: a build
// without any of it, and one in which it is turned off. A third among the others is
// the first with net/http/pprof linked in. In each round all of them are started, as
// processes of their own, and take turns of a few hundredths of a second, stopped while
// it is not theirs, so that whatever else the machine does meets all alike. The first
// part of a turn does not count: caches are others' then, and how much of its own a
// service has to fetch anew is what taking turns costs, not what the service does. The bare one
// runs twice: the second says what noise is left, and the others are compared with the
// mean of both. One more is bare but for the least that records by the SDK. For each
// load it prints a line for each service and each of those that it is compared with:
//
//	compare service-<contender>-<load> ours_ns=<n> peer=bare peer_ns=<n> ratio=<r> throughput=<r> (<low> to <high>) p99=<r> (<low> to <high>)
//	compare service-<contender>-<load> ours_ns=<n> peer=disabled …
//	compare service-<contender>-<load> ours_ns=<n> peer=by-hand …
//
// ours_ns is the service's own CPU time for each request, read from its process'
// clock: throughput depends on the generator and on whatever else runs too, this
// less so. Where peer is bare, peer_ns is that of the first bare service, and ratios
// are to the mean of both. All ratios are to the other service in the same round: the
// middle of those of all rounds, and the interval in which it lies with 95 % confidence.
//
// With -share requests arrive at random moments (a Poisson process), at a rate that is
// meant to be one that all services keep up with, and what is compared is how long each
// takes: clients that wait for answers ask a slower service for less.
//
// Collections mostly fall due while a service is stopped, and so run in the part of a
// turn that does not count. What one costs is measured by itself, before the rounds, of
// each service that measures, while nothing is asked of it:
//
//	collection service-<contender> cpu_ns=<n> every=<interval> n=<how many>
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/otelperf/otelperf-go/internal/bench/demo"
	"github.com/otelperf/otelperf-go/internal/bench/result"
)

func main() {
	var c settings
	flag.IntVar(&c.rounds, "rounds", 30, "how many rounds")
	flag.DurationVar(&c.length, "time", 2*time.Second, "how long each is driven in a round, with each load")
	flag.DurationVar(&c.slice, "slice", 60*time.Millisecond, "how long a turn is, as far as it counts")
	flag.DurationVar(&c.settle, "settle", 15*time.Millisecond, "how long a turn goes on before it counts")
	flag.DurationVar(&c.warm, "warm", 400*time.Millisecond, "how long before the first turn, without being measured")
	flag.IntVar(&c.clients, "clients", 4, "how many clients there are at once")
	flag.Float64Var(&c.share, "share", 0, "let requests arrive at random moments, as many a second as this share of what the bare service answers to such clients; 0: each client sends its next request when it has an answer")
	flag.StringVar(&c.corpus, "corpus", "", "the folder to index; empty: the documentation of Go")
	flag.StringVar(&c.source, "demo", filepath.Join("..", "..", "examples", "httpdemo"), "the demo's folder")
	only := flag.String("run", "", "only the contenders that match this regular expression, and those that all are compared with")
	load := flag.String("load", "", "only the loads, "+strings.Join(loadNames, " and ")+", that match this regular expression")
	out := flag.String("json", "", "write the numbers of each round to this file too")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, c, *only, *load, *out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// loadNames are the loads' names, in their order.
var loadNames = []string{result.Mix, result.Documents}

type settings struct {
	rounds                      int
	length, slice, settle, warm time.Duration
	clients                     int
	share                       float64
	corpus, source              string
	load                        *regexp.Regexp // loads whose names match are driven
}

// turns is how many turns each service has in a round: an even number, for half
// of them go in each direction.
func (c settings) turns() int { return max(2, int(c.length/c.slice)&^1) }

func run(ctx context.Context, c settings, only, load, out string) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("service: -run: %w", err)
	}
	if c.load, err = regexp.Compile(load); err != nil {
		return fmt.Errorf("service: -load: %w", err)
	}
	if !slices.ContainsFunc(loadNames, c.load.MatchString) {
		return fmt.Errorf("service: -load %q matches none of %s", load, strings.Join(loadNames, " and "))
	}
	if !(c.share >= 0 && c.share < 1) {
		return fmt.Errorf("service: -share %v is not from 0 to less than 1", c.share)
	}
	if c.slice <= 0 || c.length < c.slice || c.settle <= 0 || c.warm <= 0 || c.rounds < 1 || c.clients < 1 {
		return errors.New("service: -slice, -settle, -warm, -rounds and -clients are more than nothing, and -time is no less than -slice")
	}
	c.length = time.Duration(c.turns()) * c.slice
	if err := demo.Place(); err != nil {
		return err
	}
	r, err := measure(ctx, c, chosen(pattern))
	if len(r.Loads) > 0 {
		fmt.Printf("# %s; %d clients, %d rounds of %s in turns of %s after %s; %s\n", r.Machine, c.clients, r.Rounds, c.length, c.slice, c.settle, r.Placing)
	}
	for _, l := range r.Loads {
		for _, line := range l.Lines() {
			fmt.Println(line)
		}
	}
	for _, x := range r.Collections {
		fmt.Printf("collection service-%s cpu_ns=%d every=%v n=%d\n", x.Name, x.CPU, x.Every, x.N)
	}
	return keep(r, err, out)
}

// keep writes the result, and what there is of one that was cut short by err beside the
// last whole one. It returns the error, with the file.
func keep(r result.Service, err error, out string) error {
	if err == nil {
		return result.Write(out, r)
	}
	if r.Rounds == 0 || out == "" {
		return err
	}
	out += ".partial"
	if failed := result.Write(out, r); failed != nil {
		return errors.Join(err, failed)
	}
	return fmt.Errorf("%w; the rounds before it, %d, are in %s", err, r.Rounds, out)
}
