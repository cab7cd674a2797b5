package process

import (
	"os"
	"runtime"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// ticksPerSecond is the unit of times in /proc, the same on every Linux that
// Go runs on.
const ticksPerSecond = 100

// system reads /proc. It prefers statm for memory: newer kernels sum up the
// counters of all CPUs for it, but not for stat.
type system struct {
	proc    procfs.Proc
	started time.Duration // from the machine's start
	quota   quota
}

func newSource() (source, error) {
	proc, err := procfs.Self()
	if err != nil {
		return nil, err
	}
	stat, err := proc.Stat()
	if err != nil {
		return nil, err
	}
	return &system{
		proc:    proc,
		started: time.Duration(stat.Starttime) * (time.Second / ticksPerSecond),
		quota:   quota{root: os.DirFS("/")},
	}, nil
}

func (*system) usage() (usage, error) { return rusage() }

func (s *system) memory() (resident, virtual int64, err error) {
	m, err := s.proc.Statm()
	if err != nil {
		return 0, 0, err
	}
	page := int64(os.Getpagesize())
	return int64(m.Resident) * page, int64(m.Size) * page, nil
}

func (s *system) threads() (int64, error) {
	stat, err := s.proc.Stat()
	return int64(stat.NumThreads), err
}

func (s *system) descriptors() (int64, error) {
	n, err := s.proc.FileDescriptorsLen()
	return int64(n), err
}

func (*system) descriptorLimit() (int64, error) { return rlimit() }

func (s *system) uptime() (time.Duration, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0, err
	}
	return time.Duration(now.Nano()) - s.started, nil
}

func (s *system) cpus() (float64, error) {
	n := float64(affinity())
	q, ok, err := s.quota.cpus()
	if ok {
		n = min(n, q)
	}
	return n, err
}

// affinity counts the CPUs that the process may run on. Threads may be bound
// on their own; the first one stands for the process.
func affinity() int {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(os.Getpid(), &set); err != nil {
		return runtime.NumCPU() // more CPUs than the set has room for
	}
	return set.Count()
}
