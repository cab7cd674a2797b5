// Package queue puts a bounded queue before a metric exporter that may be slow,
// dead or hanging, so that collection and evaluation never wait for it.
//
//	slow, err := otlpmetricgrpc.New(ctx)
//	fast := queue.New(slow, queue.WithName("otlp"))
//	reader := sdkmetric.NewPeriodicReader(fast)
//	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
//	registration, err := fast.Register(provider)
//
// # What waits
//
// Every call of Export is copied and waits as one batch. Cumulative sums and
// histograms, gauges and summaries are states: as soon as a newer batch has a
// point of the same series, the older one that still waits is superseded and
// goes. Deltas are kept, in order. What a new batch lacks is never taken for
// superseded, so that a collection which comes in several calls of Export, or
// a series that has ended, loses nothing.
//
// When more batches wait, or more bytes, than the options allow, the oldest
// batch is dropped. The newest is always kept.
//
// # What is lost
//
// A batch that could not be sent, as no connection to the backend came about,
// waits on and is tried again after one second, then two, up to thirty. So does
// one that the backend refused: by 429 or 503 over HTTP, by Unavailable or a
// status with RetryInfo over gRPC (see [Answers]). A backend that named a
// time, an hour ahead at most, hears nothing before it; ForceFlush returns an
// error meanwhile. Only Shutdown does not wait: it tries once more, as there is
// no later.
//
// Any other failed export is not repeated here, as sending it again could count
// it twice: it loses its deltas; of the rest the next export brings something
// newer. An exporter of deltas must not repeat it either, however often OTLP
// lets it. Everything that is lost is counted, see [Stats] and
// [Exporter.Register]: as unanswered where the backend may have it, so that
// for the deltas of any time
//
//	received ≤ recorded ≤ received + dropped
//
// and the doubt between the two is what was dropped as unanswered.
//
// # Metrics
//
//	otelperf.export.dropped  {data_point}  Int64ObservableCounter
//
// with otelperf.exporter.name and otelperf.drop.reason: queue_full, failed,
// unanswered, rejected, shutdown or unknown.
//
// # Cardinality
//
// Six series for each exporter.
//
// # Panics and errors
//
// Export returns no error but ErrExporterShutdown of the SDK. What the next
// exporter returns goes to the error handler, at once and then seldom (see
// [WithReportEvery]), and to ForceFlush and Shutdown if they wait for it. A
// panic of the next exporter is not recovered: it ends the process, as it
// would without the queue.
//
// # Concurrency
//
// Everything may be called concurrently. The next exporter's Export,
// ForceFlush and Shutdown are called by one goroutine only, one at a time. An
// exporter that ignores its context holds that goroutine, and nothing else.
//
// # Cost
//
// Export copies numbers: less than 100 ns for each histogram point (go test
// -bench Export ./internal/queue), and no allocation while the series stay the
// same. Memory is two batches, one under way and one to be filled, and what
// waits.
package queue
