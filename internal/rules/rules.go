package rules

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/otelperf/otelperf-go/views"
)

// Options say what the rules are written for.
type Options struct {
	// Interval is how often the processes collect and export. Required.
	Interval time.Duration
	// Strategy is how OTLP names became Prometheus names; "" is
	// UnderscoreEscapingWithSuffixes.
	Strategy Strategy
	// InstanceLabels tell processes apart, FleetLabels services. Nil: job and
	// instance, and job, as Prometheus and the Collector write them.
	InstanceLabels, FleetLabels []string
	// QueryOffset is how long rules wait for late samples; negative: none is
	// written, for engines that have a setting of their own. 0: one interval.
	QueryOffset time.Duration
	// NativeHistograms: the histograms are exponential ones, which arrive as
	// native histograms.
	NativeHistograms bool
	// Metrics says unit and kind of metrics that this package does not know.
	Metrics map[string]Metric
}

// A Rule is one recording or alerting rule; Record or Alert is set.
type Rule struct {
	Record, Alert      string
	Expr               string
	For, KeepFiringFor time.Duration
	Labels             map[string]string
	Annotations        map[string]string

	of *judged
}

// A Group is one rule group: the rules of a scope, in the order in which they
// build on each other.
type Group struct {
	Name        string
	Interval    time.Duration
	QueryOffset time.Duration // 0: not written
	Rules       []Rule
}

// A Set is all that was made of the baselines.
type Set struct {
	Groups []Group

	options Options
	names   names
	judged  []*judged
}

// New makes the rules of the baselines: for each process, and for all processes
// of a service where a baseline has a fleet target. Baselines without any
// target are recorded and raise no alert, unless they are about values that
// Monitor.Record takes.
//
// The error names every baseline that cannot be expressed.
func New(baselines []views.Baseline, o Options) (*Set, error) {
	if o.Interval <= 0 {
		return nil, errors.New("rules: the interval is not positive")
	}
	n, err := newNames(o.Strategy, o.Metrics)
	if err != nil {
		return nil, err
	}
	if o.QueryOffset == 0 {
		o.QueryOffset = o.Interval
	}
	if o.InstanceLabels == nil {
		o.InstanceLabels = []string{"job", "instance"}
	}
	if o.FleetLabels == nil {
		o.FleetLabels = []string{"job"}
	}
	s := &Set{options: o, names: n}
	scopes := []scope{
		{labels: o.InstanceLabels, record: "otelperf:baseline"},
		{fleet: true, labels: o.FleetLabels, record: "otelperf:fleet_baseline", suffix: "_fleet"},
	}
	var errs []error
	for _, sc := range scopes {
		g := Group{Name: strings.TrimPrefix(sc.record, "otelperf:"), Interval: o.Interval, QueryOffset: max(o.QueryOffset, 0)}
		g.Name = "otelperf_" + g.Name
		for _, b := range baselines {
			if sc.fleet {
				if b.FleetTarget == 0 {
					continue
				}
				if b.Relative = 0; b.Objective == 0 {
					b.Target = b.FleetTarget
				}
			}
			if b.Observed() && b.Relative == 0 && strings.HasPrefix(b.Metric, "otelperf.recorded.") {
				continue
			}
			j, err := newJudged(b, sc, n, o)
			if err == nil {
				err = j.addTo(&g)
			}
			if err != nil {
				errs = append(errs, err)
				continue
			}
			s.judged = append(s.judged, j)
		}
		if len(g.Rules) > 0 {
			s.Groups = append(s.Groups, g)
		}
	}
	return s, errors.Join(errs...)
}

func newJudged(b views.Baseline, sc scope, n names, o Options) (*judged, error) {
	m, ok := n.of(b.Metric)
	if !ok {
		_, err := n.series(b.Metric, "")
		return nil, fmt.Errorf("%w (baseline %q)", err, b.Name)
	}
	factor, err := b.Factor(m.Unit)
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	return &judged{
		Baseline: b, names: n, scope: sc,
		interval: o.Interval, metric: m, native: isNative(o.NativeHistograms, b.Metric, m), exponential: o.NativeHistograms,
		factor: factor, threshold: b.Threshold() / factor, clear: b.Clear() / factor, target: b.Target / factor,
	}, nil
}

// addTo adds the baseline's rules to the group of its scope.
func (j *judged) addTo(g *Group) error {
	identity := make(map[string]string)
	for _, m := range j.identity() {
		identity[m.label] = m.value
	}
	if j.Objective > 0 {
		return j.addBurn(g, identity)
	}
	value, err := j.value()
	if err != nil {
		return err
	}
	g.Rules = append(g.Rules, Rule{Record: j.record + ":value", Expr: value, Labels: identity, of: j})
	if j.Relative > 0 {
		return j.addRelative(g, identity)
	}
	if excess := j.excess(); excess != "" {
		g.Rules = append(g.Rules, Rule{Record: j.record + ":excess", Expr: excess, Labels: identity, of: j})
	}
	if j.Observed() {
		return nil
	}
	breach, err := j.breach()
	if err != nil {
		return err
	}
	labels := j.alertLabels(identity)
	g.Rules = append(g.Rules, Rule{
		Alert: j.alertName(), Expr: breach, For: j.For, KeepFiringFor: j.KeepFiringFor,
		Labels: labels, Annotations: j.annotations(j.summary()), of: j,
	})
	return j.addSilence(g, labels)
}

