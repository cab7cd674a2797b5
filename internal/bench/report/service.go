package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/otelperf/otelperf-go/internal/bench/result"
)

// serviceClaims are the rows of what was aimed for with the whole service, those of longer
// runs first, which are surer.
func (r report) serviceClaims(p printer) {
	for _, longer := range []bool{true, false} {
		for i := range r.services {
			if r.isLonger(i) == longer {
				r.claimsOf(i, p)
			}
		}
	}
}

// claimsOf are the rows of one run. A service that a longer run has too is told of there.
func (r report) claimsOf(i int, p printer) {
	s := r.services[i]
	l, _ := s.Load(result.Mix) // with documents the generator may be the limit
	again, ok := l.Find(result.Again)
	if !ok {
		return
	}
	with := r.conditions(s)
	if r.isLonger(i) {
		with += ", longer run"
	}
	noise := again.Against(result.Bare, result.P99).High // of one bare service against another
	aim, first := "throughput at least 0.98, p99 within noise", quantity{"throughput", result.Throughput}
	if s.Share > 0 { // all answer as much
		aim, first = "p99 within noise", quantity{"CPU time", result.CPU}
	}
	for _, c := range l.Contenders {
		if measures, _ := result.Measures(c.Name); !measures && c.Name != result.Disabled || r.toldLonger(i, c.Name) {
			continue
		}
		for _, reference := range result.References {
			if len(c.Beside[reference]) == 0 {
				continue
			}
			much, p99, highest := c.Against(reference, first.of), c.Against(reference, result.P99), noiseOf(c, reference, noise)
			verdict := ofP99(p99, highest)
			if s.Share == 0 {
				verdict = ofService(much, p99, highest)
			}
			p("| whole service%s, `%s`%s against `%s`: %s | %s %v, p99 %v, noise to %.3f | %s |",
				with, c.Name, samplesOf(c.Name), reference, aim, first.what, much, p99, highest, verdict)
		}
	}
	for _, hot := range []bool{false, true} {
		match := func(name string) bool {
			measures, onHot := result.Measures(name)
			return measures && onHot == hot && !sampled(name)
		}
		for _, reference := range result.References {
			much, n := l.Together(match, reference, first.of)
			if n < 2 {
				continue // one kind has rows of its own
			}
			p99, _ := l.Together(match, reference, result.P99)
			p("| all that measure on %s without sampling allocations%s, %d kinds, against `%s`: their mean in each round, not a bound for each | %s %v, p99 %v | |",
				roadOf(hot), with, n, reference, first.what, much, p99)
		}
	}
	aside := func(what string, c result.Contender) {
		p("| %s%s, `%s` against `%s` | %s %v, p99 %v | |", what, with, c.Name, result.Bare, first.what, c.Against(result.Bare, first.of), c.Against(result.Bare, result.P99))
	}
	aside("noise", again)
	if c, ok := l.Find(result.Pprof); ok {
		aside("linking net/http/pprof", c)
	}
	if c, ok := l.Find(result.ByHand); ok && !r.toldLonger(i, c.Name) {
		aside("two Records of the SDK, by hand", c)
	}
	for _, name := range []string{result.Sampled, result.SampledHot, result.Evidence} {
		much, ok := l.Pair(name, result.Pprof, first.of)
		if p99, _ := l.Pair(name, result.Pprof, result.P99); ok {
			p("| in programs whose allocations are sampled anyway%s, `%s` against `%s` | %s %v, p99 %v | |", with, name, result.Pprof, first.what, much, p99)
		}
	}
}

// A quantity is what of a round is told before its p99.
type quantity struct {
	what string
	of   func(result.Round) float64
}

// conditions says what of a run is not as the demo has it by itself, or of the machine
// not as that of the report.
func (r report) conditions(s result.Service) (with string) {
	with = r.elsewhere(s.Machine)
	if s.GOGC != "" {
		with += ", GOGC=" + s.GOGC
	}
	if s.Corpus != "" {
		with += ", documents of `" + s.Corpus + "`"
	}
	if s.Share > 0 {
		with += fmt.Sprintf(", %.0f %% load", 100*s.Share)
	}
	return with
}

