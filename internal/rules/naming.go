package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"
)

// A Strategy is how OTLP names became Prometheus names: the
// otlp.translation_strategy of Prometheus, or the translation_strategy of the
// Collector's prometheus exporter.
type Strategy string

// The strategies of Prometheus.
const (
	// UnderscoreEscapingWithSuffixes: otelperf_operation_duration_seconds.
	UnderscoreEscapingWithSuffixes Strategy = "UnderscoreEscapingWithSuffixes"
	// UnderscoreEscapingWithoutSuffixes: otelperf_operation_duration.
	UnderscoreEscapingWithoutSuffixes Strategy = "UnderscoreEscapingWithoutSuffixes"
	// NoUTF8EscapingWithSuffixes: otelperf.operation.duration_seconds.
	NoUTF8EscapingWithSuffixes Strategy = "NoUTF8EscapingWithSuffixes"
	// NoTranslation: otelperf.operation.duration.
	NoTranslation Strategy = "NoTranslation"
)

// Strategies returns all strategies, the default one first.
func Strategies() []Strategy {
	return []Strategy{
		UnderscoreEscapingWithSuffixes, UnderscoreEscapingWithoutSuffixes,
		NoUTF8EscapingWithSuffixes, NoTranslation,
	}
}

// A Kind is what a metric's data look like in OTLP.
type Kind string

// The kinds that baselines can judge.
const (
	Histogram Kind = "histogram"
	Counter   Kind = "counter" // a sum that only grows
	UpDown    Kind = "updown"  // a sum that can fall
	Gauge     Kind = "gauge"
)

// A Metric is what the name alone does not say: Prometheus' names depend on it.
type Metric struct {
	Unit string // as recorded: "s", "By", "{item}"
	Kind Kind
}

// ParseMetric reads "name=unit,kind", such as "shop.queue.age=s,gauge".
func ParseMetric(s string) (name string, m Metric, err error) {
	name, rest, ok := strings.Cut(s, "=")
	unit, kind, ok2 := strings.Cut(rest, ",")
	if !ok || !ok2 || name == "" {
		return "", m, fmt.Errorf("rules: %q does not say a metric: write name=unit,kind, such as shop.queue.age=s,gauge", s)
	}
	switch k := Kind(kind); k {
	case Histogram, Counter, UpDown, Gauge:
		return name, Metric{Unit: unit, Kind: k}, nil
	}
	return "", m, fmt.Errorf("rules: %q is no kind of metric: write histogram, counter, updown or gauge", kind)
}

// known are the metrics that the packages of this repository record, and the
// conventions' for HTTP and processes.
var known = map[string]Metric{
	"otelperf.operation.duration":             {"s", Histogram},
	"otelperf.operation.active":               {"{operation}", UpDown},
	"otelperf.recorded.duration":              {"s", Gauge},
	"otelperf.recorded.rate":                  {"1/s", Gauge},
	"otelperf.recorded.error_ratio":           {"1", Gauge},
	"otelperf.recorded.memory":                {"By", Gauge},
	"otelperf.recorded.utilization":           {"1", Gauge},
	"otelperf.baseline.excess":                {"1", Gauge},
	"otelperf.alert.active":                   {"{alert}", Gauge},
	"otelperf.alert.transitions":              {"{transition}", Counter},
	"otelperf.notify.dropped":                 {"{alert}", Counter},
	"otelperf.export.dropped":                 {"{data_point}", Counter},
	"otelperf.history.rows.dropped":           {"{row}", Counter},
	"otelperf.history.dropped":                {"{line}", Counter},
	"otelperf.evidence.folders":               {"{folder}", Counter},
	"otelperf.evidence.dropped":               {"{item}", Counter},
	"otelperf.profiling.windows":              {"{window}", Counter},
	"otelperf.process.read.failures":          {"{failure}", Counter},
	"otelperf.baseline.points.rejected":       {"{data_point}", Counter},
	"otelperf.evaluations.missed":             {"{evaluation}", Counter},
	"otelperf.http.server.routes.dropped":     {"{request}", Counter},
	"otelperf.http.server.series.dropped":     {"{request}", Counter},
	"otelperf.http.server.attributes.dropped": {"{attribute}", Counter},
	"otelperf.http.client.hosts.dropped":      {"{request}", Counter},
	"otelperf.http.client.templates.dropped":  {"{request}", Counter},
	"otelperf.http.client.series.dropped":     {"{request}", Counter},
	httpconv.ServerRequestDuration{}.Name():   {"s", Histogram},
	httpconv.ServerActiveRequests{}.Name():    {"{request}", UpDown},
	httpconv.ServerRequestBodySize{}.Name():   {"By", Histogram},
	httpconv.ServerResponseBodySize{}.Name():  {"By", Histogram},
	"otelperf.http.server.streams":            {"{request}", UpDown},
	httpconv.ClientRequestDuration{}.Name():   {"s", Histogram},
	httpconv.ClientActiveRequests{}.Name():    {"{request}", UpDown},
	httpconv.ClientRequestBodySize{}.Name():   {"By", Histogram},
	httpconv.ClientResponseBodySize{}.Name():  {"By", Histogram},
	"otelperf.http.client.phase.duration":     {"s", Histogram},
	"process.cpu.time":                        {"s", Counter},
	"process.cpu.utilization":                 {"1", Gauge},
	"process.memory.usage":                    {"By", UpDown},
	"process.memory.virtual":                  {"By", UpDown},
	"process.thread.count":                    {"{thread}", UpDown},
	"process.unix.file_descriptor.count":      {"{file_descriptor}", UpDown},
	"process.unix.file_descriptor.limit":      {"{file_descriptor}", UpDown},
	"process.context_switches":                {"{context_switch}", Counter},
	"process.paging.faults":                   {"{fault}", Counter},
	"process.uptime":                          {"s", Gauge},
	"go.memory.used":                          {"By", UpDown},
	"go.memory.limit":                         {"By", UpDown},
	"go.memory.allocated":                     {"By", Counter},
	"go.memory.allocations":                   {"{allocation}", Counter},
	"go.memory.gc.goal":                       {"By", UpDown},
	"go.memory.gc.cycles":                     {"{gc_cycle}", Counter},
	"go.memory.gc.pause.duration":             {"s", Histogram},
	"go.goroutine.count":                      {"{goroutine}", UpDown},
	"go.processor.limit":                      {"{thread}", UpDown},
	"go.config.gogc":                          {"%", UpDown},
	"go.schedule.duration":                    {"s", Histogram},
}

