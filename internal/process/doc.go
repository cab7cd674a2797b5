// Package process reports what the operating system says of this process, and
// what the Go runtime says of itself and the contrib instrumentation leaves
// out, as metrics by the semantic conventions.
//
//	instruments, err := process.Start(provider, process.WithWindow(interval))
//	defer instruments.Close()
//	reader := sdkmetric.NewPeriodicReader(exporter,
//		sdkmetric.WithProducer(process.NewPauseProducer(temporality)))
//
// # Metrics
//
//	process.cpu.time                     s                 counter     cpu.mode
//	process.cpu.utilization              1                 gauge       cpu.mode
//	process.memory.usage                 By                up-down     resident
//	process.memory.virtual               By                up-down
//	process.thread.count                 {thread}          up-down
//	process.unix.file_descriptor.count   {file_descriptor} up-down
//	process.unix.file_descriptor.limit   {file_descriptor} up-down     not in the conventions
//	process.windows.handle.count         {handle}          up-down
//	process.paging.faults                {fault}           counter     system.paging.fault.type
//	process.context_switches             {context_switch}  counter     process.context_switch.type
//	process.uptime                       s                 gauge
//	otelperf.process.read.failures       {failure}         counter
//	go.memory.gc.cycles                  {gc_cycle}        counter
//	go.cpu.time                          s                 counter     go.cpu.state, go.cpu.detailed_state
//	go.memory.gc.pause.duration          s                 histogram   by NewPauseProducer
//
// What an operating system does not tell is absent, not zero: on Linux the Windows
// handles; on other Unix systems what gopsutil cannot read there; on Windows
// context switches and the descriptors' limit, and page faults come without
// their type. process.disk.io and process.network.io of the conventions are not
// reported: no system counts the network's by process.
//
// Names, units, descriptions, kinds and attributes are those of the conventions
// 1.43, held against the packages generated from them by TestConventions in
// otelperf/monitor.
//
// process.cpu.utilization is the share of the CPUs that are available to this
// process: those it may run on, or what the quota of its cgroups allows, if
// that is less; fractions of a CPU count. It is never over 1. It covers the
// time since the sample whose age is closest to [WithWindow], nine tenths of it
// at least, so that several readers and forced flushes do not shorten each
// other's windows: for a reader whose interval is the window, exactly its last
// interval. At first it covers the time since Start, and it is absent for the
// first second, or for half a window if that is less.
//
// go.cpu.time is an estimate that the runtime renews at the end of each
// garbage collection, not between. It compares with itself only.
//
// The sum of go.memory.gc.pause.duration is the runtime's own total where that
// agrees with the buckets, which it may lag by a cycle.
//
// # Cardinality
//
// Less than thirty series.
//
// # Panics and errors
//
// Nothing panics. No callback returns an error, as the reader would skip the
// whole export for it: a figure that cannot be read is absent from that
// collection and counted in otelperf.process.read.failures.
//
// # Concurrency
//
// Everything may be used concurrently.
//
// # Cost
//
// A collection reads three small files of /proc, two to six of /sys/fs/cgroup
// and runtime/metrics, for all instruments together, on Linux about 0.2 ms
// (go test -bench . ./internal/process). Between collections it costs nothing.
package process
