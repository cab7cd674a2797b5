package profiling_test

import (
	"io"
	"os"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/otelperf/otelperf-go/internal/profiling"
)

// BenchmarkSample is one sample: the runtime takes a signal that is sent by hand
// for one of the kernel's timer. What the system call takes that sends it is
// included, and by itself the benchmark "call".
func BenchmarkSample(b *testing.B) {
	for _, name := range []string{"call", "sample"} {
		b.Run(name, func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			sig := syscall.Signal(0) // only checks that it could be sent
			if name == "sample" {
				sig = syscall.SIGPROF
				check(b, profiling.Begin(io.Discard, 100))
				defer profiling.End()
			}
			self, thread := os.Getpid(), unix.Gettid()
			deep(30, func() {
				for b.Loop() {
					check(b, unix.Tgkill(self, thread, sig))
				}
			})
		})
	}
}

// deep calls fn with so many frames above it.
//
//go:noinline
func deep(n int, fn func()) {
	if n == 0 {
		fn()
		return
	}
	deep(n-1, fn)
}