// elsewhere says what of a machine is not as that of the report.
func (r report) elsewhere(machine string) (with string) {
	own := strings.Split(r.machine, ", ")
	for part := range strings.SplitSeq(machine, ", ") {
		if !slices.Contains(own, part) {
			with += ", " + part
		}
	}
	return with
}

// isLonger reports whether there is a shorter one like the run.
func (r report) isLonger(i int) bool {
	return slices.ContainsFunc(r.services, r.services[i].Outlasts)
}

// toldLonger reports whether a longer run like it has the service too.
func (r report) toldLonger(i int, name string) bool {
	return slices.ContainsFunc(r.services, func(o result.Service) bool {
		l, _ := o.Load(result.Mix)
		_, ok := l.Find(name)
		return ok && o.Outlasts(r.services[i])
	})
}

// sampled reports whether the runtime samples the allocations of a service that measures.
func sampled(name string) bool {
	return name == result.Sampled || name == result.SampledHot || name == result.Evidence
}

// samplesOf says so in a claim.
func samplesOf(name string) string {
	if sampled(name) {
		return ", allocations sampled,"
	}
	return ", not sampled,"
}

// noiseOf returns how high a p99 may be by noise. Against the mean of two bare services
// it is half as much, by its logarithm, as that of one is against the other.
func noiseOf(c result.Contender, reference string, noise float64) float64 {
	if reference == result.Bare && len(c.Beside[result.Again]) > 0 {
		noise = math.Sqrt(noise)
	}
	return max(1, noise)
}

// ofService is the verdict on both.
func ofService(throughput, p99 result.Ratio, highest float64) string {
	ofThroughput, ofLatency := undecided, ofP99(p99, highest)
	switch {
	case throughput.High < 0.98:
		ofThroughput = verdict(false)
	case throughput.Low >= 0.98:
		ofThroughput = verdict(true)
	}
	if ofThroughput == ofLatency {
		return ofThroughput
	}
	return fmt.Sprintf("throughput %s, p99 %s", ofThroughput, ofLatency)
}

// ofP99 is the verdict on a p99, which is within noise if it is no higher than highest:
// missed where the interval leaves no doubt.
func ofP99(p99 result.Ratio, highest float64) string {
	switch {
	case p99.Low > highest:
		return verdict(false)
	case p99.Middle <= highest:
		return verdict(true)
	}
	return undecided
}

// serviceText shows the comparisons of the whole service.
func (r report) serviceText(p printer) {
	p("## The whole service")
	p("")
	if len(r.services) == 0 {
		p("Not measured in this run: `make bench-service`.")
		p("")
	}
	for i, s := range r.services {
		switch {
		case i == 0 && s.Share == 0:
			howMeasured(s, p)
		case i > 0 && s.Like(r.services[0]):
			anotherText(s, p)
		case s.Share > 0:
			shareText(s, p)
		case s.Machine != r.services[0].Machine && s.GOGC == "" && s.Corpus == "":
			machineText(s, p)
		case s.GOGC != "" && s.Corpus == "":
			p("The same with GOGC=%s in the environment:", s.GOGC)
			p("")
		default:
			corpusText(s, p)
		}
		tablesOf(s, r.conditions(s), p)
	}
}

// anotherText introduces another run like the first.
func anotherText(s result.Service, p printer) {
	p("Another run has less to compare and more time for it; what it compares was chosen after the first one. What was aimed")
	p("for is told by the longer of two runs that have a service. `make bench-service-long` on %s: %d rounds of %v, as above.", s.When.UTC().Format(moment), s.Rounds, s.Length)
	p("")
	costsText(s, p)
	byHandText(s, p)
}

// machineText introduces a run with another release of Go.
func machineText(s result.Service, p printer) {
	p("With another release of Go, whose own documentation is what is searched: `make bench-service-next` on %s: %s;", s.When.UTC().Format(moment), s.Machine)
	p("%s; %d rounds of %v. What is told against `bare` can be no more than where the linker puts the search: by Go", s.Placing, s.Rounds, s.Length)
	p("1.27.4 `disabled`, which only calls, had 0.942 of the throughput of `bare`, and so had `bare` itself, 0.942 (0.929 to 0.952)")
	p("in nine rounds, when it was linked by -ldflags=-randlayout=7; by Go 1.26.8 that has 0.965 (0.950 to 0.977). `full`, `hot`")
	p("and `disabled` are one and the same build: what measuring costs is told by the ratios between these.")
	p("")
	costsText(s, p)
	byHandText(s, p)
}

