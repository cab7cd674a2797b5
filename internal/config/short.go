package config

import (
	"math"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"
	"go.opentelemetry.io/otel/semconv/v1.43.0/processconv"

	"github.com/otelperf/otelperf-go/views"
)

// The names that this package shares with those that record.
const (
	operationDuration = "otelperf.operation.duration"

	operationName = attribute.Key("otelperf.operation.name")
	baselineName  = attribute.Key("otelperf.baseline.name")
	sourceKey     = attribute.Key("otelperf.source")
	routeKey      = semconv.HTTPRouteKey
)

// The names that the conventions have.
var (
	serverDuration = httpconv.ServerRequestDuration{}.Name()
	memoryUsage    = processconv.MemoryUsage{}.Name()
	cpuUtilization = processconv.CPUUtilization{}.Name()
)

// A dimension is what all short names of one ending have in common.
type dimension struct {
	unit       string // of the value, as package views knows it
	unitName   string // as a person reads it
	recorded   string // the metric that Monitor.Record's values come as
	metricUnit string // its unit
	factor     float64
	direction  views.Direction
	target     limits
}

var (
	latency = dimension{
		unit: "ms", unitName: "ms", recorded: "otelperf.recorded.duration", metricUnit: "s", factor: 1e3,
		target: limits{lo: 0, hi: 86_400_000},
	}
	perSecond = dimension{
		unit: "1/s", unitName: "1/s", recorded: "otelperf.recorded.rate", metricUnit: "1/s", factor: 1,
		direction: views.LowerIsWorse, target: limits{lo: 0, hi: 1e9, above: true},
	}
	errorPercent = dimension{
		unit: "%", unitName: "%", recorded: "otelperf.recorded.error_ratio", metricUnit: "1", factor: 100,
		target: limits{lo: 0, hi: 100},
	}
	memory = dimension{
		unit: "MiB", unitName: "MiB", recorded: "otelperf.recorded.memory", metricUnit: "By", factor: 1.0 / (1 << 20),
		target: limits{lo: 0, hi: 1e9},
	}
	cpu = dimension{
		unit: "%", unitName: "%", recorded: "otelperf.recorded.utilization", metricUnit: "1", factor: 100,
		target: limits{lo: 0, hi: 100},
	}
)

// standardNames are the short names that are always observed, in the order in
// which baselines come.
var standardNames = []string{
	"allocation_ms", "search_ms", "allocation_error_percent", "search_error_percent",
	"memory_mb", "cpu_percent", "throughput_qps",
}

// A short name of [baseline_targets], taken apart.
type short struct {
	name      string
	operation string // "" for the process' own
	dimension
}

func parseShort(name string) (short, bool) {
	switch name {
	case "memory_mb":
		return short{name, "", memory}, true
	case "cpu_percent":
		return short{name, "", cpu}, true
	case "throughput_qps":
		return short{name, "", perSecond}, true
	}
	for _, e := range []struct {
		ending string
		dimension
	}{{"_error_percent", errorPercent}, {"_ms", latency}, {"_qps", perSecond}} {
		if op, ok := strings.CutSuffix(name, e.ending); ok {
			return short{name, op, e.dimension}, strings.TrimSpace(op) != ""
		}
	}
	return short{}, false
}

func (s short) standard() bool { return slices.Contains(standardNames, s.name) }

// baseline completes b by what the short name says.
func (s short) baseline(metric string, statistic views.Statistic, target float64) views.Baseline {
	b := views.Baseline{
		Name: s.name, Metric: metric, Statistic: statistic,
		Target: target, Unit: s.unit, Direction: s.direction,
	}
	if s.operation != "" {
		b.Match = []attribute.KeyValue{operationName.String(s.operation)}
	}
	return b
}

