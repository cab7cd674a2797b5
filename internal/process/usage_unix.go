//go:build unix

package process

import (
	"math"
	"syscall"
)

// rusage returns what all threads together used, those that ended included,
// to the microsecond. (/proc counts CPU time in hundredths of a second, and
// the context switches of the first thread only.)
//
//nolint:unconvert // the fields have 32 bits on some systems
func rusage() (usage, error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return usage{}, err
	}
	return usage{
		user:        float64(r.Utime.Nano()) / 1e9,
		system:      float64(r.Stime.Nano()) / 1e9,
		minor:       int64(r.Minflt),
		major:       int64(r.Majflt),
		faults:      -1,
		voluntary:   int64(r.Nvcsw),
		involuntary: int64(r.Nivcsw),
	}, nil
}

// rlimit returns how many files the process may have open.
//
//nolint:unconvert // the field has a sign on some systems
func rlimit() (int64, error) {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return 0, err
	}
	if uint64(r.Cur) >= math.MaxInt64 {
		return 0, errAbsent
	}
	return int64(r.Cur), nil
}
