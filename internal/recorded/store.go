package recorded

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/internal/nearest"
)

// A Def says what a name that values are recorded under means.
type Def struct {
	// Name is what [Store.Record] is called with. Required, unique.
	Name string

	// Metric is the name of the gauge. Required. Several definitions may share
	// one; they are told apart by their points' attributes.
	Metric string

	// Description and Unit are the gauge's. All definitions of one metric must
	// agree on the unit; the first description that is not empty counts.
	Description, Unit string

	// Factor is how many units of a recorded value make one of the metric's:
	// 1000 where milliseconds are recorded for a metric in seconds. 0 is 1.
	Factor float64

	// LowerIsWorse makes the least value of an interval the worst.
	LowerIsWorse bool
}

// A Store takes recorded values. Make one with [New]; all methods may be
// called concurrently.
type Store struct {
	series []*series // in the order of the definitions
	byName map[string]*series
	gauges []gauge

	mu        sync.Mutex // held while a Producer is added
	producers int
}

// A gauge is one metric and its series, in the order of the definitions.
type gauge struct {
	name, description, unit string
	series                  []*series
}

// A series is what is known of one name.
type series struct {
	name         string
	factor       float64
	lowerIsWorse bool
	attributes   attribute.Set

	mu     sync.Mutex
	latest float64 // as recorded, not in the metric's unit
	at     time.Time
	worst  []worst // by Producer
}

// worst is the worst value, as recorded, since a Producer's last collection.
type worst struct {
	value float64
	some  bool
}

// New returns a Store for defs. It reports everything that is wrong with them,
// joined: an empty or repeated name, an empty metric, one metric in two units,
// a factor that is negative or not finite.
func New(defs []Def) (*Store, error) {
	s := &Store{byName: make(map[string]*series, len(defs))}
	var errs []error
	for _, d := range defs {
		if err := s.define(d); err != nil {
			errs = append(errs, fmt.Errorf("monitor: recorded value %q: %w", d.Name, err))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return s, nil
}

func (s *Store) define(d Def) error {
	switch {
	case d.Name == "":
		return errors.New("the name is empty")
	case d.Metric == "":
		return errors.New("the metric is empty")
	case s.byName[d.Name] != nil:
		return errors.New("the name is defined twice")
	case d.Factor < 0 || math.IsNaN(d.Factor) || math.IsInf(d.Factor, 0):
		return fmt.Errorf("the factor %v is not a positive number", d.Factor)
	case d.Factor == 0:
		d.Factor = 1
	}
	i := slices.IndexFunc(s.gauges, func(g gauge) bool { return g.name == d.Metric })
	if i < 0 {
		i = len(s.gauges)
		s.gauges = append(s.gauges, gauge{name: d.Metric, unit: d.Unit})
	}
	g := &s.gauges[i]
	if g.unit != d.Unit {
		return fmt.Errorf("the metric %q has the unit %q already, not %q", d.Metric, g.unit, d.Unit)
	}
	if g.description == "" {
		g.description = d.Description
	}
	n := &series{
		name:         d.Name,
		factor:       d.Factor,
		lowerIsWorse: d.LowerIsWorse,
		attributes:   attribute.NewSet(BaselineName.String(d.Name), Source.String("recorded")),
	}
	g.series = append(g.series, n)
	s.series = append(s.series, n)
	s.byName[d.Name] = n
	return nil
}

// Record takes v, in the unit that name's definition implies. It fails, and
// takes nothing, if the name is not defined, or v is negative, not finite, or
// too large to be expressed in the metric's unit. It neither blocks nor
// allocates where it succeeds.
func (s *Store) Record(name string, v float64) error {
	n := s.byName[name]
	if n == nil {
		return s.unknown(name)
	}
	if !(v >= 0) || math.IsInf(v/n.factor, 0) {
		return n.refuse(v)
	}
	v += 0 // a negative zero becomes zero
	n.mu.Lock()
	defer n.mu.Unlock()
	n.latest, n.at = v, time.Now() // under the lock, so that at never goes back
	for i := range n.worst {
		n.worst[i].add(v, n.lowerIsWorse)
	}
	return nil
}

func (w *worst) add(v float64, lowerIsWorse bool) {
	if !w.some || lowerIsWorse && v < w.value || !lowerIsWorse && v > w.value {
		*w = worst{v, true}
	}
}

func (n *series) refuse(v float64) error {
	switch {
	case math.IsNaN(v):
		return fmt.Errorf("monitor: recorded value %q is not a number", n.name)
	case math.IsInf(v, 0):
		return fmt.Errorf("monitor: recorded value %q is infinite", n.name)
	case v < 0:
		return fmt.Errorf("monitor: recorded value %q is negative: %v", n.name, v)
	default:
		return fmt.Errorf("monitor: recorded value %q is too large for its unit: %v", n.name, v)
	}
}

// Latest returns the value that was recorded last under name, as it was
// recorded, and when. ok is false if there was none or the name is unknown.
func (s *Store) Latest(name string) (v float64, at time.Time, ok bool) {
	n := s.byName[name]
	if n == nil {
		return 0, time.Time{}, false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.latest, n.at, !n.at.IsZero()
}

// Names returns the names that may be recorded, in the order of their
// definitions.
func (s *Store) Names() []string {
	names := make([]string, len(s.series))
	for i, n := range s.series {
		names[i] = n.name
	}
	return names
}

// maxNamed is how many names, and maxQuoted how many bytes of an unknown one,
// an error repeats: the error is one line that a person reads.
const (
	maxNamed  = 32
	maxQuoted = 64
)

func (s *Store) unknown(name string) error {
	names := s.Names()
	slices.Sort(names)
	var b strings.Builder
	quoted := name
	if len(quoted) > maxQuoted {
		quoted = quoted[:maxQuoted] + "…"
	}
	fmt.Fprintf(&b, "monitor: nothing is defined to be recorded as %q", quoted)
	if near := nearest.To(name, names); near != "" {
		fmt.Fprintf(&b, "; did you mean %q?", near)
	}
	if len(names) == 0 {
		return errors.New(b.String())
	}
	more := ""
	if len(names) > maxNamed {
		more = fmt.Sprintf(" and %d more", len(names)-maxNamed)
		names = names[:maxNamed]
	}
	fmt.Fprintf(&b, " (known: %s%s)", strings.Join(names, ", "), more)
	return errors.New(b.String())
}
