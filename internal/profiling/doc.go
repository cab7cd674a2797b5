// Package profiling takes CPU profiles of this process in windows, and keeps
// the last whole one in a file.
//
//	p, err := profiling.Start(profiling.WithFile("cpu_profile.prof"), profiling.WithSampleRate(100))
//	defer p.Stop(ctx)
//	profile, err := p.Capture(ctx) // one now, for evidence
//	// $ go tool pprof -top cpu_profile.prof
//
// # Windows
//
// A window is ten seconds, and so is the gap after it: a process has one CPU
// profile at a time, and a person with "go tool pprof" needs a turn. Whoever
// profiles first keeps it. A window that finds somebody else profiling is
// counted, said, and tried again after another gap.
//
// The file is written beside and renamed, so it is the last whole window at
// every moment, also when the process is killed. The one that it replaces
// stays beside it, under a name with the UTC time at which it was written:
// cpu_profile.prof becomes cpu_profile-20060102T150405.000Z.prof. Those are
// removed by age and total size, and only files named like that are.
//
// # Sampling rate
//
// A kernel looks at its CPU timers once in a tick. One with 250 ticks a second
// gives 250 samples a second however many are asked for, while the profile
// counts each for the time that was asked for: at 1000 Hz it shows a quarter of
// the seconds that were spent. So a rate above 100 is probed once, before the
// first window, and what the kernel gives is the most that is asked for. Linux
// tells its tick; elsewhere the probe is a trial that keeps one CPU busy for a
// quarter of a second.
//
// Where threads wait for a CPU, a tick may find another one running, and two
// samples fall together: a rate near the tick loses up to a third of them on a
// machine with more to do than CPUs, 100 Hz some percent.
//
// runtime/pprof knows one rate, 100. Any other has to be set in the runtime
// before, which pprof then tries in vain to change, and the runtime says so on
// stderr, with one line for each window, or trial:
//
//	runtime: cannot set cpu profile rate until previous profile has finished.
//
// It is harmless, and there is no other way to a rate (see
// [runtime.SetCPUProfileRate]). At 100 nothing is written to stderr.
//
// # Metrics
//
//	otelperf.profiling.windows  {window}  counter  otelperf.profiling.outcome
//
// # Cardinality
//
// Outcome is "taken" for every whole profile, "busy" where somebody else
// was profiling, and "write_failed" for one that was taken and could not be
// put into the file.
//
// # Panics and errors
//
// Start refuses what cannot work. Later on a full disk, a removed directory or
// missing permission cost the window's file and nothing else; the handler of
// [WithErrorHandler] is told, at a bounded rate.
//
// # Concurrency
//
// Everything may be used concurrently. One goroutine does all the work, from
// Start to Stop.
//
// # Cost
//
// Between windows, nothing. Within one, a signal for each sample, which takes
// some ten microseconds of the thread that it interrupts: about 0.1 % of a busy
// CPU at 100 Hz and 0.25 % at 250 Hz, less than a benchmark of the whole can
// tell. The runtime's buffer takes a megabyte meanwhile. A window ends with a
// few milliseconds of work, and the last profile is kept, usually some ten KiB.
// To measure this:
//
//	go test -run '^$' -bench . ./internal/profiling
package profiling
