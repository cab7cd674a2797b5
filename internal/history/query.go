package history

import (
	"cmp"
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/views"
)

// A Point is what one collection says of a series. What a kind of series does
// not have is NaN or zero.
type Point struct {
	// Start and End bound what was measured. Start is End where that is not
	// known.
	Start, End time.Time

	// Value is a judged value or a number; State is that of a judged one.
	Value float64
	State views.State

	// Count is how many measurements the point is made of, Failed how many of
	// them failed.
	Count, Failed uint64

	// Rate is per second, ErrorRatio among all, the others in the series' unit.
	Rate, Mean, P50, P95, P99, ErrorRatio float64
}

// A Line is a series and its points, oldest first.
type Line struct {
	Series
	Points []Point
}

// Series returns all that are kept, by kind, name and group.
func (h *History) Series() []Series {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]Series, 0, len(h.kept.store.index))
	for i := range h.kept.store.table {
		if k := &h.kept.store.table[i]; k.used {
			out = append(out, k.Series)
		}
	}
	slices.SortFunc(out, func(a, b Series) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Group.Encoded(attribute.DefaultEncoder()), b.Group.Encoded(attribute.DefaultEncoder())))
	})
	return out
}

// History returns every series of the name, a baseline's, an operation's, a
// route's or a metric's, with the points that ended after since.
func (h *History) History(name string, since time.Time) []Line {
	var out []Line
	for _, s := range h.Series() {
		if s.Name == name {
			out = append(out, Line{s, h.Points(s.ID, since)})
		}
	}
	return out
}

// Points returns the points of one series that ended after since; none if there
// is no such series.
func (h *History) Points(id string, since time.Time) []Point {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	at, ok := h.kept.store.byID[id]
	if !ok {
		return nil
	}
	var out []Point
	kind := h.kept.store.table[at].Kind
	h.kept.store.each(at, h.since(since), func(st stamp, r *row) {
		out = append(out, h.point(kind, st, r))
	})
	slices.SortStableFunc(out, func(a, b Point) int { return a.End.Compare(b.End) }) // clocks are set back
	return out
}

// since limits what a caller asks for to what is kept.
func (h *History) since(t time.Time) int64 {
	return max(nanoseconds(h.newest().Add(-h.cfg.retention)), nanoseconds(t))
}

// nanoseconds is t since 1970, or as near as an int64 gets.
func nanoseconds(t time.Time) int64 {
	switch {
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return t.UnixNano()
}

func (h *History) newest() time.Time { return time.Unix(0, h.kept.store.newest()) }

func (h *History) point(k Kind, st stamp, r *row) Point {
	nan := math.NaN()
	p := Point{
		Start: time.Unix(0, st.start), End: time.Unix(0, st.end),
		Value: r.value, State: r.state, Count: r.count, Failed: r.failed,
		Rate: nan, Mean: r.mean, P50: r.p50, P95: r.p95, P99: r.p99, ErrorRatio: nan,
	}
	if !k.timed() {
		return p
	}
	if s := st.seconds(); s >= h.cfg.interval.Seconds()/2 {
		p.Rate = float64(r.count) / s
	}
	if r.count > 0 {
		p.ErrorRatio = float64(r.failed) / float64(r.count)
	}
	return p
}
