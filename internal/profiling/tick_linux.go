package profiling

import (
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// kernelTick returns how often a second the kernel looks at its CPU timers: once
// in each tick, which is what its coarse clock counts. It is false for a kernel
// whose coarse clock is not coarse, such as that of a sandbox.
func kernelTick() (int, bool) {
	var tick unix.Timespec
	if err := unix.ClockGetres(unix.CLOCK_MONOTONIC_COARSE, &tick); err != nil {
		return 0, false
	}
	length := time.Duration(tick.Nano())
	if length < time.Millisecond/2 || length > 50*time.Millisecond {
		return 0, false
	}
	return int(math.Round(float64(time.Second) / float64(length))), true
}
