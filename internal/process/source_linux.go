package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ticksPerSecond is the unit of times in /proc, the same on every Linux that
// Go runs on.
const ticksPerSecond = 100

// system reads /proc. It prefers statm for memory: newer kernels sum up the
// counters of all CPUs for it, but not for stat.
type system struct {
	started time.Duration // from the machine's start
	quota   quota
}

func newSource() (source, error) {
	stat, err := numbers("/proc/self/stat", statThreads, statStarted)
	if err != nil {
		return nil, err
	}
	return &system{
		started: time.Duration(stat[1]) * (time.Second / ticksPerSecond),
		quota:   quota{root: os.DirFS("/")},
	}, nil
}

// Fields of stat and statm by their places as [numbers] counts them.
const (
	statThreads = 17 // behind the name, which may have blanks in it
	statStarted = 19

	statmSize     = 0
	statmResident = 1
)

// numbers returns fields of one of the kernel's files by their places: from 0,
// behind the last parenthesis where there is one.
func numbers(file string, places ...int) ([]int64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	out := make([]int64, len(places))
	for i, place := range places {
		if place >= len(fields) {
			return nil, fmt.Errorf("%s has %d fields, not the expected %d: %.100q", file, len(fields), place+1, text)
		}
		if out[i], err = strconv.ParseInt(fields[place], 10, 64); err != nil {
			return nil, fmt.Errorf("%s: field %d: %w", file, place, err)
		}
	}
	return out, nil
}

func (*system) usage() (usage, error) { return rusage() }

func (*system) memory() (resident, virtual int64, err error) {
	m, err := numbers("/proc/self/statm", statmResident, statmSize)
	if err != nil {
		return 0, 0, err
	}
	page := int64(os.Getpagesize())
	return m[0] * page, m[1] * page, nil
}

func (*system) threads() (int64, error) {
	stat, err := numbers("/proc/self/stat", statThreads)
	if err != nil {
		return 0, err
	}
	return stat[0], nil
}

func (*system) descriptors() (int64, error) { return countDescriptors("/proc/self/fd") }

// countDescriptors counts what is in a folder that has an entry for each. Linux 6.2
// and newer tell the number as the folder's size; else it takes one more to count
// them, which is left out.
func countDescriptors(folder string) (int64, error) {
	if info, err := os.Stat(folder); err == nil && info.Size() > 0 {
		return info.Size(), nil
	}
	f, err := os.Open(folder)
	if err != nil {
		return 0, err
	}
	names, err := f.Readdirnames(-1)
	return int64(len(names) - 1), errors.Join(err, f.Close())
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
