//go:build !linux

package profiling

func kernelTick() (int, bool) { return 0, false }
