package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/otelperf/otelperf-go/internal/bench/demo"
	"github.com/otelperf/otelperf-go/internal/bench/result"
)

// A contender is a way to run the demo.
type contender struct {
	name   string
	about  string
	build  demo.Build
	config string // TOML
	page   bool   // is open
}

// interval is how often the measured ones collect. Each of three services has a
// third of the time, so that it is once in each second of its own.
const interval = 3 * time.Second

// references are what each contender is compared with.
var references = []contender{
	{name: result.Bare, build: demo.Bare, about: "the same service, nothing of otelperf linked in"},
	{name: result.Disabled, config: "monitoring.enabled = false", about: "monitoring.enabled = false"},
}

func config(more ...string) string { return demo.Config(interval, more...) }

var contenders = []contender{
	{name: result.Again, build: demo.Bare, about: "the bare one once more: what noise is"},
	{name: result.Pprof, build: demo.Pprof, about: "the bare one with net/http/pprof linked in"},
	{name: "full", config: config(), about: "measured, judged and exported over OTLP"},
	{name: "hot", config: config(demo.Hot), about: "the same on the hot road"},
	{name: "profiling", config: config(demo.Profiled), about: "with CPU profiles at 100 Hz"},
	{name: "page", config: config(), page: true, about: "with the page open"},
	{name: "baselines", config: config(demo.TenBaselines), about: "with 10 baselines more, four of them for each route"},
	{name: "evidence", config: config("alerting.evidence = true"), about: "ready to gather evidence: labels and the flight recorder"},
	{name: "everything", config: config(demo.Profiled, demo.TenBaselines), page: true, about: "with profiles, the page open and 10 baselines more"},
	{name: "everything-hot", config: config(demo.Profiled, demo.Hot, demo.TenBaselines), page: true, about: "the same on the hot road"},
}

// chosen returns the contenders whose names match, and always the one that says
// what noise is.
func chosen(pattern *regexp.Regexp) (out []contender) {
	for _, c := range contenders {
		if c.name == result.Again || pattern.MatchString(c.name) {
			out = append(out, c)
		}
	}
	return out
}

// A running contender.
type running struct {
	contender
	*demo.Process

	watching sync.WaitGroup
	leave    context.CancelFunc
	shown    atomic.Int64
	watched  error
}

func (b base) start(ctx context.Context, c contender, dir string) (*running, error) {
	o := demo.Options{Dir: dir, Corpus: b.corpus, Config: c.config}
	if err := os.Mkdir(o.Dir, 0o755); err != nil {
		return nil, err
	}
	if c.build == demo.Measured {
		o.Env = []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + b.sink.URL}
	}
	p, err := demo.Start(ctx, b.binaries[c.build], o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	r := &running{contender: c, Process: p}
	var looking context.Context
	looking, r.leave = context.WithCancel(ctx)
	if c.page {
		r.watching.Go(func() { r.watched = demo.Look(looking, p.Base, &r.shown) })
	}
	return r, nil
}

// stop ends the service.
func (r *running) stop() error {
	r.leave()
	r.watching.Wait()
	if err := errors.Join(r.watched, r.Stop()); err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	return nil
}