// shareText introduces a run whose requests arrive by themselves.
func shareText(s result.Service, p printer) {
	l, _ := s.Load(result.Mix)
	p("Clients that wait for answers keep a service busy all the time, and ask a slower one for less. `make bench-service-half` on")
	p("%s has requests arrive as those of many independent people do, at random moments (a Poisson process), %.0f a", s.When.UTC().Format(moment), l.Rate)
	p("second with `mix`, %.0f %% of what `bare` answered then to %d clients that wait, drawn from the same seed for each service of a", 100*s.Share, s.Clients)
	p("round; %d rounds of %v. That the p99 would be told of this share and of no other was fixed before the first of them.", s.Rounds, s.Length)
	p("So it is told that the p99 is further from that of `bare` here. Most of it is the garbage collector's: whoever waits long came")
	p("during a marking, and a marking takes the longer the more small objects live, whosever they are: 27,800 of them in")
	p("`bare`, 28,800 in `disabled`, 29,600 in `by-hand`, 31,700 in `full` and `hot` (by hand, Go 1.26). Where nothing is")
	p("collected, GOGC=off, ten rounds of 3 s by hand, the p99 of `full` was 0.960 (0.776 to 1.086) of that of `bare`, of `hot`")
	p("0.965 (0.811 to 1.087), of `disabled` 0.970 (0.858 to 1.081): ten rounds do not show recording itself, nor would they")
	p("show the twentieth that 2 %% more CPU time for each request makes of waiting at this load. At full load a service that")
	p("keeps more of its own had less of it (the documents of src/cmd above); at half load that was not measured.")
	p("")
	costsText(s, p)
}

// corpusText introduces a run in which other documents are searched.
func corpusText(s result.Service, p printer) {
	p("What the p99 owes to so small a heap: the same with the documents of another folder, `%s`. `make bench-service-heap`", s.Corpus)
	p("on %s searches those of Go's src/cmd, %d rounds of %v: more than twice as many documents, of which 20 MB live and not 5.", s.When.UTC().Format(moment), s.Rounds, s.Length)
	p("A search takes as long, but garbage is collected four times more seldom, and of the 4 to 5 ms that a marking takes then")
	p("what a library keeps alive is no part that could be seen. (By gctrace, by hand, Go 1.26 on an AMD EPYC.)")
	if s.GOGC != "" {
		p("GOGC=%s in the environment.", s.GOGC)
	}
	p("")
	costsText(s, p)
	byHandText(s, p)
}

