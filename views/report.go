package views

import (
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/otelperf/otelperf-go/internal/version"
)

const (
	keyState  = attribute.Key("otelperf.alert.state")
	keyReason = attribute.Key("otelperf.reason")
)

// scopeName is the instrumentation scope of the metrics about baselines.
const scopeName = "github.com/otelperf/otelperf-go/views"

// An account is what one reader was told of the counters.
type account struct {
	started  time.Time // when the counters were zero
	previous time.Time // of the last report: where a delta begins
	delta    bool

	// As last reported by a delta:
	transitions []int64 // in the order of the evaluator's tally
	rejected    [len(rejectReasons)]int64
	missed      int64
}

func reportScope() instrumentation.Scope {
	return instrumentation.Scope{Name: scopeName, Version: version.Version, SchemaURL: semconv.SchemaURL}
}

// A report builds the metrics that go out with a collection. Its buffers are
// reused, as the collection's are, and are good until the next one.
type report struct {
	account account

	rm          metricdata.ResourceMetrics
	metrics     []metricdata.Metrics
	excess      []metricdata.DataPoint[float64]
	active      []metricdata.DataPoint[int64]
	transitions []metricdata.DataPoint[int64]
	rejected    []metricdata.DataPoint[int64]
	missed      []metricdata.DataPoint[int64]

	// The points as aggregations, kept because making one allocates.
	excessData, activeData, transitionsData, rejectedData, missedData metricdata.Aggregation
}

func newAccount(started time.Time, t metricdata.Temporality) account {
	return account{started: started, delta: t == metricdata.DeltaTemporality}
}

// build returns rm with the metrics about e's baselines added in a scope of
// their own. rm itself is not touched; if there is nothing to add it is
// returned as it is.
func (o *report) build(rm *metricdata.ResourceMetrics, e *evaluator) *metricdata.ResourceMetrics {
	if o.collect(e); len(o.metrics) == 0 {
		return rm
	}
	return o.attach(rm)
}

// collect fills o.metrics with what is to be told after e's newest evaluation.
func (o *report) collect(e *evaluator) {
	o.points(e)
	o.metrics = o.metrics[:0]
	if len(o.excess) > 0 {
		o.metrics = append(o.metrics, metricdata.Metrics{
			Name:        "otelperf.baseline.excess",
			Description: "How much worse than its target a baseline's value is: 0.2 is 20 % worse.",
			Unit:        "1",
			Data:        gauge(&o.excessData, o.excess),
		})
	}
	if len(o.active) > 0 {
		o.metrics = append(o.metrics, metricdata.Metrics{
			Name:        "otelperf.alert.active",
			Description: "Whether the baseline's alert is firing: 1 or 0.",
			Unit:        "{alert}",
			Data:        gauge(&o.activeData, o.active),
		})
	}
	if len(o.transitions) > 0 {
		o.metrics = append(o.metrics, metricdata.Metrics{
			Name:        "otelperf.alert.transitions",
			Description: "How often the baseline's alerts fired and resolved.",
			Unit:        "{transition}",
			Data:        o.sum(&o.transitionsData, o.transitions),
		})
	}
	if len(o.rejected) > 0 {
		o.metrics = append(o.metrics, metricdata.Metrics{
			Name:        "otelperf.baseline.points.rejected",
			Description: "Data points of judged metrics that could not be used.",
			Unit:        "{data_point}",
			Data:        o.sum(&o.rejectedData, o.rejected),
		})
	}
	if len(o.missed) > 0 {
		o.metrics = append(o.metrics, metricdata.Metrics{
			Name:        "otelperf.evaluations.missed",
			Description: "Intervals in which nothing was judged, because the reader did not export.",
			Unit:        "{evaluation}",
			Data:        o.sum(&o.missedData, o.missed),
		})
	}
	o.account.previous = e.now
}

// gauge returns the points as an aggregation: the kept one if it has the very
// same slice, as in a steady state it has.
func gauge[N int64 | float64](kept *metricdata.Aggregation, points []metricdata.DataPoint[N]) metricdata.Aggregation {
	if g, _ := (*kept).(metricdata.Gauge[N]); !same(g.DataPoints, points) {
		*kept = metricdata.Gauge[N]{DataPoints: points}
	}
	return *kept
}

func (o *report) sum(kept *metricdata.Aggregation, points []metricdata.DataPoint[int64]) metricdata.Aggregation {
	if s, _ := (*kept).(metricdata.Sum[int64]); !same(s.DataPoints, points) {
		t := metricdata.CumulativeTemporality
		if o.account.delta {
			t = metricdata.DeltaTemporality
		}
		*kept = metricdata.Sum[int64]{DataPoints: points, Temporality: t, IsMonotonic: true}
	}
	return *kept
}

// same reports whether a and b are one slice; b is not empty.
func same[T any](a, b []T) bool { return len(a) == len(b) && &a[0] == &b[0] }

// rejectAttributes are made once: one set for each reason.
var rejectAttributes = func() (sets [len(rejectReasons)]attribute.Set) {
	for i, reason := range rejectReasons {
		sets[i] = attribute.NewSet(keyReason.String(reason))
	}
	return sets
}()

