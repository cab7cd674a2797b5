package history

import (
	"cmp"
	"iter"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/distribution"
)

// maxInputs bounds the series whose last state is remembered, over all metrics.
const maxInputs = 20_000

// An intake turns collections, cumulative or delta, into what each interval
// added, summed by what is kept. What it knows of one kind is in one slice, and
// refers to another by its place there: a collection of the garbage meets few
// objects, however many series there are.
type intake struct {
	metrics []metric
	inputs  []input
	sums    []sum
	parts   []part
	before  []distribution.Distribution // cumulative states

	ofName  map[string]int32 // metrics
	ofPoint map[inputKey]int32
	ofSum   map[sumKey]int32

	number   uint64 // of the collection
	end      time.Time
	start    time.Time // the earliest that a point began
	current  distribution.Distribution
	state    distribution.Distribution // current, before what came before is taken off
	total    distribution.Distribution // of one sum
	bands    []byte                    // of one row
	unusable int64                     // points
	surplus  int64                     // points of series beyond maxInputs
}

// A metric is one metric of the collection, under one name.
type metric struct {
	name   string
	unit   string
	number source // as a level or a count
	spread source // as a distribution
	grids  distribution.Grids
	rate   bool // of a count that only rises

	perSecond string // the unit of a rate, as soon as there is one
}

// rowUnit returns the unit of m's rows.
func (m *metric) rowUnit() string {
	if !m.rate {
		return m.unit
	}
	if m.perSecond == "" {
		m.perSecond = cmp.Or(m.unit, "1") + "/s"
	}
	return m.perSecond
}

type inputKey struct {
	metric int32
	point  attribute.Distinct
}

// An input is one series of the SDK, as it was when last seen.
type input struct {
	sum    int32
	part   int32 // none of a number
	before int32 // none unless it is a distribution, and cumulative
	seen   uint64
	value  float64
}

const none = -1

type sumKey struct {
	metric int32
	kind   Kind
	name   string
	group  attribute.Distinct
}

// A sum is what one series of the history is about to get.
type sum struct {
	kind   Kind
	metric int32
	name   string
	group  attribute.Set
	touch  uint64
	first  int32 // of its parts, if any
	value  float64
}

// A part is the share of a sum that has one error.type.
type part struct {
	errorType string
	failed    bool
	next      int32 // of the same sum, if any
	touch     uint64
	dist      distribution.Distribution
}

func newIntake() *intake {
	return &intake{
		ofName: make(map[string]int32), ofPoint: make(map[inputKey]int32), ofSum: make(map[sumKey]int32),
	}
}

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
	at, ok := in.ofName[m.Name]
	if !ok {
		n, d := sourceOf(m.Name, false), sourceOf(m.Name, true)
		if !n.keep && !d.keep {
			return
		}
		at = int32(len(in.metrics))
		in.metrics = append(in.metrics, metric{name: m.Name, number: n, spread: d})
		in.ofName[m.Name] = at
	}
	s := &in.metrics[at]
	if s.unit != m.Unit {
		s.unit, s.perSecond = m.Unit, ""
	}
	switch data := m.Data.(type) {
	case metricdata.Gauge[int64]:
		numbers(in, at, data.DataPoints, false, false)
	case metricdata.Gauge[float64]:
		numbers(in, at, data.DataPoints, false, false)
	case metricdata.Sum[int64]:
		numbers(in, at, data.DataPoints, data.IsMonotonic, data.Temporality == metricdata.DeltaTemporality)
	case metricdata.Sum[float64]:
		numbers(in, at, data.DataPoints, data.IsMonotonic, data.Temporality == metricdata.DeltaTemporality)
	case metricdata.Histogram[int64]:
		histograms(in, at, data.DataPoints, data.Temporality == metricdata.DeltaTemporality)
	case metricdata.Histogram[float64]:
		histograms(in, at, data.DataPoints, data.Temporality == metricdata.DeltaTemporality)
	case metricdata.ExponentialHistogram[int64]:
		exponentials(in, at, data.DataPoints, data.Temporality == metricdata.DeltaTemporality)
	case metricdata.ExponentialHistogram[float64]:
		exponentials(in, at, data.DataPoints, data.Temporality == metricdata.DeltaTemporality)
	case metricdata.Summary: // no metric that is kept is one
	case nil:
	}
	s.grids.Forget()
}

