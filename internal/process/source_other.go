//go:build !linux

package process

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

// system asks gopsutil.
type system struct {
	process *process.Process
	started time.Time
}

func newSource() (source, error) {
	p, err := process.NewProcess(int32(os.Getpid()))
	if err != nil {
		return nil, err
	}
	s := &system{process: p}
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
		return usage{}, absence(err)
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
		return 0, 0, absence(err)
	}
	return int64(m.RSS), int64(m.VMS), nil
}

func (s *system) threads() (int64, error) {
	n, err := s.process.NumThreads()
	return int64(n), absence(err)
}

func (s *system) descriptors() (int64, error) {
	n, err := s.process.NumFDs()
	return int64(n), absence(err)
}

func (*system) descriptorLimit() (int64, error) { return rlimit() }

func (s *system) uptime() (time.Duration, error) {
	if s.started.IsZero() {
		return 0, errAbsent
	}
	return time.Since(s.started), nil
}

func (*system) cpus() (float64, error) { return float64(runtime.NumCPU()), nil }

// absence returns errAbsent for the error of an internal package of gopsutil
// that means it.
func absence(err error) error {
	if err != nil && strings.Contains(err.Error(), "not implemented") {
		return errAbsent
	}
	return err
}
