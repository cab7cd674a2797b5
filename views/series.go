package views

import (
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views/internal/distribution"
)

// What a Processor holds at the most. Beyond it points are rejected and counted.
const (
	maxSeries = 100_000 // of one metric
	maxGroups = 10_000  // of one baseline
)

// Reasons why a point is rejected: the values of the attribute
// otelperf.reason of otelperf.baseline.points.rejected.
const (
	rejectInvalid   = "invalid"   // buckets, bounds, counts or a value that make no sense
	rejectDuplicate = "duplicate" // a second point of one series in one collection
	rejectLimit     = "limit"     // more series or groups than are held
	rejectUnknown   = "unknown"   // an aggregation that this version does not know
)

var errUnitChanged = errors.New("the metric changed its unit")

// A metric is what is known of all series under one metric name.
type metric struct {
	name    string
	rules   []*rule      // that judge it
	actives []activeRule // that take it for the calls in flight

	series map[seriesKey]*series
	seen   int       // series of this evaluation
	end    time.Time // of its newest point
	delta  bool      // its temporality, when last seen
}

// An activeRule is judged with the help of a count of calls in flight.
type activeRule struct {
	rule *rule
	sign float64 // -1 for open streams, which are meant to stay
}

type seriesKey struct {
	scope uint32
	attrs attribute.Distinct
}

// A series is one stream of points, as it was when last seen.
type series struct {
	evaluation uint64 // the last one that saw it
	end        time.Time
	start      time.Time
	unseen     int // evaluations since

	groups   []*group // that it is summed into
	actives  []activeGroup
	failed   bool
	overflow bool

	kind  aggregation
	value float64 // the cumulative or accumulated value of a number
	prev  distribution.Distribution
}

type activeGroup struct {
	group *group
	sign  float64
}

// ingest reads one metric of a collection. Nothing of m is kept.
func (e *evaluator) ingest(scope instrumentation.Scope, m *metricdata.Metrics) {
	ms := e.metrics[m.Name]
	if ms == nil {
		e.newest(m.Data)
		return
	}
	in := input{evaluator: e, metric: ms, unit: m.Unit, scope: e.scope(scope)}
	switch data := m.Data.(type) {
	case metricdata.Gauge[int64]:
		in.kind = aggLevel
		numbers(in, data.DataPoints)
	case metricdata.Gauge[float64]:
		in.kind = aggLevel
		numbers(in, data.DataPoints)
	case metricdata.Sum[int64]:
		in.sum(data.IsMonotonic, data.Temporality)
		numbers(in, data.DataPoints)
	case metricdata.Sum[float64]:
		in.sum(data.IsMonotonic, data.Temporality)
		numbers(in, data.DataPoints)
	case metricdata.Histogram[int64]:
		in.kind, in.delta = aggDistribution, data.Temporality == metricdata.DeltaTemporality
		histograms(in, data.DataPoints)
	case metricdata.Histogram[float64]:
		in.kind, in.delta = aggDistribution, data.Temporality == metricdata.DeltaTemporality
		histograms(in, data.DataPoints)
	case metricdata.ExponentialHistogram[int64]:
		in.kind, in.delta = aggDistribution, data.Temporality == metricdata.DeltaTemporality
		exponentials(in, data.DataPoints)
	case metricdata.ExponentialHistogram[float64]:
		in.kind, in.delta = aggDistribution, data.Temporality == metricdata.DeltaTemporality
		exponentials(in, data.DataPoints)
	case metricdata.Summary:
		in.kind = aggSummary
		summaries(in, data.DataPoints)
	case nil:
		// An instrument without data.
	default:
		e.reject(rejectUnknown)
	}
}

// newest moves the evaluation's time on to that of a metric nobody judges, so
// that silence of the judged ones can be told.
func (e *evaluator) newest(data metricdata.Aggregation) {
	switch data := data.(type) {
	case metricdata.Gauge[int64]:
		firstTime(e, data.DataPoints)
	case metricdata.Gauge[float64]:
		firstTime(e, data.DataPoints)
	case metricdata.Sum[int64]:
		firstTime(e, data.DataPoints)
	case metricdata.Sum[float64]:
		firstTime(e, data.DataPoints)
	case metricdata.Histogram[int64]:
		if len(data.DataPoints) > 0 {
			e.sawTime(data.DataPoints[0].Time)
		}
	case metricdata.Histogram[float64]:
		if len(data.DataPoints) > 0 {
			e.sawTime(data.DataPoints[0].Time)
		}
	case metricdata.ExponentialHistogram[int64]:
		if len(data.DataPoints) > 0 {
			e.sawTime(data.DataPoints[0].Time)
		}
	case metricdata.ExponentialHistogram[float64]:
		if len(data.DataPoints) > 0 {
			e.sawTime(data.DataPoints[0].Time)
		}
	case metricdata.Summary:
		if len(data.DataPoints) > 0 {
			e.sawTime(data.DataPoints[0].Time)
		}
	}
}