// addSilence adds the alert of a group that has had no data, where the baseline
// asks for one.
func (j *judged) addSilence(g *Group, labels map[string]string) error {
	if j.NoData != views.NoDataAlert {
		return nil
	}
	silence, err := j.silence()
	if err != nil {
		return err
	}
	labels = maps.Clone(labels)
	labels["otelperf_reason"] = "no_data"
	summary := escapeTemplate(j.alertName()) + " has had no data for three intervals" + j.where()
	annotations := j.annotations(summary)
	if j.Relative > 0 || j.Objective > 0 { // there is no fixed level to tell
		annotations = j.texts(map[string]string{"summary": summary})
	}
	g.Rules = append(g.Rules, Rule{Alert: j.alertName(), Expr: silence, Labels: labels, Annotations: annotations, of: j})
	return nil
}

// alertLabels are the labels of an alert besides its group's.
func (j *judged) alertLabels(identity map[string]string) map[string]string {
	labels := make(map[string]string)
	for k, v := range j.Labels {
		labels[j.labelOf(k)] = escapeTemplate(v)
	}
	if j.Severity != "" {
		labels["severity"] = escapeTemplate(j.Severity)
	}
	for k, v := range identity {
		labels[k] = escapeTemplate(v)
	}
	return labels
}

// labelOf returns the label that a name of the configuration becomes.
func (j *judged) labelOf(k string) string {
	label, err := j.label.Build(k)
	if err != nil {
		return "label"
	}
	return label
}

// summary is the line that the process would print, as a template.
func (j *judged) summary() string {
	verb := "exceeds"
	if j.Direction == views.LowerIsWorse {
		verb = "falls below"
	}
	return fmt.Sprintf(`%s = {{ printf "%%.3f" $value }} %s baseline %s%s%s`,
		escapeTemplate(j.alertName()), verb, strconv.FormatFloat(j.Target, 'f', 3, 64), unitSuffix(j.Unit), j.where())
}

func unitSuffix(unit string) string {
	if unit == "" || unit == "1" {
		return ""
	}
	return " " + unit
}

// where names the group by the labels that the alert has.
func (j *judged) where() string {
	var b strings.Builder
	for _, l := range j.by() {
		if plainLabel.MatchString(l) {
			fmt.Fprintf(&b, " %s={{ $labels.%s }}", l, l)
		} else {
			fmt.Fprintf(&b, " %s={{ index $labels %q }}", l, l)
		}
	}
	return b.String()
}

func (j *judged) annotations(summary string) map[string]string {
	all := map[string]string{
		"summary":   summary,
		"target":    formatLevel(j.Target),
		"threshold": formatLevel(j.Threshold()),
		"unit":      j.Unit,
	}
	return j.texts(all)
}

// texts completes annotations by the baseline's own, and leaves empty ones out.
func (j *judged) texts(all map[string]string) map[string]string {
	if all["unit"] == "" {
		delete(all, "unit")
	}
	for k, v := range j.Annotations {
		all[j.labelOf(k)] = escapeTemplate(v)
	}
	return all
}

func formatLevel(v float64) string {
	if math.IsNaN(v) {
		return "none"
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// escapeTemplate has braces in a text of the configuration stay what they are:
// Prometheus takes labels and annotations for templates.
func escapeTemplate(s string) string { return strings.ReplaceAll(s, "{{", `{{"{{"}}`) }

// WriteRules writes the groups as a rule file.
func (s *Set) WriteRules(w io.Writer) error {
	y := &yaml{w: w}
	y.line(0, "groups:")
	for _, g := range s.Groups {
		y.line(1, "- name: %s", quote(g.Name))
		y.line(2, "interval: %s", yamlDuration(g.Interval))
		if g.QueryOffset > 0 {
			y.line(2, "query_offset: %s", yamlDuration(g.QueryOffset))
		}
		y.line(2, "rules:")
		for _, r := range g.Rules {
			if r.Record != "" {
				y.line(3, "- record: %s", quote(r.Record))
			} else {
				y.line(3, "- alert: %s", quote(r.Alert))
			}
			y.block(4, "expr", r.Expr)
			if r.For > 0 {
				y.line(4, "for: %s", yamlDuration(r.For))
			}
			if r.KeepFiringFor > 0 {
				y.line(4, "keep_firing_for: %s", yamlDuration(r.KeepFiringFor))
			}
			y.table(4, "labels", r.Labels)
			y.table(4, "annotations", r.Annotations)
		}
	}
	if len(s.Groups) == 0 {
		y.line(1, "[]")
	}
	return y.err
}

func yamlDuration(d time.Duration) string { return promDuration(d) }

func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
