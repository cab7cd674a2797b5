// Package evidence gathers proof when an alert fires: what the process was
// doing, in a folder that the alert names.
//
//	c, err := evidence.New(dir, evidence.WithProfiler(profiler), evidence.WithSource(series))
//	defer c.Stop(ctx)
//	alert.Evidence = c.Reserve(alert) // in the evaluation: it never blocks
//	// $ cat <folder>/README
//
// # Folder
//
// A folder is named <time>-<alert>-<n> after the moment at which the alert
// fired. It holds, in the order in which they are gathered:
//
//	trace.out        what every goroutine did in the seconds before, by the runtime's flight recorder
//	goroutine.pprof  where every goroutine was, with the labels of its operation (see [WithOperations])
//	goroutine.txt    the same as text, with how long each has waited
//	heap.pprof       live and allocated memory by call site, as the runtime has sampled it
//	build.txt        what was running: version, modules, commit
//	…                one file for each [Source]
//	cpu-before.pprof the last CPU profile that had ended by then, if there is one
//	cpu.pprof        the CPU profile under way, or else one of the time after
//	README           which tool opens what
//	index.json       the same for programs, with the alerts
//
// The folder and what is above it, if it is made, can be read by their owner
// only (0700, files 0600). index.json is there from the first moment, with the
// state "gathering"; "complete" or "partial" say that it is done.
//
// # One at a time
//
// Profiles and the trace are the process', not an alert's. An alert that fires
// while evidence is gathered shares that folder: it gets the same path, and the
// index names them all. Otherwise an alert gets a folder of its own, once:
// reminders carry the same path. [Limits] bounds how often that happens and how
// much is kept. An alert beyond them has no evidence, and is counted.
//
// # Metrics
//
//	otelperf.evidence.folders  {folder}  counter
//	otelperf.evidence.dropped  {item}    counter  otelperf.drop.reason
//
// # Cardinality
//
// The reasons are these. Each counts an alert without a folder, a folder that
// could not be made, or a file that is missing in one:
//
//	rate_limited  too many alerts, or the same one again
//	stopped       it fired, or was gathered for, while the process shut down
//	no_room       older folders could not be removed to make room
//	write_failed  a full disk, missing permission, a removed directory
//	too_large     a file beyond a folder's share of the bytes, or too many goroutines to write
//	busy          somebody else was taking a CPU profile
//	failed        anything else; the index says what
//
// # Panics and errors
//
// New refuses what cannot work. Later on trouble costs what could not be
// gathered, and nothing else; the handler of [WithErrorHandler] is told once
// for each folder. A panic of a Source is not contained.
//
// # Concurrency
//
// Everything may be used concurrently. One goroutine gathers.
//
// # Cost
//
// Until an alert fires, the flight recorder: a few hundred nanoseconds each time
// that a goroutine blocks or wakes, and about 10 MiB: a program that does nothing
// but block and wake takes some two and a half times as long (x-off of
// BenchmarkFlightRecorder); what it is for a service, make bench-service shows. Reserve takes less than a microsecond. A folder takes some
// ten milliseconds of a CPU, ten more for each thousand goroutines (several times
// that with [WithOperations]), of which a part stops the whole process, and the CPU profile (see package profiling); on
// disk it has from a hundred KiB to a quarter of [Limits].Bytes. To measure this:
//
//	go test -run '^$' -bench . ./internal/evidence
package evidence
