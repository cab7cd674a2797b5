package rules

import (
	"cmp"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/otelperf/otelperf-go/views"
)

// This file has the two forms of baseline that have no fixed level: burn rates,
// and those relative to a group's own past.

// bad is the share of bad measurements in a window: failures, or values beyond
// the target.
func (j *judged) bad(over time.Duration) (string, error) {
	in := j.over(over)
	bound := j.Target / j.factor
	switch {
	case j.Statistic == views.ErrorRatio:
		failed, err := j.perSecond(in, j.failures()...)
		if err != nil {
			return "", err
		}
		all, err := j.perSecond(in)
		return fmt.Sprintf("((%s or 0 * %s) / %s)", failed, all, all), err
	case j.native:
		all, err := j.sumRateOver(in, "", nil, nil)
		return fmt.Sprintf("histogram_fraction(%s, +Inf, %s)", number(bound), all), err
	}
	good, err := j.sumRateOver(in, "_bucket", nil, []matcher{{"le", "=~", boundPattern(bound)}})
	if err != nil {
		return "", err
	}
	all, err := j.sumRateOver(in, "_count", nil, nil)
	return fmt.Sprintf("(1 - %s / %s)", good, all), err
}

// over is a window for rate(), which needs two samples.
func (j *judged) over(d time.Duration) string { return promDuration(max(d, j.interval*22/10)) }

// boundPattern matches a bucket's bound as any of the ways it comes writes it:
// 1 by OTLP, 1.0 by a scrape, 1e-06 by some.
func boundPattern(v float64) string {
	plain, short := strconv.FormatFloat(v, 'f', -1, 64), strconv.FormatFloat(v, 'g', -1, 64)
	all := []string{strings.ReplaceAll(plain, ".", `\.`)}
	if !strings.Contains(plain, ".") {
		all = append(all, plain+`\.0`)
	}
	if short != plain {
		all = append(all, strings.NewReplacer(".", `\.`, "+", `\+`).Replace(short))
	}
	return strings.Join(all, "|")
}

func window(w views.BurnWindow) string { return promDuration(w.Long) + "/" + promDuration(w.Short) }

// addBurn adds the rules of a burn-rate baseline: how many times faster than it
// may the budget burns in both windows of each pair, and the alert.
func (j *judged) addBurn(g *Group, identity map[string]string) error {
	var terms []string
	for _, w := range j.BurnWindows() {
		long, err := j.bad(w.Long)
		if err != nil {
			return err
		}
		short, err := j.bad(w.Short)
		if err != nil {
			return err
		}
		labels := maps.Clone(identity)
		labels["otelperf_burn_windows"] = window(w)
		g.Rules = append(g.Rules, Rule{
			Record: j.record + ":burn_rate", Labels: labels, of: j,
			// The smaller of the two: both have to burn.
			Expr: fmt.Sprintf("(\n    %s < %s\n  or\n    %s\n)\n/ %s >= 0", long, short, short, strconv.FormatFloat(1-j.Objective, 'g', 12, 64)),
		})
		rate := selector(j.record+":burn_rate", append(j.identity(), equal("otelperf_burn_windows", window(w)))...)
		over := fmt.Sprintf("%s > %s", rate, number(w.Factor))
		if n := j.Needed(); n > 1 {
			count, err := j.perSecond(j.over(w.Long))
			if err != nil {
				return err
			}
			over += fmt.Sprintf("\nand on (%s)\n  (%s * %s > %s)", list(j.by()), count, number(w.Long.Seconds()), number(float64(n)-0.5))
		}
		terms = append(terms, over)
		if percent := min(j.ClearPercent, 100); percent > 0 && percent < 100 {
			// Between the two levels an alert goes on that was there already.
			terms = append(terms, fmt.Sprintf("%s > %s\nand on (%s)\n  %s",
				rate, number(w.Factor*percent/100), list(j.by()), j.active("firing")))
		}
	}
	if j.NoData == views.NoDataKeep {
		count, err := j.perSecond(j.window())
		if err != nil {
			return err
		}
		terms = append(terms, fmt.Sprintf("%s * %s\nunless on (%s)\n  (%s > 0)", j.active(""), number(j.BurnWindows()[0].Factor), list(j.by()), count))
	}
	summary := fmt.Sprintf(`%s = {{ printf "%%.3f" $value }} times the burn rate that an objective of %s allows%s`,
		escapeTemplate(j.alertName()), number(j.Objective), j.where())
	labels := j.alertLabels(identity)
	g.Rules = append(g.Rules, Rule{
		Alert: j.alertName(), For: j.For, KeepFiringFor: j.KeepFiringFor, of: j,
		Expr:   fmt.Sprintf("max by (%s) (\n%s\n)", list(j.by()), indent(strings.Join(parenthesised(terms), "\nor\n"))),
		Labels: labels, Annotations: j.texts(map[string]string{"summary": summary, "objective": number(j.Objective)}),
	})
	return j.addSilence(g, labels)
}