// classic are histograms that come from the Go runtime, past the aggregation that
// makes others exponential: they have buckets of their own in any case.
var classic = []string{"go.memory.gc.pause.duration", "go.schedule.duration"}

// isNative reports whether a metric is a native histogram, given whether the
// processes send exponential ones.
func isNative(exponential bool, metric string, m Metric) bool {
	return exponential && m.Kind == Histogram && !slices.Contains(classic, metric)
}

// names translates OTLP names as a strategy does.
type names struct {
	metric otlptranslator.MetricNamer
	label  otlptranslator.LabelNamer
	more   map[string]Metric
}

func newNames(s Strategy, more map[string]Metric) (names, error) {
	if s == "" {
		s = UnderscoreEscapingWithSuffixes
	}
	if !slices.Contains(Strategies(), s) {
		return names{}, fmt.Errorf("rules: unknown translation strategy %q: use one of %v", string(s), Strategies())
	}
	option := otlptranslator.TranslationStrategyOption(s)
	return names{
		metric: otlptranslator.NewMetricNamer("", option),
		label:  otlptranslator.LabelNamer{UTF8Allowed: !option.ShouldEscape()},
		more:   more,
	}, nil
}

// of returns what is known of a metric.
func (n names) of(metric string) (Metric, bool) {
	if m, ok := n.more[metric]; ok {
		return m, true
	}
	m, ok := known[metric]
	return m, ok
}

// series returns the name of a metric's series; suffix is _bucket, _sum or
// _count for the parts of a histogram.
func (n names) series(metric, suffix string) (string, error) {
	m, ok := n.of(metric)
	if !ok {
		return "", fmt.Errorf("rules: nothing is known of the metric %q, and its name in Prometheus depends on its unit and kind: say --metric %s=unit,kind, such as --metric %s=s,histogram", metric, metric, metric)
	}
	var kind otlptranslator.MetricType
	switch m.Kind {
	case Histogram:
		kind = otlptranslator.MetricTypeHistogram
	case Counter:
		kind = otlptranslator.MetricTypeMonotonicCounter
	case UpDown:
		kind = otlptranslator.MetricTypeNonMonotonicCounter
	default:
		kind = otlptranslator.MetricTypeGauge
	}
	name, err := n.metric.Build(otlptranslator.Metric{Name: metric, Unit: m.Unit, Type: kind})
	if err != nil {
		return "", fmt.Errorf("rules: metric %q: %w", metric, err)
	}
	return name + suffix, nil
}

// attribute returns the label that an attribute becomes.
func (n names) attribute(k attribute.Key) string {
	label, err := n.label.Build(string(k))
	if err != nil {
		return string(k) // the empty name, which no baseline has
	}
	return label
}

var (
	plainMetric = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)
	plainLabel  = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
)

// A matcher is one condition of a selector.
type matcher struct{ label, operator, value string }

func equal(label, value string) matcher { return matcher{label, "=", value} }

// selector writes the selector of a series, in the quoted form where a name is
// not of the classic kind.
func selector(series string, matchers ...matcher) string {
	var parts []string
	plain := plainMetric.MatchString(series)
	if !plain {
		parts = append(parts, strconv.Quote(series))
	}
	for _, m := range matchers {
		parts = append(parts, quotedLabel(m.label)+m.operator+strconv.Quote(m.value))
	}
	in := "{" + strings.Join(parts, ", ") + "}"
	switch {
	case !plain:
		return in
	case len(parts) == 0:
		return series
	}
	return series + in
}

func quotedLabel(label string) string {
	if plainLabel.MatchString(label) {
		return label
	}
	return strconv.Quote(label)
}

// list writes labels for by (…) and on (…).
func list(labels []string) string {
	quoted := make([]string, len(labels))
	for i, l := range labels {
		quoted[i] = quotedLabel(l)
	}
	return strings.Join(quoted, ", ")
}
