package rules

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"

	"github.com/otelperf/otelperf-go/views"
)

// A scope is whom a rule judges: each process by itself, or all processes of a
// service together.
type scope struct {
	fleet  bool
	labels []string // that tell processes, or services, apart
	record string   // prefix of the recording rules
	suffix string   // of the alert's name
}

// A judged baseline is one baseline in one scope, with all that its expressions
// are made of.
type judged struct {
	views.Baseline
	names
	scope

	interval time.Duration
	metric   Metric
	native   bool // the metric is an exponential histogram

	exponential bool // so are others

	factor    float64 // how many of the shown unit make one of the recorded
	threshold float64 // in the recorded unit
	clear     float64
	target    float64

	every []matcher // conditions that the series of all metrics have to meet
}

// by returns the labels of a group: the scope's, and the baseline's own.
func (j *judged) by() []string {
	all := slices.Clone(j.labels)
	for _, k := range j.By {
		all = append(all, j.attribute(k))
	}
	return all
}

// window is what a rule looks back on: two intervals and a little, so that it
// holds two samples although no two are exactly one interval apart.
func (j *judged) window() string { return promDuration(j.interval * 22 / 10) }

// promDuration writes a duration for PromQL.
func promDuration(d time.Duration) string {
	if d%time.Second == 0 {
		return strconv.FormatInt(int64(d/time.Second), 10) + "s"
	}
	return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
}

// number writes a float so that it is read as the very same one.
func number(v float64) string {
	if a := math.Abs(v); a == 0 || a >= 1e-6 && a < 1e15 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// matchers are the baseline's own.
func (j *judged) matchers(more ...matcher) []matcher {
	var all []matcher
	for _, kv := range j.Match {
		all = append(all, equal(j.attribute(kv.Key), kv.Value.String()))
	}
	return slices.Concat(all, more, j.every)
}

// sumRate sums the rate of one part of the metric by the group's labels.
func (j *judged) sumRate(suffix string, extra []string) (string, error) {
	return j.sumRateOver(j.window(), suffix, extra, nil)
}

// sumRateOver is sumRate over a window, of the series that meet any of the
// alternatives, no series meeting two of them.
func (j *judged) sumRateOver(window, suffix string, extra []string, alternatives ...[]matcher) (string, error) {
	series, err := j.series(j.Metric, suffix)
	if err != nil {
		return "", err
	}
	rates := make([]string, len(alternatives))
	for i, more := range alternatives {
		rates[i] = fmt.Sprintf("rate(%s[%s])", selector(series, j.matchers(more...)...), window)
	}
	return fmt.Sprintf("sum by (%s) (%s)", list(append(j.by(), extra...)), strings.Join(rates, " or ")), nil
}

// countSuffix is that of the series that counts measurements.
func (j *judged) countSuffix() string {
	if j.metric.Kind == Histogram && !j.native {
		return "_count"
	}
	return ""
}

// perSecond is how often something was measured in a window.
func (j *judged) perSecond(window string, alternatives ...[]matcher) (string, error) {
	if len(alternatives) == 0 {
		alternatives = [][]matcher{nil}
	}
	rate, err := j.sumRateOver(window, j.countSuffix(), nil, alternatives...)
	if j.native {
		rate = "histogram_count(" + rate + ")"
	}
	return rate, err
}

// failures are the series whose measurements are failures, as package views has
// it: a call whose caller left is none, and a server's instrumentation that
// knows no error.type tells them by the status.
func (j *judged) failures() [][]matcher {
	kind := j.attribute("error.type")
	all := [][]matcher{{{kind, "!=", ""}, {kind, "!=", "canceled"}}}
	if j.Metric == (httpconv.ServerRequestDuration{}).Name() {
		all = append(all, []matcher{equal(kind, ""), {j.attribute("http.response.status_code"), "=~", "[5-9].."}})
	}
	return all
}

// value is the statistic, in the metric's unit. It is absent where nothing was
// measured.
func (j *judged) value() (string, error) {
	expr, err := j.statistic()
	if err != nil || j.Unless == "" {
		return expr, err
	}
	m, ok := j.of(j.Unless)
	suffix := ""
	if ok && m.Kind == Histogram && !isNative(j.exponential, j.Unless, m) {
		suffix = "_count"
	}
	other, err := j.series(j.Unless, suffix)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s\nunless on (%s)\n  %s", expr, list(j.labels),
		fmt.Sprintf("group by (%s) (last_over_time(%s[%s]))", list(j.labels), selector(other, j.every...), j.window())), nil
}

func (j *judged) statistic() (string, error) {
	// Without a measurement a quotient or quantile is NaN, which ">= 0" drops.
	const measured = " >= 0"
	switch q, quantile := j.Statistic.Quantile(); {
	case quantile, j.Statistic == views.Max:
		if j.Statistic == views.Max {
			q = 1
		}
		if j.native {
			rate, err := j.sumRate("", nil)
			return fmt.Sprintf("histogram_quantile(%s, %s)%s", number(q), rate, measured), err
		}
		rate, err := j.sumRate("_bucket", []string{"le"})
		return fmt.Sprintf("histogram_quantile(%s, %s)%s", number(q), rate, measured), err
	case j.Statistic == views.Mean && j.native:
		rate, err := j.sumRate("", nil)
		return "histogram_avg(" + rate + ")" + measured, err
	case j.Statistic == views.Mean:
		sum, err := j.sumRate("_sum", nil)
		if err != nil {
			return "", err
		}
		count, err := j.sumRate("_count", nil)
		return sum + "\n/\n" + count + measured, err
	case j.Statistic == views.Rate:
		return j.perSecond(j.window())
	case j.Statistic == views.ErrorRatio:
		return j.errorRatio()
	}
	return j.level()
}

