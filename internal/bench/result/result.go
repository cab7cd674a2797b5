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
	Corpus  string // the name of the folder that was searched; empty: what the demo has by itself
	Clients int
	Share   float64       // of what the bare service answers as fast as it can, that came at random moments; 0: all that the clients could send
	Rounds  int           // each with new processes
	Length  time.Duration // that each was driven, with each load
	Settle  time.Duration // of a turn, before it counts
	Slice   time.Duration // of a turn, that counts
	Loads   []Load

	Collections []Collection
}

// A Collection is what one costs a service, with all that hangs on it: judging,
// exporting, history, and what an open page asks for then.
type Collection struct {
	Name  string
	N     int           // how many it is the mean of
	Every time.Duration // from one to the next
	CPU   time.Duration // of the service's process, in which nothing else went on
}

// The services that others are compared with, the first of them once more, and the
// first with net/http/pprof. By hand is the first with nothing but the SDK.
const (
	Bare     = "bare"
	Disabled = "disabled"
	ByHand   = "by-hand"
	Again    = "bare-again"
	Pprof    = "pprof"
)

// Services that measure. The runtime samples allocations for heap profiles in the last
// three of them only.
const (
	Full       = "full" // on the SDK's own road
	Hot        = "hot"
	Sampled    = "sampled" // full, as it is by default
	SampledHot = "sampled-hot"
	Evidence   = "evidence"
)

// References are what a service is told against.
var References = []string{Bare, Disabled, ByHand}

// Loads by name: three searches to a document, which the aims are told of, and documents
// alone.
const (
	Mix       = "mix"
	Documents = "documents"
)

