package views

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// maxBounds is how many bucket boundaries an instrument gets at the most: the
// memory and the bytes of every one of its series.
const maxBounds = 64

// A Rule shapes the metrics of the instruments that it matches. Several rules
// may match one instrument; [Compose] says how they go together.
type Rule struct {
	// Instrument is the name of the instruments the rule is for. "*" stands
	// for any characters, "?" for one. Required.
	Instrument string

	// Scope limits the rule to instruments of this scope name. Empty: all.
	Scope string

	// Discard drops the metric altogether.
	Discard bool

	// Rename is the metric's new name. Empty: the instrument's own. Not for
	// patterns, which would give several metrics one name.
	Rename string

	// Keep lists the attributes that stay; nil keeps all, empty keeps none.
	Keep []attribute.Key

	// Drop lists attributes that go, after Keep.
	Drop []attribute.Key

	// Bounds are the bucket boundaries of histograms, in the instrument's
	// unit, rising. Nil: the standard ones, and those of the baselines.
	Bounds []float64

	// Exponential gives histograms exponential buckets instead. MaxSize is
	// how many buckets, MaxScale how fine; 0 is 160 and 20.
	Exponential       bool
	MaxSize, MaxScale int32
}

// For returns the view that puts a bucket boundary exactly at the target, the
// alert and the clear level of each of the baselines, and a few around them, on
// top of the standard boundaries. So whether a quantile is over its threshold
// is a count, and not a guess between two boundaries.
//
// The standard boundaries are those of the HTTP semantic conventions for
// http.* durations, 1–2.5–5 per decade from 1 µs to 10 s for other durations,
// powers of four from 64 B to 1 GiB for sizes, and the SDK's own otherwise.
// More than 64 boundaries are not made: first the ones around the levels are
// left out, and if the levels themselves do not fit, that is an error.
//
// Register the view with sdkmetric.WithView. Of two views that match one
// instrument and keep its name the SDK takes the first and ignores the other
// without a word: give further wishes to [Compose] instead.
func For(baselines ...Baseline) (sdkmetric.View, error) { return Compose(baselines) }

