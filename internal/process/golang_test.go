package process_test

import (
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"

	"github.com/otelperf/otelperf-go/internal/process"
)

func TestAgreesWithRuntimeMetrics(t *testing.T) {
	reader, _ := start(t)
	before := collect(t, reader)["go.memory.gc.cycles"]
	for range 3 {
		runtime.GC()
	}
	samples := []metrics.Sample{{Name: "/cpu/classes/total:cpu-seconds"}, {Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(samples)
	total, cycles := samples[0].Value.Float64(), float64(samples[1].Value.Uint64())
	got := collect(t, reader)
	metrics.Read(samples)
	between(t, got, "go.memory.gc.cycles", cycles, float64(samples[1].Value.Uint64()), 0)
	if got["go.memory.gc.cycles"] < before+3 {
		t.Errorf("go.memory.gc.cycles went from %v to %v in 3 cycles", before, got["go.memory.gc.cycles"])
	}
	sum := 0.0
	for name, v := range got {
		if strings.HasPrefix(name, "go.cpu.time ") {
			sum += v
			if v < 0 {
				t.Errorf("%s = %v", name, v)
			}
		}
	}
	got["all"] = sum
	between(t, got, "all", total, samples[0].Value.Float64(), total*0.01+0.001)
	if got["go.cpu.time gc/pause gc"] <= 0 {
		t.Errorf("no time in pauses after 3 collections: %v", got)
	}
}

// What this version of Go divides CPU time into is all reported, and nothing
// twice.
func TestCPUClassesAreAll(t *testing.T) {
	var want []string
	for _, d := range metrics.All() {
		class, ok := strings.CutPrefix(d.Name, "/cpu/classes/")
		class, _ = strings.CutSuffix(class, ":cpu-seconds")
		if ok && class != "total" && !strings.HasSuffix(class, "/total") {
			want = append(want, class)
		}
	}
	got := process.CPUClasses()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("reported are %v, the runtime has %v", got, want)
	}
}
