package main

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/otelperf/otelperf-go/internal/bench/result"
)

type report struct {
	lines  []line
	parts  parts
	growth []growth
	memory memory
	rounds int
	length string

	machine  string // as result.Machine has it
	services []result.Service
	soaks    []result.Soak
}

// find returns the comparison, and false if it was not run.
func (r report) find(what, peer string) (line, bool) {
	i := slices.IndexFunc(r.lines, func(l line) bool { return l.what == what && l.peer == peer })
	if i < 0 {
		return line{}, false
	}
	return r.lines[i], true
}

func write(w *bytes.Buffer, r report) {
	p := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	p("# Performance")
	p("")
	p("<!-- Written by `make bench-report`. Edit internal/bench/report, not this file. -->")
	p("")
	p("Measured by `go run -C internal/bench ./report -rounds %d -time %s` on %s: %s.",
		r.rounds, r.length, time.Now().UTC().Format("2 January 2006"), r.machine)
	p("Contenders take turns, each made anew for its turn, for where its parts happen to lie in memory is worth some")
	p("nanoseconds, and the best round of each counts: whatever else runs on a machine can only slow them down. Of the")
	p("Processor, whose time is that of all CPUs and has the garbage collector's share in it, the median of more and longer")
	p("rounds counts, and so does the median of what is told in a core's time. What is told with an interval is the ratio of two in the same round: the median of the")
	p("means of all pairs of these ratios (Hodges and Lehmann), not the quotient of the two numbers beside it, and where it lies")
	p("with 95 %% confidence if they lie evenly around it (Wilcoxon). Ratios travel to other machines, nanoseconds do not. Nothing here is asserted by a test;")
	p("allocations are.")
	p("")
	r.claims(p)
	r.profile(p)
	r.serviceText(p)
	r.soakText(p)
	r.tables(p)
	r.growthTable(p)
	r.memoryText(p)
}

type printer func(format string, args ...any)

// claims says what was aimed for and what came of it.
func (r report) claims(p printer) {
	p("## What was aimed for")
	p("")
	p("| aim | measured | |")
	p("|---|---|---|")
	row := func(aim, verdict, format string, args ...any) {
		p("| %s | %s | %s |", aim, fmt.Sprintf(format, args...), verdict)
	}
	atMostOf := func(what, peer string, limit float64, aim string, more func(line) string) {
		if l, ok := r.find(what, peer); ok {
			row(aim, atMost(l.paired, limit), "%.0f ns against %.0f ns in the best rounds, ratio %v in all%s", l.ours, l.theirs, l.paired, more(l))
		}
	}
	nothing := func(line) string { return "" }
	inRounds := func(aim string, limit float64, ours, theirs []float64) {
		if len(ours) == 0 {
			return // the cores could not be had side by side
		}
		ratio := against(ours, theirs)
		row(aim, atMost(ratio, limit), "%.1f ns of a core's time against %.1f ns, ratio %v", result.Median(ours), result.Median(theirs), ratio)
	}
	const operation = "operation-serial-1cpu"
	inRounds("default road: at most 10 % over two clock readings and one Record of the SDK, in turns of 0.2 ms", 1.1, r.parts.onSDK, r.parts.floor)
	if l, ok := r.find(operation, "floor"); ok {
		row("default road: no allocation", verdict(l.allocs == 0), "%d allocations", l.allocs)
	}
	over := r.parts.whole - r.parts.clock
	row("hot road: two clock readings and 40 ns for one call", verdict(over <= 40), "%.0f ns of processor time, of which the clock %.0f: clock + %.0f ns",
		r.parts.whole-r.parts.empty, r.parts.clock-r.parts.empty, over)
	inRounds("hot road: with all cores on one operation no slower than alone, within 5 %", 1.05, r.parts.crowd, r.parts.alone)
	inRounds("the same, than with all cores at work on an operation each, within 5 %", 1.05, r.parts.crowd, r.parts.apart)
	if l, ok := r.find("server-hot-serial", "bare"); ok {
		row("hot road: the whole middleware under 300 ns", verdict(l.ours-l.theirs < 300), "%.0f ns over the bare handler's %.0f ns", l.ours-l.theirs, l.theirs)
	}
	atMostOf("server-serial", "otelhttp", 0.1, "default road: the middleware at most a tenth of otelhttp's time", r.ofFloor)
	atMostOf("server-serial-1cpu", "otelhttp", 0.1, "the same on one CPU, where collecting garbage is a part of either's time", r.ofFloor)
	atMostOf("server-hot-serial", "otelhttp", 0.1, "hot road: the middleware at most a tenth of otelhttp's time", nothing)
	atMostOf("server-serial", "promhttp", 1, "default road: the middleware in no more than promhttp's time", nothing)
	inRounds("Counter: no worse than two atomic additions", 1, r.parts.aloneCounter, r.parts.aloneAdds)
	inRounds("Counter: the same with all cores at it", 1, r.parts.crowdCounter, r.parts.crowdAdds)
	if l, ok := r.find("processor-otlp-1000series", "otlp-alone"); ok {
		row("Processor: at most 5 % on an OTLP export of 1,000 series, with 10 baselines", atMost(l.paired, 1.05),
			"%.2f ms of CPU time against %.2f ms, ratio %v", l.ours/1e6, l.theirs/1e6, l.paired)
	}
	r.serviceClaims(p)
	for _, s := range r.soaks {
		err := s.Flat()
		row(fmt.Sprintf("soak on %s%s: flat memory, goroutines and descriptors", roadOf(s.Hot), r.elsewhere(s.Machine)), verdict(err == nil && s.Length >= 10*time.Minute),
			"%v, %d requests: see below", s.Length, s.Requests)
	}
	p("")
	r.notWon(p)
	r.ofSDK(p)
}

