package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/internal/bench/result"
)

// TestOfService: throughput is reached or missed where its interval leaves no doubt, a
// p99 is within noise by its middle, and where the two differ the verdict says so.
func TestOfService(t *testing.T) {
	t.Parallel()
	const highest = 1.02
	for _, tc := range []struct {
		throughput, p99 result.Ratio
		want            string
	}{
		{result.Ratio{Low: 0.98, Middle: 0.99, High: 1}, result.Ratio{Low: 0.9, Middle: 1, High: 1.1}, "reached"},
		{result.Ratio{Low: 0.97, Middle: 0.975, High: 0.979}, result.Ratio{Low: 1.03, Middle: 1.04, High: 1.05}, "**not reached**"},
		{result.Ratio{Low: 0.979, Middle: 0.99, High: 1}, result.Ratio{Low: 1.01, Middle: 1.03, High: 1.05}, "undecided"},
		{result.Ratio{Low: 0.98, Middle: 0.99, High: 1}, result.Ratio{Low: 1.03, Middle: 1.04, High: 1.05}, "throughput reached, p99 **not reached**"},
		{result.Ratio{Low: 0.979, Middle: 0.99, High: 1}, result.Ratio{Low: 0.9, Middle: 1.02, High: 1.1}, "throughput undecided, p99 reached"},
		{result.Ratio{Low: 0.979, Middle: 0.99, High: 1}, result.Ratio{Low: 1.03, Middle: 1.04, High: 1.05}, "throughput undecided, p99 **not reached**"},
		{result.Ratio{Low: 0.97, Middle: 0.975, High: 0.979}, result.Ratio{Low: 1.01, Middle: 1.03, High: 1.05}, "throughput **not reached**, p99 undecided"},
	} {
		if got := ofService(tc.throughput, tc.p99, highest); got != tc.want {
			t.Errorf("throughput %v, p99 %v: %s, want %s", tc.throughput, tc.p99, got, tc.want)
		}
	}
}

// ran returns a run with rounds of these services.
func ran(gogc string, length time.Duration, loads, names []string) result.Service {
	s := result.Service{Machine: "a machine, go1", GOGC: gogc, Length: length}
	for range 2 {
		var all []result.Named
		for _, name := range append([]string{result.Bare, result.Again, result.Disabled}, names...) {
			cpu := 2.0
			if name == result.Bare || name == result.Again {
				cpu = 1
			}
			all = append(all, result.Named{Name: name, Round: result.Round{Throughput: 10, P99: time.Millisecond, CPU: cpu}})
		}
		for _, l := range loads {
			s.Add(l, all, 3)
		}
		s.Rounds++
	}
	return s
}

// TestLongerRun: what a longer run has too is told of there only, in whichever order they
// are given; what another setting of the collector makes of it, or another machine, is
// another matter, and so are loads that are not the mix.
func TestLongerRun(t *testing.T) {
	t.Parallel()
	both := []string{"documents", result.Mix}
	short := ran("", time.Second, both, []string{result.ByHand, result.Full, "page"})
	long := ran("", 2*time.Second, []string{result.Mix}, []string{result.ByHand, result.Full})
	gc := ran("100", 4*time.Second, both, []string{result.Full})
	documents := ran("", 4*time.Second, both, []string{result.ByHand, result.Full})
	documents.Corpus = "cmd"
	other := ran("", 8*time.Second, both, []string{result.Full})
	other.Machine = "a machine, go2"
	half := ran("", 4*time.Second, both, []string{result.ByHand, result.Full, result.Hot, "everything-hot"})
	half.Share = 0.5
	without := ran("", 16*time.Second, both[:1], []string{result.Full})
	for name, tc := range map[string]struct {
		runs []result.Service
		want map[string]int // rows that begin so
	}{
		"one": {[]result.Service{short}, map[string]int{
			"| whole service, `full`, not sampled, against `bare`": 1,
			"| whole service, `page`, not sampled, against `bare`": 1,
			"| two Records of the SDK, by hand, `by-hand`":         1,
			"| noise, `bare-again`":                                1,
		}},
		"a longer one": {[]result.Service{short, long}, map[string]int{
			"| whole service, `full`": 0,
			"| whole service, longer run, `full`, not sampled, against `bare`": 1,
			"| whole service, `page`, not sampled, against `bare`":             1,
			"| two Records of the SDK, by hand, `by-hand`":                     0,
			"| two Records of the SDK, by hand, longer run, `by-hand`":         1,
			"| noise": 2,
		}},
		"the longer one first": {[]result.Service{long, short}, map[string]int{
			"| whole service, `full`": 0,
			"| whole service, longer run, `full`, not sampled, against `bare`": 1,
			"| whole service, `page`, not sampled, against `bare`":             1,
		}},
		"another setting": {[]result.Service{short, gc}, map[string]int{
			"| whole service, `full`, not sampled, against `bare`":           1,
			"| whole service, GOGC=100, `full`, not sampled, against `bare`": 1,
		}},
		"other documents": {[]result.Service{short, documents}, map[string]int{
			"| whole service, `full`, not sampled, against `bare`":                     1,
			"| whole service, documents of `cmd`, `full`, not sampled, against `bare`": 1,
			"| two Records of the SDK, by hand, `by-hand`":                             1,
			"| two Records of the SDK, by hand, documents of `cmd`, `by-hand`":         1,
		}},
		"another machine": {[]result.Service{short, other}, map[string]int{
			"| whole service, `full`, not sampled, against `bare`":      1,
			"| whole service, go2, `full`, not sampled, against `bare`": 1,
			"| whole service, longer run":                               0,
		}},
		"half of the load": {[]result.Service{short, half}, map[string]int{
			"| whole service, `full`, not sampled, against `bare`: throughput at least 0.98, p99 within noise | throughput 1.000 ":                                                        1,
			"| whole service, 50 % load, `full`, not sampled, against `bare`: p99 within noise | CPU time 2.000 (2.000 to 2.000), p99 1.000 (1.000 to 1.000), noise to 1.000 | reached |": 1,
			"| all that measure on the hot road without sampling allocations, 50 % load, 2 kinds, against `bare`: their mean in each round, not a bound for each | CPU time 2.000 ":       1,
			"| two Records of the SDK, by hand, 50 % load, `by-hand` against `bare` | CPU time 2.000 ":                                                                                    1,
			"| whole service, longer run": 0,
		}},
		"without the mix": {[]result.Service{short, without}, map[string]int{
			"| whole service, `full`, not sampled, against `bare`": 1,
			"| whole service, longer run":                          0,
		}},
	} {
		var all []string
		report{machine: "a machine, go1", services: tc.runs}.serviceClaims(func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) })
		for start, want := range tc.want {
			n := 0
			for _, line := range all {
				if strings.HasPrefix(line, start) {
					n++
				}
			}
			if n != want {
				t.Errorf("%s: %d rows begin with %q, want %d:\n%s", name, n, start, want, strings.Join(all, "\n"))
			}
		}
	}
}