// points fills the data points from the state after an evaluation.
func (o *report) points(e *evaluator) {
	o.excess, o.active = o.excess[:0], o.active[:0]
	o.transitions, o.rejected, o.missed = o.transitions[:0], o.rejected[:0], o.missed[:0]
	for _, r := range e.rules {
		if r.Observed() {
			continue
		}
		for _, g := range r.order {
			o.group(g, e.now)
		}
	}
	a := &o.account
	start := a.started
	if a.delta && !a.previous.IsZero() {
		start = a.previous
	}
	if start.After(e.now) { // clocks jump
		start = e.now
	}
	// news is what to tell of a counter; 0 if there is nothing to tell.
	news := func(total int64, told *int64) int64 {
		if !a.delta {
			return total
		}
		v := total - *told
		*told = total
		return v
	}
	point := func(to *[]metricdata.DataPoint[int64], attrs attribute.Set, v int64) {
		if v > 0 {
			*to = append(*to, metricdata.DataPoint[int64]{Attributes: attrs, StartTime: start, Time: e.now, Value: v})
		}
	}
	for i, c := range e.tally {
		if i == len(a.transitions) {
			a.transitions = append(a.transitions, 0)
		}
		point(&o.transitions, c.attrs, news(c.total, &a.transitions[i]))
	}
	point(&o.missed, *attribute.EmptySet(), news(e.missed, &a.missed))
	for reason, v := range e.rejected {
		point(&o.rejected, rejectAttributes[reason], news(v, &a.rejected[reason]))
	}
}

func (o *report) group(g *group, now time.Time) {
	if !g.measured {
		return
	}
	if g.judged {
		if x, ok := g.baseline().Excess(g.last.value * g.scale()); ok && !math.IsInf(x, 0) {
			add(&o.excess, metricdata.DataPoint[float64]{Attributes: g.reported, Time: now, Value: x}, g.rule.shared)
		}
	}
	var firing int64
	if g.life.state == Firing {
		firing = 1
	}
	add(&o.active, metricdata.DataPoint[int64]{Attributes: g.reported, Time: now, Value: firing}, g.rule.shared)
}

// add appends p. Where baselines share a name, their groups may share all
// attributes: then the worse value stands for both, because a batch must not
// hold one series twice.
func add[N int64 | float64](points *[]metricdata.DataPoint[N], p metricdata.DataPoint[N], shared bool) {
	if shared {
		of := p.Attributes.Equivalent()
		for i := range *points {
			if q := &(*points)[i]; q.Attributes.Equivalent() == of {
				q.Value = max(q.Value, p.Value)
				return
			}
		}
	}
	*points = append(*points, p)
}

// attach returns a copy of rm, as deep as needed, with o.metrics in our scope.
// A Processor before this one used the same scope: then they share it, metric
// by metric, because a batch must not hold a scope or a metric twice.
func (o *report) attach(rm *metricdata.ResourceMetrics) *metricdata.ResourceMetrics {
	scope := reportScope()
	o.rm.Resource = rm.Resource
	o.rm.ScopeMetrics = append(o.rm.ScopeMetrics[:0], rm.ScopeMetrics...)
	for i := range o.rm.ScopeMetrics {
		sm := &o.rm.ScopeMetrics[i]
		if sm.Scope == scope {
			sm.Metrics = merge(sm.Metrics, o.metrics)
			return &o.rm
		}
	}
	o.rm.ScopeMetrics = append(o.rm.ScopeMetrics, metricdata.ScopeMetrics{Scope: scope, Metrics: o.metrics})
	return &o.rm
}

// release lets go of the collection that the last batch was made of.
func (o *report) release() {
	clear(o.rm.ScopeMetrics)
	o.rm = metricdata.ResourceMetrics{ScopeMetrics: o.rm.ScopeMetrics[:0]}
}

// merge returns the metrics of both, those of one name joined. It copies what
// it changes.
func merge(theirs, ours []metricdata.Metrics) []metricdata.Metrics {
	out := slices.Clone(theirs)
	for _, m := range ours {
		i := slices.IndexFunc(out, func(t metricdata.Metrics) bool { return t.Name == m.Name })
		if i < 0 {
			out = append(out, m)
			continue
		}
		switch t := out[i].Data.(type) {
		case metricdata.Gauge[float64]:
			if data, ok := m.Data.(metricdata.Gauge[float64]); ok {
				t.DataPoints = join(t.DataPoints, data.DataPoints, false)
				out[i].Data = t
			}
		case metricdata.Gauge[int64]:
			if data, ok := m.Data.(metricdata.Gauge[int64]); ok {
				t.DataPoints = join(t.DataPoints, data.DataPoints, false)
				out[i].Data = t
			}
		case metricdata.Sum[int64]:
			if data, ok := m.Data.(metricdata.Sum[int64]); ok {
				t.DataPoints = join(t.DataPoints, data.DataPoints, true)
				out[i].Data = t
			}
		}
	}
	return out
}

// join returns the points of both. Of two with the same attributes the sum is
// taken of counts, and the worse of levels.
func join[N int64 | float64](theirs, ours []metricdata.DataPoint[N], counts bool) []metricdata.DataPoint[N] {
	out := slices.Clone(theirs)
	at := make(map[attribute.Distinct]int, len(out))
	for i := range out {
		at[out[i].Attributes.Equivalent()] = i
	}
	for _, p := range ours {
		i, ok := at[p.Attributes.Equivalent()]
		switch {
		case !ok:
			out = append(out, p)
		case counts:
			out[i].Value += p.Value
		default:
			out[i].Value = max(out[i].Value, p.Value)
		}
	}
	return out
}
