package result

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// near tells whether a ratio is the wanted one but for rounding.
func near(got, want Ratio) bool {
	const some = 1e-9
	return math.Abs(got.Middle-want.Middle) < some && math.Abs(got.Low-want.Low) < some && math.Abs(got.High-want.High) < some
}

func TestRatio(t *testing.T) {
	t.Parallel()
	var eleven []float64
	for _, power := range []float64{5, -5, 4, -4, 3, -3, 2, -2, 1, -1, 0} {
		eleven = append(eleven, math.Exp2(power))
	}
	// The tables of signed ranks have 10 for eleven values. Of the means of two
	// powers in rising order the one after the tenth is that of -5 and 0.
	if got, want := NewRatio(eleven), (Ratio{1, math.Exp2(-2.5), math.Exp2(2.5)}); !near(got, want) {
		t.Errorf("of eleven values: %v, want %v", got, want)
	}
	if got := NewRatio([]float64{3, 1}); !near(got, Ratio{math.Sqrt(3), 1, 3}) {
		t.Errorf("of two values: %v", got)
	}
	if got := NewRatio(nil); !math.IsNaN(got.Middle) {
		t.Errorf("of nothing: %v", got)
	}
	// From tables, for one sign and 2.5 %.
	for n, want := range map[int]int{1: 0, 5: 0, 6: 0, 7: 2, 8: 3, 9: 5, 10: 8, 12: 13, 20: 52, 30: 137, 50: 434} {
		if got := signedRanks(n); got != want {
			t.Errorf("signed ranks of %d: %d, want %d", n, got, want)
		}
	}
}

// TestRatioHolds draws around a known ratio, with outliers: nineteen intervals of
// twenty hold it.
func TestRatioHolds(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	const tries = 2000
	held := 0
	for range tries {
		var drawn []float64
		for range 20 {
			x := 0.03 * r.NormFloat64()
			if r.IntN(20) == 0 {
				x *= 10
			}
			drawn = append(drawn, 0.98*math.Exp(x))
		}
		if got := NewRatio(drawn); got.Low <= 0.98 && 0.98 <= got.High {
			held++
		}
	}
	if held < tries*93/100 || held > tries*97/100 {
		t.Errorf("%d of %d intervals hold the ratio", held, tries)
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	if got := Median([]float64{9, 1, 2}); got != 2 {
		t.Errorf("of three: %v", got)
	}
	if got := Median([]float64{9, 1, 2, 4}); got != 3 {
		t.Errorf("of four: %v", got)
	}
	if got := Median(nil); !math.IsNaN(got) {
		t.Errorf("of none: %v", got)
	}
}

// TestAgainst: each round counts against those beside it, however much all of them
// differ from the next.
func TestAgainst(t *testing.T) {
	t.Parallel()
	var s Service
	named := func(name string, throughput float64) Named {
		return Named{Name: name, Round: Round{Throughput: throughput}}
	}
	for _, scale := range []float64{1, 10, 0.1} {
		s.Add("mix", []Named{named(Bare, 100*scale), named(Disabled, 99*scale), named("full", 90*scale), named("hot", 95*scale)}, 2)
	}
	s.Add("documents", []Named{named(Bare, 2), named("full", 1)}, 1)
	of := func(name, reference string) Ratio {
		c, ok := s.Loads[0].Find(name)
		if !ok || len(c.Rounds) != 3 {
			t.Errorf("%s has %d rounds", name, len(c.Rounds))
		}
		return c.Against(reference, Throughput)
	}
	for _, tc := range []struct {
		name, reference string
		want            float64
	}{{"full", Bare, 0.9}, {"full", Disabled, 90. / 99}, {"hot", Bare, 0.95}, {Disabled, Bare, 0.99}} {
		if got := of(tc.name, tc.reference); !near(got, Ratio{tc.want, tc.want, tc.want}) {
			t.Errorf("%s against %s: %v, want %v", tc.name, tc.reference, got, tc.want)
		}
	}
	if bare, _ := s.Loads[0].Find(Bare); len(bare.Beside) != 0 {
		t.Errorf("the bare one is beside %v", bare.Beside)
	}
	for _, c := range [][2]string{{"full", "another"}, {Disabled, Disabled}, {"hot", "full"}} {
		if got := of(c[0], c[1]); !math.IsNaN(got.Middle) {
			t.Errorf("%s against %s, which is no reference of it: %v", c[0], c[1], got)
		}
	}
	if n := len(s.Loads[0].Lines()); n != 5 {
		t.Errorf("%d lines, want two for each contender and one for what is off", n)
	}
}

// TestSpread leaves out one round in forty at either end.
func TestSpread(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		rounds, n int
		low, high float64
	}{{80, 76, 0.52, 1.27}, {36, 36, 0.50, 0.85}, {1, 1, 0.50, 0.50}} {
		var s Service
		for i := range tc.rounds {
			p99 := time.Duration(50 + i*7%tc.rounds) // each of them once, 7 having no divisor in common
			s.Add("mix", []Named{{Name: Bare, Round: Round{P99: 100}}, {Name: Again, Round: Round{P99: p99}}}, 1)
		}
		c, _ := s.Loads[0].Find(Again)
		if low, high, n := c.Spread(Bare, P99); low != tc.low || high != tc.high || n != tc.n {
			t.Errorf("of %d rounds %d are from %v to %v, want %+v", tc.rounds, n, low, high, tc)
		}
	}
	if low, high, n := (Contender{}).Spread(Bare, P99); !math.IsNaN(low) || !math.IsNaN(high) || n != 0 {
		t.Errorf("of none: %d from %v to %v", n, low, high)
	}
}