func howMeasured(s result.Service, p printer) {
	ordinary := s.GOGC == "" && s.Corpus == ""
	p("`make bench-service` on %s: %s; %s. The demo of examples/httpdemo, driven by vegeta, %d clients that each", s.When.UTC().Format(moment), s.Machine, s.Placing, s.Clients)
	p("send a request when they have the last one's answer. `bare` is a build with nothing of otelperf or OpenTelemetry,")
	p("`disabled` the build that measures with monitoring.enabled = false, and `by-hand` the bare one with the least that records by the SDK")
	p("how long searches and requests take: four readings of the clock, two Records with attributes made beforehand, a reader and")
	p("the OTLP exporter. The bare one runs twice, and what is told against it is against the geometric mean of both. In each")
	p("of %d rounds all of them were started anew and took", s.Rounds)
	p("turns of %v, of which the first %v do not count, stopped while it was not theirs, until each had had %v of each load:", s.Settle+s.Slice, s.Settle, s.Length)
	p("a turn begins with caches full of what is others', and what it takes to fill them again is a cost of taking turns, the")
	p("higher the more a service has in them. CPU time is the service's own,")
	p("by its process' clock, for each request. Ratios are to the other in the same round, with their interval in parentheses;")
	p("of fewer than six rounds it holds all of them. One interval in twenty misses by chance. A p99 is told to be within noise")
	p("if it is no higher than chance can make that of one `bare` against the other, which is the upper end of their interval,")
	p("or half as much against both, and to be outside if its own interval is. The page's reader and the OTLP receiver share")
	p("the generator's CPU.")
	p("")
	p("An interval holds what varies between rounds, not what a whole run has for good, or a build, in which the linker may put")
	p("the search's loops somewhere else. Of two longer runs, a day and a few lines of the history apart, the first had `by-hand`, which is")
	p("the same in both, at 0.989 of `bare`'s throughput and the second at 0.985, `hot` at 0.990 and 0.986, `full` at 0.984 and 0.977;")
	p("`disabled`, which does no less than `bare`, was faster in both, by 0.003 and 0.004. Half a percent is not to be told here.")
	p("")
	p("The runtime samples allocations, one for every 512 KiB, in each program that can write heap profiles, whether or not it")
	p("does: `pprof` can and all with otelperf/monitor linked in, `bare` and `by-hand` can not. Nobody asks for them here, so")
	p("that is off in `disabled` and in all that measure, as monitoring.heap_profiling = false has it, but for `sampled`, which")
	p("is the default, `sampled-hot` and `evidence`, which needs the samples.")
	p("")
	collectionsText(s, p)
	costsText(s, p)
	pairsText(s, p)
	if ordinary {
		p("By perf (`mix`, by hand, Go 1.26 on an AMD EPYC; what of a request's time is spent in it): recording takes 0.8 %% of `full`, 0.5 of")
		p("`by-hand` and 0.4 of `hot`, two or three times of what it takes in a loop, for the search has emptied the caches; of")
		p("`disabled`, whose wrappers only call, 0.1. Sampling allocations takes 0.5 %%, and the records that it keeps some more.")
		p("Marking the heap takes 0.2 %% more than in `bare`. `server-cold` below shows a part of what a light request costs.")
		p("Where a request of `full` takes more than one of `disabled`, 6.3 µs in such a run (54 s of each, in turns of 75 ms): 1.8 in")
		p("otelperf and OpenTelemetry, 1.7 in collecting garbage and allocating, 0.7 in the kernel, 1.3 in the rest of the runtime, the")
		p("rest in the search itself and all else: no function but the search's, whose times vary as much in both, has more than 0.4.")
		p("")
	}
	byHandText(s, p)
	if !ordinary {
		return
	}
	p("The demo's heap is small (4.7 MB after a collection, most of it text; 5.0 for `by-hand`, 5.7 for `full` and `hot`), so it")
	p("lets four times that pile up before it collects, as GOGC=400 would. With one CPU the requests that meet a marking are the")
	p("p99, so that is higher the more small objects live, whosever they are: a marking takes 1.5 ms of CPU time, 2.2 ms of")
	p("`full`, and 2.0 ms of `bare` with 700 KB more of them that nothing uses. With Go's own setting, GOGC=100, a heap so small")
	p("is collected some thirty-five times a second, which takes 1.4 ms each time, and 1.6 for `full`. (By gctrace, by hand, Go")
	p("1.26 on an AMD EPYC.)")
	p("")
	p("What a marking has to look through, by runtime/metrics before the first export (/gc/scan, heap and globals, by hand): 2.42 MB")
	p("in `bare`, 2.70 in `disabled`, 2.64 in `by-hand`, 2.84 in `full`. Half of what `full` has more is gRPC's and")
	p("protobuf's: in a program without either, `disabled` has 2.49 and `full` 2.63. The first export adds 1,051 objects of")
	p("protobuf's to `full`. What that is worth was tried on 28 November 2026, by hand, in three runs like the longer one, with two")
	p("exporters that are not kept. In a program without protobuf and gRPC, which sends as many bytes of nothing, `full` had")
	p("0.986 (0.984 to 0.989) of the throughput of `bare` and a p99 of 1.068 (1.048 to 1.088), 20 rounds; as it is, in 20")
	p("rounds after that, 0.970 (0.965 to 0.975) and 1.126 (1.088 to 1.153); with OTLP over HTTP written without protobuf, which")
	p("was still linked in, 0.972 (0.969 to 0.976) and 1.104 (1.089 to 1.123) in 40. `hot` had 0.987 (0.985 to 0.990), 0.975 (0.970")
	p("to 0.981) and 0.973 (0.970 to 0.976) of the throughput, on a machine where a request of `bare` takes 147 µs, and so what")
	p("measuring adds to one is a greater part of it. `by-hand`, the same each time, had 0.985,")
	p("0.990 and 0.987, and a p99 of 1.067, 1.035 and 1.044. So what is linked in is worth one or two percent, of which a part may be")
	p("where the linker puts the search; what an export does is worth no more than can be told, and so the SDK's exporter stays;")
	p("and with neither the p99 is as far from that of `bare` as that of `by-hand`.")
	p("")
}

