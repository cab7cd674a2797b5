// Package monitor assembles everything: provider, readers, views, the Processor
// that judges, queues, exporters, alerts, and the metrics of Go's runtime and of
// the process, from TOML files, variables and options, or from nothing.
//
//	mon, err := monitor.Start(ctx, monitor.WithConfigFiles("monitoring.toml"))
//	if err != nil { … }
//	defer mon.Shutdown(context.WithoutCancel(ctx))
//	search, err := mon.Recorder().Operation("search")
//	mw, err := middleware.New(middleware.WithMeterProvider(mon.MeterProvider()))
//
// A program with measurements of its own needs nothing else:
//
//	err = mon.Record(ctx, "search_ms", 12.5)
//
// Settings override each other in this order: defaults, the files as given,
// OTEL_* variables, options. docs/configuration.md has every key. No global of
// OpenTelemetry is touched unless [WithGlobal] says so.
//
// # Metrics
//
// Besides what package otelperf, middleware and the program record: the go.*
// metrics of the runtime with the schedule latency, the process.* metrics of the
// conventions, otelperf.baseline.* and otelperf.alert.* about the baselines,
// otelperf.export.dropped and otelperf.notify.dropped for what could not be
// delivered, otelperf.history.rows.dropped and otelperf.history.dropped for rows
// that the history does not keep in memory and lines that its file lost, and
// otelperf.recorded.* for the values given to [Monitor.Record]:
//
//	otelperf.recorded.duration     s              otelperf.baseline.name, otelperf.source
//	otelperf.recorded.memory       By             the same
//	otelperf.recorded.utilization  1              the same
//	otelperf.recorded.rate         1/s            the same
//	otelperf.recorded.error_ratio  1              the same
//
// OTLP has no other texts than UTF-8. One that is none is exported with its odd bytes
// written out, as \xe9; exporters of the program's own get it as it is.
//
// # Cardinality
//
// The names given to Record are those of the configuration, no others.
//
// # Panics and errors
//
// Start says what is wrong with its input, with file, line and key. Later on
// trouble goes to the logger, at a bounded rate, and into metrics: a backend
// that is down, a full disk or a webhook that hangs neither block a call nor an
// evaluation.
//
// # Concurrency
//
// All methods may be called concurrently. Start and Shutdown own every
// goroutine.
//
// # Cost
//
// One collection each interval for each group of exporters that want the same
// temporality; without exporters one, that is judged and dropped.
//
// In programs that can write heap profiles, as all with this package or with
// net/http/pprof can, the runtime samples allocations, one for every 512 KiB, whether or
// not it is asked for a profile. docs/PERFORMANCE.md has what that takes of a service
// that allocates much. monitoring.heap_profiling = false ends it: Start sets
// [runtime.MemProfileRate] to 0 for the whole program, also if monitoring.enabled is
// false, and Shutdown does not set it back. Heap profiles, which nobody should ask for
// then, hold what was sampled before, and the runtime goes through it after each
// collection of garbage. It reads the rate without synchronisation. Both ask to call
// Start early, and before another goroutine writes a heap profile.
package monitor