// A Load is what the clients asked for.
type Load struct {
	Name       string
	Rate       float64 // at which requests came, a second; 0: as fast as clients had answers
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

// Add adds a round with a load: first of so many references, which are compared
// with those before them, then of those that are compared with all references.
func (s *Service) Add(load string, all []Named, references int) {
	i := slices.IndexFunc(s.Loads, func(l Load) bool { return l.Name == load })
	if i < 0 {
		i = len(s.Loads)
		s.Loads = append(s.Loads, Load{Name: load})
	}
	for n, r := range all {
		s.Loads[i].add(r, all[:min(n, references)])
	}
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

// Whole tells whether each contender has its rounds, turns had time to settle and
// collections were measured, which a result lacks that another version of the
// comparison wrote.
func (s Service) Whole() bool {
	if s.Settle <= 0 {
		return false
	}
	for _, l := range s.Loads {
		for _, c := range l.Contenders {
			if measures, _ := Measures(c.Name); measures && len(s.Collections) == 0 {
				return false
			}
			if len(c.Rounds) != s.Rounds {
				return false
			}
			for _, beside := range c.Beside {
				if len(beside) != s.Rounds {
					return false
				}
			}
			_, twice := l.Find(Again)
			_, both := c.Beside[Again]
			if twice && !both && c.Name != Bare && c.Name != Again {
				return false
			}
		}
	}
	return s.Rounds > 0 && len(s.Loads) > 0
}

// NewService returns one without numbers. corpus is the folder that is searched.
func NewService(placing, corpus string, clients int, length, settle, slice time.Duration) Service {
	if corpus != "" {
		corpus = filepath.Base(corpus)
	}
	return Service{
		When: time.Now().UTC().Truncate(time.Second), Machine: Machine(), Placing: placing, GOGC: os.Getenv("GOGC"), Corpus: corpus,
		Clients: clients, Length: length, Settle: settle, Slice: slice,
	}
}

// A Ratio is what ratios come to, and where that lies with 95 % confidence.
type Ratio struct{ Middle, Low, High float64 }

func (r Ratio) String() string { return fmt.Sprintf("%.3f (%.3f to %.3f)", r.Middle, r.Low, r.High) }

// Throughput is the round's.
func Throughput(r Round) float64 { return r.Throughput }

// P99 is the round's 99th percentile.
func P99(r Round) float64 { return float64(r.P99) }

// CPU is the round's CPU time for each request.
func CPU(r Round) float64 { return r.CPU }

// Against compares a contender's rounds with those of the reference beside them.
// What else runs on a machine changes from second to second. Where Bare has run twice,
// the mean of both stands for it: how a process lies in memory is luck.
func (c Contender) Against(reference string, of func(Round) float64) Ratio {
	return NewRatio(c.ratios(reference, of))
}

func (c Contender) ratios(reference string, of func(Round) float64) (ratios []float64) {
	again := c.Beside[Again]
	for i, r := range c.Beside[reference] {
		beside := of(r)
		if reference == Bare && len(again) > 0 {
			beside = math.Sqrt(beside * of(again[i]))
		}
		ratios = append(ratios, of(c.Rounds[i])/beside)
	}
	return ratios
}

// Spread returns between what the ratios of single rounds lie, but for one in forty at
// either end where there are as many, and how many these are. Without any it returns NaN.
func (c Contender) Spread(reference string, of func(Round) float64) (low, high float64, n int) {
	v := slices.Sorted(slices.Values(c.ratios(reference, of)))
	if len(v) == 0 {
		return math.NaN(), math.NaN(), 0
	}
	out := len(v) / 40
	return v[out], v[len(v)-1-out], len(v) - 2*out
}

// Load returns what was measured with a load.
func (s Service) Load(name string) (Load, bool) {
	i := slices.IndexFunc(s.Loads, func(l Load) bool { return l.Name == name })
	if i < 0 {
		return Load{}, false
	}
	return s.Loads[i], true
}

// Outlasts reports whether s is a run like o that has driven each service for more time.
func (s Service) Outlasts(o Service) bool {
	total := func(s Service) time.Duration { return time.Duration(s.Rounds) * s.Length }
	return s.Like(o) && total(s) > total(o)
}

// Like reports whether both are runs by the same clients on the same machine, with the
// same documents, the same setting of the garbage collector and the same share of the load.
func (s Service) Like(o Service) bool {
	return s.GOGC == o.GOGC && s.Corpus == o.Corpus && s.Machine == o.Machine && s.Placing == o.Placing &&
		s.Clients == o.Clients && s.Share == o.Share
}

// Lines are the load's comparisons in the form that the benchmarks print.
func (l Load) Lines() (lines []string) {
	for _, c := range l.Contenders {
		for _, reference := range References {
			if len(c.Beside[reference]) == 0 {
				continue
			}
			lines = append(lines, fmt.Sprintf("compare service-%s-%s ours_ns=%.0f peer=%s peer_ns=%.0f ratio=%.3f throughput=%v p99=%v",
				c.Name, l.Name, median(c.Rounds, CPU), reference, median(c.Beside[reference], CPU),
				c.Against(reference, CPU).Middle, c.Against(reference, Throughput), c.Against(reference, P99)))
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

// Pair compares two contenders of the same rounds, a with b. ok is false where one is
// missing. The Service must be whole.
func (l Load) Pair(a, b string, of func(Round) float64) (r Ratio, ok bool) {
	x, hasA := l.Find(a)
	y, hasB := l.Find(b)
	if !hasA || !hasB {
		return Ratio{}, false
	}
	var ratios []float64
	for i := range x.Rounds {
		ratios = append(ratios, of(x.Rounds[i])/of(y.Rounds[i]))
	}
	return NewRatio(ratios), true
}

// Together compares those whose names match as if they were one, whose round is the
// geometric mean of theirs: what they have in common shows better than in each of them.
// n is how many there are. The Service must be whole.
func (l Load) Together(match func(name string) bool, reference string, of func(Round) float64) (r Ratio, n int) {
	var sums []float64
	for _, c := range l.Contenders {
		ratios := c.ratios(reference, of)
		if !match(c.Name) || len(ratios) == 0 {
			continue
		}
		n++
		if sums == nil {
			sums = make([]float64, len(ratios))
		}
		for i := range sums {
			sums[i] += math.Log(ratios[i])
		}
	}
	for i := range sums {
		sums[i] = math.Exp(sums[i] / float64(n))
	}
	return NewRatio(sums), n
}

// Measures tells whether the service of that name measures by otelperf, and whether on
// the hot road.
func Measures(name string) (measures, hot bool) {
	switch name {
	case Bare, Disabled, ByHand, Again, Pprof:
		return false, false
	}
	return true, name == Hot || strings.HasSuffix(name, "-hot")
}

// Median is of one number of all rounds.
func (c Contender) Median(of func(Round) float64) float64 { return median(c.Rounds, of) }

func median(rounds []Round, of func(Round) float64) float64 {
	var all []float64
	for _, r := range rounds {
		all = append(all, of(r))
	}
	return Median(all)
}

// Median returns it, NaN if there are no values.
func Median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return math.NaN()
	}
	v := slices.Sorted(slices.Values(values))
	return (v[(n-1)/2] + v[n/2]) / 2
}

// NewRatio returns the median of the means of all pairs of ratios (Hodges and
// Lehmann), and the interval between two of these means that holds the middle of
// what the ratios were drawn from in 95 of 100 cases (Wilcoxon's signed ranks); of
// fewer than six ratios, all of them. An outlier moves neither far, and both make more
// of a round than the median of the ratios does. Means are geometric: twice as much
// and half as much are one. The interval supposes that ratios are as often so much
// above the middle as below it, and that one round says nothing of the next.
func NewRatio(ratios []float64) Ratio {
	n := len(ratios)
	if n == 0 {
		return Ratio{math.NaN(), math.NaN(), math.NaN()}
	}
	means := make([]float64, 0, n*(n+1)/2)
	for i, a := range ratios {
		for _, b := range ratios[:i+1] {
			means = append(means, math.Sqrt(a*b))
		}
	}
	slices.Sort(means)
	cut := signedRanks(n)
	return Ratio{Median(means), means[cut], means[len(means)-1-cut]}
}

// signedRanks returns the largest k so that of n values around zero those below it
// have ranks, by size, whose sum is k or less in no more than 2.5 of 100 cases; 0 if
// there is none.
func signedRanks(n int) (k int) {
	sums := []float64{1} // how probable each sum of the ranks so far is
	for rank := 1; rank <= n; rank++ {
		next := make([]float64, len(sums)+rank)
		for sum, p := range sums {
			next[sum] += p / 2
			next[sum+rank] += p / 2
		}
		sums = next
	}
	for below := sums[0]; below <= 0.025; below += sums[k] {
		k++
	}
	return max(0, k-1)
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
