package config

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/otelperf/otelperf-go/views"
)

// Baselines returns what is judged or observed, in this order:
//
//  1. the short names, the standard ones first and then those of
//     [baseline_targets] by name. Each is followed by its companion for values
//     that come by Monitor.Record;
//  2. the limits of [thresholds];
//  3. the [[baseline]] tables.
//
// A standard name without a target is observed: its Target is NaN. A table that
// is named like a standard name replaces it, and its levels go for the
// companion. What the switches of [metrics] turn off is left out, tables
// included. While alerting.enabled is false all are observed.
//
// The list is the caller's own. The error is an [*Error], with the place in the
// file where there is one.
func (c *Config) Baselines() ([]views.Baseline, error) {
	placed, err := c.resolve()
	if err != nil {
		return nil, err
	}
	var all []views.Baseline
	for _, p := range placed {
		if p.off {
			continue
		}
		if !c.Alerting.Enabled {
			p.Baseline = Observed(p.Baseline)
		}
		all = append(all, p.Baseline)
	}
	return all, nil
}

// Observed returns b without anything that it could be held against: its
// statistic is computed and never judged.
func Observed(b views.Baseline) views.Baseline {
	b.Target = math.NaN()
	b.Relative, b.WarmUp = 0, 0
	b.Objective, b.Burn = 0, nil
	return b
}

// A placed baseline knows where it comes from.
type placed struct {
	views.Baseline
	at  position
	key string // "" for a table
	off bool   // a switch turns it off

	companion bool // judges what comes by Monitor.Record
}

