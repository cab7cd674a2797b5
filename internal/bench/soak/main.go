// Command soak drives the demo with everything on for a while, at full load, and
// says whether its memory, its goroutines and its descriptors stay what they
// are:
//
//	go run -C internal/bench ./soak
//
// The load is searches and documents, as fast as the service answers, and besides
// paths and methods that there are not, clients that hang up, and the open page.
// Metrics go to an OTLP receiver, history into memory and a file, with a
// retention that is reached while it warms up; CPU profiles, evidence, 15
// baselines and an alert that fires and is told again are on.
//
// The exit code is 1 if something grew: if the line through the samples (by Theil
// and Sen, which a few outliers do not move) rises by more than the limit that
// the table names, over the whole run without its first fifth.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/otelperf/otelperf-go/internal/bench/result"
)

func main() {
	var c config
	flag.DurationVar(&c.length, "time", 10*time.Minute, "how long")
	flag.IntVar(&c.clients, "clients", 4, "how many clients there are at once, those that behave oddly apart")
	flag.BoolVar(&c.hot, "hot", true, "on the hot road; false: on the SDK's own")
	flag.StringVar(&c.corpus, "corpus", "", "the folder to index; empty: the documentation of Go")
	flag.StringVar(&c.source, "demo", filepath.Join("..", "..", "examples", "httpdemo"), "the demo's folder")
	out := flag.String("json", "", "write the numbers to this file too")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	s, err := run(ctx, c)
	if err == nil {
		fmt.Print(s.Table())
		err = errors.Join(result.Write(*out, s), s.Flat())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
