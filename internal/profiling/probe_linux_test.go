package profiling_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/internal/profiling"
)

// The kernel's own word is what a trial finds, or a little more: where others
// want the CPU too, a trial loses samples.
func TestTrialFindsTheTick(t *testing.T) {
	for _, wanted := range []int{150, 10_000} {
		want, err := profiling.Probe(wanted)
		check(t, err)
		undisturbed(t, func() (time.Duration, error) {
			got, err := profiling.Try(wanted)
			if err != nil {
				return profiling.TrialCPU, err
			}
			t.Logf("of %d Hz the kernel says it gives %d, a trial %d", wanted, want, got)
			r := float64(got) / float64(want)
			if r > 1.12 {
				t.Errorf("of %d Hz a trial gives %d, the kernel %d", wanted, got, want)
			}
			if r < 0.5 {
				return profiling.TrialCPU, fmt.Errorf("of %d Hz a trial gives %d, the kernel %d", wanted, got, want)
			}
			return profiling.TrialCPU, nil
		})
	}
}