func (c *Config) resolve() ([]placed, error) {
	var all []placed
	for _, s := range c.shorts() {
		list, err := c.resolveShort(s)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	all = append(all, c.limits()...)
	for i := range c.Tables {
		b, err := c.resolveTable(&c.Tables[i])
		if err != nil {
			return nil, err
		}
		all = append(all, placed{Baseline: b, at: c.Tables[i].at, off: c.off(b)})
	}
	seen := make(map[[2]string]placed, len(all))
	for _, p := range all {
		if err := p.Validate(); err != nil {
			return nil, p.at.errorf(p.key, "%s: %s", p.title(), firstFault(p.Baseline, err))
		}
		id := [2]string{p.Name, p.Metric}
		if q, ok := seen[id]; ok {
			return nil, p.at.errorf(p.key, "%s judges the metric %s, as %s does already: their alerts could not be told apart, give it another name", p.title(), quote(p.Metric), q.place())
		}
		seen[id] = p
	}
	return all, nil
}

func (p placed) title() string {
	if p.key != "" {
		return p.key
	}
	return "baseline " + quote(p.Name)
}

func (p placed) place() string {
	if p.key == "" && p.at.line > 0 {
		return fmt.Sprintf("the one on line %d", p.at.line)
	}
	return p.title()
}

// resolveShort returns the baselines of a short name and the companion.
func (c *Config) resolveShort(s short) ([]placed, error) {
	key := "baseline_targets." + s.name
	at := c.at[key]
	target, ok := c.Targets[s.name]
	if !ok {
		target = math.NaN()
	}
	list := s.baselines(target, c.Monitoring.ThroughputOf)
	off := true // a name is off when all that judges it is
	var all []placed
	for i := range list {
		if ok {
			list[i].ThresholdPercent = c.Monitoring.AlertThresholdPercent
		}
		p := placed{Baseline: list[i], at: at, key: key, off: c.off(list[i])}
		off = off && p.off
		all = append(all, p)
	}
	levels := list[0]
	if i := slices.IndexFunc(c.Tables, func(t Table) bool { return t.Name == s.name }); i >= 0 && (s.standard() || ok) {
		t := &c.Tables[i]
		if ok {
			return nil, t.at.errorf("baseline.name", "baseline %s is set by %s as well: keep one of them", quote(s.name), key)
		}
		b, err := c.resolveTable(t)
		if err != nil {
			return nil, err
		}
		if b.Unit != s.unit {
			return nil, t.where("unit").errorf("baseline.unit", "baseline %s has the unit %s: this name's is %q", quote(s.name), quote(b.Unit), s.unit)
		}
		levels, all, at, off = b, nil, t.at, off || c.off(b)
	}
	return append(all, placed{Baseline: s.companion(levels), at: at, key: key, off: off, companion: true}), nil
}

// limits returns the baselines of [thresholds]: no tolerance.
func (c *Config) limits() []placed {
	var all []placed
	add := func(name string, target float64, b views.Baseline) {
		if target == 0 {
			return
		}
		b.Name, b.Target, b.ThresholdPercent = name, target, 100
		key := "thresholds." + name
		all = append(all, placed{Baseline: b, at: c.at[key], key: key, off: c.off(b)})
	}
	add("max_memory_mb", c.Thresholds.MaxMemoryMB, views.Baseline{Metric: memoryUsage, Statistic: views.Value, Unit: "MiB"})
	add("max_cpu_percent", c.Thresholds.MaxCPUPercent, views.Baseline{Metric: cpuUtilization, Statistic: views.Value, Unit: "%"})
	response := views.Baseline{Metric: serverDuration, Statistic: views.P95, Unit: "ms"}
	response.By = append(response.By, routeKey)
	add("max_response_time_ms", c.Thresholds.MaxResponseTimeMS, response)
	return all
}

// where returns the place of one of the table's keys, else the table's.
func (t *Table) where(key string) position {
	if at, ok := t.keys[key]; ok {
		return at
	}
	return t.at
}

// resolveTable completes a table and reports what only several keys together
// can have wrong.
func (c *Config) resolveTable(t *Table) (views.Baseline, error) {
	b := t.Baseline
	b.Match, b.By = slices.Clone(b.Match), slices.Clone(b.By)
	title := "baseline " + quote(b.Name)
	switch {
	case b.Name == "":
		return b, t.at.errorf("baseline.name", "a [[baseline]] has no name: add name = \"…\"")
	case b.Metric == "":
		return b, t.at.errorf("baseline.metric", "%s has no metric: add metric = \"…\"", title)
	case b.Statistic == "":
		return b, t.at.errorf("baseline.statistic", "%s has no statistic: add statistic = \"p95\" or another one", title)
	case b.Relative > 0 && !b.Observed():
		return b, t.where("target").errorf("baseline.target", "%s has both target and relative: keep one of them", title)
	case b.Relative > 0, b.Objective > 0 && b.Statistic == views.ErrorRatio && b.Observed():
		b.Target = 0 // it has its own
	case b.Observed() && b.FleetTarget == 0:
		return b, t.at.errorf("baseline.target", "%s has no target: add target = …", title)
	case b.Target == 0 && b.Direction == views.LowerIsWorse:
		return b, t.where("target").errorf("baseline.target", "%s has the target 0, which nothing falls below: set a target above 0, or direction = \"higher\"", title)
	}
	at, key := t.where("threshold_percent"), "baseline.threshold_percent"
	if b.ThresholdPercent == 0 {
		b.ThresholdPercent = c.Monitoring.AlertThresholdPercent
		if p, ok := c.at["monitoring.alert_threshold_percent"]; ok {
			at, key = p, "monitoring.alert_threshold_percent"
		}
	}
	if b.Direction == views.LowerIsWorse && b.ThresholdPercent >= 200 {
		return b, at.errorf(key, "%s = %s could never fire for %s, where lower is worse: use less than 200", key, number(b.ThresholdPercent), title)
	}
	if b.ClearPercent > b.ThresholdPercent {
		return b, t.where("clear_percent").errorf("baseline.clear_percent", "baseline.clear_percent = %s of %s is beyond its threshold of %s %%: use at most that", number(b.ClearPercent), title, number(b.ThresholdPercent))
	}
	return b, nil
}

// off reports whether a switch turns off what b judges.
func (c *Config) off(b views.Baseline) bool {
	switch {
	case !c.MemoryEnabled() && strings.HasPrefix(b.Metric, "process.memory."):
		return true
	case !c.Metrics.ErrorRate && b.Statistic == views.ErrorRatio:
		return true
	case !c.Metrics.Throughput && b.Statistic == views.Rate && (b.Metric == serverDuration || b.Metric == operationDuration):
		return true
	}
	for _, kv := range b.Match {
		if kv.Key == operationName && slices.Contains(c.DisabledOperations(), kv.Value.String()) {
			return true
		}
	}
	return false
}

// firstFault returns the first thing that package views has against b, without
// the words that say which baseline it is.
func firstFault(b views.Baseline, err error) string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok && len(joined.Unwrap()) > 0 {
		err = joined.Unwrap()[0]
	}
	return oneLine(strings.TrimPrefix(err.Error(), fmt.Sprintf("views: baseline %q: ", b.Name)))
}
