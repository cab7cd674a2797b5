package views

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// An Edit is one change that a [Filter] makes to the metrics on their way to
// an exporter. In patterns "*" stands for any characters and "?" for one, and
// names are compared without regard to case.
type Edit struct {
	patterns []string
	keep     bool
	rename   bool
	to       string // the new name
}

// KeepMetrics lets only metrics pass whose name matches one of the patterns.
func KeepMetrics(patterns ...string) Edit { return Edit{patterns: patterns, keep: true} }

// DropMetrics lets only metrics pass whose name matches none of the patterns.
func DropMetrics(patterns ...string) Edit { return Edit{patterns: patterns} }

// RenameMetric gives the metric called from the name to. It must not be the
// name of another metric of the same scope: a batch must not hold one twice.
func RenameMetric(from, to string) Edit { return Edit{patterns: []string{from}, rename: true, to: to} }

// A Filter is a link before an exporter, as a [Processor] is, that keeps, drops
// and renames metrics, so that two exporters of one reader can see different
// things. Create one with [NewFilter]. All methods may be called concurrently,
// but Export only one at a time, as a reader does.
type Filter struct {
	next  sdkmetric.Exporter
	edits []compiledEdit

	// Reused from one export to the next; the collection itself is not touched.
	out     metricdata.ResourceMetrics
	metrics []metricdata.Metrics
	known   map[string]edited
}

type compiledEdit struct {
	Edit
	pattern *regexp.Regexp
}

// edited is what becomes of a name.
type edited struct {
	name    string
	dropped bool
}

var _ sdkmetric.Exporter = (*Filter)(nil)

// maxKnownNames bounds what a Filter remembers; more names are looked at each time.
const maxKnownNames = 10_000

// NewFilter returns a Filter in front of next. The edits are made in their
// order: a metric that one drops is gone for the next, and one that was
// renamed has its new name. Without edits everything passes. It is an error if
// next is nil, an edit names no metric, a name is none that a metric may have,
// or two metrics are renamed to one name.
func NewFilter(next sdkmetric.Exporter, edits ...Edit) (*Filter, error) {
	if next == nil {
		return nil, errors.New("views: NewFilter needs an exporter to pass metrics on to")
	}
	f := &Filter{next: next, known: make(map[string]edited)}
	var errs []error
	for i, e := range edits {
		c, err := e.compile()
		if err != nil {
			errs = append(errs, fmt.Errorf("views: edit %d: %w", i+1, err))
			continue
		}
		f.edits = append(f.edits, c)
	}
	if err := errors.Join(append(errs, f.clashes()...)...); err != nil {
		return nil, err
	}
	return f, nil
}

// clashes reports the metrics that the edits rename to one name. One that an
// edit before made up is the same metric further on, and no clash.
func (f *Filter) clashes() (errs []error) {
	from, made := make(map[string]string), make(map[string]bool)
	for i, c := range f.edits {
		if !c.rename || made[strings.ToLower(c.patterns[0])] {
			continue
		}
		name := strings.ToLower(c.patterns[0])
		made[strings.ToLower(c.to)] = true
		e := f.edit(name)
		to := strings.ToLower(e.name)
		if other, ok := from[to]; ok && other != name && !e.dropped {
			errs = append(errs, fmt.Errorf("views: edit %d: both %q and %q get the name %q", i+1, other, c.patterns[0], e.name))
		}
		if !e.dropped {
			from[to] = name
		}
	}
	return errs
}

func (e Edit) compile() (compiledEdit, error) {
	if len(e.patterns) == 0 {
		return compiledEdit{}, errors.New("it names no metric")
	}
	all := make([]string, len(e.patterns))
	for i, p := range e.patterns {
		switch {
		case p == "":
			return compiledEdit{}, errors.New("it has an empty name; \"*\" stands for all")
		case e.rename && strings.ContainsAny(p, "*?"):
			return compiledEdit{}, fmt.Errorf("the pattern %q cannot be renamed: several metrics would get the name %q", p, e.to)
		}
		all[i] = wildcard(p)
	}
	if e.rename && !validName(e.to) {
		return compiledEdit{}, fmt.Errorf("%q is no name for a metric", e.to)
	}
	return compiledEdit{e, regexp.MustCompile("(?is)^(?:" + strings.Join(all, "|") + ")$")}, nil
}

// wildcard is a pattern as a regular expression.
func wildcard(pattern string) string {
	return strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern))
}

// edit says what becomes of a metric's name.
func (f *Filter) edit(name string) edited {
	if e, ok := f.known[name]; ok {
		return e
	}
	e := edited{name: name}
	for i := range f.edits {
		switch c := &f.edits[i]; {
		case c.rename:
			if c.pattern.MatchString(e.name) {
				e.name = c.to
			}
		case c.pattern.MatchString(e.name) != c.keep:
			e.dropped = true
		}
	}
	if len(f.known) < maxKnownNames {
		f.known[name] = e
	}
	return e
}

// Temporality returns what the next exporter asks for.
func (f *Filter) Temporality(k sdkmetric.InstrumentKind) metricdata.Temporality {
	return f.next.Temporality(k)
}

// Aggregation returns what the next exporter asks for.
func (f *Filter) Aggregation(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return f.next.Aggregation(k)
}

// Export passes on what is left of rm, on a copy where anything changes. A
// scope of which nothing is left is left out. The next exporter is called even
// if nothing is left at all. Nothing of rm is kept.
func (f *Filter) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	if rm == nil {
		return f.next.Export(ctx, rm)
	}
	err := f.next.Export(ctx, f.apply(rm))
	clear(f.metrics)
	clear(f.out.ScopeMetrics)
	f.out = metricdata.ResourceMetrics{ScopeMetrics: f.out.ScopeMetrics[:0]}
	return err
}

func (f *Filter) apply(rm *metricdata.ResourceMetrics) *metricdata.ResourceMetrics {
	changed := false
	for i := range rm.ScopeMetrics {
		for j := range rm.ScopeMetrics[i].Metrics {
			name := rm.ScopeMetrics[i].Metrics[j].Name
			e := f.edit(name)
			changed = changed || e.dropped || e.name != name
		}
	}
	if !changed {
		return rm
	}
	f.out.Resource = rm.Resource
	f.out.ScopeMetrics, f.metrics = f.out.ScopeMetrics[:0], f.metrics[:0]
	for i := range rm.ScopeMetrics {
		sm := rm.ScopeMetrics[i]
		first := len(f.metrics)
		for _, m := range sm.Metrics {
			e := f.edit(m.Name)
			if e.dropped {
				continue
			}
			m.Name = e.name
			f.metrics = append(f.metrics, m)
		}
		if sm.Metrics = f.metrics[first:len(f.metrics):len(f.metrics)]; len(sm.Metrics) > 0 {
			f.out.ScopeMetrics = append(f.out.ScopeMetrics, sm)
		}
	}
	return &f.out
}

// ForceFlush flushes the next exporter.
func (f *Filter) ForceFlush(ctx context.Context) error { return f.next.ForceFlush(ctx) }

// Shutdown shuts the next exporter down.
func (f *Filter) Shutdown(ctx context.Context) error { return f.next.Shutdown(ctx) }