// addRelative adds the rules of a baseline relative to its own past: the mean of
// what did not breach, which the rules themselves remember, and the alert.
func (j *judged) addRelative(g *Group, identity map[string]string) error {
	recorded := func(what string) string { return selector(j.record+":"+what, j.identity()...) }
	past := promDuration(j.interval*time.Duration(j.Relative) + j.interval/2)
	share, back := j.shares()
	g.Rules = append(g.Rules,
		Rule{
			Record: j.record + ":target", Labels: identity, of: j,
			// A breach that outlasts the past must not forget what it is held against.
			Expr: fmt.Sprintf("(\n    avg_over_time(%s[%s]) > 0\n  and\n    count_over_time(%s[%s]) >= %d\n)\nor\n  last_over_time(%s[%s])",
				recorded("within"), past, recorded("within"), past, cmp.Or(j.WarmUp, j.Relative), recorded("target"), promDuration(j.interval*3/2)),
		},
		Rule{
			Record: j.record + ":excess", Labels: identity, of: j,
			Expr: fmt.Sprintf("%s / %s - 1", recorded("value"), recorded("target")),
		})
	if j.Direction == views.LowerIsWorse {
		g.Rules[len(g.Rules)-1].Expr = fmt.Sprintf("1 - %s / %s", recorded("value"), recorded("target"))
	}
	enough, err := j.enough()
	if err != nil {
		return err
	}
	on := list(j.by())
	over := fmt.Sprintf("%s %s %s * %s", recorded("value"), j.operator(), number(share), recorded("target"))
	judgedOnly := ""
	if enough != "" {
		judgedOnly = fmt.Sprintf("\nand on (%s)\n  (%s)", on, enough)
	}
	terms := []string{over + judgedOnly}
	if back != share {
		terms = append(terms, fmt.Sprintf("%s %s %s * %s\nand on (%s)\n  %s",
			recorded("value"), j.operator(), number(back), recorded("target"), on, j.active("firing")))
	}
	hang, err := j.hang()
	if err != nil {
		return err
	}
	if hang != "" {
		terms = append(terms, hang)
	}
	hold, err := j.hold(enough)
	if err != nil {
		return err
	}
	terms = append(terms, hold...)
	worst := "max"
	if j.Direction == views.LowerIsWorse {
		worst = "min"
	}
	expr := fmt.Sprintf("%s by (%s) (\n%s\n)", worst, on, indent(strings.Join(parenthesised(terms), "\nor\n")))
	if j.factor != 1 {
		expr += " * " + number(j.factor)
	}
	summary := fmt.Sprintf(`%s = {{ printf "%%.3f" $value }}%s is beyond the mean of its own last %d intervals%s`,
		escapeTemplate(j.alertName()), unitSuffix(j.Unit), j.Relative, j.where())
	labels := j.alertLabels(identity)
	g.Rules = append(g.Rules,
		Rule{
			Alert: j.alertName(), Expr: expr, For: j.For, KeepFiringFor: j.KeepFiringFor, of: j,
			Labels: labels, Annotations: j.texts(map[string]string{"summary": summary}),
		},
		Rule{
			// Last, so that an interval does not teach what it is judged by; and
			// what breaches never does.
			Record: j.record + ":within", Labels: identity, of: j,
			Expr: fmt.Sprintf("%s%s\nunless\n  (%s)", recorded("value"), judgedOnly, over),
		})
	return j.addSilence(g, labels)
}

// shares are the alert and the clear level as shares of the target.
func (j *judged) shares() (alert, back float64) {
	percent := cmp.Or(j.ThresholdPercent, views.DefaultThresholdPercent)
	alert, back = percent/100, cmp.Or(j.ClearPercent, percent)/100
	if j.Direction == views.LowerIsWorse {
		return 2 - alert, 2 - back
	}
	return alert, back
}
