package profiling

import (
	"io"
	"time"
)

// A Fake stands in for the runtime's profiler.
type Fake struct {
	Begin func(w io.Writer, hz int) error
	End   func()
}

func (f Fake) start(w io.Writer, hz int) error { return f.Begin(w, hz) }

func (f Fake) stop() { f.End() }

// WithFake takes profiles from f.
func WithFake(f Fake) Option { return func(c *config) { c.sampler = f } }

// WithProbe replaces the probe of the sample rate.
func WithProbe(probe func(hz int) (int, error)) Option {
	return func(c *config) { c.probe = func(_ sampler, hz int) (int, error) { return probe(hz) } }
}

// Probe and Try are the real ones, on the runtime's profiler.
func Probe(hz int) (int, error) { return probe(runtimeSampler{}, hz) }
func Try(hz int) (int, error)   { return try(runtimeSampler{}, hz) }

// Begin and End are the runtime's profiler.
func Begin(w io.Writer, hz int) error { return runtimeSampler{}.start(w, hz) }
func End()                            { runtimeSampler{}.stop() }

var (
	Reachable    = reachable
	CountSamples = countSamples
	CPUTime      = cpuTime
)

// TrialCPU is what a trial uses.
const TrialCPU = trialCPU

// Spend keeps a CPU busy for so much CPU time, or a minute.
func Spend(cpu time.Duration) (time.Duration, error) { return spend(cpu, time.Minute) }

// NewStore returns what saves a profile to the path.
func NewStore(path string) func(data []byte) error {
	s := &store{path: path, keepBytes: 10 << 20, keepAge: time.Hour}
	return func(data []byte) error {
		_, err := s.save(data)
		return err
	}
}
