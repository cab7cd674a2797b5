package distribution

import "slices"

// Grids keep one copy of each list of bounds that the points of a metric have.
// Distributions share the copies and never change them, so that bounds are neither
// compared nor copied point by point. The zero value is ready. Grids are not safe
// for concurrent use.
type Grids struct {
	known [][]float64 // in rising order, each
	next  int         // the one to give up when there is no more room

	// What was asked for last, and the answer. It is good as long as nobody
	// writes to the points' memory: until Forget.
	asked, answer []float64
}

// maxGrids bounds what is kept. One more than these costs a copy, again and again.
const maxGrids = 16

// of returns the copy of bounds, or an error if they are not in rising order.
func (g *Grids) of(bounds []float64) ([]float64, error) {
	if len(bounds) == 0 {
		return nil, nil
	}
	if identical(bounds, g.asked) {
		return g.answer, nil
	}
	for _, known := range g.known {
		if slices.Equal(known, bounds) {
			g.asked, g.answer = bounds, known
			return known, nil
		}
	}
	if !rising(bounds) {
		return nil, errBounds
	}
	g.asked, g.answer = bounds, slices.Clone(bounds)
	if len(g.known) < maxGrids {
		g.known = append(g.known, g.answer)
	} else {
		g.known[g.next] = g.answer
		g.next = (g.next + 1) % maxGrids
	}
	return g.answer, nil
}

// Forget lets go of the points. It must be called after the last point of a
// collection, whose memory may be used for the next one.
func (g *Grids) Forget() { g.asked, g.answer = nil, nil }

// identical tells whether a and b are the same part of memory.
func identical(a, b []float64) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// equalBounds compares lists of bounds, of which most are the same one.
func equalBounds(a, b []float64) bool { return identical(a, b) || slices.Equal(a, b) }
