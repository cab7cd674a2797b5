package rules

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/otelperf/otelperf-go/views"
)

// A sample is a series of a test and what each interval adds to it, or the
// level it stands at.
type sample struct {
	selector string
	step     float64
	level    bool
}

// A situation is what a test feeds: either a breach or none.
type situation struct {
	samples []sample
	value   float64 // that the statistic has then, in the recorded unit
}

// WriteTests writes cases for `promtool test rules`: for each alert one where it
// has to fire, with all labels and annotations, and one where it must not.
// rulesFile is the path of the rules, relative to that of the tests.
//
// Exponential histograms, burn rates and baselines relative to their past have
// no cases.
func (s *Set) WriteTests(w io.Writer, rulesFile string) error {
	i := s.options.Interval
	y := &yaml{w: w}
	y.line(0, "rule_files:")
	y.line(1, "- %s", quote(rulesFile))
	y.line(0, "evaluation_interval: %s", yamlDuration(i))
	y.line(0, "tests:")
	for _, g := range s.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" || r.Labels["otelperf_reason"] != "" || r.of.native || r.of.Relative > 0 || r.of.Objective > 0 {
				continue
			}
			bad, ok, err := r.of.situation(true)
			if err != nil {
				return err
			}
			if !ok {
				continue // nothing can be as bad
			}
			good, _, err := r.of.situation(false)
			if err != nil {
				return err
			}
			// Two samples make a rate, which is looked at one offset later.
			first := 2*i + g.QueryOffset
			fires := first + ceil(r.For, i) + 2*i
			y.test(r, "fires", bad, i, fires, first)
			y.test(r, "stays quiet", good, i, fires, 0)
		}
	}
	return y.err
}

func ceil(d, unit time.Duration) time.Duration { return (d + unit - 1).Truncate(unit) }

func (y *yaml) test(r Rule, name string, s situation, interval, at, first time.Duration) {
	y.line(1, "- name: %s", quote(fmt.Sprintf("%s of %s (%s) %s", r.Alert, r.of.Metric, r.of.Statistic, name)))
	y.line(2, "interval: %s", yamlDuration(interval))
	y.line(2, "input_series:")
	steps := int64(at/interval) + 2
	for _, in := range s.samples {
		y.line(3, "- series: %s", quote(in.selector))
		start, step := "0", number(in.step)
		if in.level {
			start, step = step, "0"
		}
		y.line(4, "values: '%s+%sx%d'", start, step, steps)
	}
	y.line(2, "alert_rule_test:")
	if first > 0 && r.For >= interval {
		y.line(3, "- eval_time: %s", yamlDuration(first+r.For.Truncate(interval)-2*interval))
		y.line(4, "alertname: %s", quote(r.Alert))
		y.line(4, "exp_alerts: []")
	}
	y.line(3, "- eval_time: %s", yamlDuration(at))
	y.line(4, "alertname: %s", quote(r.Alert))
	if first == 0 {
		y.line(4, "exp_alerts: []")
		return
	}
	labels, annotations := r.of.expected(s.value)
	y.line(4, "exp_alerts:")
	y.line(5, "- exp_labels:")
	for _, k := range sorted(labels) {
		y.line(7, "%s: %s", quote(k), quote(labels[k]))
	}
	y.table(6, "exp_annotations", annotations)
}

// expected are the labels and annotations of the alert with that value.
func (j *judged) expected(value float64) (labels, annotations map[string]string) {
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
	verb := "exceeds"
	if j.Direction == views.LowerIsWorse {
		verb = "falls below"
	}
	annotations = j.annotations("")
	if _, own := j.Annotations["summary"]; !own {
		annotations["summary"] = fmt.Sprintf("%s = %.3f %s baseline %s%s%s", j.alertName(), value*j.factor, verb,
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

// situation makes series that breach the baseline, or that do not. ok is false
// if no series could.
func (j *judged) situation(breach bool) (s situation, ok bool, err error) {
	lower := j.Direction == views.LowerIsWorse
	// value is on the wanted side of the threshold, and for a quantile the
	// measurements are in the bucket that begins, or ends, at the threshold.
	value := j.threshold / 2
	switch {
	case breach != lower && j.threshold == 0:
		value = 1
	case breach != lower:
		value = j.threshold * 2
	}
	if j.Statistic == views.ErrorRatio && breach {
		if value = (j.threshold + 1) / 2; j.threshold >= 1 {
			return s, false, nil
		}
	}
	s.value = value
	count := float64(2 * max(j.Needed(), 1)) // measurements in an interval
	add := func(suffix string, step float64, level bool, more ...matcher) {
		series, failure := j.series(j.Metric, suffix)
		if failure != nil {
			err = failure
		}
		labels := append(j.group(), more...)
		for _, m := range j.matchers() {
			if !containsLabel(labels, m.label) {
				labels = append(labels, m)
			}
		}
		s.samples = append(s.samples, sample{selector(series, labels...), step, level})
	}
	counter := ""
	if j.metric.Kind == Histogram {
		counter = "_count"
	}
	switch q, quantile := j.Statistic.Quantile(); {
	case quantile, j.Statistic == views.Max:
		if !quantile {
			q = 1
		}
		s.value = j.buckets(add, q, value, count)
	case j.Statistic == views.Mean:
		add("_sum", count*value, false)
		add("_count", count, false)
	case j.Statistic == views.ErrorRatio:
		add(counter, count*(1-value), false)
		add(counter, count*value, false, equal(j.attribute("error.type"), "timeout"))
	case j.Statistic == views.Rate:
		step := value * j.interval.Seconds()
		if needed := float64(j.MinCount); step < needed {
			if lower {
				return s, false, nil // as few as would breach do not count
			}
			step = 2 * needed
			s.value = step / j.interval.Seconds()
		}
		add(counter, step, false)
	case j.metric.Kind == Counter:
		add("", value, false)
	default:
		add("", value, true)
	}
	return s, true, err
}

// buckets adds a histogram whose measurements all lie between the threshold and
// value, and returns its quantile.
func (j *judged) buckets(add func(suffix string, step float64, level bool, more ...matcher), q, value, count float64) float64 {
	le := func(v float64) matcher {
		if math.IsInf(v, 1) {
			return equal("le", "+Inf")
		}
		return equal("le", strconv.FormatFloat(v, 'f', -1, 64))
	}
	low, high := min(value, j.threshold), max(value, j.threshold)
	below := 0.0
	if low == 0 && high == 0 {
		// All measurements are zero: they are in the bucket that ends there.
		add("_bucket", count, false, le(0))
		add("_bucket", count, false, le(1))
		below = count
	} else {
		add("_bucket", 0, false, le(low))
		add("_bucket", count, false, le(high))
	}
	add("_bucket", count, false, le(math.Inf(1)))
	add("_count", count, false)
	if below > 0 {
		return 0
	}
	return low + (high-low)*q
}

func containsLabel(all []matcher, label string) bool {
	for _, m := range all {
		if m.label == label {
			return true
		}
	}
	return false
}
