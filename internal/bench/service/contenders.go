package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
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
	config []string // TOML; of one that measures, more than how to
	page   bool     // is open
}

// references are what each contender is compared with, and each of them with those
// before it.
var references = []contender{
	{name: result.Bare, build: demo.Bare, about: "the same service, nothing of otelperf linked in"},
	{name: result.Again, build: demo.Bare, about: "the bare one once more: what noise is"},
	{name: result.Disabled, config: []string{demo.Unsampled, "monitoring.enabled = false"}, about: "monitoring.enabled = false and heap_profiling = false"},
	{name: result.ByHand, build: demo.ByHand, about: "the bare one, whose durations two Records of the SDK take, exported over OTLP"},
}

var contenders = []contender{
	{name: result.Pprof, build: demo.Pprof, about: "the bare one with net/http/pprof linked in"},
	{name: result.Full, config: []string{demo.Unsampled}, about: "measured, judged and exported over OTLP, heap_profiling = false"},
	{name: result.Hot, config: []string{demo.Unsampled, demo.Hot}, about: "full on the hot road"},
	{name: result.Sampled, about: "the default: full with samples of allocations, heap_profiling = true"},
	{name: result.SampledHot, config: []string{demo.Hot}, about: "hot with samples of allocations"},
	{name: "profiling", config: []string{demo.Unsampled, demo.Profiled}, about: "full with CPU profiles at 100 Hz"},
	{name: "page", config: []string{demo.Unsampled}, page: true, about: "full with the page open"},
	{name: "baselines", config: []string{demo.Unsampled, demo.TenBaselines}, about: "full with 10 baselines more, four of them for each route"},
	{name: result.Evidence, config: []string{"alerting.evidence = true"}, about: "sampled, ready to gather evidence: labels and the flight recorder"},
	{name: "everything", config: []string{demo.Unsampled, demo.Profiled, demo.TenBaselines}, page: true, about: "full with CPU profiles, the page open and 10 baselines more"},
	{name: "everything-hot", config: []string{demo.Unsampled, demo.Profiled, demo.Hot, demo.TenBaselines}, page: true, about: "hot with CPU profiles, the page open and 10 baselines more"},
}

// chosen returns the references and the contenders whose names match.
func chosen(pattern *regexp.Regexp) (out []contender) {
	out = slices.Clone(references)
	for _, c := range contenders {
		if pattern.MatchString(c.name) {
			out = append(out, c)
		}
	}
	return out
}

// A running contender.
type running struct {
	contender
	*demo.Process

	sink     *demo.Sink // nil unless it measures
	watching sync.WaitGroup
	leave    context.CancelFunc
	shown    atomic.Int64
	watched  error
}

// start starts the contender, in a folder of its own. What measures collects that
// often.
func (b base) start(ctx context.Context, c contender, dir string, every time.Duration) (r *running, err error) {
	o := demo.Options{Dir: dir, Corpus: b.corpus, Config: strings.Join(c.config, "")}
	if err := os.Mkdir(o.Dir, 0o755); err != nil {
		return nil, err
	}
	r = &running{contender: c}
	measures, _ := result.Measures(c.name)
	if measures {
		o.Config = demo.Config(every, c.config...)
	}
	if measures || c.build == demo.ByHand {
		if r.sink, err = demo.NewSink(nil); err != nil {
			return nil, err
		}
		o.Env = append(o.Env, "OTEL_EXPORTER_OTLP_ENDPOINT="+r.sink.URL)
		if !measures { // it has no configuration
			o.Env = append(o.Env, fmt.Sprint("OTEL_METRIC_EXPORT_INTERVAL=", every.Milliseconds()))
		}
	}
	if r.Process, err = demo.Start(ctx, b.binaries[c.build], o); err != nil {
		if r.sink != nil {
			err = errors.Join(err, r.sink.Close())
		}
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	var looking context.Context
	looking, r.leave = context.WithCancel(ctx)
	if c.page {
		r.watching.Go(func() { r.watched = demo.Look(looking, r.Base, &r.shown) })
	}
	return r, nil
}

// worked returns an error if what the service is measured with did not happen.
func (r *running) worked() error {
	if r.sink != nil {
		if batches, _ := r.sink.Received(); batches == 0 {
			return fmt.Errorf("%s: no metric was exported", r.name)
		}
	}
	if r.page && r.shown.Load() == 0 {
		return fmt.Errorf("%s: the open page was told of no collection", r.name)
	}
	return nil
}

// stop ends the service.
func (r *running) stop() error {
	r.leave()
	r.watching.Wait()
	err := errors.Join(r.watched, r.Stop())
	if r.sink != nil {
		err = errors.Join(err, r.sink.Close())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	return nil
}
