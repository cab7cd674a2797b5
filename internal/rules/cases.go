package rules

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"strconv"
	"time"

	"github.com/otelperf/otelperf-go/views"
)

// A phase of a test is so many intervals of one situation.
type phase struct {
	intervals int64
	situation situation
}

// A caseOf is one test of an alert: what comes in, when the alert is looked
// at, and whether it has to fire then.
type caseOf struct {
	name   string
	phases []phase
	at     time.Duration
	quiet  time.Duration // an earlier time at which it does not fire yet; 0: not asked
	fires  bool
	value  float64 // of the alert, in the unit that a person reads
}

// WriteTests writes cases for `promtool test rules`: for each alert one where it
// has to fire, with all labels and annotations, and one where it must not; for
// a burn rate also one where the short window has seen the end of it.
// rulesFile is the path of the rules, relative to that of the tests.
func (s *Set) WriteTests(w io.Writer, rulesFile string) error {
	i := s.options.Interval
	y := &yaml{w: w}
	y.line(0, "rule_files:")
	y.line(1, "- %s", quote(rulesFile))
	y.line(0, "evaluation_interval: %s", yamlDuration(i))
	y.line(0, "tests:")
	for _, g := range s.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" {
				continue
			}
			cases, err := r.cases(i, g.QueryOffset)
			if err != nil {
				return err
			}
			for _, c := range cases {
				y.test(r, c, i)
			}
		}
	}
	return y.err
}

// cases are the rule's tests; none if nothing can breach it.
func (r Rule) cases(interval, offset time.Duration) ([]caseOf, error) {
	switch {
	case r.Labels["otelperf_reason"] != "":
		return r.silenceCases(interval, offset)
	case r.of.Objective > 0:
		return r.burnCases(interval, offset)
	case r.of.Relative > 0:
		return r.relativeCases(interval, offset)
	}
	bad, ok, err := r.of.situation(true)
	if err != nil || !ok {
		return nil, err // nothing can be as bad
	}
	good, _, err := r.of.situation(false)
	if err != nil {
		return nil, err
	}
	// Two samples make a rate, which is looked at one offset later.
	first := 2*interval + offset
	at := first + ceil(r.For, interval) + 2*interval
	steps := int64(at/interval) + 2
	fires := caseOf{name: "fires", phases: []phase{{steps, bad}}, at: at, fires: true, value: bad.value * r.of.factor}
	if r.For >= interval {
		fires.quiet = first + r.For.Truncate(interval) - 2*interval
	}
	return []caseOf{fires, {name: "stays quiet", phases: []phase{{steps, good}}, at: at}}, nil
}

// silenceCases: the alert fires where a group was there and is gone.
func (r Rule) silenceCases(interval, offset time.Duration) ([]caseOf, error) {
	good, err := r.usual()
	if err != nil {
		return nil, err
	}
	at := 14*interval + offset
	return []caseOf{
		{name: "fires", phases: []phase{{5, good}, {10, situation{}}}, at: at, fires: true, value: 1},
		{name: "stays quiet", phases: []phase{{15 + int64(offset/interval), good}}, at: at},
	}, nil
}

// usual is a situation in which nothing is amiss.
func (r Rule) usual() (s situation, err error) {
	switch j := r.of; {
	case j.Objective > 0:
		return j.burning(0)
	case j.Relative > 0:
		s, _, err = j.measured(1, 1, 4)
	default:
		s, _, err = j.situation(false)
	}
	return s, err
}

func ceil(d, unit time.Duration) time.Duration { return (d + unit - 1).Truncate(unit) }

func (y *yaml) test(r Rule, c caseOf, interval time.Duration) {
	what := string(r.of.Statistic)
	if r.Labels["otelperf_reason"] != "" {
		what += ", no data"
	}
	y.line(1, "- name: %s", quote(fmt.Sprintf("%s of %s (%s) %s", r.Alert, r.of.Metric, what, c.name)))
	y.line(2, "interval: %s", yamlDuration(interval))
	y.line(2, "input_series:")
	for _, in := range timelines(c.phases) {
		y.line(3, "- series: %s", quote(in.selector))
		y.line(4, "values: '%s'", in.values)
	}
	y.line(2, "alert_rule_test:")
	if c.quiet > 0 {
		y.line(3, "- eval_time: %s", yamlDuration(c.quiet))
		y.line(4, "alertname: %s", quote(r.Alert))
		y.line(4, "exp_alerts: []")
	}
	y.line(3, "- eval_time: %s", yamlDuration(c.at))
	y.line(4, "alertname: %s", quote(r.Alert))
	if !c.fires {
		y.line(4, "exp_alerts: []")
		return
	}
	labels, annotations := r.expected(c.value)
	y.line(4, "exp_alerts:")
	y.line(5, "- exp_labels:")
	for _, k := range sorted(labels) {
		y.line(7, "%s: %s", quote(k), quote(labels[k]))
	}
	y.table(6, "exp_annotations", annotations)
}

