//go:build freebsd || dragonfly

package evidence_test

import "syscall"

func setLimit(l *syscall.Rlimit, n int64) { l.Cur = n }
