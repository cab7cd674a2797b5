package demo

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// allowed are the CPUs that this process had when it began.
var allowed = func() (cpus []int) {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return []int{0}
	}
	for i := range len(set) * 64 {
		if set.IsSet(i) {
			cpus = append(cpus, i)
		}
	}
	return cpus
}()

func generatorCPUs() []int { return allowed[:max(1, len(allowed)/2)] }

func serviceCPUs() []int { return allowed[len(allowed)/2:] }

// Placing says which CPUs the generator has, and which the services.
func Placing() string {
	if len(allowed) < 2 {
		return "generator and service share the one CPU"
	}
	return fmt.Sprintf("generator on CPU %v, service on CPU %v, GOMAXPROCS=%d", generatorCPUs(), serviceCPUs(), len(serviceCPUs()))
}

// Place keeps this process, the generator, to its CPUs.
func Place() error {
	if len(allowed) < 2 {
		return nil
	}
	runtime.GOMAXPROCS(len(generatorCPUs()))
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	set := setOf(generatorCPUs())
	for _, t := range tasks {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			continue
		}
		if err := unix.SchedSetaffinity(tid, &set); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("demo: keeping to CPU %v: %w", generatorCPUs(), err)
		}
	}
	return nil
}

// serviceAttributes say that an interrupt at the terminal is not for the service, but
// that it ends with the thread that starts it, stopped or not.
func serviceAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// onServiceCPUs calls start, whose child inherits where the thread runs.
func onServiceCPUs(start func() error) error {
	if len(allowed) < 2 {
		return start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	set, back := setOf(serviceCPUs()), setOf(generatorCPUs())
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return err
	}
	return errors.Join(start(), unix.SchedSetaffinity(0, &back))
}

func setOf(cpus []int) (set unix.CPUSet) {
	for _, c := range cpus {
		set.Set(c)
	}
	return set
}

// CPU returns the time that the process has spent on all CPUs, in user and
// kernel mode, to the nanosecond.
func (p *Process) CPU() (time.Duration, error) { return cpuTime(p.PID()) }

// OwnCPU returns the same of this process.
func OwnCPU() (time.Duration, error) { return cpuTime(os.Getpid()) }

func cpuTime(pid int) (time.Duration, error) {
	// A process' clock, as clock_getcpuclockid makes its number.
	const schedClock = 2
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid)<<3|schedClock, &t); err != nil {
		return 0, fmt.Errorf("demo: CPU time of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}