// expected are the labels and annotations of the alert with that value.
func (r Rule) expected(value float64) (labels, annotations map[string]string) {
	j := r.of
	labels = make(map[string]string)
	for k, v := range j.Labels {
		labels[j.labelOf(k)] = v
	}
	if j.Severity != "" {
		labels["severity"] = j.Severity
	}
	for _, m := range j.identity() {
		labels[m.label] = m.value
	}
	where := ""
	for _, m := range j.group() {
		labels[m.label] = m.value
		where += " " + m.label + "=" + m.value
	}
	annotations = maps.Clone(r.Annotations)
	switch {
	case r.Labels["otelperf_reason"] != "":
		labels["otelperf_reason"] = r.Labels["otelperf_reason"]
		annotations["summary"] = j.alertName() + " has had no data for three intervals" + where
	case j.Objective > 0:
		annotations["summary"] = fmt.Sprintf("%s = %.3f times the burn rate that an objective of %s allows%s",
			j.alertName(), value, number(j.Objective), where)
	case j.Relative > 0:
		annotations["summary"] = fmt.Sprintf("%s = %.3f%s is beyond the mean of its own last %d intervals%s",
			j.alertName(), value, unitSuffix(j.Unit), j.Relative, where)
	default:
		verb := "exceeds"
		if j.Direction == views.LowerIsWorse {
			verb = "falls below"
		}
		annotations["summary"] = fmt.Sprintf("%s = %.3f %s baseline %s%s%s", j.alertName(), value, verb,
			strconv.FormatFloat(j.Target, 'f', 3, 64), unitSuffix(j.Unit), where)
	}
	for k, v := range j.Annotations {
		annotations[j.labelOf(k)] = v
	}
	return labels, annotations
}

// group is a group that could exist: its labels with values.
func (j *judged) group() []matcher {
	var all []matcher
	for _, l := range j.by() {
		value := "one"
		for _, m := range j.matchers() {
			if m.label == l {
				value = m.value
			}
		}
		all = append(all, equal(l, value))
	}
	return all
}

// relativeCases: the alert fires where a group is far from its own past, and
// not while it goes on as before.
func (r Rule) relativeCases(interval, offset time.Duration) ([]caseOf, error) {
	j := r.of
	share, _ := j.shares()
	usual, bad := 1.0, 4*share
	if j.Direction == views.LowerIsWorse {
		bad = share / 4
	}
	switch j.Statistic {
	case views.ErrorRatio:
		usual, bad = 0.1, 0.1*(share+bad)/2
		if bad > 1 {
			return nil, nil
		}
	case views.Rate: // either has to be enough
		least := max(1, 2*float64(max(j.Needed(), 1))/j.interval.Seconds()) / min(usual, bad)
		usual, bad = usual*least, bad*least
	}
	good, ok, err := j.measured(usual, usual, bad)
	if err != nil || !ok {
		return nil, err
	}
	breach, ok, err := j.measured(bad, usual, bad)
	if err != nil || !ok {
		return nil, err
	}
	learnt := int64(cmp.Or(j.WarmUp, j.Relative)) + 4 + int64(offset/interval)
	breaching := 6 + int64(ceil(r.For, interval)/interval) + int64(offset/interval)
	at := time.Duration(learnt+breaching-1) * interval
	return []caseOf{
		{name: "fires", phases: []phase{{learnt, good}, {breaching + 1, breach}}, at: at, fires: true, value: breach.value * j.factor},
		{name: "stays quiet", phases: []phase{{learnt + breaching + 1, good}}, at: at},
	}, nil
}

// burnCases: the alert fires where the budget burns faster than a pair allows,
// and not where it burns half as fast, or no longer.
func (r Rule) burnCases(interval, offset time.Duration) ([]caseOf, error) {
	j := r.of
	most, least, short := 0.0, math.Inf(1), time.Duration(0)
	for _, w := range j.BurnWindows() {
		most, least, short = max(most, w.Factor), min(least, w.Factor), max(short, w.Short)
	}
	fastest := 1 / (1 - j.Objective) // all measurements are bad
	if least >= fastest {
		return nil, nil
	}
	burns := min(2*most, (least+fastest)/2)
	bad, err := j.burning(burns * (1 - j.Objective))
	if err != nil {
		return nil, err
	}
	slow, err := j.burning(least / 2 * (1 - j.Objective))
	if err != nil {
		return nil, err
	}
	all, err := j.burning(1)
	if err != nil {
		return nil, err
	}
	none, err := j.burning(0)
	if err != nil {
		return nil, err
	}
	at := 4*interval + offset + ceil(r.For, interval)
	steps := int64(at/interval) + 2
	over := int64((ceil(short, interval)+ceil(r.KeepFiringFor, interval)+offset)/interval) + 4
	// All bad, for so long that the long windows go on burning once the short ones
	// have seen the end of it; no longer, as promtool takes each interval's time.
	burnt := max(steps, int64(math.Ceil(1.25*float64(over)*least/(fastest-least))))
	cases := []caseOf{
		{name: "fires", phases: []phase{{steps, bad}}, at: at, fires: true, value: burns},
		{name: "stays quiet", phases: []phase{{steps, slow}}, at: at},
		{name: "is quiet once it is over", phases: []phase{{burnt, all}, {over + 1, none}}, at: time.Duration(burnt+over) * interval},
	}
	if slower := least * 5 / 4; slower < most && slower < fastest {
		between, err := j.burning(slower * (1 - j.Objective))
		if err != nil {
			return nil, err
		}
		cases = append(cases, caseOf{name: "fires slowly", phases: []phase{{steps, between}}, at: at, fires: true, value: slower})
	}
	return cases, nil
}
