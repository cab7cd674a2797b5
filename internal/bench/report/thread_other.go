//go:build !linux

package main

import "time"

// threadTime returns the time: that of threads is told differently everywhere.
func threadTime() time.Duration { return time.Since(epoch) }
