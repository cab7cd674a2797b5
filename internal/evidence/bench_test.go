package evidence_test

import (
	"fmt"
	"runtime/trace"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/internal/evidence"
)

// What evidence costs. Run them with
//
//	go test -run '^$' -bench . -count 5 ./internal/evidence

// BenchmarkFlightRecorder is what it costs while nothing fires, for a program
// that does nothing but what is traced: two goroutines that wait for each other,
// and block and wake twice in each turn. x-off is how many times as long a turn
// takes with it as without: the most that a program can be slowed down.
func BenchmarkFlightRecorder(b *testing.B) {
	var off float64 // nanoseconds a turn
	for _, on := range []bool{false, true} {
		b.Run(map[bool]string{false: "off", true: "on"}[on], func(b *testing.B) {
			if on {
				fr := trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: 5 * time.Second, MaxBytes: 8 << 20})
				check(b, fr.Start())
				defer fr.Stop()
			}
			to, from := make(chan struct{}), make(chan struct{})
			go func() {
				for range to {
					from <- struct{}{}
				}
			}()
			for b.Loop() {
				to <- struct{}{}
				<-from
			}
			close(to)
			turn := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
			if !on {
				off = turn
			} else if off > 0 { // which -bench may leave out
				b.ReportMetric(turn/off, "x-off")
				b.ReportMetric((turn-off)/2, "ns/switch")
			}
		})
	}
}

// BenchmarkReserve is what the evaluation waits for.
func BenchmarkReserve(b *testing.B) {
	for _, name := range []string{"limited", "shared"} {
		b.Run(name, func(b *testing.B) {
			c, err := evidence.New(b.TempDir(), evidence.WithoutTrace(), evidence.WithProfiler(hung{}),
				evidence.WithErrorHandler(func(error) {}))
			check(b, err)
			defer func() { check(b, c.Stop(b.Context())) }()
			if name == "limited" {
				check(b, c.Stop(b.Context()))
			}
			a := firing("search_ms")
			b.ReportAllocs()
			for b.Loop() {
				c.Reserve(a)
			}
		})
	}
}

// BenchmarkGather is a folder without its CPU profile.
func BenchmarkGather(b *testing.B) {
	for _, goroutines := range []int{0, 1000, 10_000} {
		b.Run(fmt.Sprintf("goroutines=%d", goroutines), func(b *testing.B) {
			end := make(chan struct{})
			defer close(end)
			for range goroutines {
				go func() { <-end }()
			}
			dir := b.TempDir()
			for b.Loop() {
				c, err := evidence.New(dir, evidence.WithoutTrace(), evidence.WithErrorHandler(func(error) {}))
				check(b, err)
				c.Reserve(firing("search_ms"))
				check(b, c.Stop(b.Context()))
			}
		})
	}
}