func firstTime[N int64 | float64](e *evaluator, points []metricdata.DataPoint[N]) {
	if len(points) > 0 {
		e.sawTime(points[0].Time)
	}
}

// An input is one metric of the collection at hand, and how to read it.
type input struct {
	*evaluator
	metric *metric
	unit   string
	scope  uint32
	kind   aggregation
	delta  bool
}

func (in *input) sum(monotonic bool, t metricdata.Temporality) {
	in.kind, in.delta = aggLevel, t == metricdata.DeltaTemporality
	if monotonic {
		in.kind = aggIncrease
	}
}

// point finds the series of a point and notes that it was seen; nil if the
// point must be left out.
func (in *input) point(attrs *attribute.Set, start, end time.Time) (s *series, first bool) {
	key := seriesKey{in.scope, attrs.Equivalent()}
	s, ok := in.metric.series[key]
	if !ok {
		if len(in.metric.series) >= maxSeries {
			in.reject(rejectLimit)
			return nil, false
		}
		s = in.link(attrs)
		in.metric.series[key] = s
	} else if s.evaluation == in.number {
		in.reject(rejectDuplicate)
		return nil, false
	}
	if s.kind != in.kind { // a new series, or one that became another
		s.kind, s.value, first = in.kind, 0, true
		s.prev.Reset()
		in.connect(s, attrs)
	}
	s.evaluation, s.unseen = in.number, 0
	in.metric.seen++
	in.metric.delta = in.delta
	if end.After(in.metric.end) {
		in.metric.end = end
	}
	in.sawTime(end)
	if !first && !in.delta && !start.Equal(s.start) && start.After(s.start) {
		first = true // it began afresh
		for _, g := range s.groups {
			g.restarted = true
		}
	}
	return s, first
}

// link makes the record of a series that was not seen before.
func (in *input) link(attrs *attribute.Set) *series {
	return &series{overflow: isOverflow(attrs), failed: failed(in.metric.name, attrs)}
}

// connect ties a series to the groups it is summed into.
func (in *input) connect(s *series, attrs *attribute.Set) {
	for _, g := range s.groups {
		g.refs--
	}
	s.groups, s.actives = nil, nil
	for _, r := range in.metric.rules {
		if s.overflow && r.byAttribute() || !r.matches(attrs) {
			continue
		}
		if r.Statistic.supports()&in.kind == 0 {
			in.warn(r, "the statistic %s cannot be computed from the kind of metric that %s is", r.Statistic, r.Metric)
			continue
		}
		if err := r.bind(in.unit); err != nil {
			in.warn(r, "%w", err)
			continue
		}
		r.matched = true
		if g := r.group(attrs); g != nil {
			g.refs++
			s.groups = append(s.groups, g)
		} else {
			in.reject(rejectLimit)
		}
	}
	if in.kind != aggLevel || s.overflow {
		return
	}
	for _, a := range in.metric.actives {
		if !a.rule.matches(attrs) {
			continue
		}
		of := attrs
		if a.rule.coarse {
			of = attribute.EmptySet()
		}
		if g := a.rule.group(of); g != nil {
			g.refs++
			s.actives = append(s.actives, activeGroup{g, a.sign})
		}
	}
}

// intervalStart is where the interval of a point begins: where the series was
// last seen, or where it began.
func (in *input) intervalStart(s *series, first bool, start time.Time) time.Time {
	if in.delta || first || s.end.IsZero() {
		if start.IsZero() || start.Before(in.lastTime) && !in.delta {
			// A cumulative start is shared by all series of an instrument; a
			// series that turns up later began after the last collection.
			return in.lastTime
		}
		return start
	}
	return s.end
}

