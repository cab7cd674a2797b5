//go:build !linux

package process

import (
	"errors"
	"os"
	"runtime"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

// system asks gopsutil.
type system struct {
	process *process.Process
	unread  error // what gopsutil says of what it cannot read here
	started time.Time
}

func newSource() (source, error) {
	p, err := process.NewProcess(int32(os.Getpid()))
	if err != nil {
		return nil, err
	}
	s := &system{process: p}
	// The value is in a package of its own. Nice values of I/O, which gopsutil
	// reads on no system, give it away.
	_, s.unread = p.IOnice()
	if ms, err := p.CreateTime(); err == nil {
		s.started = time.UnixMilli(ms)
	}
	return s, nil
}

func (s *system) usage() (usage, error) {
	u, err := rusage()
	if !errors.Is(err, errAbsent) {
		return u, err
	}
	times, err := s.process.Times()
	if err != nil {
		return usage{}, absence(s.unread, err)
	}
	u = usage{user: times.User, system: times.System, minor: -1, major: -1, faults: -1, voluntary: -1, involuntary: -1}
	if faults, err := s.process.PageFaults(); err == nil {
		u.faults = int64(faults.MinorFaults + faults.MajorFaults)
	}
	return u, nil
}

func (s *system) memory() (resident, virtual int64, err error) {
	m, err := s.process.MemoryInfo()
	if err != nil {
		return 0, 0, absence(s.unread, err)
	}
	return int64(m.RSS), int64(m.VMS), nil
}

func (s *system) threads() (int64, error) {
	n, err := s.process.NumThreads()
	return int64(n), absence(s.unread, err)
}

func (s *system) descriptors() (int64, error) {
	n, err := s.process.NumFDs()
	return int64(n), absence(s.unread, err)
}

func (*system) descriptorLimit() (int64, error) { return rlimit() }

func (s *system) uptime() (time.Duration, error) {
	if s.started.IsZero() {
		return 0, errAbsent
	}
	return time.Since(s.started), nil
}

func (*system) cpus() (float64, error) { return float64(runtime.NumCPU()), nil }
