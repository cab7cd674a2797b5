package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/otelperf/otelperf-go/internal/config"
	"github.com/otelperf/otelperf-go/views"
)

func checkCommand() *cli.Command {
	asJSON := &cli.BoolFlag{Name: "json", Usage: "print the baselines as a JSON array instead of a table"}
	return &cli.Command{
		Name:      "check",
		Usage:     "validate configuration and print the baselines it makes",
		ArgsUsage: filesUsage,
		Description: "check reads the files as a start does and says what would be judged: what each\n" +
			"baseline measures, its target, the value beyond which it alerts and the one at\n" +
			"which the alert resolves. A faulty file gives the error that a start would give.\n\n" +
			"  otelperf check monitoring.toml production.toml\n" +
			"  otelperf check --json monitoring.toml | jq '.[] | select(.severity == \"page\") | .name'",
		Flags: []cli.Flag{asJSON, environment},
		Action: func(_ context.Context, c *cli.Command) error {
			loaded, err := load(c)
			if err != nil {
				return err
			}
			baselines, err := judged(loaded)
			if err != nil {
				return err
			}
			for _, w := range loaded.Warnings() {
				say(c.Root().ErrWriter, "warning: %s", w)
			}
			if !loaded.Monitoring.Enabled {
				say(c.Root().ErrWriter, "warning: monitoring.enabled is false: nothing will run")
			}
			if !loaded.Alerting.Enabled {
				say(c.Root().ErrWriter, "warning: alerting.enabled is false: values are observed, and nothing alerts")
			}
			if c.Bool(asJSON.Name) {
				return printJSON(c.Root().Writer, baselines)
			}
			return printTable(c.Root().Writer, baselines)
		},
	}
}

// judged returns the baselines as a start judges them.
func judged(c *config.Config) ([]views.Baseline, error) {
	baselines, err := c.Baselines()
	if err != nil {
		return nil, err
	}
	_, err = views.Compose(baselines) // are there buckets for all levels?
	return baselines, err
}

func printTable(w io.Writer, baselines []views.Baseline) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	// A tabwriter keeps its first error for Flush.
	_, _ = fmt.Fprintln(t, "NAME\tMETRIC\tSTATISTIC\tTARGET\tFLEET\tALERTS\tCLEARS\tFOR\tSEVERITY\tMATCH\tBY")
	for _, b := range baselines {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			b.Name, b.Metric, b.Statistic, target(b), fleet(b), alerts(b), clears(b),
			duration(b.For), dash(b.Severity), dash(match(b)), dash(by(b)))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("otelperf: %w", err)
	}
	return nil
}

// target says what is expected: a value, a share of good measurements, or the
// group's own past.
func target(b views.Baseline) string {
	switch {
	case b.Objective > 0 && b.Statistic != views.ErrorRatio:
		return level(b.Objective*100, "%") + " within " + level(b.Target, b.Unit)
	case b.Objective > 0:
		return level(b.Objective*100, "%")
	case b.Relative > 0:
		return fmt.Sprintf("mean of %d", b.Relative)
	}
	return level(b.Target, b.Unit)
}

// fleet is the target of all processes together, which only rules know of.
func fleet(b views.Baseline) string {
	if b.FleetTarget == 0 {
		return "-"
	}
	return level(b.FleetTarget, b.Unit)
}

func clears(b views.Baseline) string {
	switch {
	case b.Objective > 0:
		return "-"
	case b.Relative > 0:
		return level(cmp.Or(b.ClearPercent, b.ThresholdPercent, views.DefaultThresholdPercent), "%")
	}
	return level(b.Clear(), b.Unit)
}

func alerts(b views.Baseline) string {
	switch {
	case b.Objective > 0:
		var factors []string
		for _, w := range b.BurnWindows() {
			factors = append(factors, level(w.Factor, ""))
		}
		return "burn > " + strings.Join(factors, " or ")
	case b.Relative > 0 && b.Direction == views.LowerIsWorse:
		return "< " + level(200-cmp.Or(b.ThresholdPercent, views.DefaultThresholdPercent), "%")
	case b.Relative > 0:
		return "> " + level(cmp.Or(b.ThresholdPercent, views.DefaultThresholdPercent), "%")
	case b.Observed():
		return "-"
	case b.Direction == views.LowerIsWorse:
		return "< " + level(b.Threshold(), b.Unit)
	}
	return "> " + level(b.Threshold(), b.Unit)
}

