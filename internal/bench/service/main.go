// Command service compares the demo, measured in several ways, with the demo
// that nothing measures, under a load generator:
//
//	go run -C internal/bench ./service
//
// There are two such: a build without any of it, and one in which it is turned
// off. All of them run as processes of their own. In each round, each contender is
// started anew and so are the two beside it; the three take turns of a tenth of a
// second, stopped while it is not theirs, so that whatever else the machine does
// meets all alike. A second bare service among the contenders says what noise is
// left. It prints two lines for each contender and load:
//
//	compare service-<contender>-<load> ours_ns=<n> peer=bare peer_ns=<n> ratio=<r> throughput=<r> (<low> to <high>) p99=<r> (<low> to <high>)
//	compare service-<contender>-<load> ours_ns=<n> peer=disabled …
//
// ours_ns is the service's own CPU time for each request, read from its process'
// clock: with one client too few or a neighbour too many, throughput says little
// and this still does. The numbers behind it are ratios to the other service, the
// median of the rounds and the interval in which it lies with 95 % confidence.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"time"

	"github.com/otelperf/otelperf-go/internal/bench/demo"
	"github.com/otelperf/otelperf-go/internal/bench/result"
)

func main() {
	var c settings
	flag.IntVar(&c.rounds, "rounds", 9, "how many rounds")
	flag.DurationVar(&c.length, "time", 2*time.Second, "how long each is driven in a round, with each load")
	flag.DurationVar(&c.slice, "slice", 100*time.Millisecond, "how long a turn is")
	flag.DurationVar(&c.warm, "warm", 300*time.Millisecond, "how long before the first turn, without being measured")
	flag.IntVar(&c.clients, "clients", 4, "how many clients there are at once")
	flag.StringVar(&c.corpus, "corpus", "", "the folder to index; empty: the documentation of Go")
	flag.StringVar(&c.source, "demo", filepath.Join("..", "..", "examples", "httpdemo"), "the demo's folder")
	only := flag.String("run", "", "only the contenders that match this regular expression, and the bare one")
	out := flag.String("json", "", "write the numbers of each round to this file too")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, c, *only, *out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type settings struct {
	rounds              int
	length, slice, warm time.Duration
	clients             int
	corpus, source      string
}

func run(ctx context.Context, c settings, only, out string) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("service: %w", err)
	}
	if err := demo.Place(); err != nil {
		return err
	}
	r, err := measure(ctx, c, pattern)
	if len(r.Loads) > 0 {
		fmt.Printf("# %s; %d clients, %d rounds of %s in turns of %s; %s\n", r.Machine, c.clients, c.rounds, c.length, c.slice, r.Placing)
	}
	for _, l := range r.Loads {
		for _, line := range l.Lines() {
			fmt.Println(line)
		}
	}
	if err != nil {
		return err
	}
	return result.Write(out, r)
}
