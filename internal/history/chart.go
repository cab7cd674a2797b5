package history

import (
	"math"
	"slices"
	"time"

	"github.com/otelperf/otelperf-go/views"
)

// MaxColumns is how many points a chart has at the most.
const MaxColumns = 2000

// A Chart is a series over time, as few points as asked for. Columns hold one
// value for each time; NaN where there is none. Where several collections
// share a point it shows the worst of values and quantiles, so that no breach
// is averaged away, and the true rate, mean and error ratio of all of them.
type Chart struct {
	Series
	Step  time.Duration // that one point covers; 0: each is one collection
	Times []time.Time   // when what a point covers ended

	// Of judged series and numbers.
	Value []float64
	State []views.State // the worst; of judged series only

	// Of the others.
	Count                                 []uint64
	Rate, Mean, P50, P95, P99, ErrorRatio []float64
}

// A Window is a stretch of time and how many points it is to be shown in.
type Window struct {
	From, To time.Time
	Columns  int // 1 to MaxColumns; else MaxColumns
}

func (w Window) columns() int {
	if w.Columns < 1 || w.Columns > MaxColumns {
		return MaxColumns
	}
	return w.Columns
}

// cells tells which points of a chart the rows go to. The edges are multiples of
// the step since 1970, so that they do not move from one look to the next.
type cells struct {
	from, step int64
}

func (h *History) cells(w Window) cells {
	from, to := h.since(w.From), nanoseconds(w.To)
	if to <= from {
		return cells{from: from}
	}
	step := (to - from + int64(w.columns()) - 1) / int64(w.columns())
	if interval := int64(h.cfg.interval); step <= interval*3/2 {
		return cells{from: from} // as it is
	}
	// Round numbers make edges that stay for as long as the window is as wide.
	for _, s := range steps {
		if int64(s) >= step {
			step = int64(s)
			break
		}
	}
	return cells{from, step}
}

var steps = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 20 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 3 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 20 * time.Minute,
	30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
}

// end returns the end of the point that a row belongs to.
func (c cells) end(st stamp) int64 {
	if c.step == 0 {
		return st.end
	}
	return (st.end + c.step - 1) / c.step * c.step
}

// A cell is a point of a chart in the making.
type cell struct {
	end           int64
	value         float64
	state         views.State
	seconds       float64
	count, failed uint64
	sum           float64
	p50, p95, p99 float64
}

// Chart returns one series in the window; ok is false if there is no such
// series. lower says that of several values the lower one is the worse.
func (h *History) Chart(id string, w Window, lower bool) (_ Chart, ok bool) {
	if h == nil {
		return Chart{}, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	at, ok := h.kept.store.byID[id]
	if !ok {
		return Chart{}, false
	}
	k := &h.kept.store.table[at]
	c, until := h.cells(w), nanoseconds(w.To)
	var all []cell
	h.kept.store.each(at, c.from, func(st stamp, r *row) {
		if st.end > until {
			return
		}
		end := c.end(st)
		if n := len(all); n == 0 || all[n-1].end != end {
			nan := math.NaN()
			all = append(all, cell{end: end, value: nan, p50: nan, p95: nan, p99: nan})
		}
		all[len(all)-1].add(st, r, k.Kind, lower)
	})
	slices.SortStableFunc(all, func(a, b cell) int { return int(min(1, max(-1, a.end-b.end))) })
	return h.chart(k.Series, c, all), true
}

func (c *cell) add(st stamp, r *row, k Kind, lower bool) {
	if !k.timed() {
		c.value = worse(c.value, r.value, lower)
		if severity(r.state) > severity(c.state) || c.count == 0 {
			c.state = r.state
		}
		c.count++
		return
	}
	c.seconds += st.seconds()
	c.count += r.count
	c.failed += r.failed
	if r.count > 0 {
		c.sum += r.mean * float64(r.count)
	}
	c.p50, c.p95, c.p99 = worse(c.p50, r.p50, false), worse(c.p95, r.p95, false), worse(c.p99, r.p99, false)
}

// worse returns the worse of two values of which either may be NaN.
func worse(a, b float64, lower bool) float64 {
	switch {
	case math.IsNaN(a):
		return b
	case math.IsNaN(b):
		return a
	case lower:
		return min(a, b)
	}
	return max(a, b)
}

// severity orders states by how much they ask to be looked at.
func severity(s views.State) int {
	switch s {
	case views.Firing:
		return 4
	case views.Pending:
		return 3
	case views.Incomplete:
		return 2
	case views.Silent:
		return 1
	}
	return 0
}

// chart turns cells into columns, with a hole where nothing was measured for
// longer than three steps.
func (h *History) chart(s Series, c cells, all []cell) Chart {
	out := Chart{Series: s, Step: time.Duration(c.step)}
	hole := 3 * max(c.step, int64(h.cfg.interval))
	var last int64
	for _, x := range all {
		if last != 0 && x.end-last > hole {
			nan := math.NaN()
			out.put(cell{end: last + hole/3, value: nan, p50: nan, p95: nan, p99: nan, seconds: -1}, h.cfg.interval)
		}
		last = x.end
		out.put(x, h.cfg.interval)
	}
	return out
}

func (c *Chart) put(x cell, interval time.Duration) {
	c.Times = append(c.Times, time.Unix(0, x.end))
	if !c.Kind.timed() {
		c.Value = append(c.Value, x.value)
		if c.Kind == Judged {
			c.State = append(c.State, x.state)
		}
		return
	}
	rate, mean, ratio := math.NaN(), math.NaN(), math.NaN()
	if x.seconds >= interval.Seconds()/2 {
		rate = float64(x.count) / x.seconds
	}
	if x.count > 0 {
		mean, ratio = x.sum/float64(x.count), float64(x.failed)/float64(x.count)
	}
	c.Count = append(c.Count, x.count)
	c.Rate, c.Mean, c.ErrorRatio = append(c.Rate, rate), append(c.Mean, mean), append(c.ErrorRatio, ratio)
	c.P50, c.P95, c.P99 = append(c.P50, x.p50), append(c.P95, x.p95), append(c.P99, x.p99)
}
