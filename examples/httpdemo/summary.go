//go:build !bare

package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

// The metrics that the table is about.
const (
	operationDuration = "otelperf.operation.duration"
	requestDuration   = "http.server.request.duration"
)

// A row is one line of the table: an operation or a route, since the start.
type row struct {
	name, metric string
	point        metricdata.HistogramDataPoint[float64]
}

// rows returns the operations, then the HTTP routes, as they were measured:
// the series of failed and of other calls put together.
func rows(collected metricdata.ResourceMetrics) []row {
	var out []row
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			data, ok := m.Data.(metricdata.Histogram[float64])
			if !ok || m.Name != operationDuration && m.Name != requestDuration {
				continue
			}
			for _, p := range data.DataPoints {
				name := rowName(m.Name, p.Attributes)
				i := slices.IndexFunc(out, func(r row) bool { return r.name == name && r.metric == m.Name })
				if i < 0 {
					p.BucketCounts = slices.Clone(p.BucketCounts)
					out = append(out, row{name, m.Name, p})
					continue
				}
				merge(&out[i].point, p)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b row) int {
		// Operations before requests, and what happened most first.
		return cmp.Or(-cmp.Compare(a.metric, b.metric), -cmp.Compare(a.point.Count, b.point.Count), cmp.Compare(a.name, b.name))
	})
	return out
}

func rowName(metric string, set attribute.Set) string {
	value := func(key attribute.Key) string {
		v, _ := set.Value(key)
		return v.String()
	}
	if metric == operationDuration {
		return value("otelperf.operation.name")
	}
	return strings.TrimSpace(value("http.request.method") + " " + value("http.route"))
}

// merge adds the measurements of p, which has the same buckets, to sum.
func merge(sum *metricdata.HistogramDataPoint[float64], p metricdata.HistogramDataPoint[float64]) {
	sum.Count += p.Count
	sum.Sum += p.Sum
	for i := range min(len(sum.BucketCounts), len(p.BucketCounts)) {
		sum.BucketCounts[i] += p.BucketCounts[i]
	}
	sum.Min = extreme(sum.Min, p.Min, func(a, b float64) bool { return a < b })
	sum.Max = extreme(sum.Max, p.Max, func(a, b float64) bool { return a > b })
}

func extreme(a, b metricdata.Extrema[float64], better func(a, b float64) bool) metricdata.Extrema[float64] {
	v, ok := a.Value()
	w, known := b.Value()
	if !ok || !known {
		return metricdata.Extrema[float64]{}
	}
	if better(w, v) {
		return b
	}
	return metricdata.NewExtrema(v)
}

// judged returns the statuses that are about the row.
func (r row) judged(baselines []views.Status) []views.Status {
	var out []views.Status
	for _, s := range baselines {
		route, _ := s.Group.Value("http.route")
		switch {
		case s.Metric != r.metric || math.IsNaN(s.Target):
		case r.metric == operationDuration && s.Name == r.name+"_ms",
			r.metric == requestDuration && route.String() != "" && strings.HasSuffix(r.name, " "+route.String()):
			out = append(out, s)
		}
	}
	return out
}

// writeSummary writes what was measured in elapsed: the table of operations and
// routes over all of it, and below it each baseline as it was last judged.
func writeSummary(w io.Writer, m measurement, elapsed time.Duration) error {
	table := [][]string{{"operation", "count", "per second", "mean", "p50", "p95", "p99", "baseline", "state"}}
	for _, r := range rows(m.collected) {
		baseline, state := "-", "-"
		for _, s := range r.judged(m.baselines) { // the worst, where there are several
			if state == "-" || s.State == views.Firing {
				baseline, state = fmt.Sprintf("%s %s", s.Statistic, quantity(s.Target, s.Unit)), s.State.String()
			}
		}
		count := float64(r.point.Count)
		table = append(table, []string{
			r.name, strconv.FormatUint(r.point.Count, 10), strconv.FormatFloat(count/elapsed.Seconds(), 'f', 1, 64),
			seconds(r.point.Sum / count), quantile(r.point, 0.5), quantile(r.point, 0.95), quantile(r.point, 0.99),
			baseline, state,
		})
	}
	judged := [][]string{{"baseline, last judged", "value", "target", "alert over", "state"}}
	for _, s := range m.baselines {
		unused := strings.HasPrefix(s.Metric, "otelperf.recorded.") && s.State == views.Silent
		if math.IsNaN(s.Target) || unused { // Monitor.Record is for programs with measurements of their own
			continue
		}
		name := s.Name
		for _, kv := range s.Group.ToSlice() {
			name += " " + kv.Value.String()
		}
		judged = append(judged, []string{
			name, quantity(s.Value, s.Unit), quantity(s.Target, s.Unit), quantity(s.Threshold, s.Unit), s.State.String(),
		})
	}
	if _, err := io.WriteString(w, format(table)+"\n"+format(judged)); err != nil {
		return fmt.Errorf("writing the summary: %w", err)
	}
	return nil
}

// format sets a table: its first and last column to the left, the others to
// the right.
func format(table [][]string) string {
	widths := make([]int, len(table[0]))
	for _, cells := range table {
		for i, cell := range cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, cells := range table {
		for i, cell := range cells {
			fill := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			switch i {
			case 0:
				b.WriteString(cell + fill)
			case len(cells) - 1:
				b.WriteString("  " + cell + "\n")
			default:
				b.WriteString("  " + fill + cell)
			}
		}
	}
	return b.String()
}

// quantile writes the q-quantile. In the lowest bucket, which the conventions' for
// HTTP let end at 5 ms, little is known but its end and the maximum.
func quantile(p metricdata.HistogramDataPoint[float64], q float64) string {
	v := views.Quantile(p, q)
	if math.IsNaN(v) || float64(p.BucketCounts[0]) < q*float64(p.Count) {
		return seconds(v)
	}
	end := p.Bounds[0]
	if largest, ok := p.Max.Value(); ok {
		end = min(end, largest)
	}
	if least, ok := p.Min.Value(); ok && least == end {
		return seconds(end)
	}
	return "≤" + seconds(end)
}

// seconds writes a duration with three digits: 812µs, 1.23ms, 15.1s.
func seconds(s float64) string {
	if math.IsNaN(s) {
		return "-"
	}
	d := time.Duration(s * float64(time.Second))
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit).String()
}

// quantity writes a number and its unit, "-" for none.
func quantity(v float64, unit string) string {
	if math.IsNaN(v) {
		return "-"
	}
	return strings.TrimSpace(strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) + " " + unit)
}
