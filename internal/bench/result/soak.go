package result

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A Soak is a run under load for a while.
type Soak struct {
	When     time.Time
	Machine  string
	Placing  string
	Hot      bool
	Length   time.Duration
	Requests int // answered as they should be
	HungUp   int // by clients that did not wait
	Shown    int // collections, on the open page
	Exports  int
	Lines    []Line
}

// A Line is one quantity over time.
type Line struct {
	Name, Unit string
	Limit      float64 // of Growth
	Told       bool    // for information: it may grow
	Short      bool    // too few samples are kept to tell: nothing below is told
	Samples    []Sample

	// Of the samples without the first fifth, which are kept.
	Start, End, Min, Max float64
	Growth               float64 // of the line through them, over their time
}

// A Sample is a quantity at a time after the start.
type Sample struct {
	At    time.Duration
	Value float64
}

// minSamples is what a statement needs.
const minSamples = 5

// NewLine returns the line through the samples, which are in order of time. It
// may grow by share of its median, or by least if that is more.
func NewLine(name, unit string, samples []Sample, share, least float64) Line {
	l := Line{Name: name, Unit: unit, Limit: least, Samples: samples, Short: true}
	var kept []Sample
	if n := len(samples); n > 0 {
		kept = slices.DeleteFunc(slices.Clone(samples), func(s Sample) bool { return s.At < samples[n-1].At/5 })
	}
	if len(kept) < minSamples {
		return l
	}
	var values []float64
	for _, s := range kept {
		values = append(values, s.Value)
	}
	l.Short = false
	l.Start, l.End = values[0], values[len(values)-1]
	l.Min, l.Max = slices.Min(values), slices.Max(values)
	slices.Sort(values)
	l.Limit = max(least, share*values[len(values)/2])
	l.Growth = slope(kept) * (kept[len(kept)-1].At - kept[0].At).Seconds()
	return l
}

// slope returns the median slope between any two samples, per second.
func slope(s []Sample) float64 {
	var all []float64
	for i := range s {
		for j := range i {
			if d := (s[i].At - s[j].At).Seconds(); d > 0 {
				all = append(all, (s[i].Value-s[j].Value)/d)
			}
		}
	}
	if len(all) == 0 {
		return math.NaN()
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// Flat reports whether the line does not rise by more than its limit, or may.
// Too few samples say nothing, and that is not flat.
func (l Line) Flat() bool { return l.Told || !l.Short && l.Growth <= l.Limit }

// Verdict says in words whether the line is flat.
func (l Line) Verdict() string {
	switch {
	case l.Short:
		return "TOO FEW SAMPLES"
	case l.Told:
		return "not judged"
	case l.Flat():
		return "flat"
	}
	return "NOT FLAT"
}

// Flat returns an error that names everything that grew, or had too few samples.
func (s Soak) Flat() error {
	var grown []string
	for _, l := range s.Lines {
		switch {
		case l.Flat():
		case l.Short:
			grown = append(grown, fmt.Sprintf("%s has fewer than %d samples after the first fifth of the time", l.Name, minSamples))
		default:
			grown = append(grown, fmt.Sprintf("%s by %.2f %s, more than %.2f", l.Name, l.Growth, l.Unit, l.Limit))
		}
	}
	if len(grown) > 0 {
		return fmt.Errorf("soak: after %v not flat: %s", s.Length, strings.Join(grown, "; "))
	}
	return nil
}

// Table shows the lines.
func (s Soak) Table() string {
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "# soak of %v on %s; %s; hot road: %v\n", s.Length, s.Machine, s.Placing, s.Hot)
	_, _ = fmt.Fprintf(&b, "# %d requests answered, %d abandoned, %d exports, the page showed %d collections\n", s.Requests, s.HungUp, s.Exports, s.Shown)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "what\tstart\tend\tmin\tmax\tgrowth\tlimit\tper hour\tunit\tsamples\t")
	for _, l := range s.Lines {
		_, _ = fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f\t%.2f\t%+.2f\t%.2f\t%+.2f\t%s\t%d\t%s\n",
			l.Name, l.Start, l.End, l.Min, l.Max, l.Growth, l.Limit, l.PerHour(), l.Unit, len(l.Samples), l.Verdict())
	}
	_ = w.Flush() // a Builder takes everything
	return b.String()
}

// PerHour is the growth in an hour.
func (l Line) PerHour() float64 {
	n := len(l.Samples)
	if l.Short {
		return 0
	}
	return l.Growth / (l.Samples[n-1].At - l.Samples[n-1].At/5).Hours()
}