func verdict(ok bool) string {
	if !ok {
		return "**not reached**"
	}
	return "reached"
}

// against returns the ratio of what was measured in the same rounds.
func against(a, b []float64) result.Ratio {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return result.NewRatio(ratios)
}

// atMost is the verdict on a ratio: reached or missed where its interval leaves no
// doubt.
func atMost(r result.Ratio, limit float64) string {
	switch {
	case r.High <= limit:
		return verdict(true)
	case r.Low > limit:
		return verdict(false)
	}
	return undecided
}

// undecided is the verdict where noise is larger than what is looked for.
const undecided = "undecided"

// ofFloor says what the comparison's floor is, which no middleware on the SDK's
// own road gets below.
func (r report) ofFloor(l line) string {
	floor, ok := r.find(l.what, "floor")
	bare, bareOK := r.find(l.what, "bare")
	if !ok || !bareOK {
		return ""
	}
	return fmt.Sprintf("; the bare handler (%.0f ns), two clock readings and the SDK's Record of six attributes alone "+
		"are %.0f ns, %.3f of otelhttp's time", bare.theirs, floor.theirs, floor.theirs/l.theirs)
}

// notWon lists the comparisons that another library won, floors and bare calls
// apart.
func (r report) notWon(p printer) {
	var lost []string
	for _, l := range r.lines {
		switch l.peer {
		case "bare", "clock", "floor", "two-atomic-adds", "otlp-alone":
			continue
		}
		if l.ours > l.theirs {
			lost = append(lost, fmt.Sprintf("- %s: %s takes %.0f ns, ours %.0f ns (ratio %.2f).", l.what, l.peer, l.theirs, l.ours, l.ours/l.theirs))
		}
	}
	if len(lost) == 0 {
		return
	}
	p("What other libraries do in less time:")
	p("")
	for _, l := range lost {
		p("%s", l)
	}
	p("")
	p("A plain timer counts nothing that is under way, tells no failure from a success, has no exemplars, and")
	p("some keep no minimum and maximum. That is a reason and not an excuse.")
	p("")
}

// ofSDK says what of a Record of the SDK grows with the attributes.
func (r report) ofSDK(p printer) {
	none, six := r.parts.sdkNone-r.parts.empty, r.parts.sdkSix-r.parts.empty
	p("A Record of the SDK %s takes %.0f ns of processor time with no attributes and %.0f with six that were made", otel.Version(), none, six)
	p("beforehand: it looks through all attributes of each measurement for maps that have a key twice, at %.0f ns for each.", (six-none)/6)
	p("Nothing that records by the SDK gets around that, and the middleware has the six that the conventions ask for.")
	p("")
}

// profile explains a call on the hot road.
func (r report) profile(p printer) {
	q := r.parts
	p("## Where a call on the hot road spends its time")
	p("")
	p("One goroutine, processor time, each part measured by itself:")
	p("")
	p("| part | ns | why it cannot go |")
	p("|---|---:|---|")
	p("| two clock readings | %.1f | a duration needs a beginning and an end; both read the monotonic clock alone, by time.Since |", q.clock-q.empty)
	p("| the active count, in and out | %.1f | two atomic additions: what hangs must be seen while it hangs |", q.active-q.empty)
	p("| Record, bound | %.1f | two atomic operations, sum and bucket; two loads that say the extremes stand; the bucket by the value's own bits; a load that asks whether an exemplar is wanted |", q.record-q.empty)
	p("| the function, which does nothing | %.1f | it is what is measured |", q.function-q.empty)
	p("| the rest | %.1f | the deferred function that sees panics, the calls through interfaces |",
		max(0, q.whole-q.clock-q.active-q.record-q.function+3*q.empty))
	p("| **the whole call** | **%.1f** | |", q.whole-q.empty)
	p("")
	p("An atomic operation takes one or two of these, though nobody disputes it, and there are four. The sum could")
	p("share a word with its bucket's count for short calls, at the price of rounding and of spilling that word")
	p("now and then; the end of a call could be told from its bucket alone if the metric API could be asked for a")
	p("count. Neither is done.")
	p("")
	p("- The bucket costs no search: a table addressed by exponent and three bits of mantissa leads to it with one")
	p("  or two comparisons. For an exponential histogram, %.1f ns, the table has two slots for each bucket of an", q.exponential-q.empty)
	p("  octave, and one comparison of mantissas decides.")
	p("- Exemplars are offered for the first 64 measurements of a bucket after each collection and one in 64 after")
	p("  that, so the context is not searched for a span each time, and a rare slow call is never missed.")
	p("- `Operation.Record`, for what was measured elsewhere, takes %.1f ns.", q.recordOnly-q.empty)
	p("- All cores at one operation take %.0f ns each for a call, by each thread's own clock. At an operation of their own", result.Median(q.crowd))
	p("  each, which share nothing, it is %.0f, and %.0f for a core at work alone. In the same round the first is", result.Median(q.apart), result.Median(q.alone))
	p("  %v of the second, and the second %v of the third. Counters are", against(q.crowd, q.apart), against(q.apart, q.alone))
	p("  spread over cache lines where cores collide, and only there. A round has %d turns of each, of some tenths of a", turnsOfRound)
	p("  millisecond, and its value is the median of those that had the cores side by side, as %d of %d did; %d of %d rounds had", q.sideBySide, turnsOfRound*r.rounds, len(q.crowd), r.rounds)
	p("  at least %d. One atomic number for the active count takes %.0f ns with all cores at it and %.0f with one.", enoughTurns, result.Median(q.crowdAtomic), result.Median(q.aloneAtomic))
	p("- A collection takes nothing from a call but the cache lines it reads: counters are read, never locked or")
	p("  reset. Sums and extremes are exchanged once for each shard.")
	p("")
}

