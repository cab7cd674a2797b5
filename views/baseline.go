package views

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
)

// A Direction says which side of the target is the bad one.
type Direction uint8

const (
	// HigherIsWorse is for latencies, memory, error ratios: the zero value.
	HigherIsWorse Direction = iota
	// LowerIsWorse is for throughput.
	LowerIsWorse
)

// String returns "higher" or "lower".
func (d Direction) String() string {
	if d == LowerIsWorse {
		return "lower"
	}
	return "higher"
}

// NoData says what becomes of a group that has reported nothing for three
// intervals and has no call in flight.
type NoData uint8

const (
	// NoDataResolve resolves a firing alert and forgets the group: the zero value.
	NoDataResolve NoData = iota
	// NoDataKeep leaves the group in the state it had.
	NoDataKeep
	// NoDataAlert raises an alert for the silence itself.
	NoDataAlert
)

// String returns "resolve", "keep" or "alert".
func (n NoData) String() string {
	switch n {
	case NoDataKeep:
		return "keep"
	case NoDataAlert:
		return "alert"
	default:
		return "resolve"
	}
}

// DefaultThresholdPercent is the ThresholdPercent of a Baseline that leaves
// it zero: an alert at 20 % worse than the target.
const DefaultThresholdPercent = 120

// DefaultMaxFiring is the MaxFiring of a Baseline that leaves it zero.
const DefaultMaxFiring = 50

// A Baseline is what a metric is expected to be, and how much worse it may
// get before somebody is told. It is plain data: it may be copied, and a
// Processor keeps its own copy.
type Baseline struct {
	// Name is what alerts and status tables call it, such as "search_ms".
	// Required. Baselines may share a name if they judge different metrics.
	Name string

	// Metric is the name of the metric to judge, as it arrives at the
	// Processor (after views). Required.
	Metric string

	// Match lists attributes that a series must carry, with these values, to
	// be judged. Empty: every series of the metric.
	Match []attribute.KeyValue

	// By lists the attributes that tell groups apart. All series of one group
	// are summed before they are judged. A series without one of the
	// attributes belongs to the group without it. Empty: one group. A group
	// exists as long as its series report, so By should name bounded attributes.
	By []attribute.Key

	// Statistic is what is compared with Target. Required.
	Statistic Statistic

	// Target is the expected value, in Unit. At zero any positive value
	// alerts. NaN only observes: the value is computed and shown in
	// [Processor.Status], and never judged.
	Target float64

	// Unit is the unit of Target, of the values in alerts and of the status:
	// "ms" for a metric in seconds, "MiB" for one in bytes, "%" for a ratio.
	// Empty: the metric's own unit. See [Statistic] for the unit of each.
	Unit string

	// Direction is HigherIsWorse unless set.
	Direction Direction

	// ThresholdPercent is the share of the target that alerts: 120 is above
	// target × 1.20, or below target × 0.80 where lower is worse. A value
	// exactly at the threshold does not alert. Range: 100 and more, and below
	// 200 where lower is worse; 0 is [DefaultThresholdPercent].
	ThresholdPercent float64

	// ClearPercent is the level, in the terms of ThresholdPercent, at which a
	// firing alert resolves. It may not be beyond ThresholdPercent; 0 is the
	// same as ThresholdPercent.
	ClearPercent float64

	// For is how long the value must be over the threshold before it fires;
	// 0 fires at the first interval.
	For time.Duration

	// KeepFiringFor is how long the value must be at the clear level or
	// better before a firing alert resolves; 0 resolves at once.
	KeepFiringFor time.Duration

	// MinCount is how many measurements an interval needs to count at all,
	// for or against. 0 is the default of the Statistic: 20 for mean,
	// error_ratio, p95 and below, 100 for p99, 1000 for p99.9, 1 for max and
	// value. A rate counts from one data point on, or as many measurements as
	// MinCount says.
	MinCount uint64

	// Remind tells again of an alert that still fires, each time that so much
	// time has passed; 0 does not.
	Remind time.Duration

	// NoData decides after three silent intervals; NoDataResolve unless set.
	NoData NoData

	// MaxFiring is how many groups of the baseline may fire at once and be
	// told one by one. If there would be more, those that come on top are
	// told in one alert, which has Groups set, names the worst, and resolves
	// when all of them have. 0 is [DefaultMaxFiring], less than 0 no limit.
	MaxFiring int

	// Active names the metric that counts calls in flight, an up-down sum or
	// gauge with the group's attributes, so that calls that hang are not
	// taken for silence. Empty: the companion of Metric where it has a known
	// one (see [ActiveMetric]), "-": none.
	Active string

	// Unless names a metric that takes over: once a series of it was seen,
	// this baseline is not judged any more. Empty: always judged.
	Unless string

	// Relative holds the group against its own recent past instead of a fixed
	// Target, which must be 0 then: the target is the mean of the newest
	// Relative intervals that were judged and did not breach. Until there are
	// WarmUp of them (0: as many as Relative), and while their mean is 0,
	// nothing is judged. 0: a fixed target.
	Relative, WarmUp int

	// Objective makes the baseline one of burn rate: the share of measurements
	// that have to be good, such as 0.999. Bad are, for ErrorRatio, those that
	// failed; for any statistic of a histogram's values, those beyond Target,
	// which must be a bucket boundary, as views.For makes it. It alerts while
	// both windows of one of the Burn pairs burn the rest, the error budget,
	// more than Factor times as fast as the objective allows. Values are that
	// rate, the target is the Factor of the pair that is farthest beyond it.
	// ThresholdPercent means nothing, ClearPercent is a percentage of that
	// Factor. Nil: 1h and 5m at 14.4, 6h and 30m at 6. What the windows hold is
	// lost with the process. 0: no burn rate.
	Objective float64
	Burn      []BurnWindow

	// Severity, Labels and Annotations go with the alert as they are.
	Severity    string
	Labels      map[string]string
	Annotations map[string]string

	// FleetTarget is the target of the sum over all instances. It means
	// nothing inside one process; rule generators use it. 0: none.
	FleetTarget float64
}

