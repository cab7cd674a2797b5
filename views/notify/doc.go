// Package notify brings alerts to where somebody notices them: the console, a
// log file, slog, OpenTelemetry log events, Alertmanager, a webhook, or any
// function.
//
//	file, err := notify.OpenLogFile("alerts.log")
//	d, err := notify.NewDispatcher([]notify.Target{
//		{Name: "console", Send: notify.Console(os.Stderr)},
//		{Name: "log_file", Send: file.Notify},
//	})
//	p, err := views.NewProcessor(exporter, baselines, views.WithNotify(d.Notify))
//
// A [Sink] delivers one alert or says why it could not: [Console], [Slog],
// [LogEvents], and the Notify of a [LogFile], an [Alertmanager] and a [Webhook],
// or a function of your own. A [Dispatcher] stands between the evaluation and
// the sinks: it queues, retries, and keeps one sink's trouble from everything
// else. What it promises of an alert's notifications is said at
// [Dispatcher.Notify].
//
// # Metrics
//
//	name                     kind                unit     attributes
//	otelperf.notify.dropped  observable counter  {alert}  otelperf.sink.name, otelperf.drop.reason
//
// # Cardinality
//
// The metric has one series for each target and [Reason], from the start. Names
// of targets are the program's own and at most 64 bytes long.
//
// # Panics and errors
//
// A sink that panics loses the alert it panicked on and nothing else: the
// panic is counted and reported with its stack. An error that [Permanent]
// made drops the alert; any other is tried again with a growing, jittered
// pause, for a day unless told otherwise. What a person should know goes to
// the error handler, at most once a minute for each sink and kind.
//
// # Concurrency
//
// Everything is safe for concurrent use. A Dispatcher calls each sink from one
// goroutine; a sink used without one may be called from several.
//
// # Cost
//
// [Dispatcher.Notify] does no I/O and takes some microseconds, mostly for the
// alert's ID (go test -bench Notify ./views/notify). A queue takes less than
// 1 KiB for each alert that waits, which alloc_test.go holds, and at most 1,024
// of them wait unless told otherwise. There are one goroutine per sink and one
// per log file with limits of age.
package notify