func level(v float64, unit string) string {
	if math.IsNaN(v) {
		return "-"
	}
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if unit == "" || unit == "1" {
		return s
	}
	return s + " " + unit
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func duration(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return d.String()
}

func match(b views.Baseline) string {
	var parts []string
	for _, kv := range b.Match {
		parts = append(parts, string(kv.Key)+"="+kv.Value.String())
	}
	return strings.Join(parts, ",")
}

func by(b views.Baseline) string {
	var parts []string
	for _, k := range b.By {
		parts = append(parts, string(k))
	}
	return strings.Join(parts, ",")
}

// A resolved baseline as JSON, defaults included: levels that do not exist are absent, durations
// are in seconds.
type resolved struct {
	Name          string            `json:"name"`
	Metric        string            `json:"metric"`
	Match         map[string]any    `json:"match,omitempty"`
	By            []string          `json:"by,omitempty"`
	Statistic     views.Statistic   `json:"statistic"`
	Target        *float64          `json:"target,omitempty"`
	Threshold     *float64          `json:"threshold,omitempty"`
	Clear         *float64          `json:"clear,omitempty"`
	FleetTarget   float64           `json:"fleet_target,omitempty"`
	Relative      int               `json:"relative,omitempty"`
	WarmUp        int               `json:"warm_up,omitempty"`
	Objective     float64           `json:"objective,omitempty"`
	Burn          []string          `json:"burn,omitempty"`
	Unit          string            `json:"unit,omitempty"`
	Direction     string            `json:"direction"`
	For           float64           `json:"for_seconds"`
	KeepFiringFor float64           `json:"keep_firing_for_seconds"`
	MinCount      uint64            `json:"min_count,omitempty"`
	NoData        string            `json:"no_data"`
	Unless        string            `json:"unless,omitempty"`
	Severity      string            `json:"severity,omitempty"`
	Labels        map[string]string `json:"labels,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

func printJSON(w io.Writer, baselines []views.Baseline) error {
	all := make([]resolved, 0, len(baselines))
	for _, b := range baselines {
		r := resolved{
			Name: b.Name, Metric: b.Metric, Statistic: b.Statistic,
			Target: finite(b.Target), Threshold: finite(b.Threshold()), Clear: finite(b.Clear()),
			FleetTarget: b.FleetTarget, Unit: b.Unit, Direction: b.Direction.String(),
			For: b.For.Seconds(), KeepFiringFor: b.KeepFiringFor.Seconds(), MinCount: b.Needed(),
			NoData: b.NoData.String(), Unless: b.Unless,
			Severity: b.Severity, Labels: b.Labels, Annotations: b.Annotations,
		}
		if r.Relative, r.Objective = b.Relative, b.Objective; r.Relative > 0 || r.Objective > 0 {
			r.Threshold, r.Clear = nil, nil
		}
		if b.Relative > 0 {
			r.WarmUp = cmp.Or(b.WarmUp, b.Relative)
		}
		if r.Relative > 0 || r.Objective > 0 && b.Statistic == views.ErrorRatio {
			r.Target = nil
		}
		for _, w := range b.BurnWindows() {
			r.Burn = append(r.Burn, fmt.Sprintf("%v/%v/%v", w.Long, w.Short, w.Factor))
		}
		for _, kv := range b.Match {
			if r.Match == nil {
				r.Match = make(map[string]any, len(b.Match))
			}
			r.Match[string(kv.Key)] = kv.Value.AsInterface()
		}
		for _, k := range b.By {
			r.By = append(r.By, string(k))
		}
		all = append(all, r)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(all); err != nil {
		return fmt.Errorf("otelperf: %w", err)
	}
	return nil
}

func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