// errorRatio is failed among all. Where no call ever failed there is no series
// of failures.
func (j *judged) errorRatio() (string, error) {
	errors, err := j.perSecond(j.window(), j.failures()...)
	if err != nil {
		return "", err
	}
	all, err := j.perSecond(j.window())
	return fmt.Sprintf("(\n    %s\n  or\n    0 * %s\n)\n/\n%s >= 0", errors, all, all), err
}

// level is the value of a gauge or a sum.
func (j *judged) level() (string, error) {
	series, err := j.series(j.Metric, "")
	if err != nil {
		return "", err
	}
	switch j.metric.Kind {
	case Counter: // what the interval added
		sum, err := j.sumRate("", nil)
		return sum + " * " + number(j.interval.Seconds()), err
	case Histogram:
		return "", fmt.Errorf("rules: baseline %q asks for the value of %s, which is a histogram", j.Name, j.Metric)
	}
	window := j.window()
	if strings.HasPrefix(j.Metric, "otelperf.recorded.") {
		// Absent when nothing was recorded: no older value may stand in.
		window = promDuration(j.interval * 3 / 2)
	}
	return fmt.Sprintf("sum by (%s) (last_over_time(%s[%s]))", list(j.by()), selector(series, j.matchers()...), window), nil
}

// enough is true of groups whose interval had as many measurements as are
// needed; empty if there is no such condition. A count is whole, so half a
// measurement less makes up for what rounding does.
func (j *judged) enough() (string, error) {
	needed := j.Needed()
	if needed <= 1 || j.Statistic == views.Value {
		return "", nil
	}
	rate, err := j.perSecond(j.window())
	return fmt.Sprintf("%s * %s > %s", rate, number(j.interval.Seconds()), number(float64(needed)-0.5)), err
}

// identity are the labels by which recorded values and alerts of this baseline
// are found again. Two baselines may share a name on different metrics.
func (j *judged) identity() []matcher {
	return []matcher{
		equal("otelperf_baseline_name", j.Name),
		equal("otelperf_baseline_metric", j.Metric),
		equal("otelperf_baseline_statistic", string(j.Statistic)),
	}
}

func (j *judged) recorded() string { return selector(j.record+":value", j.identity()...) }

func (j *judged) operator() string {
	if j.Direction == views.LowerIsWorse {
		return "<"
	}
	return ">"
}

// active is the alert's own state at the last evaluation.
func (j *judged) active(state string) string {
	matchers := append([]matcher{equal("alertname", j.alertName())}, j.identity()...)
	if state != "" {
		matchers = append(matchers, equal("alertstate", state))
	}
	return fmt.Sprintf("max by (%s) (last_over_time(%s[%s]))",
		list(j.by()), selector("ALERTS", matchers...), promDuration(j.interval*3/2))
}

func (j *judged) alertName() string { return j.Name + j.suffix }

// breach is the alert's expression. Its value is in the unit that a person
// reads.
func (j *judged) breach() (string, error) {
	enough, err := j.enough()
	if err != nil {
		return "", err
	}
	on := list(j.by())
	over := j.recorded() + " " + j.operator() + " " + number(j.threshold)
	if enough != "" {
		over = fmt.Sprintf("%s\nand on (%s)\n  (%s)", over, on, enough)
	}
	terms := []string{over}
	if j.clear != j.threshold {
		// Between the two levels an alert goes on that was there already.
		terms = append(terms, fmt.Sprintf("%s %s %s\nand on (%s)\n  %s",
			j.recorded(), j.operator(), number(j.clear), on, j.active("firing")))
	}
	hang, err := j.hang()
	if err != nil {
		return "", err
	}
	if hang != "" {
		terms = append(terms, hang)
	}
	hold, err := j.hold(enough)
	if err != nil {
		return "", err
	}
	terms = append(terms, hold...)
	// The terms have different labels besides the group's.
	worst := "max"
	if j.Direction == views.LowerIsWorse {
		worst = "min"
	}
	all := fmt.Sprintf("%s by (%s) (\n%s\n)", worst, on, indent(strings.Join(parenthesised(terms), "\nor\n")))
	if j.factor != 1 {
		all += " * " + number(j.factor)
	}
	return all, nil
}

// excess is how much worse than the target the value is; "" if no share of the
// target exists.
func (j *judged) excess() string {
	switch {
	case math.IsNaN(j.target) || j.target == 0:
		return ""
	case j.Direction == views.LowerIsWorse:
		return "1 - " + j.recorded() + " / " + number(j.target)
	}
	return j.recorded() + " / " + number(j.target) + " - 1"
}

func parenthesised(terms []string) []string {
	out := make([]string, len(terms))
	for i, t := range terms {
		out[i] = "(\n" + indent(t) + "\n)"
	}
	return out
}

func indent(s string) string { return "  " + strings.ReplaceAll(s, "\n", "\n  ") }
