package result

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRatio(t *testing.T) {
	t.Parallel()
	eleven := []float64{11, 1, 10, 2, 9, 3, 8, 4, 7, 5, 6}
	// Of eleven values the second smallest and the second largest: 98.8 %; the
	// third would give 93.5 %.
	if got := NewRatio(eleven); got != (Ratio{6, 2, 10}) {
		t.Errorf("of eleven values: %v", got)
	}
	if got := NewRatio([]float64{3, 1}); got != (Ratio{2, 1, 3}) {
		t.Errorf("of two values: %v", got)
	}
	if got := NewRatio(nil); !math.IsNaN(got.Median) {
		t.Errorf("of nothing: %v", got)
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
		for _, name := range []string{"full", "hot"} {
			s.Add("mix", named(name, 90*scale), []Named{named(Bare, 100*scale), named(Disabled, 99*scale)})
		}
	}
	s.Add("documents", named("full", 1), []Named{named(Bare, 2)})
	full, ok := s.Loads[0].Find("full")
	if got := full.Against(Bare, Throughput); !ok || got != (Ratio{0.9, 0.9, 0.9}) {
		t.Errorf("against the bare one: %v, want 0.9", got)
	}
	if got := full.Against(Disabled, Throughput).Median; math.Abs(got-90./99) > 1e-9 {
		t.Errorf("against the one that is off: %v, want 0.909", got)
	}
	off, _ := s.Loads[0].Find(Disabled)
	if got := off.Against(Bare, Throughput); len(off.Rounds) != 6 || got != (Ratio{0.99, 0.99, 0.99}) {
		t.Errorf("the one that is off in %d rounds: %v, want 0.99 in 6", len(off.Rounds), got)
	}
	if bare, _ := s.Loads[0].Find(Bare); len(bare.Rounds) != 6 || len(bare.Beside) != 0 {
		t.Errorf("the bare one has %d rounds, beside %v", len(bare.Rounds), bare.Beside)
	}
	if got := full.Against("another", Throughput); !math.IsNaN(got.Median) {
		t.Errorf("beside nothing: %v", got)
	}
	if n := len(s.Loads[0].Lines()); n != 5 {
		t.Errorf("%d lines, want two for each contender and one for what is off", n)
	}
}

// TestJoin: rounds of several contenders stand beside those that they were with.
func TestJoin(t *testing.T) {
	t.Parallel()
	var s Service
	for i, name := range []string{"full", "hot", "page", Again, Pprof, "full"} {
		at := float64(i + 1)
		s.Add("mix", Named{Name: name, Round: Round{CPU: 2 * at}}, []Named{{Name: Bare, Round: Round{CPU: at}}, {Name: Disabled, Round: Round{CPU: 4 * at}}})
	}
	all := s.Loads[0].Join(func(name string) bool {
		measures, hot := Measures(name)
		return measures && !hot
	})
	if len(all.Rounds) != 3 {
		t.Fatalf("got %+v", all)
	}
	if bare, off := all.Against(Bare, CPU), all.Against(Disabled, CPU); bare != (Ratio{2, 2, 2}) || off != (Ratio{0.5, 0.5, 0.5}) {
		t.Errorf("%v of bare, %v of disabled", bare, off)
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