// Compose returns one view of the baselines and the rules. Where several rules
// match an instrument:
//
//   - Discard wins over everything.
//   - An attribute must be kept by each Keep, and dropped by no Drop.
//   - Bounds, Exponential and Rename come from the last rule that names the
//     instrument exactly, else from the last pattern.
//   - The boundaries of the baselines are added to Bounds.
//
// It is an error if two rules that name the same instrument and scope disagree
// on Bounds, Exponential or Rename, if two instruments get one name, if a rule
// takes away what a baseline needs (its metric, or an attribute that it matches
// or groups by, or error.type), or if a rule says nothing, or nothing valid.
//
// A baseline names a metric as it leaves the view: after Rename.
func Compose(baselines []Baseline, rules ...Rule) (sdkmetric.View, error) {
	v := &view{byMetric: make(map[string][]Baseline)}
	var errs []error
	for _, b := range baselines {
		if err := b.Validate(); err != nil {
			errs = append(errs, err)
			continue
		}
		v.byMetric[b.Metric] = append(v.byMetric[b.Metric], b)
	}
	for i, r := range rules {
		c, err := compile(r)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, other := range rules[:i] {
			if err := conflict(other, r); err != nil {
				errs = append(errs, err)
			}
		}
		v.rules = append(v.rules, c)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if err := v.check(baselines); err != nil {
		return nil, err
	}
	return v.stream, nil
}

// validName tells whether the OpenTelemetry specification allows name as a
// metric's.
func validName(name string) bool { return len(name) <= 255 && nameCharacters.MatchString(name) }

// A count of repeats would make the compiled pattern a hundred times as large.
var nameCharacters = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*$`)

type compiledRule struct {
	Rule
	pattern *regexp.Regexp // nil: an exact name
}

func (r *compiledRule) matches(i sdkmetric.Instrument) bool {
	if r.Scope != "" && r.Scope != i.Scope.Name {
		return false
	}
	if r.pattern != nil {
		return r.pattern.MatchString(i.Name)
	}
	return strings.EqualFold(r.Instrument, i.Name) // instrument names are case-insensitive
}

func compile(r Rule) (compiledRule, error) {
	c := compiledRule{Rule: r}
	bad := func(format string, args ...any) (compiledRule, error) {
		return c, fmt.Errorf("views: rule for %q: "+format, append([]any{r.Instrument}, args...)...)
	}
	if r.Instrument == "" {
		return bad("the instrument is empty; \"*\" stands for all")
	}
	if strings.ContainsAny(r.Instrument, "*?") {
		c.pattern = regexp.MustCompile("(?is)^" + wildcard(r.Instrument) + "$")
		if r.Rename != "" {
			return bad("a pattern cannot rename: several metrics would get the name %q", r.Rename)
		}
	}
	if r.Rename != "" && !validName(r.Rename) {
		return bad("%q is no name for a metric", r.Rename)
	}
	if !r.Discard && r.Rename == "" && r.Keep == nil && len(r.Drop) == 0 && r.Bounds == nil && !r.Exponential && r.MaxSize == 0 && r.MaxScale == 0 {
		return bad("it says nothing")
	}
	if !r.Exponential && (r.MaxSize != 0 || r.MaxScale != 0) {
		return bad("MaxSize or MaxScale without Exponential")
	}
	if r.Bounds != nil && r.Exponential {
		return bad("it has both Bounds and Exponential")
	}
	if len(r.Bounds) > maxBounds {
		return bad("%d bounds are more than the %d allowed: use Exponential", len(r.Bounds), maxBounds)
	}
	for i, b := range r.Bounds {
		if math.IsNaN(b) || math.IsInf(b, 0) || i > 0 && b <= r.Bounds[i-1] {
			return bad("the bounds must be finite and rising, but %v is at place %d", b, i)
		}
	}
	if r.MaxSize < 0 || r.MaxSize == 1 || r.MaxScale < 0 || r.MaxScale > 20 {
		return bad("exponential buckets need a MaxSize of at least 2 and a MaxScale from 0 to 20")
	}
	c.Keep, c.Drop, c.Bounds = slices.Clone(r.Keep), slices.Clone(r.Drop), slices.Clone(r.Bounds)
	return c, nil
}

// conflict reports what two rules cannot both have.
func conflict(a, b Rule) error {
	if !strings.EqualFold(a.Instrument, b.Instrument) {
		if a.Rename != "" && strings.EqualFold(a.Rename, b.Rename) {
			return fmt.Errorf("views: the rules for %q and %q: both get the name %q", a.Instrument, b.Instrument, a.Rename)
		}
		return nil
	}
	if a.Scope != b.Scope {
		return nil
	}
	switch {
	case a.Rename != "" && b.Rename != "" && a.Rename != b.Rename:
		return fmt.Errorf("views: two rules rename %q: to %q and to %q", a.Instrument, a.Rename, b.Rename)
	case a.Bounds != nil && b.Bounds != nil && !slices.Equal(a.Bounds, b.Bounds):
		return fmt.Errorf("views: two rules give %q different bounds", a.Instrument)
	case a.Exponential && b.Exponential && *a.exponential() != *b.exponential():
		return fmt.Errorf("views: two rules give %q different exponential buckets", a.Instrument)
	case a.Exponential && b.Bounds != nil, a.Bounds != nil && b.Exponential:
		return fmt.Errorf("views: one rule gives %q bounds, another exponential buckets", a.Instrument)
	}
	return nil
}

// A view is what [Compose] makes of baselines and rules.
type view struct {
	byMetric map[string][]Baseline
	rules    []compiledRule
}

// A shape is what the rules say together about one instrument.
type shape struct {
	matched     bool
	discard     bool
	name        string
	keep        [][]attribute.Key
	drop        []attribute.Key
	bounds      []float64
	exponential *sdkmetric.AggregationBase2ExponentialHistogram
}

func (v *view) shape(i sdkmetric.Instrument) shape {
	s := shape{name: i.Name}
	for _, exact := range []bool{false, true} {
		for k := range v.rules {
			r := &v.rules[k]
			if (r.pattern == nil) != exact || !r.matches(i) {
				continue
			}
			s.matched = true
			s.discard = s.discard || r.Discard
			if r.Keep != nil {
				s.keep = append(s.keep, r.Keep)
			}
			s.drop = append(s.drop, r.Drop...)
			if r.Rename != "" {
				s.name = r.Rename
			}
			if r.Bounds != nil {
				s.bounds, s.exponential = r.Bounds, nil
			}
			if r.Exponential {
				s.bounds, s.exponential = nil, r.exponential()
			}
		}
	}
	return s
}

func (r *Rule) exponential() *sdkmetric.AggregationBase2ExponentialHistogram {
	e := &sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}
	if r.MaxSize > 0 {
		e.MaxSize = r.MaxSize
	}
	if r.MaxScale > 0 {
		e.MaxScale = r.MaxScale
	}
	return e
}

func (s *shape) allows(k attribute.Key) bool {
	for _, keep := range s.keep {
		if !slices.Contains(keep, k) {
			return false
		}
	}
	return !slices.Contains(s.drop, k)
}

// stream is the sdkmetric.View.
func (v *view) stream(i sdkmetric.Instrument) (sdkmetric.Stream, bool) {
	s := v.shape(i)
	baselines := v.byMetric[s.name]
	if !s.matched && len(baselines) == 0 {
		return sdkmetric.Stream{}, false
	}
	out := sdkmetric.Stream{Name: s.name, Description: i.Description, Unit: i.Unit}
	if s.discard {
		out.Aggregation = sdkmetric.AggregationDrop{}
		return out, true
	}
	if len(s.keep)+len(s.drop) > 0 {
		out.AttributeFilter = func(kv attribute.KeyValue) bool { return s.allows(kv.Key) }
	}
	if i.Kind != sdkmetric.InstrumentKindHistogram {
		return out, true
	}
	if s.exponential != nil {
		out.Aggregation = *s.exponential
		return out, true
	}
	levels := levelsOf(baselines, i.Unit)
	if s.bounds == nil && len(levels) == 0 {
		return out, true // the instrument's own advice stays
	}
	bounds, err := align(ownOrStandard(s.bounds, i), levels)
	if err != nil {
		// check has refused what it could; a rule for a pattern may still meet
		// an instrument that is too much. Exponential buckets fit anything.
		out.Aggregation = *(&Rule{}).exponential()
		return out, true
	}
	out.Aggregation = sdkmetric.AggregationExplicitBucketHistogram{Boundaries: bounds}
	return out, true
}

func ownOrStandard(own []float64, i sdkmetric.Instrument) []float64 {
	if own != nil {
		return own
	}
	return standardBounds(i.Name, i.Unit)
}

// check refuses rules that take away what a baseline needs, names given to two
// instruments, and levels that do not fit, as far as names alone can tell.
func (v *view) check(baselines []Baseline) error {
	errs := v.checkNames()
	for _, b := range baselines {
		i := sdkmetric.Instrument{Name: v.instrumentOf(b.Metric), Kind: sdkmetric.InstrumentKindHistogram}
		s := v.shape(i)
		if s.discard {
			errs = append(errs, fmt.Errorf("views: baseline %q judges %s, which a rule discards", b.Name, b.Metric))
			continue
		}
		if !strings.EqualFold(s.name, b.Metric) {
			errs = append(errs, fmt.Errorf("views: a rule renames %s, which baseline %q judges, to %s", b.Metric, b.Name, s.name))
			continue
		}
		for _, k := range b.needs() {
			if !s.allows(k) {
				errs = append(errs, fmt.Errorf("views: baseline %q needs the attribute %s of %s, which a rule takes away", b.Name, k, b.Metric))
			}
		}
	}
	for metric, of := range v.byMetric {
		for _, unit := range baseUnits(of) {
			i := sdkmetric.Instrument{Name: v.instrumentOf(metric), Kind: sdkmetric.InstrumentKindHistogram, Unit: unit}
			s := v.shape(i)
			if s.exponential != nil {
				continue
			}
			if _, err := align(ownOrStandard(s.bounds, i), levelsOf(of, unit)); err != nil {
				errs = append(errs, fmt.Errorf("views: %s: %w", metric, err))
				break
			}
		}
	}
	return errors.Join(errs...)
}

// checkNames refuses to give an instrument the name of another that a rule knows,
// unless that one gives it up.
func (v *view) checkNames() (errs []error) {
	for _, r := range v.rules {
		for _, o := range v.rules {
			if r.Rename == "" || o.pattern != nil || !strings.EqualFold(r.Rename, o.Instrument) || strings.EqualFold(r.Instrument, o.Instrument) ||
				r.Scope != "" && o.Scope != "" && r.Scope != o.Scope {
				continue
			}
			s := v.shape(sdkmetric.Instrument{Name: o.Instrument, Scope: instrumentation.Scope{Name: o.Scope}})
			if !s.discard && strings.EqualFold(s.name, o.Instrument) {
				errs = append(errs, fmt.Errorf("views: the rules for %q and %q: both get the name %q", r.Instrument, o.Instrument, r.Rename))
			}
		}
	}
	return errs
}

// needs lists the attributes that the baseline cannot do without.
func (b Baseline) needs() []attribute.Key {
	keys := slices.Clone(b.By)
	for _, kv := range b.Match {
		keys = append(keys, kv.Key)
	}
	if b.Statistic == ErrorRatio {
		keys = append(keys, "error.type")
	}
	return keys
}

// instrumentOf undoes a renaming.
func (v *view) instrumentOf(metric string) string {
	for _, r := range v.rules {
		if r.Rename == metric {
			return r.Instrument
		}
	}
	return metric
}

// baseUnits guesses the unit of the metric from what its baselines are stated
// in. Seconds have the most standard boundaries, so they stand for the worst.
func baseUnits(of []Baseline) []string {
	for _, b := range of {
		if u := units[b.Unit]; b.Statistic.inMetricUnit() && u.base != "" {
			return []string{u.base}
		}
	}
	return []string{"", "s"}
}
