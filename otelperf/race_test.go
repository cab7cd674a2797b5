//go:build race

package otelperf_test

// atOnce is how many calls are held open at a time. The race detector ends
// the process at 8,128 goroutines.
const atOnce = 5000