// TestAgainstBoth: where the bare one has run twice, its mean is the reference, and the
// second is compared with the first.
func TestAgainstBoth(t *testing.T) {
	t.Parallel()
	var s Service
	for _, scale := range []float64{1, 7} {
		var all []Named
		for i, name := range []string{Bare, Again, Disabled, "full"} {
			all = append(all, Named{Name: name, Round: Round{CPU: scale * []float64{1, 4, 4, 10}[i]}})
		}
		s.Add("mix", all, 3)
	}
	for _, tc := range []struct {
		name, reference string
		want            float64
	}{{Again, Bare, 4}, {Disabled, Bare, 2}, {"full", Bare, 5}, {"full", Disabled, 2.5}} {
		c, _ := s.Loads[0].Find(tc.name)
		if got := c.Against(tc.reference, CPU); !near(got, Ratio{tc.want, tc.want, tc.want}) {
			t.Errorf("%s against %s: %v, want %v", tc.name, tc.reference, got, tc.want)
		}
	}
}

// TestWhole: what an earlier version wrote, with rounds of each contender apart, and
// what was cut short is not whole.
func TestWhole(t *testing.T) {
	t.Parallel()
	var s Service
	if s.Whole() {
		t.Error("nothing is whole")
	}
	both := []Named{{Name: Bare}, {Name: "full"}}
	s.Add("mix", both, 1)
	s.Rounds++
	if s.Whole() {
		t.Error("turns that did not settle are whole")
	}
	s.Settle = time.Millisecond
	if s.Whole() {
		t.Error("what has no collection is whole")
	}
	s.Collections = []Collection{{Name: "full"}}
	if !s.Whole() {
		t.Error("one round is not whole")
	}
	s.Add("mix", both, 1)
	if s.Whole() {
		t.Error("two rounds are one")
	}
	for _, tc := range []struct {
		name       string
		references int
		whole      bool
	}{{"of both bare ones", 2, true}, {"of the first only", 1, false}} {
		s := Service{Rounds: 1, Settle: time.Millisecond, Collections: []Collection{{Name: "full"}}}
		s.Add("mix", []Named{{Name: Bare}, {Name: Again}, {Name: "full"}}, tc.references)
		if s.Whole() != tc.whole {
			t.Errorf("%s: whole is %v", tc.name, !tc.whole)
		}
	}
}

