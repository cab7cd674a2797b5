package main

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/otelperf/otelperf-go/internal/nearest"
	"github.com/otelperf/otelperf-go/internal/rules"
)

var (
	strategy = &cli.StringFlag{
		Name: "strategy", Value: string(rules.UnderscoreEscapingWithSuffixes),
		Usage: "`NAME` how OTLP names became Prometheus names, the translation_strategy of the receiving side: " + join(rules.Strategies()),
	}
	instanceLabels = &cli.StringSliceFlag{
		Name: "instance-label", Value: []string{"job", "instance"},
		Usage: "`LABEL` label that tells processes apart; repeatable; for VictoriaMetrics service_name and service_instance_id",
	}
	fleetLabels = &cli.StringSliceFlag{
		Name: "fleet-label", Value: []string{"job"},
		Usage: "`LABEL` label that tells services apart; repeatable; for VictoriaMetrics service_name",
	}
	interval = &cli.DurationFlag{
		Name:  "interval",
		Usage: "`DURATION` time between two exports of a process", DefaultText: "monitoring.interval_seconds",
	}
	native = &cli.BoolFlag{
		Name:  "native-histograms",
		Usage: "the processes send exponential histograms, which become native ones",
	}
	metrics = &cli.StringSliceFlag{
		Name:   "metric",
		Usage:  "`NAME=UNIT,KIND` a metric of your own, such as shop.queue.age=s,gauge; the kind is histogram, counter, updown or gauge; repeatable",
		Config: cli.StringConfig{TrimSpace: true},
	}
)

func join(all []rules.Strategy) string {
	var parts []string
	for _, s := range all {
		parts = append(parts, string(s))
	}
	return strings.Join(parts, ", ")
}

func shared() []cli.Flag {
	return []cli.Flag{strategy, instanceLabels, fleetLabels, interval, native, metrics, environment}
}

func rulesCommand() *cli.Command {
	offset := &cli.DurationFlag{
		Name:  "query-offset",
		Usage: "`DURATION` how long rules wait for late samples; negative leaves it out, for vmalert and its -rule.evalDelay", DefaultText: "one interval",
	}
	tests := &cli.StringFlag{
		Name:  "tests",
		Usage: "`RULEFILE` write cases for \"promtool test rules\" instead of the rules; RULEFILE is the path of the rules as seen from the cases",
	}
	return &cli.Command{
		Name:      "rules",
		Usage:     "write the baselines as Prometheus recording and alerting rules",
		ArgsUsage: filesUsage,
		Description: "rules writes a rule file for Prometheus, and for Mimir, Thanos and vmalert: for each\n" +
			"process the alerts that it raises itself, and for all processes of a service\n" +
			"together where a baseline has a fleet_target.\n\n" +
			"  otelperf rules monitoring.toml > otelperf.rules.yml\n" +
			"  otelperf rules --tests otelperf.rules.yml monitoring.toml > otelperf.test.yml\n" +
			"  promtool check rules otelperf.rules.yml && promtool test rules otelperf.test.yml",
		Flags: append(shared(), offset, tests),
		Action: func(_ context.Context, c *cli.Command) error {
			set, err := generate(c, c.Duration(offset.Name))
			if err != nil {
				return err
			}
			if file := c.String(tests.Name); c.IsSet(tests.Name) {
				if file == "" {
					return usagef(c, "--tests: the path of the rules is empty")
				}
				return set.WriteTests(c.Root().Writer, file)
			}
			return set.WriteRules(c.Root().Writer)
		},
	}
}

func dashboardCommand() *cli.Command {
	title := &cli.StringFlag{Name: "title", Value: "otelperf", Usage: "`TEXT` the dashboard's title"}
	return &cli.Command{
		Name:      "dashboard",
		Usage:     "write a Grafana dashboard of the baselines, operations, HTTP and the runtime",
		ArgsUsage: filesUsage,
		Description: "dashboard writes the JSON model of a dashboard, for Grafana 12 and later: import it\n" +
			"and choose a Prometheus data source. It needs none of the recording rules.\n\n" +
			"  otelperf dashboard monitoring.toml > otelperf.dashboard.json",
		Flags: append(shared(), title),
		Action: func(_ context.Context, c *cli.Command) error {
			set, err := generate(c, 0)
			if err != nil {
				return err
			}
			return set.WriteDashboard(c.Root().Writer, c.String(title.Name))
		},
	}
}

// generate makes the rules of the files by the flags.
func generate(c *cli.Command, offset time.Duration) (*rules.Set, error) {
	if err := wellFormed(c); err != nil {
		return nil, err
	}
	own := make(map[string]rules.Metric)
	for _, m := range pairs(c.StringSlice(metrics.Name)) {
		name, what, err := rules.ParseMetric(m)
		if err != nil {
			return nil, usagef(c, "--metric: %w", err)
		}
		own[name] = what
	}
	loaded, err := load(c)
	if err != nil {
		return nil, err
	}
	baselines, err := loaded.Baselines()
	if err != nil {
		return nil, err
	}
	if !loaded.Alerting.Enabled {
		say(c.Root().ErrWriter, "warning: alerting.enabled is false: nothing alerts but what has a fleet_target")
	}
	set, err := rules.New(baselines, rules.Options{
		Interval:         cmp.Or(c.Duration(interval.Name), loaded.Monitoring.Interval),
		Strategy:         rules.Strategy(c.String(strategy.Name)),
		InstanceLabels:   c.StringSlice(instanceLabels.Name),
		FleetLabels:      c.StringSlice(fleetLabels.Name),
		QueryOffset:      offset,
		NativeHistograms: c.Bool(native.Name),
		Metrics:          own,
	})
	if err != nil {
		return nil, err
	}
	if len(set.Groups) == 0 {
		say(c.Root().ErrWriter, "warning: there is no baseline to write")
	}
	return set, nil
}

// wellFormed checks options that have a value of the right kind.
func wellFormed(c *cli.Command) error {
	if s := rules.Strategy(c.String(strategy.Name)); !slices.Contains(rules.Strategies(), s) {
		if meant := nearest.To(string(s), strings.Split(join(rules.Strategies()), ", ")); meant != "" {
			return usagef(c, "--strategy: unknown translation strategy %q, did you mean %q?", s, meant)
		}
		return usagef(c, "--strategy: unknown translation strategy %q: use one of %s", s, join(rules.Strategies()))
	}
	if d := c.Duration(interval.Name); c.IsSet(interval.Name) && d <= 0 {
		return usagef(c, "--interval: %v is not positive", d)
	}
	for _, f := range []*cli.StringSliceFlag{instanceLabels, fleetLabels} {
		if slices.Contains(c.StringSlice(f.Name), "") {
			return usagef(c, "--%s: the name of a label is empty", f.Name)
		}
	}
	return nil
}

// pairs puts name=unit,kind together again, which the list's comma took apart.
func pairs(values []string) []string {
	var all []string
	for _, v := range values {
		if len(all) > 0 && !strings.Contains(v, "=") {
			all[len(all)-1] += "," + v
			continue
		}
		all = append(all, v)
	}
	return all
}