// Observed reports whether the baseline has no target: its value is computed
// and never judged.
func (b Baseline) Observed() bool { return math.IsNaN(b.Target) }

// Threshold returns the value, in b.Unit, beyond which the baseline alerts.
// It is NaN for a baseline without a target.
func (b Baseline) Threshold() float64 { return b.level(b.thresholdPercent()) }

// Clear returns the value, in b.Unit, at which a firing alert may resolve.
// It is NaN for a baseline without a target.
func (b Baseline) Clear() float64 {
	return b.level(cmp.Or(b.ClearPercent, b.thresholdPercent()))
}

func (b Baseline) thresholdPercent() float64 {
	return cmp.Or(b.ThresholdPercent, DefaultThresholdPercent)
}

func (b Baseline) level(percent float64) float64 {
	if b.Direction == LowerIsWorse {
		percent = 200 - percent
	}
	return b.Target * percent / 100
}

// Excess returns how much worse than the target v is: 0.2 is 20 % worse,
// whichever side is the bad one; negative is better. ok is false where the
// target is zero or absent, as no share of it exists.
func (b Baseline) Excess(v float64) (excess float64, ok bool) {
	if b.Target == 0 || b.Observed() {
		return math.NaN(), false
	}
	if b.Direction == LowerIsWorse {
		return 1 - v/b.Target, true
	}
	return v/b.Target - 1, true
}

// Needed returns how many measurements an interval needs to count: MinCount, or
// the default of the statistic. It is 0 for a rate, as an interval with nothing
// in it has one.
func (b Baseline) Needed() uint64 {
	if b.MinCount > 0 {
		return b.MinCount
	}
	return b.Statistic.defaultMinCount()
}

// maxRelative bounds what is remembered of a group's past.
const maxRelative = 10_000

