package profiling

import (
	"io"
	"runtime"
	"runtime/pprof"
)

// A sampler takes CPU profiles, one at a time.
type sampler interface {
	// start begins a profile of hz samples a second that stop writes to w. It
	// fails by ErrBusy only, if a profile is being taken.
	start(w io.Writer, hz int) error
	stop()
}

// runtimeSampler is the real one.
type runtimeSampler struct{}

// start sets the rate before pprof does. Somebody else may begin a profile in
// between; it then has our rate, its header says so, and we are told that the
// profiler is busy. Setting the rate while somebody is profiling changes
// nothing.
func (runtimeSampler) start(w io.Writer, hz int) error {
	if hz != DefaultSampleRate {
		runtime.SetCPUProfileRate(hz)
	}
	if err := pprof.StartCPUProfile(w); err != nil {
		return ErrBusy
	}
	return nil
}

func (runtimeSampler) stop() { pprof.StopCPUProfile() }
