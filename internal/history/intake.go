package history

import (
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/distribution"
)

// maxInputs bounds the series whose last state is remembered, over all metrics.
const maxInputs = 20_000

// An intake turns collections, cumulative or delta, into what each interval
// added, summed by what is kept.
type intake struct {
	sources map[string]*metric
	inputs  int
	number  uint64 // of the collection
	end     time.Time
	start   time.Time // the earliest that a point began
	current distribution.Distribution
	bad     int64 // points that could not be used
}

// A metric is one metric of the collection, under one name.
type metric struct {
	name   string
	unit   string
	number source // as a level or a count
	spread source // as a distribution

	inputs map[attribute.Distinct]*input
	sums   map[sumKey]*sum
	grids  distribution.Grids
	rate   bool // of a count that only rises
}

// An input is one series of the SDK, as it was when last seen.
type input struct {
	sum   *sum
	part  *part
	seen  uint64
	value float64
	prev  distribution.Distribution
}

type sumKey struct {
	kind  Kind
	name  string
	group attribute.Distinct
}

// A sum is what one series of the history is about to get.
type sum struct {
	kind  Kind
	name  string
	group attribute.Set
	touch uint64
	parts []*part
	value float64
	total distribution.Distribution
}

// A part is the share of a sum that has one error.type.
type part struct {
	errorType string
	failed    bool
	touch     uint64
	dist      distribution.Distribution
}

func newIntake() *intake { return &intake{sources: make(map[string]*metric)} }

// take reads a collection. Nothing of rm is kept.
func (in *intake) take(rm *metricdata.ResourceMetrics) {
	in.number++
	in.end, in.start = time.Time{}, time.Time{}
	for _, sm := range rm.ScopeMetrics {
		for i := range sm.Metrics {
			in.metric(&sm.Metrics[i])
		}
	}
}

func (in *intake) metric(m *metricdata.Metrics) {
	s, ok := in.sources[m.Name]
	if !ok {
		n, d := sourceOf(m.Name, false), sourceOf(m.Name, true)
		if !n.keep && !d.keep {
			return
		}
		s = &metric{
			name: m.Name, number: n, spread: d,
			inputs: make(map[attribute.Distinct]*input), sums: make(map[sumKey]*sum),
		}
		in.sources[m.Name] = s
	}
	s.unit = m.Unit
	switch data := m.Data.(type) {
	case metricdata.Gauge[int64]:
		numbers(in, s, data.DataPoints, false, false)
	case metricdata.Gauge[float64]:
		numbers(in, s, data.DataPoints, false, false)
	case metricdata.Sum[int64]:
		numbers(in, s, data.DataPoints, data.IsMonotonic, data.Temporality == metricdata.DeltaTemporality)
	case metricdata.Sum[float64]:
		numbers(in, s, data.DataPoints, data.IsMonotonic, data.Temporality == metricdata.DeltaTemporality)
	case metricdata.Histogram[int64]:
		histograms(in, s, data.DataPoints, data.Temporality == metricdata.DeltaTemporality)
	case metricdata.Histogram[float64]:
		histograms(in, s, data.DataPoints, data.Temporality == metricdata.DeltaTemporality)
	case metricdata.ExponentialHistogram[int64]:
		exponentials(in, s, data.DataPoints, data.Temporality == metricdata.DeltaTemporality)
	case metricdata.ExponentialHistogram[float64]:
		exponentials(in, s, data.DataPoints, data.Temporality == metricdata.DeltaTemporality)
	case metricdata.Summary: // no metric that is kept is one
	case nil:
	}
	s.grids.Forget()
}

// input finds the series of a point; nil if the point cannot be used.
func (in *intake) input(s *metric, from source, attrs *attribute.Set) *input {
	id := attrs.Equivalent()
	p, ok := s.inputs[id]
	switch {
	case ok && p.seen == in.number:
		in.bad++
		return nil
	case !ok:
		if in.inputs >= maxInputs {
			in.bad++
			return nil
		}
		in.inputs++
		name, group := from.group(s.name, attrs)
		k := sumKey{from.kind, name, group.Equivalent()}
		u := s.sums[k]
		if u == nil {
			u = &sum{kind: from.kind, name: name, group: group}
			s.sums[k] = u
		}
		p = &input{sum: u}
		if from.kind.timed() {
			p.part = u.part(failure(s.name, attrs))
		}
		s.inputs[id] = p
	}
	p.seen = in.number
	if p.sum.touch != in.number {
		p.sum.touch, p.sum.value = in.number, 0
	}
	return p
}