// tables shows all comparisons.
func (r report) tables(p printer) {
	p("## Comparisons")
	p("")
	p("Time of one call in ns, and allocations. With several CPUs, ns are of the wall: half of one core's is as good")
	p("as two cores get. `floor` is two clock readings and one Record of the SDK, for servers and clients of the six")
	p("attributes that the conventions ask for and with the work itself; `clock` is two clock readings, `bare` the")
	p("work alone. `hot` is the hot road, `1cpu` one CPU, on which collecting garbage costs time of the calls.")
	p("`cold` is the median of requests before each of which 2 MiB of other memory were walked through.")
	p("")
	p("| what | ours | allocs | peer | peer's | allocs | ratio |")
	p("|---|---:|---:|---|---:|---:|---:|")
	last := ""
	for _, l := range r.lines {
		what, ours, allocs := "", "", ""
		if l.what != last {
			what, ours, allocs = l.what, fmt.Sprintf("%.1f", l.ours), fmt.Sprint(l.allocs)
			last = l.what
		}
		p("| %s | %s | %s | %s | %.1f | %d | %.2f |", what, ours, allocs, l.peer, l.theirs, l.theirMany, l.ours/l.theirs)
	}
	p("")
}

// growthTable shows what grows with the number of series.
func (r report) growthTable(p printer) {
	p("## What grows with the number of series")
	p("")
	p("Processor time: one Record, series taken in turn, so that at 10,000 of them each is out of the caches; one")
	p("collection of all series, 22 boundaries each; one evaluation of such a collection by a p95 baseline, and by")
	p("one for another metric.")
	p("")
	p("| series | Record, SDK | Record, hot | collection, SDK | collection, hot | evaluation | evaluation, other metric |")
	p("|---:|---:|---:|---:|---:|---:|---:|")
	for _, g := range r.growth {
		p("| %d | %.0f ns | %.0f ns | %s | %s | %s | %s |", g.series, g.call, g.hotCall,
			short(g.collect), short(g.hotCollect), short(g.evaluation), short(g.unmatched))
	}
	p("")
	p("![Growth](images/growth.svg)")
	p("")
}

func (r report) memoryText(p printer) {
	p("## Memory")
	p("")
	m := r.memory
	p("Bytes of heap, garbage collected, of a thousand of each:")
	p("")
	p("| what | SDK's road | hot road |")
	p("|---|---:|---:|")
	p("| a series: 22 boundaries, bound handle and attributes | %.0f | %.0f |", m.usual, m.hot)
	p("| an operation, its active count and its series | %.0f | %.0f |", m.operation, m.hotOperation)
	p("| an HTTP route, with one method and status | %.0f | %.0f |", m.route, m.hotRoute)
	p("| a baseline with one group | %.0f | the same |", m.baseline)
	p("| each series that a baseline judges | %.0f | the same |", m.judged)
	p("| an hour of history of an operation or route, one row a minute | %.0f | the same |", m.hourOperation)
	p("| an hour of history of a baseline | %.0f | the same |", m.hourBaseline)
	p("| an hour of history of a number | %.0f | the same |", m.hourOfNumbers)
	p("")
	p("Heap for one series of 22 boundaries, bound handle and attributes included, before its first exemplar: %.0f bytes on the SDK's own road,", r.memory.usual)
	p("%.0f bytes on the hot road; there, each further shard, made when cores collide, adds 256 bytes, and there are no", r.memory.hot)
	p("more than four for each core and 64 in all. An exponential series has 512 bytes for each power of two that was")
	p("seen, and 1,024, in place of a shard's counters.")
}

func short(ns float64) string { return time.Duration(ns).Round(roundTo(ns)).String() }

func roundTo(ns float64) time.Duration {
	unit := time.Duration(1)
	for ns >= 1000 {
		ns /= 10
		unit *= 10
	}
	return unit
}
