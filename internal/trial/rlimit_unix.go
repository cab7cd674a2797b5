//go:build unix && !freebsd && !dragonfly

package trial

import "syscall"

func set(l *syscall.Rlimit, n int64) { l.Cur = uint64(n) }
