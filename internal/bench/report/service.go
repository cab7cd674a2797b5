package main

import (
	"fmt"
	"strings"

	"github.com/otelperf/otelperf-go/internal/bench/result"
)

// furthest is how far a ratio lies from one at its furthest.
func furthest(r result.Ratio) float64 { return max(r.High-1, 1-r.Low) }

// serviceClaims are the rows of what was aimed for with the whole service.
func (r report) serviceClaims(p printer) {
	if r.service == nil {
		return
	}
	for _, l := range r.service.Loads {
		again, ok := l.Find(result.Again)
		if l.Name != "mix" || !ok {
			continue
		}
		noise := again.Against(result.Bare, result.P99)
		for _, c := range l.Contenders {
			if c.Name == result.Bare || c.Name == result.Again {
				continue
			}
			var measured, verdicts []string
			for _, reference := range []string{result.Bare, result.Disabled} {
				if len(c.Beside[reference]) == 0 {
					continue
				}
				throughput, p99 := c.Against(reference, result.Throughput), c.Against(reference, result.P99)
				measured = append(measured, fmt.Sprintf("of `%s`: throughput %v, p99 %v", reference, throughput, p99))
				verdicts = append(verdicts, fmt.Sprintf("`%s`: %s", reference, ofService(throughput, p99.Low <= 1+furthest(noise))))
			}
			p("| whole service, %s: throughput at least 0.98 of the unmeasured one's, p99 within noise | %s | %s |",
				c.About, strings.Join(measured, "; "), strings.Join(verdicts, "; "))
		}
		p("| (noise: the bare service against itself) | throughput %v, p99 %v | |", again.Against(result.Bare, result.Throughput), noise)
	}
}

// ofService is the verdict on a throughput: that of its median, unless the median
// misses the aim and the interval does not.
func ofService(throughput result.Ratio, within bool) string {
	switch {
	case !within || throughput.High < 0.98:
		return verdict(false)
	case throughput.Median < 0.98:
		return "not to be told from noise"
	}
	return verdict(true)
}

// serviceText shows the comparison of the whole service.
func (r report) serviceText(p printer) {
	p("## The whole service")
	p("")
	if r.service == nil {
		p("Not measured in this run: `make bench-service`.")
		p("")
		return
	}
	s := r.service
	p("`make bench-service` on %s: %s; %s. The demo of examples/httpdemo, driven by vegeta, %d clients that each", s.When.Format("2 January 2006"), s.Machine, s.Placing, s.Clients)
	p("send a request when they have the last one's answer. `bare` is a build with nothing of otelperf or OpenTelemetry,")
	p("`disabled` the full build with monitoring.enabled = false. Each of %d times, each service was started anew beside these", s.Rounds)
	p("two, and the three took turns of %v, stopped while it was not theirs, until each had had %v of each load. CPU time is", s.Slice, s.Length)
	p("the service's own, by its process' clock, for each request. Ratios are to the others beside it: the median, and in")
	p("parentheses where it lies with 95 %% confidence. Measured ones collect, judge and export once in each second of their")
	p("own, sixty times as often as the default.")
	p("")
	for _, l := range s.Loads {
		bare, _ := l.Find(result.Bare)
		p("Load `%s`: %.0f requests a second, p99 %.2f ms, %.1f µs of CPU time for each; the service took %.2f CPUs and the", l.Name,
			bare.Median(result.Throughput), bare.Median(result.P99)/1e6, bare.Median(result.CPU)/1e3, bare.Median(func(x result.Round) float64 { return x.Busy }))
		p("generator %.2f. (Where the generator has no time left, throughput is its own.)", bare.Median(func(x result.Round) float64 { return x.Generator }))
		p("")
		p("| service | of | CPU time | throughput | p99 | |")
		p("|---|---|---|---|---|---|")
		for _, c := range l.Contenders {
			for _, reference := range []string{result.Bare, result.Disabled} {
				if len(c.Beside[reference]) == 0 {
					continue
				}
				p("| %s | %s | %v | %v | %v | %s |", c.Name, reference, c.Against(reference, result.CPU),
					c.Against(reference, result.Throughput), c.Against(reference, result.P99), c.About)
			}
		}
		p("")
	}
	p("What `disabled` costs is what linking the measuring parts costs: a binary twice as large, the linker no longer leaving")
	p("heap profiles out, and half a megabyte of descriptors and tables on a heap of 4.5 MB, which the collector marks each time. With")
	p("one CPU and so small a heap the p99 is that of the requests that meet a collection, and a collection takes in")
	p("proportion to the heap. On a heap of the usual size neither shows.")
	p("")
}

// soakText shows the soak.
func (r report) soakText(p printer) {
	p("## Soak")
	p("")
	if r.soak == nil {
		p("Not measured in this run: `make soak`.")
		p("")
		return
	}
	s := r.soak
	road := "the SDK's own road"
	if s.Hot {
		road = "the hot road"
	}
	p("`make soak` on %s: %s; %s. %v at full load on %s with profiles, evidence, history, 15 baselines, an alert that is told", s.When.Format("2 January 2006"), s.Machine, s.Placing, s.Length, road)
	p("again and again, and the page open: %d requests answered, %d abandoned by their clients, %d exports, %d collections", s.Requests, s.HungUp, s.Exports, s.Shown)
	p("shown. Growth is of the line through the samples (Theil and Sen), without the first fifth.")
	p("")
	p("| what | start | end | min | max | growth | limit | per hour | |")
	p("|---|---:|---:|---:|---:|---:|---:|---:|---|")
	for _, l := range s.Lines {
		unit := l.Unit
		if unit != "" {
			unit = ", " + unit
		}
		p("| %s%s | %.2f | %.2f | %.2f | %.2f | %+.2f | %.2f | %+.2f | %s |", l.Name, unit, l.Start, l.End, l.Min, l.Max, l.Growth, l.Limit, l.PerHour(), l.Verdict())
	}
	p("")
}

// readResults reads what bench-service and soak have written, where they have.
func (r *report) readResults(service, soak string) error {
	var s result.Service
	ok, err := result.Read(service, &s)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if ok {
		r.service = &s
	}
	var k result.Soak
	if ok, err = result.Read(soak, &k); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if ok {
		r.soak = &k
	}
	return nil
}
