package views

import (
	"maps"
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"
)

const (
	// keyBaseline names the baseline on the metrics that judging produces.
	keyBaseline = attribute.Key("otelperf.baseline.name")
	// keyOverflow marks the series that takes what is over the SDK's
	// cardinality limit.
	keyOverflow = attribute.Key("otel.metric.overflow")
	// errorCanceled is the error.type of a call whose caller left: it is part
	// of the latency and of the denominator, and no failure.
	errorCanceled = "canceled"
)

// An aggregation is how a metric's points have to be read.
type aggregation uint8

const (
	aggLevel        aggregation = 1 << iota // a gauge, or a sum that can fall
	aggIncrease                             // a monotonic sum
	aggDistribution                         // a histogram of either kind
	aggSummary
)

// supports returns the aggregations that s can be computed from.
func (s Statistic) supports() aggregation {
	switch s {
	case Value:
		return aggLevel | aggIncrease
	case Rate, ErrorRatio:
		return aggIncrease | aggDistribution | aggSummary
	case Max:
		return aggDistribution
	default:
		return aggDistribution | aggSummary
	}
}

// A rule is a baseline, ready to be judged: levels in the metric's own unit
// and the groups that exist.
type rule struct {
	Baseline
	quantile float64 // 0 if the statistic is none
	needed   uint64  // measurements that make an interval count

	// unit, factor and the levels below are known once a series was seen.
	unit      string
	kind      aggregation
	bound     bool // unit is set
	factor    float64
	threshold float64
	clear     float64

	// perSecond is how many of the metric's unit make a second; 0 if it is no
	// unit of time.
	perSecond float64

	metric *metric
	unless *metric // nil: judged always
	groups map[attribute.Distinct]*group
	order  []*group // by first appearance: a stable order for reports

	coarse     bool // calls in flight are counted without the By attributes
	assumed    bool // the unit is, as no series was seen yet
	matched    bool // a series was seen
	superseded bool // the metric named by Unless was seen
	shared     bool // another rule has the same name
	warned     bool // a problem with it was reported
	absence    bool // so was that nothing matches it
	incomplete bool // the metric's overflow series grew in this interval
	busy       bool // calls are in flight, for a coarse rule

	storm storm

	waited time.Duration // for a series to match

	// incompleteness is the reason of a reading while it is so.
	incompleteness string
}

func newRule(b Baseline) *rule {
	b.Match, b.By = slices.Clone(b.Match), slices.Clone(b.By)
	b.Burn = b.BurnWindows()
	b.Labels, b.Annotations = maps.Clone(b.Labels), maps.Clone(b.Annotations)
	q, _ := b.Statistic.Quantile()
	return &rule{
		Baseline:  b,
		quantile:  q,
		needed:    b.Needed(),
		factor:    1,
		threshold: math.NaN(),
		clear:     math.NaN(),
		groups:    make(map[attribute.Distinct]*group),

		incompleteness: "incomplete: some series of " + b.Metric + " are in its overflow series",
	}
}

// bind fixes the unit that the metric has. A metric of another unit under the
// same name cannot be summed with it.
func (r *rule) bind(metricUnit string) error {
	if r.bound && !r.assumed && r.unit == metricUnit {
		return nil
	}
	factor, err := r.Baseline.factor(metricUnit)
	if err != nil {
		return err
	}
	if r.bound && !r.assumed && factor != r.factor {
		return errUnitChanged
	}
	r.bound, r.assumed, r.unit, r.factor = true, false, metricUnit, factor
	r.perSecond = 0
	if u := units[metricUnit]; u.base == "s" {
		r.perSecond = u.factor
	}
	// Dividing the finished level is what is done to a recorded value, so that
	// a value of exactly 120 % is exactly at the threshold.
	r.threshold, r.clear = r.Threshold()/factor, r.Clear()/factor
	return nil
}

// assume takes the metric to be in seconds until a series of it says
// otherwise: where every call hangs, none ever does.
func (r *rule) assume() {
	if r.bound {
		return
	}
	known, _ := ActiveMetric(r.Metric)
	if known != "" || units[r.Unit].base == "s" {
		r.assumed = r.bind("s") == nil
	}
}

// shownUnit is the unit of values in alerts and in the status.
func (r *rule) shownUnit() string {
	switch {
	case r.Objective > 0:
		return "1"
	case r.Unit != "":
		return r.Unit
	case r.Statistic == ErrorRatio:
		return "1"
	case r.Statistic == Rate && (r.kind != aggIncrease || r.unit == ""):
		return "1/s"
	case r.Statistic == Rate:
		return r.unit + "/s"
	}
	return r.unit
}

// matches reports whether a series with these attributes is judged.
func (r *rule) matches(attrs *attribute.Set) bool {
	for _, kv := range r.Match {
		if v, _ := attrs.Value(kv.Key); v != kv.Value {
			return false
		}
	}
	return true
}

// byAttribute reports whether the rule tells series apart at all. Such a rule
// cannot know what the overflow series hides.
func (r *rule) byAttribute() bool { return len(r.Match)+len(r.By) > 0 }

// groupKey returns the attributes of the group that attrs belongs to.
func (r *rule) groupKey(attrs *attribute.Set) attribute.Set {
	if len(r.By) == 0 {
		return *attribute.EmptySet()
	}
	kvs := make([]attribute.KeyValue, 0, len(r.By))
	for _, k := range r.By {
		if v, ok := attrs.Value(k); ok {
			kvs = append(kvs, attribute.KeyValue{Key: k, Value: v})
		}
	}
	return attribute.NewSet(kvs...)
}

// group returns the group of attrs, made if it is new; nil if there are too
// many.
func (r *rule) group(attrs *attribute.Set) *group {
	key := r.groupKey(attrs)
	if g, ok := r.groups[key.Equivalent()]; ok {
		return g
	}
	if !r.room() {
		return nil
	}
	g := newGroup(r, key)
	r.metric.numbered++
	g.id = r.metric.numbered
	r.groups[key.Equivalent()] = g
	r.order = append(r.order, g)
	return g
}

func (r *rule) room() bool { return len(r.groups) < maxGroups }

// forget drops groups that no series feeds and that nobody waits for.
func (r *rule) forget() {
	if !slices.ContainsFunc(r.order, (*group).idle) {
		return
	}
	r.order = slices.DeleteFunc(r.order, func(g *group) bool {
		if !g.idle() {
			return false
		}
		delete(r.groups, g.attrs.Equivalent())
		return true
	})
}

// over reports whether v is beyond a level; levels and v are in the metric's
// unit.
func (r *rule) over(v, level float64) bool {
	if r.Direction == LowerIsWorse {
		return v < level
	}
	return v > level
}

// failed reports whether the measurements of a series are failures. A server
// instrumentation that knows no error.type tells them by the status. An empty
// one is none: Prometheus cannot tell the two apart.
func failed(metric string, attrs *attribute.Set) bool {
	if v, ok := attrs.Value(semconv.ErrorTypeKey); ok && v.AsString() != "" {
		return v.AsString() != errorCanceled
	}
	if metric != (httpconv.ServerRequestDuration{}).Name() {
		return false
	}
	code, _ := attrs.Value(semconv.HTTPResponseStatusCodeKey)
	return code.AsInt64() >= 500
}

func isOverflow(attrs *attribute.Set) bool {
	v, _ := attrs.Value(keyOverflow)
	return v.AsBool()
}
