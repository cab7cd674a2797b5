package process

import (
	"runtime/metrics"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

const gcCycles = "/gc/cycles/total:gc-cycles"

// cpuClasses are the classes that the runtime's CPU time divides into, without
// the totals, and the state that the conventions count them to.
var cpuClasses = []struct{ class, state string }{
	{"user", "user"},
	{"gc/mark/assist", "gc"},
	{"gc/mark/dedicated", "gc"},
	{"gc/mark/idle", "gc"},
	{"gc/pause", "gc"},
	{"scavenge/assist", "scavenge"},
	{"scavenge/background", "scavenge"},
	{"idle", "idle"},
}

// runtimePart reads what runtime/metrics has and the contrib instrumentation
// does not report.
func runtimePart(m *maker) *part {
	cycles := m.counter("go.memory.gc.cycles", "{gc_cycle}", "Number of completed GC cycles.")
	cpu := m.seconds("go.cpu.time", "Estimated CPU time spent by the Go runtime.")

	samples := []metrics.Sample{{Name: gcCycles}}
	series := make([][]metric.ObserveOption, 0, len(cpuClasses))
	highest := make([]float64, len(cpuClasses))
	for _, c := range cpuClasses {
		samples = append(samples, metrics.Sample{Name: "/cpu/classes/" + c.class + ":cpu-seconds"})
		series = append(series, with(
			attribute.String("go.cpu.state", c.state), attribute.String("go.cpu.detailed_state", c.class)))
	}
	return &part{
		name:        "runtime metrics",
		instruments: []metric.Observable{cycles, cpu},
		read:        func(time.Time) error { metrics.Read(samples); return nil },
		observe: func(o metric.Observer) {
			if v := samples[0].Value; v.Kind() == metrics.KindUint64 {
				o.ObserveInt64(cycles, int64(v.Uint64()))
			}
			for i, s := range samples[1:] {
				if s.Value.Kind() != metrics.KindFloat64 {
					continue // this version of Go has no such class
				}
				// User time is what the other estimates leave, so it may step back.
				highest[i] = max(highest[i], s.Value.Float64())
				o.ObserveFloat64(cpu, highest[i], series[i]...)
			}
		},
	}
}
