package history

import (
	"slices"
	"time"
)

// A Heat is how the measurements of one series spread over time: for each time
// and each band between two bounds how many there were, to 5 %.
type Heat struct {
	Series
	Step  time.Duration // that one column covers; 0: each is one collection
	Times []time.Time   // when what a column covers ended

	// Bounds are those between the bands, by rising value. The first band is
	// up to and with Bounds[0], the last above all.
	Bounds []float64

	// Counts has a list of len(Bounds)+1 for each time.
	Counts [][]float64
}

// Heat returns the heat map of a series that has buckets in the window; ok is
// false if there is none.
func (h *History) Heat(id string, w Window) (_ Heat, ok bool) {
	if h == nil {
		return Heat{}, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	st := h.kept.store
	at, ok := st.byID[id]
	if !ok || !st.table[at].Kind.timed() {
		return Heat{}, false
	}
	c, until := h.cells(w), nanoseconds(w.To)
	bounds := 0
	st.each(at, c.from, func(_ stamp, r *row) {
		if r.bounds > 0 {
			bounds = r.bounds // the newest row's are everybody's
		}
	})
	if bounds == 0 {
		return Heat{}, false
	}
	out := Heat{Series: st.table[at].Series, Step: time.Duration(c.step), Bounds: st.bounds[bounds-1]}
	var last int64
	st.each(at, c.from, func(at stamp, r *row) {
		if at.end > until {
			return
		}
		if end := c.end(at); len(out.Times) == 0 || end > last {
			last = end
			out.Times = append(out.Times, time.Unix(0, end))
			out.Counts = append(out.Counts, make([]float64, len(out.Bounds)+1))
		}
		column := out.Counts[len(out.Counts)-1]
		for i, b := range r.bands {
			band := r.first + i
			if r.bounds != bounds {
				band = reband(st.bounds[r.bounds-1], band, out.Bounds)
			}
			column[band] += expand(b)
		}
	})
	out.narrow()
	return out, true
}

// reband returns the band of other bounds that holds the upper end of a band.
func reband(bounds []float64, band int, others []float64) int {
	if band >= len(bounds) {
		return len(others)
	}
	i, _ := slices.BinarySearch(others, bounds[band])
	return i
}

// narrow leaves out the bands at either end that hold nothing at any time.
func (o *Heat) narrow() {
	first, last := len(o.Bounds), 0
	for _, column := range o.Counts {
		for i, n := range column {
			if n > 0 {
				first, last = min(first, i), max(last, i)
			}
		}
	}
	if first > last {
		return
	}
	// A bound below the first band, and one above the last, say where they end.
	first, last = max(first-1, 0), min(last+1, len(o.Bounds))
	for t, column := range o.Counts {
		o.Counts[t] = column[first : last+1]
	}
	o.Bounds = slices.Clone(o.Bounds[first:last])
}
