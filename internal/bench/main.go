// Command bench compares the project with a bare call and with other libraries
// that do the same work, and prints one line for each comparison:
//
//	compare <what> ours_ns=<n> peer=<name> peer_ns=<n> ratio=<r> ours_allocs=<n> peer_allocs=<n> paired=<r> low=<r> high=<r>
//
// ratio is ours_ns divided by peer_ns. All contenders of a comparison take turns,
// several times, and the best time of each counts, because whatever else runs on
// the machine can only make them slower. Of times that are of all CPUs the median
// counts, of four times as many rounds that are five times as long: the garbage collector's
// share is in them, and differs from round to round. paired is the ratio of times in the
// same round, the middle of those of all rounds, and lies between low and high with 95 %
// confidence.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/internal/bench/result"
)

// A comparison sets us beside peers on the same work.
type comparison struct {
	what  string
	ours  contender
	peers []contender

	// cpu measures the process' time on all CPUs in place of the wall's, for
	// work that waits for other goroutines.
	cpu bool
}

// A contender is one way to do the work. setup prepares it for a turn and returns the
// benchmark, which does the work b.N times, and a function that cleans up, or
// nil.
type contender struct {
	name  string
	setup func() (run func(b *testing.B), cleanup func())
}

// A suite is a group of comparisons. Add new ones here.
var suites = []func() []comparison{
	serverComparisons,
	clientComparisons,
}

func main() {
	testing.Init()
	length := flag.Duration("time", 50*time.Millisecond, "how long to measure each contender in each round")
	rounds := flag.Int("rounds", 20, "how many rounds")
	only := flag.String("run", "", "compare only what matches this regular expression")
	flag.Parse()
	pattern, err := regexp.Compile(*only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	fmt.Printf("# %s %s/%s, %d CPUs, best of %d rounds of %s\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), *rounds, *length)
	for _, suite := range suites {
		for _, c := range suite() {
			if pattern.MatchString(c.what) {
				c.print(*rounds, *length)
			}
		}
	}
}

// print runs a comparison.
func (c comparison) print(rounds int, length time.Duration) {
	if c.cpu {
		length *= 5 // for more than one collection of garbage
		rounds *= 4
	}
	check(flag.Set("test.benchtime", length.String()))
	all := c.measure(rounds)
	ours := c.counts(all[0])
	for i, of := range all[1:] {
		p := c.counts(of)
		var each []float64
		for round := range of {
			each = append(each, all[0][round].ns/of[round].ns)
		}
		paired := result.NewRatio(each)
		fmt.Printf("compare %s ours_ns=%.1f peer=%s peer_ns=%.1f ratio=%.3f ours_allocs=%d peer_allocs=%d paired=%.3f low=%.3f high=%.3f\n",
			c.what, ours.ns, c.peers[i].name, p.ns, ours.ns/p.ns, ours.allocs, p.allocs, paired.Middle, paired.Low, paired.High)
	}
}

// A cost is what one operation takes.
type cost struct {
	ns     float64
	allocs int64
}

// counts returns the round that counts.
func (c comparison) counts(rounds []cost) cost {
	of := slices.SortedFunc(slices.Values(rounds), func(a, b cost) int { return cmp.Compare(a.ns, b.ns) })
	if c.cpu {
		return of[len(of)/2]
	}
	return of[0]
}

// measure lets the contenders take turns, in one direction and then in the other, and
// returns the rounds of each. Each is set up anew for its turn: where in memory its
// parts happen to lie is worth several nanoseconds, and what is alive is its own.
func (c comparison) measure(rounds int) [][]cost {
	all := append([]contender{c.ours}, c.peers...)
	costs := make([][]cost, len(all))
	for round := range rounds {
		for i := range all {
			if round%2 == 1 {
				i = len(all) - 1 - i
			}
			costs[i] = append(costs[i], c.turn(all[i]))
		}
	}
	return costs
}

// turn is one round of one contender.
func (c comparison) turn(x contender) cost {
	run, cleanup := x.setup()
	if cleanup != nil {
		defer cleanup()
	}
	var cpu time.Duration // of the last call, which has the N of the result
	r := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		before := processTime()
		run(b)
		cpu = processTime() - before
	})
	if r.N == 0 {
		fmt.Fprintf(os.Stderr, "bench: %s of %s failed\n", x.name, c.what)
		os.Exit(1)
	}
	got := cost{float64(r.T.Nanoseconds()) / float64(r.N), r.AllocsPerOp()}
	if own, ok := r.Extra["ns/op"]; ok { // of a part of the work
		got.ns = own
	}
	if c.cpu {
		got.ns = float64(cpu.Nanoseconds()) / float64(r.N)
	}
	return got
}

// processTime returns what the process has spent on all CPUs.
func processTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