// input finds the series of a point of the metric; nil if the point cannot be
// used, and is counted. It is good until the next one is looked for.
func (in *intake) input(metric int32, from source, attrs *attribute.Set) *input {
	id := inputKey{metric, attrs.Equivalent()}
	at, ok := in.ofPoint[id]
	if !ok {
		if len(in.inputs) >= maxInputs {
			in.surplus++
			return nil
		}
		at = int32(len(in.inputs))
		in.inputs = append(in.inputs, in.join(metric, from, attrs))
		in.ofPoint[id] = at
	}
	p := &in.inputs[at]
	if p.seen == in.number {
		in.unusable++
		return nil
	}
	p.seen = in.number
	if u := &in.sums[p.sum]; u.touch != in.number {
		u.touch, u.value = in.number, 0
	}
	return p
}

// join returns a new series, with the sum that it is a part of.
func (in *intake) join(metric int32, from source, attrs *attribute.Set) input {
	name, group := from.group(in.metrics[metric].name, attrs)
	id := sumKey{metric, from.kind, name, group.Equivalent()}
	at, ok := in.ofSum[id]
	if !ok {
		at = int32(len(in.sums))
		in.sums = append(in.sums, sum{kind: from.kind, metric: metric, name: name, group: group, first: none})
		in.ofSum[id] = at
	}
	p := input{sum: at, part: none, before: none}
	if from.kind.timed() {
		p.part = in.part(&in.sums[at], attrs)
	}
	return p
}

// part finds the part of u that a series with these attributes belongs to.
func (in *intake) part(u *sum, attrs *attribute.Set) int32 {
	errorType, failed := failure(in.metrics[u.metric].name, attrs)
	last := &u.first
	for *last != none {
		p := &in.parts[*last]
		if p.errorType == errorType {
			return *last
		}
		last = &p.next
	}
	*last = int32(len(in.parts)) // before the parts move
	in.parts = append(in.parts, part{errorType: errorType, failed: failed, next: none})
	return int32(len(in.parts)) - 1
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

func numbers[N int64 | float64](in *intake, metric int32, points []metricdata.DataPoint[N], rises, delta bool) {
	s := &in.metrics[metric]
	if !s.number.keep {
		return
	}
	s.rate = rises
	for i := range points {
		d := &points[i]
		v := float64(d.Value)
		if v-v != 0 {
			in.unusable++
			continue
		}
		p := in.input(metric, s.number, &d.Attributes)
		if p == nil {
			continue
		}
		if !in.sums[p.sum].kind.isNumber() {
			in.unusable++
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
		in.sums[p.sum].value += v
	}
}

func histograms[N int64 | float64](in *intake, metric int32, points []metricdata.HistogramDataPoint[N], delta bool) {
	s := &in.metrics[metric]
	if !s.spread.keep {
		return
	}
	for i := range points {
		d := &points[i]
		if err := distribution.LoadExplicit(&in.current, &s.grids, d); err != nil {
			in.unusable++
			continue
		}
		in.distribution(metric, &d.Attributes, d.StartTime, d.Time, delta)
	}
}

func exponentials[N int64 | float64](in *intake, metric int32, points []metricdata.ExponentialHistogramDataPoint[N], delta bool) {
	s := &in.metrics[metric]
	if !s.spread.keep {
		return
	}
	for i := range points {
		d := &points[i]
		if err := distribution.LoadExponential(&in.current, d); err != nil {
			in.unusable++
			continue
		}
		in.distribution(metric, &d.Attributes, d.StartTime, d.Time, delta)
	}
}

// distribution takes the point in in.current.
func (in *intake) distribution(metric int32, attrs *attribute.Set, start, end time.Time, delta bool) {
	p := in.input(metric, in.metrics[metric].spread, attrs)
	if p == nil {
		return
	}
	if p.part == none {
		in.unusable++
		return
	}
	in.saw(start, end)
	share := &in.parts[p.part]
	if share.touch != in.number {
		share.touch = in.number
		share.dist.Reset()
	}
	if !delta {
		if p.before == none {
			p.before = int32(len(in.before))
			in.before = append(in.before, distribution.Distribution{})
		}
		before := &in.before[p.before]
		in.state.Copy(&in.current)
		in.current.Since(before) // or it began afresh: all of it is new
		before.Copy(&in.state)   // its own buffers, as large as it needs
	}
	share.dist.Add(&in.current)
}

func (k Kind) isNumber() bool { return k == Number }

// touched returns the parts of u that the collection had.
func (in *intake) touched(u *sum) iter.Seq[*part] {
	return func(yield func(*part) bool) {
		for at := u.first; at != none; at = in.parts[at].next {
			if p := &in.parts[at]; p.touch == in.number && !yield(p) {
				return
			}
		}
	}
}
