//go:build unix

package trial

import (
	"os/signal"
	"syscall"
)

// LimitFiles lets no file of this process grow beyond so many bytes, until
// restore is called. Call it in a [Child] only.
func LimitFiles(bytes int64) (restore func() error, err error) {
	signal.Ignore(syscall.SIGXFSZ) // by default it ends the process
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		return nil, err
	}
	limit := before
	set(&limit, bytes)
	restore = func() error { return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before) }
	return restore, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
}
