package views

import (
	"time"

	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/distribution"
)

// An input is one metric of the collection at hand, and how to read it.
type input struct {
	*evaluator
	metric *metric
	unit   string
	scope  uint32
	kind   aggregation
	delta  bool

	// What reach was last asked, and the answer.
	times times
	span  span
}

// ingest reads one metric of a collection. Nothing of m is kept.
func (e *evaluator) ingest(scope instrumentation.Scope, m *metricdata.Metrics) {
	ms := e.metrics[m.Name]
	if ms == nil || len(ms.rules)+len(ms.actives)+len(ms.companions) == 0 {
		at, n := extent(m.Data)
		e.sawTime(at)
		if ms != nil && n > 0 {
			ms.present = true
		}
		return
	}
	id, ok := e.scopes[scope]
	if !ok {
		if len(e.scopes) >= maxScopes {
			_, n := extent(m.Data)
			e.rejected[rejectLimit] += int64(n)
			return
		}
		id = uint32(len(e.scopes))
		e.scopes[scope] = id
	}
	in := input{evaluator: e, metric: ms, unit: m.Unit, scope: id}
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

// extent returns the time of the first of the data's points, and how many
// there are. The time of a metric that nobody judges still tells how long the
// judged ones are silent.
func extent(data metricdata.Aggregation) (at time.Time, n int) {
	switch data := data.(type) {
	case metricdata.Gauge[int64]:
		return ofNumbers(data.DataPoints)
	case metricdata.Gauge[float64]:
		return ofNumbers(data.DataPoints)
	case metricdata.Sum[int64]:
		return ofNumbers(data.DataPoints)
	case metricdata.Sum[float64]:
		return ofNumbers(data.DataPoints)
	case metricdata.Histogram[int64]:
		return ofHistograms(data.DataPoints)
	case metricdata.Histogram[float64]:
		return ofHistograms(data.DataPoints)
	case metricdata.ExponentialHistogram[int64]:
		return ofExponentials(data.DataPoints)
	case metricdata.ExponentialHistogram[float64]:
		return ofExponentials(data.DataPoints)
	case metricdata.Summary:
		if n = len(data.DataPoints); n > 0 {
			at = data.DataPoints[0].Time
		}
	}
	return at, n
}

func ofNumbers[N int64 | float64](points []metricdata.DataPoint[N]) (at time.Time, n int) {
	if n = len(points); n > 0 {
		at = points[0].Time
	}
	return at, n
}

func ofHistograms[N int64 | float64](points []metricdata.HistogramDataPoint[N]) (at time.Time, n int) {
	if n = len(points); n > 0 {
		at = points[0].Time
	}
	return at, n
}

func ofExponentials[N int64 | float64](points []metricdata.ExponentialHistogramDataPoint[N]) (at time.Time, n int) {
	if n = len(points); n > 0 {
		at = points[0].Time
	}
	return at, n
}

func (e *evaluator) reject(reason int) { e.rejected[reason]++ }

func (in *input) sum(monotonic bool, t metricdata.Temporality) {
	in.kind, in.delta = aggLevel, t == metricdata.DeltaTemporality
	if monotonic {
		in.kind = aggIncrease
	}
}

func numbers[N int64 | float64](in input, points []metricdata.DataPoint[N]) {
	for i := range points {
		p := &points[i]
		v := float64(p.Value)
		if v-v != 0 || in.kind == aggIncrease && v < 0 { // no number, infinite, or impossible
			in.reject(rejectInvalid)
			continue
		}
		s := in.point(&p.Attributes)
		if s == nil {
			continue
		}
		in.loses(s, p.StartTime)
		sp := in.reach(s, p.StartTime, p.Time)
		if s.lost {
			continue
		}
		switch {
		case in.kind == aggLevel && in.delta:
			s.value += v
			v = s.value
		case in.kind == aggIncrease && !in.delta:
			increase := v - s.value
			if increase < 0 { // it began afresh
				s.restarted()
			}
			if sp.first || increase < 0 {
				increase = v
			}
			s.value, v = v, increase
		}
		if s.overflow && (v != 0 || in.kind == aggLevel) {
			in.metric.overflowed()
		}
		for _, g := range s.groups {
			g.addNumber(v, in.kind == aggLevel, s.failed, sp)
		}
		for _, a := range s.actives {
			a.group.addActive(a.sign*v, p.Time)
		}
	}
}

func histograms[N int64 | float64](in input, points []metricdata.HistogramDataPoint[N]) {
	for i := range points {
		p := &points[i]
		s := in.point(&p.Attributes)
		if s == nil || in.pass(s, p.Time) {
			continue
		}
		if in.goesOn(s, p.StartTime) && distribution.Advance(&in.current, &s.prev, &in.metric.grids, p) {
			in.add(s, in.reach(s, p.StartTime, p.Time))
			continue
		}
		if err := distribution.LoadExplicit(&in.current, &in.metric.grids, p); err != nil {
			in.spoilt(s)
			continue
		}
		in.distribution(s, in.reach(s, p.StartTime, p.Time))
	}
}

func exponentials[N int64 | float64](in input, points []metricdata.ExponentialHistogramDataPoint[N]) {
	for i := range points {
		p := &points[i]
		s := in.point(&p.Attributes)
		if s == nil || in.pass(s, p.Time) {
			continue
		}
		if err := distribution.LoadExponential(&in.current, p); err != nil {
			in.spoilt(s)
			continue
		}
		in.distribution(s, in.reach(s, p.StartTime, p.Time))
	}
}

func summaries(in input, points []metricdata.SummaryDataPoint) {
	for i := range points {
		p := &points[i]
		s := in.point(&p.Attributes)
		if s == nil || in.pass(s, p.Time) {
			continue
		}
		if err := in.current.LoadPlain(p.Count, p.Sum); err != nil {
			in.spoilt(s)
			continue
		}
		in.distribution(s, in.reach(s, p.StartTime, p.Time)) // cumulative by definition
		for _, g := range s.groups {
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

// loses takes note that the changes between two points of s went down with a
// collection that the reader gave up on. What only changes are told of is then
// not known any more, until the process starts again.
func (in *input) loses(s *series, start time.Time) {
	if in.kind != aggLevel || !in.delta || !s.begun || start.Sub(s.end) <= in.interval/10 {
		return
	}
	s.lost = true
	for _, g := range s.groups {
		in.warn(g.rule, "a collection was lost, and %s tells only of changes: its level is not known any more", in.metric.name)
	}
}

// pass reports whether the rest of the point can be passed over, because
// nobody judges its series.
func (in *input) pass(s *series, at time.Time) bool {
	if len(s.groups) > 0 || s.overflow {
		return false
	}
	in.sawTime(at)
	s.unseen = 0
	return true
}

// distribution takes the point in e.current.
func (in *input) distribution(s *series, sp *span) {
	if !in.delta {
		in.sinceLast(s, sp.first)
	}
	in.add(s, sp)
}

// add adds e.current, what the interval added to s, to what it is summed into.
func (in *input) add(s *series, sp *span) {
	if s.overflow && in.current.Count > 0 {
		in.metric.overflowed()
	}
	in.metric.sum(s, &in.current, sp)
}

// sinceLast turns e.current, a cumulative state, into what was added since the
// series was last seen, and keeps the state for the next time.
func (in *input) sinceLast(s *series, first bool) {
	in.state.Copy(&in.current)
	if !first && !in.current.Since(&s.prev) { // a count fell: it began afresh
		s.restarted()
	}
	s.prev, in.state = in.state, s.prev
}
