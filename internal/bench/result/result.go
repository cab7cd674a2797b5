// Package result holds what comparisons of whole services and soaks come to, for
// the programs that write and read it.
package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A Service is a run of the comparison.
type Service struct {
	When    time.Time
	Machine string
	Placing string // who runs on which CPU
	GOGC    string // in their environment; empty: as the demo sets it
	Clients int
	Rounds  int           // each with new processes
	Length  time.Duration // that each was driven, with each load
	Slice   time.Duration // of a turn
	Loads   []Load
}

// The services that others are compared with, the first of them once more, and the
// first with net/http/pprof.
const (
	Bare     = "bare"
	Disabled = "disabled"
	Again    = "bare-again"
	Pprof    = "pprof"
)

// A Load is what the clients asked for.
type Load struct {
	Name       string
	Contenders []Contender
}

// A Contender is a way to run the service.
type Contender struct {
	Name, About string
	Rounds      []Round
	Beside      map[string][]Round // what the others, by name, did in turns with each of Rounds
}

// A Named is a round of one service.
type Named struct {
	Name, About string
	Round       Round
}

// Add adds a round with a load, and those of the references beside it, which are
// contenders too.
func (s *Service) Add(load string, one Named, references []Named) {
	i := slices.IndexFunc(s.Loads, func(l Load) bool { return l.Name == load })
	if i < 0 {
		i = len(s.Loads)
		s.Loads = append(s.Loads, Load{Name: load})
	}
	for n, r := range references {
		s.Loads[i].add(r, references[:n])
	}
	s.Loads[i].add(one, references)
}

func (l *Load) add(one Named, beside []Named) {
	i := slices.IndexFunc(l.Contenders, func(c Contender) bool { return c.Name == one.Name })
	if i < 0 {
		i = len(l.Contenders)
		l.Contenders = append(l.Contenders, Contender{Name: one.Name, About: one.About, Beside: make(map[string][]Round)})
	}
	c := &l.Contenders[i]
	c.Rounds = append(c.Rounds, one.Round)
	for _, b := range beside {
		c.Beside[b.Name] = append(c.Beside[b.Name], b.Round)
	}
}

// A Round is all that one service did in a round, with one load.
type Round struct {
	Requests   int
	Throughput float64 // requests a second
	P50, P99   time.Duration
	CPU        float64 // ns of the service for each request
	Busy       float64 // CPUs that the service took
	Generator  float64 // CPUs that the generator took
}

// NewService returns one without numbers.
func NewService(placing string, clients int, length, slice time.Duration) Service {
	return Service{
		When: time.Now().UTC().Truncate(time.Second), Machine: Machine(), Placing: placing, GOGC: os.Getenv("GOGC"),
		Clients: clients, Length: length, Slice: slice,
	}
}

// A Ratio is the median of ratios, and where it lies with 95 % confidence.
type Ratio struct{ Median, Low, High float64 }

func (r Ratio) String() string { return fmt.Sprintf("%.3f (%.3f to %.3f)", r.Median, r.Low, r.High) }

// Throughput is the round's.
func Throughput(r Round) float64 { return r.Throughput }

// P99 is the round's 99th percentile.
func P99(r Round) float64 { return float64(r.P99) }

// CPU is the round's CPU time for each request.
func CPU(r Round) float64 { return r.CPU }

// Against compares a contender's rounds with those of the reference beside them.
// What else runs on a machine changes from second to second.
func (c Contender) Against(reference string, of func(Round) float64) Ratio {
	var ratios []float64
	for i, r := range c.Beside[reference] {
		ratios = append(ratios, of(c.Rounds[i])/of(r))
	}
	return NewRatio(ratios)
}

// Lines are the load's comparisons in the form that the benchmarks print.
func (l Load) Lines() (lines []string) {
	for _, c := range l.Contenders {
		for _, reference := range []string{Bare, Disabled} {
			if len(c.Beside[reference]) == 0 {
				continue
			}
			lines = append(lines, fmt.Sprintf("compare service-%s-%s ours_ns=%.0f peer=%s peer_ns=%.0f ratio=%.3f throughput=%v p99=%v",
				c.Name, l.Name, median(c.Rounds, CPU), reference, median(c.Beside[reference], CPU),
				c.Against(reference, CPU).Median, c.Against(reference, Throughput), c.Against(reference, P99)))
		}
	}
	return lines
}

// Find returns a contender.
func (l Load) Find(name string) (Contender, bool) {
	i := slices.IndexFunc(l.Contenders, func(c Contender) bool { return c.Name == name })
	if i < 0 {
		return Contender{}, false
	}
	return l.Contenders[i], true
}

// Join returns the rounds of all contenders whose names match as if they were of one:
// what they have in common shows in more rounds than each has.
func (l Load) Join(match func(name string) bool) Contender {
	all := Contender{Beside: make(map[string][]Round)}
	for _, c := range l.Contenders {
		if !match(c.Name) {
			continue
		}
		all.Rounds = append(all.Rounds, c.Rounds...)
		for reference, rounds := range c.Beside {
			all.Beside[reference] = append(all.Beside[reference], rounds...)
		}
	}
	return all
}

// Measures tells whether the service of that name measures, and whether on the hot
// road.
func Measures(name string) (measures, hot bool) {
	switch name {
	case Bare, Disabled, Again, Pprof:
		return false, false
	}
	return true, name == "hot" || strings.HasSuffix(name, "-hot")
}

// Median is of one number of all rounds.
func (c Contender) Median(of func(Round) float64) float64 { return median(c.Rounds, of) }

func median(rounds []Round, of func(Round) float64) float64 {
	var all []float64
	for _, r := range rounds {
		all = append(all, of(r))
	}
	return NewRatio(all).Median
}

// NewRatio returns the median, and the interval between two of the values that
// holds the median of what they were drawn from in 95 of 100 cases, by the
// binomial distribution; of fewer than six values, all of them.
func NewRatio(values []float64) Ratio {
	n := len(values)
	if n == 0 {
		return Ratio{math.NaN(), math.NaN(), math.NaN()}
	}
	v := slices.Sorted(slices.Values(values))
	median := v[n/2]
	if n%2 == 0 {
		median = (v[n/2-1] + v[n/2]) / 2
	}
	// The median lies below the k-th smallest value with the probability that
	// fewer than k of n tosses of a coin show heads.
	cut, below, p := 0, 0.0, math.Pow(0.5, float64(n))
	for k := range n / 2 {
		if below += p; below > 0.025 {
			break
		}
		cut = k
		p *= float64(n-k) / float64(k+1)
	}
	return Ratio{median, v[cut], v[n-1-cut]}
}

// Write writes v to a file as JSON, and makes its folder. An empty path is none.
func Write(path string, v any) error {
	if path == "" {
		return nil
	}
	data, err := json.MarshalIndent(v, "", " ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(path, append(data, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("result: %w", err)
	}
	return nil
}

// Read reads what Write wrote. ok is false where there is no such file.
func Read(path string, v any) (ok bool, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		return false, fmt.Errorf("result: %s: %w", path, err)
	}
	return true, nil
}

var model = regexp.MustCompile(`(?m)^model name\s*: (.*)$`)

// Machine says what it was measured on.
func Machine() string {
	processor := runtime.GOARCH
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if m := model.FindSubmatch(info); m != nil {
			processor = strings.TrimSpace(string(m[1]))
		}
	}
	return fmt.Sprintf("%s, %d CPUs, %s %s/%s", processor, runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