func (b Baseline) validateBurn() (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if b.Objective == 0 {
		if len(b.Burn) > 0 {
			bad("burn windows need an objective")
		}
		return errs
	}
	switch {
	case !(b.Objective > 0 && b.Objective < 1):
		bad("the objective %v is not between 0 and 1", b.Objective)
	case b.Relative != 0:
		bad("a burn rate cannot be relative")
	case b.Direction == LowerIsWorse:
		bad("a burn rate is worse when it is higher")
	case b.Observed():
		bad("a burn rate needs a target")
	case b.Statistic != ErrorRatio && !b.Statistic.ofDistribution():
		bad("the burn rate of %s is not known: want %s, or a statistic of a histogram's values", b.Statistic, ErrorRatio)
	}
	for _, w := range b.Burn {
		if w.Short <= 0 || w.Long <= w.Short || w.Long > 31*24*time.Hour || !(w.Factor > 0) || math.IsInf(w.Factor, 0) {
			bad("the burn window %v and %v at %v: want a long one, up to 31 days, a shorter one and a positive factor", w.Long, w.Short, w.Factor)
		}
	}
	return errs
}

func (b Baseline) maxFiring() int { return max(cmp.Or(b.MaxFiring, DefaultMaxFiring), 0) }

// Validate reports everything that is wrong with b, joined; nil if it can be
// judged. [For], [NewProcessor] and [Watch] call it.
func (b Baseline) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("views: baseline %q: "+format, append([]any{b.Name}, args...)...))
	}
	if strings.TrimSpace(b.Name) == "" {
		bad("the name is empty")
	}
	if b.Metric == "" {
		bad("the metric is empty")
	}
	if err := b.Statistic.validate(); err != nil {
		bad("%w", err)
	}
	switch {
	case math.IsInf(b.Target, 0):
		bad("the target is infinite")
	case b.Target < 0:
		bad("the target %v is negative", b.Target)
	case b.Relative != 0 && b.Target != 0:
		bad("a relative baseline has no target of its own: %v must be 0", b.Target)
	case b.Target == 0 && b.Direction == LowerIsWorse && b.Relative == 0:
		bad("a target of 0 can never be undercut")
	}
	if _, err := unitFactor(b.Unit); err != nil {
		bad("%w", err)
	}
	if p := b.thresholdPercent(); math.IsNaN(p) || math.IsInf(p, 0) || p < 100 {
		bad("the threshold of %v %% is below 100 %%: the target itself would alert", p)
	} else if b.Direction == LowerIsWorse && p >= 200 {
		bad("a threshold of %v %% where lower is worse could never fire: it must be below 200 %%", p)
	}
	if c := b.ClearPercent; math.IsNaN(c) || c < 0 || c > b.thresholdPercent() {
		bad("the clear level of %v %% is beyond the threshold of %v %%", c, b.thresholdPercent())
	}
	if math.IsInf(b.Threshold(), 0) || math.IsInf(b.Clear(), 0) {
		bad("the target %v is too large", b.Target)
	}
	if b.For < 0 || b.KeepFiringFor < 0 || b.Remind < 0 {
		bad("a negative duration")
	}
	if b.Relative < 0 || b.Relative > maxRelative || b.WarmUp < 0 || b.WarmUp > max(b.Relative, 0) {
		bad("it is relative to %d intervals and warms up for %d: want up to %d, and no more than those", b.Relative, b.WarmUp, maxRelative)
	}
	for _, err := range b.validateBurn() {
		bad("%w", err)
	}
	for _, kv := range b.Match {
		if !kv.Valid() || kv.Value.Type() == attribute.EMPTY {
			bad("the attribute to match %q has no value", kv.Key)
		}
	}
	for i, k := range b.By {
		if !k.Defined() {
			bad("an attribute to group by is empty")
		} else if slices.Contains(b.By[:i], k) {
			bad("it groups by %q twice", k)
		}
	}
	if b.FleetTarget < 0 || math.IsNaN(b.FleetTarget) || math.IsInf(b.FleetTarget, 0) {
		bad("the fleet target %v is not a positive number", b.FleetTarget)
	}
	return errors.Join(errs...)
}