func numbers[N int64 | float64](in input, points []metricdata.DataPoint[N]) {
	for i := range points {
		p := &points[i]
		v := float64(p.Value)
		if v-v != 0 { // NaN or infinite
			in.reject(rejectInvalid)
			continue
		}
		s, first := in.point(&p.Attributes, p.StartTime, p.Time)
		if s == nil {
			continue
		}
		from := in.intervalStart(s, first, p.StartTime)
		s.start, s.end = p.StartTime, p.Time
		switch {
		case in.kind == aggLevel && in.delta:
			s.value += v
			v = s.value
		case in.kind == aggLevel:
			s.value = v
		case !in.delta:
			increase := v - s.value
			if first || increase < 0 {
				increase = v
			}
			s.value, v = v, increase
		}
		if s.overflow && (v != 0 || in.kind == aggLevel) {
			in.overflowed(in.metric)
		}
		for _, g := range s.groups {
			g.addNumber(v, in.kind == aggLevel, s.failed, from, p.Time)
		}
		for _, a := range s.actives {
			a.group.addActive(a.sign*v, p.Time)
		}
	}
}

func histograms[N int64 | float64](in input, points []metricdata.HistogramDataPoint[N]) {
	for i := range points {
		p := &points[i]
		if err := distribution.LoadExplicit(&in.current, p); err != nil {
			in.reject(rejectInvalid)
			continue
		}
		in.distribution(&p.Attributes, p.StartTime, p.Time)
	}
}

func exponentials[N int64 | float64](in input, points []metricdata.ExponentialHistogramDataPoint[N]) {
	for i := range points {
		p := &points[i]
		if err := distribution.LoadExponential(&in.current, p); err != nil {
			in.reject(rejectInvalid)
			continue
		}
		in.distribution(&p.Attributes, p.StartTime, p.Time)
	}
}

// distribution takes the point in e.current.
func (in *input) distribution(attrs *attribute.Set, start, end time.Time) {
	s, first := in.point(attrs, start, end)
	if s == nil {
		return
	}
	from := in.intervalStart(s, first, start)
	s.start, s.end = start, end
	if !in.delta {
		in.sinceLast(s, first)
	}
	if s.overflow && in.current.Count > 0 {
		in.overflowed(in.metric)
	}
	for _, g := range s.groups {
		g.addDistribution(&in.current, s.failed, from, end)
	}
}

// sinceLast turns e.current, a cumulative state, into what was added since the
// series was last seen, and keeps the state for the next time.
func (in *input) sinceLast(s *series, first bool) {
	in.state.Copy(&in.current)
	if !first && !in.current.Since(&s.prev) {
		for _, g := range s.groups { // a count fell: it began afresh
			g.restarted = true
		}
	}
	s.prev, in.state = in.state, s.prev
}

func summaries(in input, points []metricdata.SummaryDataPoint) {
	for i := range points {
		p := &points[i]
		if err := in.current.LoadPlain(p.Count, p.Sum); err != nil {
			in.reject(rejectInvalid)
			continue
		}
		s, first := in.point(&p.Attributes, p.StartTime, p.Time)
		if s == nil {
			continue
		}
		from := in.intervalStart(s, first, p.StartTime)
		s.start, s.end = p.StartTime, p.Time
		in.sinceLast(s, first) // a summary is cumulative by definition
		for _, g := range s.groups {
			g.addDistribution(&in.current, s.failed, from, p.Time)
			// Quantiles of a summary cannot be merged or subtracted. The one
			// that was asked for stands if it is the group's only one.
			for _, qv := range p.QuantileValues {
				if qv.Quantile == g.rule.quantile {
					g.addQuantile(qv.Value)
				}
			}
		}
	}
}

// overflowed notes that a metric's overflow series took new measurements.
func (e *evaluator) overflowed(m *metric) {
	for _, r := range m.rules {
		if r.byAttribute() {
			r.incomplete = true
		}
	}
}

// forget drops the series that ended. A cumulative series is given more time,
// because its whole past would count as new if it came back.
func (m *metric) forget() {
	if m.seen == len(m.series) {
		return
	}
	patience := 10
	if m.delta {
		patience = silentAfter
	}
	for key, s := range m.series {
		if s.unseen++; s.unseen > patience {
			for _, g := range s.groups {
				g.refs--
			}
			for _, a := range s.actives {
				a.group.refs--
			}
			delete(m.series, key)
		}
	}
}
