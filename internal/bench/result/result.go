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
	Clients int
	Pairs   int           // of processes, for each contender
	Length  time.Duration // that each was driven, with each load
	Slice   time.Duration // of a turn
	Loads   []Load
}

// A Load is what the clients asked for.
type Load struct {
	Name       string
	Contenders []Contender
}

// A Contender is a way to run the service. The first is the bare one.
type Contender struct {
	Name, About string
	Rounds      []Round
	Bare        []Round // the bare one's, taking turns with it
}

// A Round is one turn.
type Round struct {
	Requests   int
	Throughput float64 // requests a second
	P50, P99   time.Duration
	CPU        float64 // ns of the service for each request
	Busy       float64 // CPUs that the service took
	Generator  float64 // CPUs that the generator took
}

// NewService returns one without numbers.
func NewService(placing string, clients, pairs int, length, slice time.Duration) Service {
	return Service{
		When: time.Now().UTC().Truncate(time.Second), Machine: Machine(), Placing: placing,
		Clients: clients, Pairs: pairs, Length: length, Slice: slice,
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

// Against compares a contender's rounds with the bare one's between them. What
// else runs on a machine changes from second to second.
func (c Contender) Against(of func(Round) float64) Ratio {
	var ratios []float64
	for i := range min(len(c.Rounds), len(c.Bare)) {
		ratios = append(ratios, of(c.Rounds[i])/of(c.Bare[i]))
	}
	return NewRatio(ratios)
}

// Lines are the load's comparisons in the form that the benchmarks print.
func (l Load) Lines() (lines []string) {
	bare := l.Contenders[0].Median(CPU)
	for _, c := range l.Contenders[1:] {
		if len(c.Rounds) == 0 {
			continue // interrupted before its turn
		}
		lines = append(lines, fmt.Sprintf("compare service-%s-%s ours_ns=%.0f peer=bare peer_ns=%.0f ratio=%.3f throughput=%v p99=%v",
			c.Name, l.Name, c.Median(CPU), bare, c.Against(CPU).Median, c.Against(Throughput), c.Against(P99)))
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

// Median is of one number of all rounds.
func (c Contender) Median(of func(Round) float64) float64 {
	var all []float64
	for _, r := range c.Rounds {
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