func (u *sum) part(errorType string, failed bool) *part {
	for _, p := range u.parts {
		if p.errorType == errorType {
			return p
		}
	}
	p := &part{errorType: errorType, failed: failed}
	u.parts = append(u.parts, p)
	return p
}

// saw takes the time of a point.
func (in *intake) saw(start, end time.Time) {
	if end.After(in.end) {
		in.end = end
	}
	if !start.IsZero() && start.Before(end) && (in.start.IsZero() || start.Before(in.start)) {
		in.start = start
	}
}

func numbers[N int64 | float64](in *intake, s *metric, points []metricdata.DataPoint[N], rises, delta bool) {
	if !s.number.keep {
		return
	}
	s.rate = rises
	for i := range points {
		d := &points[i]
		v := float64(d.Value)
		if v-v != 0 {
			in.bad++
			continue
		}
		p := in.input(s, s.number, &d.Attributes)
		if p == nil || !p.sum.kind.isNumber() {
			continue
		}
		in.saw(d.StartTime, d.Time)
		switch {
		case rises && !delta:
			was := p.value
			p.value = v
			if v >= was { // else it began afresh
				v -= was
			}
		case !rises && delta:
			p.value += v
			v = p.value
		}
		p.sum.value += v
	}
}

func histograms[N int64 | float64](in *intake, s *metric, points []metricdata.HistogramDataPoint[N], delta bool) {
	if !s.spread.keep {
		return
	}
	for i := range points {
		d := &points[i]
		if err := distribution.LoadExplicit(&in.current, &s.grids, d); err != nil {
			in.bad++
			continue
		}
		in.distribution(s, &d.Attributes, d.StartTime, d.Time, delta)
	}
}

func exponentials[N int64 | float64](in *intake, s *metric, points []metricdata.ExponentialHistogramDataPoint[N], delta bool) {
	if !s.spread.keep {
		return
	}
	for i := range points {
		d := &points[i]
		if err := distribution.LoadExponential(&in.current, d); err != nil {
			in.bad++
			continue
		}
		in.distribution(s, &d.Attributes, d.StartTime, d.Time, delta)
	}
}

// distribution takes the point in in.current.
func (in *intake) distribution(s *metric, attrs *attribute.Set, start, end time.Time, delta bool) {
	p := in.input(s, s.spread, attrs)
	if p == nil || p.part == nil {
		return
	}
	in.saw(start, end)
	if p.part.touch != in.number {
		p.part.touch = in.number
		p.part.dist.Reset()
	}
	if !delta {
		var state distribution.Distribution
		state.Copy(&in.current)
		in.current.Since(&p.prev) // or it began afresh: all of it is new
		p.prev = state
	}
	p.part.dist.Add(&in.current)
}

func (k Kind) isNumber() bool { return k == Number }

// row sums up a distribution's parts.
func (u *sum) row(number uint64, s *store) row {
	r := row{mean: math.NaN(), p50: math.NaN(), p95: math.NaN(), p99: math.NaN()}
	u.total.Reset()
	for _, p := range u.parts {
		if p.touch != number {
			continue
		}
		if p.failed {
			r.failed += p.dist.Count
		}
		u.total.Add(&p.dist)
	}
	d := &u.total
	if r.count = d.Count; r.count == 0 {
		return r
	}
	r.mean, r.p50, r.p95, r.p99 = d.Mean(), d.Quantile(0.5), d.Quantile(0.95), d.Quantile(0.99)
	u.bands(s, &r)
	return r
}

// exponentialGrid stands for exponential buckets in the heat map, whose rows
// must have the same bounds from one interval to the next.
var exponentialGrid = func() (grid []float64) {
	for e := -40; e <= 14; e++ { // 1 µs to 128 s, in steps of √2
		grid = append(grid, math.Exp2(float64(e)/2))
	}
	return grid
}()

// bands sets r's part of the heat map.
func (u *sum) bands(s *store, r *row) {
	bounds := u.total.Bounds()
	if u.total.Kind == distribution.Exponential {
		bounds = exponentialGrid
	}
	if r.bounds = s.intern(bounds); r.bounds == 0 {
		return
	}
	var counts [255]uint64
	first, last := len(bounds), 0
	u.total.Buckets(func(lo, hi float64, n uint64) bool {
		i := len(bounds)
		for j, b := range bounds {
			if hi <= b || lo > 0 && math.Sqrt(lo*hi) <= b {
				i = j
				break
			}
		}
		counts[i] += n
		first, last = min(first, i), max(last, i)
		return true
	})
	r.first = first
	for _, n := range counts[first : last+1] {
		r.bands = append(r.bands, squeeze(n))
	}
}