// TestCorpus: a run says which folder was searched, not where that is.
func TestCorpus(t *testing.T) {
	t.Parallel()
	own, other := NewService("", "", 1, 0, 0, 0), NewService("", filepath.Join("some", "folder"), 1, 0, 0, 0)
	if own.Corpus != "" || other.Corpus != "folder" {
		t.Errorf("corpora %q and %q, want none and folder", own.Corpus, other.Corpus)
	}
	if !own.Like(own) || own.Like(other) {
		t.Error("runs with other documents are alike, or those with the same are not")
	}
}

// TestTogether: several contenders are one whose round is the mean of theirs.
func TestTogether(t *testing.T) {
	t.Parallel()
	var s Service
	for _, scale := range []float64{1, 3} {
		var all []Named
		for i, name := range []string{Bare, Again, Disabled, ByHand, Pprof, "hot", "full", "page"} {
			all = append(all, Named{Name: name, Round: Round{CPU: scale * []float64{10, 10, 5, 8, 11, 40, 20, 30}[i]}})
		}
		s.Add("mix", all, 4)
	}
	onSDK := func(name string) bool {
		measures, hot := Measures(name)
		return measures && !hot
	}
	for reference, want := range map[string]float64{Bare: math.Sqrt(2 * 3), Disabled: math.Sqrt(4 * 6), ByHand: math.Sqrt(2.5 * 3.75)} {
		if got, n := s.Loads[0].Together(onSDK, reference, CPU); n != 2 || !near(got, Ratio{want, want, want}) {
			t.Errorf("%d of them %v of %s, want two, %v", n, got, reference, want)
		}
	}
	if got, n := s.Loads[0].Together(func(string) bool { return false }, Bare, CPU); n != 0 || !math.IsNaN(got.Middle) {
		t.Errorf("nobody: %v of %d", got, n)
	}
	if measures, _ := Measures(Disabled); measures {
		t.Error("disabled measures")
	}
	if measures, hot := Measures("everything-hot"); !measures || !hot {
		t.Error("the hot road does not measure")
	}
	if measures, hot := Measures("snapshot"); !measures || hot {
		t.Error("a snapshot is on the hot road")
	}
}

func TestPair(t *testing.T) {
	t.Parallel()
	l := Load{Contenders: []Contender{
		{Name: "full", Rounds: []Round{{Throughput: 100}, {Throughput: 200}}},
		{Name: "page", Rounds: []Round{{Throughput: 50}, {Throughput: 400}}},
	}}
	if got, ok := l.Pair("page", "full", Throughput); !ok || !near(got, Ratio{1, 0.5, 2}) {
		t.Errorf("%v, %v", got, ok)
	}
	if got, ok := l.Pair("page", "hot", Throughput); ok {
		t.Errorf("of one that is missing: %v", got)
	}
}

// TestLine: what leaks is found below noise many times as large, what does not
// leak is flat.
func TestLine(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	samples := func(leak float64) (out []Sample) {
		for i := range 300 {
			v := 100 + leak*float64(i)/300 + 2*r.NormFloat64()
			if i%50 == 7 {
				v += 80 // an outlier
			}
			if i < 30 {
				v -= 60 // it warms up
			}
			out = append(out, Sample{time.Duration(i) * 2 * time.Second, v})
		}
		return out
	}
	if l := NewLine("steady", "MiB", samples(0), 0.03, 0); !l.Flat() || l.Limit < 2.9 || l.Limit > 3.1 {
		t.Errorf("steady: growth %v, limit %v", l.Growth, l.Limit)
	}
	l := NewLine("leak", "MiB", samples(6), 0.03, 0)
	if l.Flat() || l.Growth < 3.5 || l.Growth > 6 {
		t.Errorf("leak: growth %v, limit %v", l.Growth, l.Limit)
	}
	if err := (Soak{Lines: []Line{l}}).Flat(); err == nil {
		t.Error("a soak that leaks has no error")
	}
	few := Soak{Lines: []Line{NewLine("few", "", samples(0)[:5], 1, 1000)}}
	if err := few.Flat(); err == nil || !strings.Contains(err.Error(), "few has fewer than 5 samples") {
		t.Errorf("few: %v", err)
	}
	if err := Write(filepath.Join(t.TempDir(), "few.json"), few); err != nil {
		t.Error(err)
	}
	if few.Lines[0].Flat() {
		t.Error("four samples are flat")
	}
}
