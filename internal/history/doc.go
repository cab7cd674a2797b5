// Package history keeps what was measured and judged, interval by interval, in
// bounded memory and in a file: every value that a baseline was held against,
// and count, rate, mean, p50, p95, p99, error ratio and buckets of every
// operation, HTTP route and called host, with the numbers of the process and
// the runtime beside them.
//
//	h, err := history.Open(history.WithRetention(24*time.Hour), history.WithFile("metrics.json"))
//	reader := sdkmetric.NewPeriodicReader(history.Tap(processor, h))
//	lines := h.History("search", time.Now().Add(-time.Hour))
//	chart, ok := h.Chart(lines[0].ID, history.Window{From: from, To: to, Columns: 300}, false)
//	err = h.Close(ctx)
//
// # The file
//
// Each collection is one line of OTLP JSON, as the Collector's otlpjsonfile
// receiver reads it: the kept metrics under their own names, summed by what
// tells them apart here (the operation, the route, the host) and error.type, as
// delta data of that interval, and for each baseline
//
//	otelperf.baseline.value    the judged value, in otelperf.baseline.unit
//	otelperf.baseline.target
//	otelperf.baseline.state    0 ok, 1 pending, 2 firing, 3 resolved, 4 no data, 5 incomplete
//	otelperf.baseline.count    of measurements behind the value
//
// with otelperf.baseline.name, .metric, .unit and the group's attributes. The
// min and max of a histogram's point are bounds on the interval's measurements,
// and exact where the interval set them.
//
// A file that is an hour old (a 24th of the retention) is put aside under
// another name, metrics-20260102T150405.000Z.json; what is older than the
// retention is removed line by line, once a minute. A line that a crash cut
// short is cut off at the next start. Only one process writes a file: a second
// one is told so, and goes without.
//
// # Metrics
//
// [History.Register] reports what is not in memory, and what the file lost:
//
//	otelperf.history.rows.dropped  {row}   counter  otelperf.drop.reason
//	otelperf.history.dropped       {line}  counter  otelperf.drop.reason
//
// A row lacks a point that was unusable (no finite number, one that contradicts
// itself, a second one of a series in a collection, one of another kind than its
// series), or is itself beyond the series_limit. A line is lost for write_failed
// (a full disk, a missing permission, another process' file), queue_full (the disk
// hung for 16 collections) or damaged (it could not be read back).
//
// # Cardinality
//
// Up to [DefaultSeries] series; rows of others are dropped and counted. Names
// are attribute values as they came: what shows them must take them for text.
//
// # Panics and errors
//
// Open reports bad options. Trouble with the file, a full disk or a missing
// permission, goes to the error handler, into [Stats] and otelperf.history.dropped,
// and costs lines of the file, nothing else.
//
// # Concurrency
//
// Everything may be used concurrently. A History with a file owns one
// goroutine, which Close ends.
//
// # Cost
//
// A row of an operation, with its seven values and its buckets, takes about 31
// bytes of memory, one of a baseline 14, one of a number 6.5 (TestBytes measures
// them), so that at one collection a minute a series takes 1.9 KB, 0.8 KB or 0.4
// KB for each hour. Observe takes about 0.6 µs for each series and allocates
// little but those rows. With a file it copies them for the writer and writes
// nothing itself: both together take about 4 µs more (go test -bench Observe
// ./internal/history).
package history