// TestSoakRows: a soak on another machine than the report's says so.
func TestSoakRows(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	report{machine: "a machine, go2", soaks: []result.Soak{{Machine: "a machine, go1", Hot: true}, {Machine: "a machine, go2"}}}.
		claims(func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) })
	for _, want := range []string{"| soak on the hot road, go1: flat", "| soak on the SDK's own road: flat"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

// TestIntroductions: each run says what is not as in the first one.
func TestIntroductions(t *testing.T) {
	t.Parallel()
	loads, names := []string{result.Mix}, []string{result.ByHand, result.Full, result.Hot}
	first := ran("", time.Second, loads, names)
	long := ran("", 2*time.Second, loads, names)
	gc := ran("100", time.Second, loads, names)
	documents := ran("", 2*time.Second, loads, names)
	documents.Corpus = "cmd"
	half := ran("", time.Second, loads, names)
	half.Share = 0.5
	next := ran("", time.Second, loads, names)
	next.Machine = "a machine, go2"
	var out strings.Builder
	report{machine: "a machine, go2", services: []result.Service{first, long, documents, gc, half, next}}.serviceText(func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) })
	last := 0
	for _, want := range []string{
		"`make bench-service` on ", "Load `mix`, 2 rounds, go1:",
		"`make bench-service-long` on ", "Load `mix`, 2 rounds, go1:",
		"`make bench-service-heap`\non ", "What a request costs more", "Load `mix`, 2 rounds, go1, documents of `cmd`:",
		"The same with GOGC=100 in the environment:", "Load `mix`, 2 rounds, go1, GOGC=100:",
		"`make bench-service-half` on\n", ", 50 % of what `bare` answered then ", "What a request costs more", "Load `mix`, 2 rounds, go1, 50 % load:",
		"`make bench-service-next` on ", "Load `mix`, 2 rounds:", "In 2 of 2 rounds the p99 of one `bare` was from 1.00 to 1.00 ",
	} {
		at := strings.Index(out.String()[last:], want)
		if at < 0 {
			t.Fatalf("no %q after %d characters of\n%s", want, last, out.String())
		}
		last += at + len(want)
	}
	for _, once := range []string{"By perf (`mix`", "`make bench-service-next`", "`make bench-service-heap`", "`make bench-service-half`", "The same with GOGC"} {
		if n := strings.Count(out.String(), once); n != 1 {
			t.Errorf("%q is there %d times", once, n)
		}
	}
	out.Reset() // one whose requests arrive by themselves says so where it is the first, too
	report{machine: half.Machine, services: []result.Service{half}}.serviceText(func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) })
	if text := out.String(); !strings.Contains(text, "a Poisson process") || strings.Contains(text, "`make bench-service` on") {
		t.Errorf("alone it is introduced by\n%s", text)
	}
}