// baselines returns what judges the name, without the recorded companion.
func (s short) baselines(target float64, throughputOf string) []views.Baseline {
	switch {
	case s.name == "memory_mb":
		return []views.Baseline{s.baseline(memoryUsage, views.Value, target)}
	case s.name == "cpu_percent":
		return []views.Baseline{s.baseline(cpuUtilization, views.Value, target)}
	case s.name == "throughput_qps":
		requests := s.baseline(serverDuration, views.Rate, target)
		operations := s.baseline(operationDuration, views.Rate, target)
		switch throughputOf {
		case "http":
			return []views.Baseline{requests}
		case "operations":
			return []views.Baseline{operations}
		}
		operations.Unless = serverDuration
		return []views.Baseline{requests, operations}
	case s.dimension == latency:
		return []views.Baseline{s.baseline(operationDuration, views.P95, target)}
	case s.dimension == errorPercent:
		return []views.Baseline{s.baseline(operationDuration, views.ErrorRatio, target)}
	default:
		return []views.Baseline{s.baseline(operationDuration, views.Rate, target)}
	}
}

// companion returns the baseline that judges values measured elsewhere by the
// same levels as b.
func (s short) companion(b views.Baseline) views.Baseline {
	b.Metric, b.Statistic, b.MinCount = s.recorded, views.Value, 1
	b.Match = []attribute.KeyValue{baselineName.String(s.name)}
	b.By = []attribute.Key{sourceKey}
	b.Active, b.Unless, b.FleetTarget = "", "", 0
	if b.Objective > 0 { // single values have no budget to burn
		b.Objective, b.Burn, b.Target = 0, nil, math.NaN()
	}
	return b
}

// A Recordable is a short name whose value may be measured elsewhere and given
// to Monitor.Record.
type Recordable struct {
	// Name is the short name, such as "search_ms".
	Name string
	// Metric is the gauge that shows the value, with the attribute
	// otelperf.baseline.name=Name, and MetricUnit its unit.
	Metric, MetricUnit string
	// Unit is that of the values given to Record, and Factor how many of it make
	// one MetricUnit: 1000 for ms and s.
	Unit   string
	Factor float64
	// Direction tells which of several values is the worst one: where lower is
	// worse it is the smallest.
	Direction views.Direction
	// Off: a switch in [metrics] turned the name off. Values are accepted and
	// ignored, so that the program need not know.
	Off bool
}

// Base converts a value given to Record into the metric's unit.
func (r Recordable) Base(v float64) float64 { return v / r.Factor }

// Recordable returns the short names that values may be recorded for: the
// standard ones and those of [baseline_targets], in the order of [Config.Baselines].
func (c *Config) Recordable() []Recordable {
	var all []Recordable
	for _, s := range c.shorts() {
		off := true
		for _, b := range s.baselines(math.NaN(), c.Monitoring.ThroughputOf) {
			off = off && c.off(b)
		}
		all = append(all, Recordable{
			Name: s.name, Metric: s.recorded, MetricUnit: s.metricUnit,
			Unit: s.unit, Factor: s.factor, Direction: s.direction, Off: off,
		})
	}
	return all
}

// shorts returns the standard names, then the other targets by name.
func (c *Config) shorts() []short {
	names := slices.Clone(standardNames)
	for name := range c.Targets {
		if !slices.Contains(standardNames, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names[len(standardNames):])
	var all []short
	for _, name := range names {
		if s, ok := parseShort(name); ok {
			all = append(all, s)
		}
	}
	return all
}

func targetKeys() []Key {
	key := func(name string, d dimension, meaning string) Key {
		return Key{Name: "baseline_targets." + name, Type: "number", Unit: d.unitName, Range: d.target.String(), Meaning: meaning}
	}
	return []Key{
		key("<operation>_ms", latency, "The p95 of that operation's duration: `search_ms` is of the operation `search`."),
		key("<operation>_qps", perSecond, "How often that operation is called; lower is worse."),
		key("<operation>_error_percent", errorPercent, "The share of that operation's calls that fail. At 0 any failure alerts."),
		key("memory_mb", memory, "Resident memory of the process."),
		key("cpu_percent", cpu, "Share of the CPUs available to the process that it uses."),
		key("throughput_qps", perSecond, "Served per second, see `monitoring.throughput_of`; lower is worse."),
	}
}
