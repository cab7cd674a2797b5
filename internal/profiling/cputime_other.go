//go:build !unix && !windows

package profiling

import (
	"errors"
	"time"
)

func cpuTime() (time.Duration, error) {
	return 0, errors.New("this operating system does not tell a process' CPU time")
}
