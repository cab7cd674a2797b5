package rules

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"

	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"

	"github.com/otelperf/otelperf-go/views"
)

// schemaVersion is that of Grafana 12's dashboards, which later ones read.
const schemaVersion = 42

// A panel of a dashboard, as Grafana's JSON model has it.
type panel struct {
	ID          int            `json:"id"`
	Type        string         `json:"type"`
	Title       string         `json:"title"`
	Description string         `json:"description,omitempty"`
	GridPos     gridPos        `json:"gridPos"`
	Datasource  *datasource    `json:"datasource,omitempty"`
	Targets     []target       `json:"targets,omitempty"`
	FieldConfig map[string]any `json:"fieldConfig,omitempty"`
	Options     map[string]any `json:"options,omitempty"`
	Collapsed   *bool          `json:"collapsed,omitempty"` // of rows
	Panels      []panel        `json:"panels,omitempty"`
}

type gridPos struct {
	H int `json:"h"`
	W int `json:"w"`
	X int `json:"x"`
	Y int `json:"y"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type target struct {
	RefID        string     `json:"refId"`
	Datasource   datasource `json:"datasource"`
	Expr         string     `json:"expr"`
	LegendFormat string     `json:"legendFormat"`
	Range        bool       `json:"range"`
}

var prometheus = datasource{Type: "prometheus", UID: "${datasource}"}

// A board is a dashboard being laid out: two panels in a line.
type board struct {
	set    *Set
	panels []panel
	x, y   int
	err    error
}

const panelWidth, panelHeight = 12, 8

func (b *board) row(title string) {
	if b.x > 0 {
		b.x, b.y = 0, b.y+panelHeight
	}
	open := false
	b.panels = append(b.panels, panel{
		ID: len(b.panels) + 1, Type: "row", Title: title,
		GridPos: gridPos{H: 1, W: 2 * panelWidth, Y: b.y}, Collapsed: &open,
	})
	b.y++
}

// graph adds a time series panel; queries are pairs of expression and legend.
func (b *board) graph(title, description, unit string, steps []map[string]any, queries ...string) {
	defaults := map[string]any{
		"unit":   unit,
		"custom": map[string]any{"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "auto", "spanNulls": false},
	}
	if len(steps) > 0 {
		defaults["thresholds"] = map[string]any{"mode": "absolute", "steps": steps}
		defaults["custom"].(map[string]any)["thresholdsStyle"] = map[string]any{"mode": "line"}
	}
	p := panel{
		ID: len(b.panels) + 1, Type: "timeseries", Title: title, Description: description,
		GridPos:     gridPos{H: panelHeight, W: panelWidth, X: b.x, Y: b.y},
		Datasource:  &prometheus,
		FieldConfig: map[string]any{"defaults": defaults, "overrides": []any{}},
		Options: map[string]any{
			"legend":  map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": true},
			"tooltip": map[string]any{"mode": "multi", "sort": "desc"},
		},
	}
	for i := 0; i+1 < len(queries); i += 2 {
		p.Targets = append(p.Targets, target{
			RefID: string(rune('A' + i/2)), Datasource: prometheus,
			Expr: queries[i], LegendFormat: queries[i+1], Range: true,
		})
	}
	b.panels = append(b.panels, p)
	if b.x += panelWidth; b.x >= 2*panelWidth {
		b.x, b.y = 0, b.y+panelHeight
	}
}

// in selects series of the services and instances that the reader chose.
func (b *board) in() []matcher {
	all := make([]matcher, 0, 2)
	for _, l := range b.set.options.InstanceLabels {
		all = append(all, matcher{l, "=~", "$" + variable(l)})
	}
	return all
}

// variable is the name of a label's template variable.
func variable(label string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, label)
}

func (b *board) series(metric, suffix string, more ...matcher) string {
	name, err := b.set.names.series(metric, suffix)
	if err != nil && b.err == nil {
		b.err = err
	}
	return selector(name, append(more, b.in()...)...)
}

// label returns the label of an attribute, for by (…), and its place in a
// legend.
func (b *board) label(attribute string) (by, legend string) {
	l, err := b.set.names.label.Build(attribute)
	if err != nil && b.err == nil {
		b.err = err
	}
	return quotedLabel(l), "{{" + l + "}}"
}

// rate sums the rate of what a counter or a histogram counts.
func (b *board) rate(metric string, by string, more ...matcher) string {
	if m := known[metric]; isNative(b.set.options.NativeHistograms, metric, m) {
		return fmt.Sprintf("histogram_count(sum by (%s) (rate(%s[$__rate_interval])))", by, b.series(metric, "", more...))
	} else if m.Kind == Histogram {
		return fmt.Sprintf("sum by (%s) (rate(%s[$__rate_interval]))", by, b.series(metric, "_count", more...))
	}
	return fmt.Sprintf("sum by (%s) (rate(%s[$__rate_interval]))", by, b.series(metric, "", more...))
}

func (b *board) quantile(q float64, metric, by string) string {
	if isNative(b.set.options.NativeHistograms, metric, known[metric]) {
		return fmt.Sprintf("histogram_quantile(%s, sum by (%s) (rate(%s[$__rate_interval])))", number(q), by, b.series(metric, ""))
	}
	return fmt.Sprintf("histogram_quantile(%s, sum by (%s) (rate(%s[$__rate_interval])))", number(q), joinLabels(by, "le"), b.series(metric, "_bucket"))
}

func joinLabels(by string, more string) string {
	if by == "" {
		return more
	}
	return by + ", " + more
}

func (b *board) sum(metric, by string) string {
	return fmt.Sprintf("sum by (%s) (%s)", by, b.series(metric, ""))
}

// WriteDashboard writes a Grafana dashboard of the baselines, operations, HTTP
// and the runtime. Its queries need none of the recording rules.
func (s *Set) WriteDashboard(w io.Writer, title string) error {
	b := &board{set: s}
	b.baselines()
	b.operations()
	b.http()
	b.runtime()
	if b.err != nil {
		return b.err
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{
		"title":         title,
		"uid":           nil,
		"tags":          []string{"otelperf"},
		"schemaVersion": schemaVersion,
		"editable":      true,
		"graphTooltip":  1,
		"refresh":       "30s",
		"timezone":      "browser",
		"time":          map[string]any{"from": "now-1h", "to": "now"},
		"templating":    map[string]any{"list": b.variables()},
		"annotations":   map[string]any{"list": []any{}},
		"links":         []any{},
		"panels":        b.panels,
	})
}

// variables are the data source and one for each label that tells processes
// apart, each narrowed by those before it.
func (b *board) variables() []map[string]any {
	all := []map[string]any{{
		"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus",
	}}
	uptime, err := b.set.names.series("process.uptime", "")
	if err != nil && b.err == nil {
		b.err = err
	}
	var before []matcher
	for _, l := range b.set.options.InstanceLabels {
		query := fmt.Sprintf("label_values(%s, %s)", selector(uptime, before...), l)
		all = append(all, map[string]any{
			"name": variable(l), "label": l, "type": "query", "datasource": prometheus,
			"query": map[string]any{"query": query, "refId": "A"}, "definition": query,
			"multi": true, "includeAll": true, "allValue": ".*", "refresh": 2, "sort": 1,
		})
		before = append(before, matcher{l, "=~", "$" + variable(l)})
	}
	return all
}

func (b *board) baselines() {
	b.row("Baselines")
	by, legend := b.label("otelperf.baseline.name")
	instance := b.set.options.InstanceLabels[len(b.set.options.InstanceLabels)-1]
	b.graph("Alerts firing", "1 while the process' own alert of a baseline fires.", "short", nil,
		fmt.Sprintf("max by (%s, %s) (%s)", by, quotedLabel(instance), b.series("otelperf.alert.active", "")), legend+" {{"+instance+"}}")
	b.graph("Excess over target", "How much worse than its target each value is: 20 % is a fifth worse.", "percentunit", nil,
		fmt.Sprintf("max by (%s, %s) (%s)", by, quotedLabel(instance), b.series("otelperf.baseline.excess", "")), legend+" {{"+instance+"}}")
	// Baselines that share a name judge the same thing, measured by different
	// metrics: a panel for both.
	var order []string
	named := make(map[string][]*judged)
	for _, j := range b.set.judged {
		if j.fleet {
			continue
		}
		if named[j.Name] == nil {
			order = append(order, j.Name)
		}
		named[j.Name] = append(named[j.Name], j)
	}
	for _, name := range order {
		b.baseline(named[name])
	}
}

// baseline draws values with their target and threshold, in the recorded unit.
func (b *board) baseline(all []*judged) {
	var queries []string
	for _, j := range all {
		shown := *j
		shown.every = b.in()
		value, err := shown.value()
		if err != nil {
			b.err = err
			return
		}
		var legend []string
		for _, l := range j.by() {
			legend = append(legend, "{{"+l+"}}")
		}
		queries = append(queries, value, strings.Join(legend, " "))
	}
	j := all[0]
	var steps []map[string]any
	description := fmt.Sprintf("%s of %s", j.Statistic, j.Metric)
	if !math.IsNaN(j.target) && j.Relative == 0 && j.Objective == 0 {
		description += fmt.Sprintf("; target %s%s, alerts beyond %s", formatLevel(j.Target), unitSuffix(j.Unit), formatLevel(j.Threshold()))
		good, bad := "green", "red"
		if j.Direction == views.LowerIsWorse {
			good, bad = bad, good
		}
		steps = []map[string]any{{"value": nil, "color": good}, {"value": j.threshold, "color": bad}}
	}
	b.graph(j.Name, description, grafanaUnit(j), steps, queries...)
}

func grafanaUnit(j *judged) string {
	switch {
	case j.Statistic == views.ErrorRatio:
		return "percentunit"
	case j.Statistic == views.Rate && j.metric.Unit == "By":
		return "binBps"
	case j.Statistic == views.Rate, j.metric.Unit == "1/s":
		return "cps"
	case j.metric.Unit == "s":
		return "s"
	case j.metric.Unit == "By":
		return "bytes"
	case j.metric.Unit == "1":
		return "percentunit"
	}
	return "short"
}

func (b *board) operations() {
	const duration = "otelperf.operation.duration"
	b.row("Operations")
	by, legend := b.label("otelperf.operation.name")
	failed, _ := b.set.names.label.Build("error.type")
	b.graph("Operations per second", "", "ops", nil, b.rate(duration, by), legend)
	b.graph("Latency, p95", "", "s", nil, b.quantile(0.95, duration, by), legend)
	b.graph("Latency, p99", "", "s", nil, b.quantile(0.99, duration, by), legend)
	b.graph("Failures per second, by type", "Calls whose caller left are of the type canceled.", "ops", nil,
		b.rate(duration, by+", "+quotedLabel(failed), matcher{failed, "!=", ""}), legend+" {{"+failed+"}}")
	b.graph("Operations in flight", "", "short", nil, b.sum("otelperf.operation.active", by), legend)
}

func (b *board) http() {
	duration := httpconv.ServerRequestDuration{}.Name()
	b.row("HTTP server")
	route, legend := b.label("http.route")
	status, code := b.label("http.response.status_code")
	b.graph("Requests per second, by route", "", "reqps", nil, b.rate(duration, route), legend)
	b.graph("Requests per second, by status", "", "reqps", nil, b.rate(duration, status), code)
	b.graph("Latency by route, p95", "", "s", nil, b.quantile(0.95, duration, route), legend)
	b.graph("Requests in flight", "", "short", nil, b.sum(httpconv.ServerActiveRequests{}.Name(), ""), "in flight",
		b.sum("otelperf.http.server.streams", ""), "of them open streams")
}

func (b *board) runtime() {
	b.row("Runtime and process")
	instance := quotedLabel(b.set.options.InstanceLabels[len(b.set.options.InstanceLabels)-1])
	legend := "{{" + strings.Trim(instance, `"`) + "}}"
	b.graph("Memory", "Resident memory of the process, and what the Go runtime uses of it.", "bytes", nil,
		b.sum("process.memory.usage", instance), "resident "+legend, b.sum("go.memory.used", instance), "Go "+legend)
	b.graph("CPU", "Share of the CPUs available to the process.", "percentunit", nil, b.sum("process.cpu.utilization", instance), legend)
	b.graph("Goroutines and threads", "", "short", nil,
		b.sum("go.goroutine.count", instance), "goroutines "+legend, b.sum("process.thread.count", instance), "threads "+legend)
	b.graph("Allocated per second", "", "binBps", nil, b.rate("go.memory.allocated", instance), legend)
	b.graph("Garbage collection pauses, p99", "", "s", nil, b.quantile(0.99, "go.memory.gc.pause.duration", instance), legend)
	b.graph("Scheduling latency, p99", "How long goroutines that can run wait for a thread.", "s", nil, b.quantile(0.99, "go.schedule.duration", instance), legend)
	b.graph("Open file descriptors", "", "short", nil, b.sum("process.unix.file_descriptor.count", instance), legend)
}