// pairsText says what one thing adds: the throughput of a service that has it against
// that of one that differs in nothing else.
func pairsText(s result.Service, p printer) {
	var names, lines []string
	for _, l := range s.Loads {
		names = append(names, "`"+l.Name+"`")
	}
	for _, x := range []struct{ what, with, without string }{
		{"recording by the SDK, not on the hot road", result.Full, result.Hot},
		{"sampling allocations for heap profiles", result.Sampled, result.Full},
		{"sampling allocations, on the hot road", result.SampledHot, result.Hot},
		{"CPU profiles at 100 Hz", "profiling", result.Full},
		{"the page open", "page", result.Full},
		{"10 baselines more", "baselines", result.Full},
		{"readiness for evidence: labels and the flight recorder, for whose buffers garbage is collected less often", result.Evidence, result.Sampled},
	} {
		var all []string
		for _, l := range s.Loads {
			if r, ok := l.Pair(x.with, x.without, result.Throughput); ok {
				all = append(all, r.String())
			}
		}
		if len(all) > 0 {
			lines = append(lines, fmt.Sprintf("- %s, `%s` against `%s`: %s.", x.what, x.with, x.without, strings.Join(all, " and ")))
		}
	}
	if len(lines) == 0 {
		return
	}
	p("What one thing costs: the throughput with it against that without it in the same round, with %s:", strings.Join(names, " and with "))
	p("")
	for _, line := range lines {
		p("%s", line)
	}
	p("")
	p("What is done at collections, as judging baselines and telling the page of it, is mostly not in these numbers: see above.")
	p("")
}

// collectionsText says what is done beside requests.
func collectionsText(s result.Service, p printer) {
	if len(s.Collections) == 0 {
		return
	}
	var all []string
	var most time.Duration
	for _, c := range s.Collections {
		all = append(all, fmt.Sprintf("`%s` %.1f ms", c.Name, float64(c.CPU)/1e6))
		most = max(most, c.CPU)
	}
	every := s.Collections[0].Every
	p("Collections mostly fall due while a service is stopped, and run before its turn counts. With all that hangs on one,")
	p("judging, exporting, history and what an open page asks for, a service that had the same series and nothing else to do")
	p("took, by the CPU time of %d collections, one in %v: %s.", s.Collections[0].N, every, strings.Join(all, ", "))
	p("The most of these is %.2f %% of a CPU at that interval. By default it is a minute. A page that has been open for a", 100*most.Seconds()/every.Seconds())
	p("while asks for more.")
	p("")
}

func tablesOf(s result.Service, with string, p printer) {
	with = fmt.Sprintf(", %d rounds", s.Rounds) + with
	for _, l := range s.Loads {
		bare, _ := l.Find(result.Bare)
		p("Load `%s`%s: %.0f requests a second, p99 %.2f ms, %.1f µs of CPU time for each; the service took %.2f CPUs and the", l.Name, with,
			bare.Median(result.Throughput), bare.Median(result.P99)/1e6, bare.Median(result.CPU)/1e3, bare.Median(func(x result.Round) float64 { return x.Busy }))
		p("generator %.2f. (Where the generator has no time left, throughput is its own.)", bare.Median(func(x result.Round) float64 { return x.Generator }))
		if again, ok := l.Find(result.Again); ok {
			low, high, n := again.Spread(result.Bare, result.P99)
			p("In %d of %d rounds the p99 of one `bare` was from %.2f to %.2f of the other's: what one round would tell by itself. Runs", n, s.Rounds, low, high)
			p("that do not take turns differ by no less.")
		}
		p("")
		p("| service | against | rounds | CPU time | throughput | p99 | |")
		p("|---|---|---:|---|---|---|---|")
		for _, c := range l.Contenders {
			for _, reference := range result.References {
				if len(c.Beside[reference]) == 0 {
					continue
				}
				p("| %s | %s | %d | %v | %v | %v | %s |", c.Name, reference, len(c.Beside[reference]), c.Against(reference, result.CPU),
					c.Against(reference, result.Throughput), c.Against(reference, result.P99), c.About)
			}
		}
		p("")
	}
}

