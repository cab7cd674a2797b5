package hotroad

import (
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// A stream is what one reader gets of a store.
type stream struct {
	name, description, unit string
	store                   *store
	at                      int // in store.readers
	delta                   bool
	last                    time.Time // delta: when the interval began
}

// collect returns the stream's data, or nil if there is none.
func (r *stream) collect() metricdata.Aggregation {
	st := r.store
	st.mu.Lock()
	defer st.mu.Unlock()
	now := time.Now()
	temporality, start := metricdata.CumulativeTemporality, time.Time{}
	if r.delta {
		temporality, start = metricdata.DeltaTemporality, r.last
	}
	var data metricdata.Aggregation
	if st.explicit != nil {
		if points := st.explicits(r.at, start, now); len(points) > 0 {
			data = metricdata.Histogram[float64]{DataPoints: points, Temporality: temporality}
		}
	} else if points := st.exponentials(r.at, start, now); len(points) > 0 {
		data = metricdata.ExponentialHistogram[float64]{DataPoints: points, Temporality: temporality}
	}
	r.last = now
	st.tidy(now)
	return data
}

// drain takes the sums and extremes out of the series' shards, for all readers.
// It is called after the counters were read: see lease.record. total is what
// they came to.
func (s *series) drain(total uint64, now time.Time) {
	if total != s.total {
		s.total, s.grew = total, now
	}
	if s.current != nil {
		s.current.spread.Forgive()
	}
	for i := range s.shards {
		sh := s.shards[i].Load()
		if sh == nil {
			continue
		}
		sum, lowest, highest := sh.drain()
		for r := range s.seen {
			p := &s.seen[r]
			p.sum += sum
			p.lowest, p.highest = min(p.lowest, lowest), max(p.highest, highest)
		}
	}
}

// explicits returns the points of reader at. An empty start stands for
// cumulative data.
func (st *store) explicits(at int, start, now time.Time) []metricdata.HistogramDataPoint[float64] {
	n := st.buckets()
	points := make([]metricdata.HistogramDataPoint[float64], 0, len(st.series))
	all := make([]uint64, n*len(st.series))
	bounds := append([]float64(nil), st.explicit.bounds...) // the exporter's own
	for _, s := range st.series {
		counts := all[:n:n]
		total := s.readExplicit(counts)
		s.drain(total, now)
		p := &s.seen[at]
		if total == 0 || !start.IsZero() && total == p.total {
			continue
		}
		all = all[n:]
		d := metricdata.HistogramDataPoint[float64]{
			Attributes: s.attrs, StartTime: s.start, Time: now, Count: total, Bounds: bounds,
			BucketCounts: counts, Sum: p.sum, Exemplars: s.examples(start),
		}
		if !start.IsZero() {
			d.StartTime = start
			d.Count -= p.total
			if p.counts == nil {
				p.counts = make([]uint64, n)
			}
			for i, c := range counts {
				counts[i], p.counts[i] = c-p.counts[i], c
			}
		}
		p.total = total
		if st.extremes {
			first, last := ends(counts)
			d.Min, d.Max = p.extrema(
				span{st.explicit.bucket(p.lowest), first, st.explicit.edge(first - 1), st.explicit.edge(first)},
				span{st.explicit.bucket(p.highest), last, st.explicit.edge(last - 1), st.explicit.edge(last)},
				!start.IsZero())
		} else if !start.IsZero() {
			p.clear()
		}
		points = append(points, d)
	}
	return points
}

// readExplicit sets counts to the series' counters and returns their total.
func (s *series) readExplicit(counts []uint64) (total uint64) {
	clear(counts)
	for i := range s.shards {
		sh := s.shards[i].Load()
		if sh == nil {
			continue
		}
		for b := range sh.counts {
			c := sh.counts[b].Load()
			counts[b] += c
			total += c
		}
	}
	return total
}

// isRead reports whether the counters hold nothing but what was read last.
func (st *store) isRead(s *series) bool {
	var total uint64
	if st.explicit != nil {
		total = s.readExplicit(make([]uint64, st.buckets()))
	} else {
		total = s.readExponential(new(tally))
	}
	return total == s.total
}

// ends returns the first and the last bucket that is not empty.
func ends(counts []uint64) (first, last int) {
	for counts[first] == 0 {
		first++
	}
	last = len(counts) - 1
	for counts[last] == 0 {
		last--
	}
	return first, last
}

// edge returns the upper end of bucket b, which -1 and the last one do not have.
func (e *explicit) edge(b int) float64 {
	switch {
	case b < 0:
		return math.Inf(-1)
	case b >= len(e.bounds):
		return math.Inf(1)
	}
	return e.bounds[b]
}

// A span says which bucket an extreme is in, and which it should be in, with
// its lower and upper end.
type span struct {
	is, want     int
	lower, upper float64
}

// extrema returns the extremes of an interval, or of all time, from what was
// drained, and keeps for the next interval what belongs to it.
//
// A goroutine that is between noting an extreme and counting its value while
// the shards are read has its extreme taken out one collection too early. That
// shows: the extreme lies outside the buckets that grew. It is then kept for the
// next time, and the end of the outermost bucket that grew stands in for the
// interval's own, so that extremes and buckets never contradict each other.
func (p *seen) extrema(low, high span, delta bool) (lo, hi metricdata.Extrema[float64]) {
	lowest, highest := p.lowest, p.highest
	keptLow, keptHigh := math.Inf(1), math.Inf(-1)
	if low.is != low.want || math.IsInf(lowest, 1) {
		if low.is < low.want {
			keptLow = lowest
		}
		if lowest = low.lower; math.IsInf(lowest, -1) {
			lowest = low.upper
		}
	}
	if high.is != high.want || math.IsInf(highest, -1) {
		if high.is > high.want {
			keptHigh = highest
		}
		if highest = high.upper; math.IsInf(highest, 1) {
			highest = high.lower
		}
	}
	if delta {
		p.sum, p.lowest, p.highest = 0, keptLow, keptHigh
	}
	return metricdata.NewExtrema(lowest), metricdata.NewExtrema(highest)
}

// examples returns the exemplars measured since start.
func (s *series) examples(start time.Time) []metricdata.Exemplar[float64] {
	if s.exemplars == nil {
		return nil
	}
	all := s.exemplars.collect(start)
	if len(all) == 0 {
		return nil
	}
	out := make([]metricdata.Exemplar[float64], len(all))
	for i, x := range all {
		out[i] = metricdata.Exemplar[float64]{
			FilteredAttributes: append([]attribute.KeyValue(nil), x.FilteredAttributes...),
			Time:               x.Time, SpanID: x.SpanID, TraceID: x.TraceID,
		}
		if x.Value.Type() == exemplar.Float64ValueType {
			out[i].Value = x.Value.Float64()
		}
	}
	return out
}
