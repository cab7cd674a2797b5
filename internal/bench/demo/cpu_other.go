//go:build !linux

package demo

import (
	"errors"
	"runtime"
	"syscall"
	"time"
)

func serviceCPUs() []int { return make([]int, max(1, runtime.NumCPU()/2)) }

// Placing says which CPUs the generator has, and which the services.
func Placing() string { return "generator and service share all CPUs" }

// Place keeps this process, the generator, to its CPUs: not on this system.
func Place() error { return nil }

// serviceAttributes say that an interrupt at the terminal is not for the service.
func serviceAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func onServiceCPUs(start func() error) error { return start() }

// CPU returns the time that the process has spent on all CPUs.
func (p *Process) CPU() (time.Duration, error) { return 0, errors.ErrUnsupported }

// OwnCPU returns the same of this process.
func OwnCPU() (time.Duration, error) { return 0, errors.ErrUnsupported }
