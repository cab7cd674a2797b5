//go:build freebsd || dragonfly

package trial

import "syscall"

func set(l *syscall.Rlimit, n int64) { l.Cur = n }
