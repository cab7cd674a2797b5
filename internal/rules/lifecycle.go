package rules

import (
	"fmt"
	"strings"
	"time"

	"github.com/otelperf/otelperf-go/views"
)

// This file has what a rule says of a group beyond its value: calls in flight,
// intervals that decide nothing, and silence.

// latency reports whether calls that hang can breach the baseline.
func (j *judged) latency() bool {
	_, quantile := j.Statistic.Quantile()
	return j.metric.Unit == "s" && j.metric.Kind == Histogram && j.Active != "-" &&
		(quantile || j.Statistic == views.Mean || j.Statistic == views.Max)
}

// calls returns the metrics that count calls in flight, and those of them that
// are meant to stay; active is "" if nobody counts them.
func (j *judged) calls() (active, streams string) {
	switch {
	case !j.latency():
		return "", ""
	case j.Active != "":
		return j.Active, ""
	}
	return views.ActiveMetric(j.Metric)
}

// ungrouped returns the labels and matchers of what counts calls in flight.
// Requests in flight have no route yet: all are judged as one.
func (j *judged) ungrouped(active string) ([]string, []matcher) {
	if strings.HasPrefix(active, "http.") {
		return j.labels, j.every
	}
	return j.by(), j.matchers()
}

// inFlight is how many calls are in flight, less those that are meant to stay,
// by the labels on which it can be joined to the group; "" if nobody counts
// them. Only the newest sample counts: calls of a process that is gone are not
// in flight.
func (j *judged) inFlight(offset string) (expr string, on []string, err error) {
	active, streams := j.calls()
	if active == "" {
		return "", nil, nil
	}
	on, matchers := j.ungrouped(active)
	part := func(metric string) (string, error) {
		series, err := j.series(metric, "")
		return fmt.Sprintf("sum by (%s) (last_over_time(%s[%s]%s))",
			list(on), selector(series, matchers...), promDuration(j.interval*12/10), offset), err
	}
	expr, err = part(active)
	if err != nil || streams == "" {
		return expr, on, err
	}
	less, err := part(streams)
	return fmt.Sprintf("(%s - (%s or 0 * %s))", expr, less, expr), on, err
}

// hang is a breach by calls in flight while none completes; "" if the baseline
// has none, or if its threshold is longer than the interval.
func (j *judged) hang() (string, error) {
	if !(j.threshold < j.interval.Seconds()) {
		return "", nil
	}
	before, on, err := j.inFlight(" offset " + promDuration(j.interval))
	if err != nil || before == "" {
		return "", err
	}
	now, _, err := j.inFlight("")
	if err != nil {
		return "", err
	}
	series, err := j.series(j.Metric, j.countSuffix())
	if err != nil {
		return "", err
	}
	active, _ := j.calls()
	_, matchers := j.ungrouped(active)
	completed := fmt.Sprintf("rate(%s[%s])", selector(series, matchers...), j.window())
	if j.native {
		completed = "histogram_count(" + completed + ")"
	}
	hangs := fmt.Sprintf("0 * (\n    (%s > 0)\n  and on (%s)\n    (%s > 0)\n  unless on (%s)\n    (sum by (%s) (%s) > 0)\n) + %s",
		before, list(on), now, list(on), list(on), completed, number(j.interval.Seconds()))
	if j.Relative > 0 { // the interval is longer than the group's own threshold
		share, _ := j.shares()
		hangs += fmt.Sprintf("\nand on (%s)\n  (%s * %s < %s)", list(j.by()), number(share), j.ownTarget(), number(j.interval.Seconds()))
	}
	return hangs, nil
}

// hold keeps an active alert through intervals that say neither yes nor no:
// too few measurements, none for less than three intervals, none while calls
// are in flight, or none at all where no_data is keep.
func (j *judged) hold(enough string) ([]string, error) {
	on := list(j.by())
	decided := enough
	if decided == "" {
		decided = j.recorded()
	}
	terms := []string{fmt.Sprintf("last_over_time(%s[%s])\nand on (%s)\n  %s\nunless on (%s)\n  (%s)",
		j.recorded(), promDuration(j.interval*5/2), on, j.active(""), on, decided)}
	if j.NoData == views.NoDataKeep {
		return append(terms, fmt.Sprintf("%s\nunless on (%s)\n  %s", j.atLevel(""), on, j.recorded())), nil
	}
	calls, joined, err := j.inFlight("")
	if err != nil || calls == "" {
		return terms, err
	}
	return append(terms, fmt.Sprintf("%s\nand on (%s)\n  (%s > 0)\nunless on (%s)\n  %s",
		j.atLevel("firing"), list(joined), calls, on, j.recorded())), nil
}

// atLevel is the level at which the alert fires, for groups in which it is
// active: the value of an alert that has no other.
func (j *judged) atLevel(state string) string {
	if j.Relative > 0 {
		share, _ := j.shares()
		return fmt.Sprintf("%s * %s\nand on (%s)\n  %s", number(share), j.ownTarget(), list(j.by()), j.active(state))
	}
	return fmt.Sprintf("%s * %s", j.active(state), number(j.threshold))
}

// ownTarget is what a group's past makes its target.
func (j *judged) ownTarget() string { return selector(j.record+":target", j.identity()...) }

// silence is true of groups that were there within the hour and have reported
// nothing for three intervals, while no call is in flight.
func (j *judged) silence() (string, error) {
	on := list(j.by())
	was, is := j.recorded(), fmt.Sprintf("last_over_time(%s[%s])", j.recorded(), promDuration(j.interval*5/2))
	if j.Objective > 0 {
		// Its windows go on for hours: whether anything was measured says the
		// count, in which each measurement shows for an interval less.
		count, err := j.perSecond(promDuration(j.interval * 9 / 2))
		if err != nil {
			return "", err
		}
		was, is = selector(j.record+":burn_rate", j.identity()...), fmt.Sprintf("(%s > 0)", count)
	}
	expr := fmt.Sprintf("group by (%s) (last_over_time(%s[%s]))\nunless on (%s)\n  %s",
		on, was, promDuration(max(time.Hour, 10*j.interval)), on, is)
	calls, joined, err := j.inFlight("")
	if err != nil || calls == "" {
		return expr, err
	}
	return fmt.Sprintf("%s\nunless on (%s)\n  (%s > 0)", expr, list(joined), calls), nil
}
