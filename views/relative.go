package views

import "math"

// A past is what a group's own recent intervals were like: what a relative
// baseline is held against.
type past struct {
	values []float64 // the newest Relative ones, in the baseline's unit
	next   int       // where the following one goes
	own    Baseline  // with the mean as its target
}

// target returns the mean of the past. It is NaN while that is too short, or
// has no share that could be too much.
func (p *past) target(warmUp int) float64 {
	if len(p.values) < warmUp {
		return math.NaN()
	}
	var mean float64
	for _, v := range p.values {
		mean += v / float64(len(p.values))
	}
	if mean <= 0 {
		return math.NaN()
	}
	return mean
}

// teach adds an interval's value, in the place of the oldest of n. An infinite
// one teaches nothing: nothing could be worse than a mean with it.
func (p *past) teach(v float64, n int) {
	if v-v != 0 {
		return
	}
	if len(p.values) < n {
		p.values = append(p.values, v)
		return
	}
	p.values[p.next%n] = v
	p.next = (p.next + 1) % n
}