func roadOf(hot bool) string {
	if hot {
		return "the hot road"
	}
	return "the SDK's own road"
}

// soakText shows the soaks.
func (r report) soakText(p printer) {
	p("## Soak")
	p("")
	if len(r.soaks) == 0 {
		p("Not measured in this run: `make soak` and `make soak-sdk`.")
		p("")
	}
	for _, s := range r.soaks {
		oneSoak(p, s)
	}
}

func oneSoak(p printer, s result.Soak) {
	command := "make soak-sdk"
	if s.Hot {
		command = "make soak"
	}
	p("`%s` on %s: %s; %s. %v at full load on %s with profiles, evidence, history, 15 baselines, an alert that is told", command, s.When.UTC().Format(moment), s.Machine, s.Placing, s.Length, roadOf(s.Hot))
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
func (r *report) readResults(services, soaks []string) error {
	for _, path := range services {
		var s result.Service
		ok, err := result.Read(path, &s)
		if err == nil && ok && !s.Whole() {
			err = fmt.Errorf("%s was written by another version: remove it, and make bench-report writes it anew", path)
		}
		if err != nil {
			return fmt.Errorf("report: %w", err)
		}
		if ok {
			r.services = append(r.services, s)
		}
	}
	for _, path := range soaks {
		var k result.Soak
		ok, err := result.Read(path, &k)
		if err != nil {
			return fmt.Errorf("report: %w", err)
		}
		if ok {
			r.soaks = append(r.soaks, k)
		}
	}
	return nil
}

// byHandText says how much of the aim the SDK takes for itself.
func byHandText(s result.Service, p printer) {
	of := func(name, reference string) (out []string) {
		for _, l := range s.Loads {
			if c, ok := l.Find(name); ok && len(c.Beside[reference]) > 0 {
				out = append(out, fmt.Sprintf("%v with `%s`", c.Against(reference, result.Throughput), l.Name))
			}
		}
		return out
	}
	alone, full, hot := of(result.ByHand, result.Bare), of(result.Full, result.ByHand), of(result.Hot, result.ByHand)
	if len(alone) == 0 || len(full) == 0 || len(hot) == 0 {
		return
	}
	p("What recording by the SDK takes for itself: `by-hand` has a throughput of %s", strings.Join(alone, " and "))
	p("against `bare`. Against `by-hand`, which counts no request that is under way, no failure and nothing of the runtime,")
	p("judges nothing and keeps no history, `full` has %s, and the hot road,", strings.Join(full, " and "))
	p("with all that it does, %s.", strings.Join(hot, " and "))
	p("")
}

// moment is how the time of a run is told.
const moment = "2 January 2006, 15:04 UTC"

// costsText says what measuring adds to a request.
func costsText(s result.Service, p printer) {
	p("What a request costs more than one of `bare`, in CPU time:")
	p("")
	for _, l := range s.Loads {
		p("- with `%s`, of %.1f µs: %s.", l.Name, bareCPU(l)/1e3, strings.Join(costs(l, result.ByHand, result.Disabled, result.Pprof, result.Full, result.Hot, result.Sampled, result.SampledHot), ", "))
	}
	p("")
}

// bareCPU is the CPU time of one request of the bare service, in nanoseconds.
func bareCPU(l result.Load) float64 {
	bare, _ := l.Find(result.Bare)
	return bare.Median(result.CPU)
}

// costs says what a request to each of some services costs more than one to the bare
// service.
func costs(l result.Load, names ...string) (out []string) {
	for _, name := range names {
		c, ok := l.Find(name)
		if !ok {
			continue
		}
		r, micros := c.Against(result.Bare, result.CPU), bareCPU(l)/1e3
		out = append(out, fmt.Sprintf("`%s` %.1f µs (%.1f to %.1f)", name, (r.Middle-1)*micros, (r.Low-1)*micros, (r.High-1)*micros))
	}
	return out
}
