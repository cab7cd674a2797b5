package monitor

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/internal/config"
	"github.com/otelperf/otelperf-go/internal/evidence"
	"github.com/otelperf/otelperf-go/internal/history"
	"github.com/otelperf/otelperf-go/internal/profiling"
	"github.com/otelperf/otelperf-go/views"
)

// What [Monitor.History] returns.
type (
	// A Line is one series and its points, oldest first.
	Line = history.Line
	// A Series says what a Line is about.
	Series = history.Series
	// A Point is what one collection says of a series.
	Point = history.Point
)

// openHistory opens what keeps judged values and operations' intervals; nil if
// nothing is to be kept.
func openHistory(cfg *config.Config, s *settings) (*history.History, error) {
	if cfg.Monitoring.Retention <= 0 {
		return nil, nil
	}
	h, err := history.Open(
		history.WithRetention(cfg.Monitoring.Retention),
		history.WithInterval(cfg.Monitoring.Interval),
		history.WithFile(cfg.Paths().Metrics),
		history.WithErrorHandler(reporter(s, "otelperf: history")))
	if err != nil {
		return nil, fmt.Errorf("monitor: output.metrics_file: %w", err)
	}
	return h, nil
}

// History returns every series of the name with the points that ended after
// since: the judged values of a baseline ("search_ms"), the calls of an operation
// ("search"), the requests of a route or of a host, or a number of the runtime
// or the process by its metric's name. It is empty if metrics_retention_hours is
// 0. The result belongs to the caller.
func (m *Monitor) History(name string, since time.Time) []Line {
	if m == nil {
		return nil
	}
	return m.past.History(name, since)
}

// sampling guards runtime.MemProfileRate, where several Monitors start at once.
var sampling sync.Mutex

// endSampling keeps the runtime from sampling allocations from here on, where the
// configuration says so.
func endSampling(cfg *config.Config) {
	if cfg.Monitoring.HeapProfiling {
		return
	}
	sampling.Lock()
	defer sampling.Unlock()
	runtime.MemProfileRate = 0
}

// hasHeapProfiles tells whether evidence is to have a heap profile. One of a program that
// does not sample allocations would only look like one.
func hasHeapProfiles(cfg *config.Config) bool {
	sampling.Lock()
	defer sampling.Unlock()
	return cfg.Monitoring.MemoryTracking && cfg.Monitoring.HeapProfiling && runtime.MemProfileRate > 0
}

// startEvidence starts the profiler and what gathers evidence, as configured.
func (m *Monitor) startEvidence(cfg *config.Config, s *settings) error {
	if !cfg.Monitoring.CPUProfiling && !cfg.Alerting.Evidence {
		return nil
	}
	file := ""
	if cfg.Monitoring.CPUProfiling {
		file = cfg.Paths().Profile
	}
	p, err := profiling.Start(
		profiling.WithFile(file),
		profiling.WithSampleRate(cfg.Monitoring.SampleRate),
		profiling.WithMeterProvider(m.provider),
		profiling.WithErrorHandler(reporter(s, "otelperf: profiles")))
	if err != nil {
		return fmt.Errorf("monitor: monitoring.cpu_profiling: %w", err)
	}
	m.profiler = p
	if !cfg.Alerting.Evidence {
		return nil
	}
	options := []evidence.Option{
		evidence.WithProfiler(p),
		evidence.WithOperations(),
		evidence.WithMeterProvider(m.provider),
		evidence.WithErrorHandler(reporter(s, "otelperf: evidence")),
		evidence.WithSource(evidence.Source{
			Name:  "series.csv",
			About: "the judged values of the last two hours",
			Open:  "any spreadsheet, or column -s, -t series.csv",
			Write: m.writeSeries,
		}),
		evidence.WithSource(evidence.Source{
			Name:  "config.toml",
			About: "the configuration in force, without secrets",
			Open:  "any editor",
			Write: func(w io.Writer, _ []views.Alert) error { return cfg.Describe(w) },
		}),
	}
	if !hasHeapProfiles(cfg) {
		options = append(options, evidence.WithoutHeap())
	}
	m.evidence, err = evidence.New(cfg.Paths().Evidence, options...)
	if err != nil {
		return fmt.Errorf("monitor: alerting.evidence: %w", err)
	}
	return nil
}

// writeSeries writes the history of what the alerts are about.
func (m *Monitor) writeSeries(w io.Writer, alerts []views.Alert) error {
	c := csv.NewWriter(w)
	rows := [][]string{{"baseline", "group", "unit", "interval_end", "value", "state", "count"}}
	seen := make(map[string]bool)
	for _, a := range alerts {
		if seen[a.Name] {
			continue
		}
		seen[a.Name] = true
		for _, l := range m.past.History(a.Name, a.End.Add(-2*time.Hour)) {
			for _, p := range l.Points {
				rows = append(rows, []string{
					l.Name, l.Group.Encoded(attribute.DefaultEncoder()), l.Unit, p.End.Format(time.RFC3339Nano),
					strconv.FormatFloat(p.Value, 'g', -1, 64), p.State.String(), strconv.FormatUint(p.Count, 10),
				})
			}
		}
	}
	return c.WriteAll(rows)
}

// stopEvidence ends profiling and lets what is being gathered finish.
func (m *Monitor) stopEvidence(ctx context.Context) []error {
	return []error{m.profiler.Stop(ctx), m.evidence.Stop(ctx)}
}
