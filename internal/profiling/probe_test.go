package profiling_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/internal/profiling"
)

func TestReachable(t *testing.T) {
	for _, tt := range []struct {
		hz      int
		samples int64
		used    time.Duration
		want    int // 0: an error
	}{
		{1000, 63, 250 * time.Millisecond, 250}, // 252 Hz
		{1000, 62, 250 * time.Millisecond, 250},
		{500, 61, 250 * time.Millisecond, 240},
		{250, 62, 250 * time.Millisecond, 250},
		{250, 57, 250 * time.Millisecond, 250}, // within what so few samples tell
		{250, 25, 250 * time.Millisecond, 100},
		{10_000, 248, 250 * time.Millisecond, 990},
		{500, 120, 250 * time.Millisecond, 500},
		{500, 200, 250 * time.Millisecond, 500}, // more than asked for
		{500, 16, 250 * time.Millisecond, 64},
		{500, 1, 250 * time.Millisecond, 4},
		{500, 1, 5 * time.Second, 1},
		{500, 0, 250 * time.Millisecond, 0},
		{500, 10, 10 * time.Millisecond, 0}, // the process was hardly given a CPU
	} {
		got, err := profiling.Reachable(tt.hz, tt.samples, tt.used)
		if got != tt.want || (err != nil) != (tt.want == 0) {
			t.Errorf("%d samples in %s at %d Hz: got %d, %v, want %d", tt.samples, tt.used, tt.hz, got, err, tt.want)
		}
	}
}

// Seconds in a profile are seconds that were spent, however many samples are
// asked for. On a machine with more to do than CPUs some are lost, the more the
// nearer the rate is to the kernel's tick.
func TestSecondsAreTrue(t *testing.T) {
	for _, tt := range []struct {
		wanted int
		least  float64
	}{{100, 0.75}, {500, 0.5}, {10_000, 0.5}} {
		hz := tt.wanted
		if hz > 100 {
			var err error
			hz, err = profiling.Probe(hz)
			check(t, err)
		}
		undisturbed(t, func() (time.Duration, error) {
			var buf bytes.Buffer
			check(t, profiling.Begin(&buf, hz))
			used, err := profiling.Spend(800 * time.Millisecond)
			check(t, err)
			profiling.End()
			samples, err := profiling.CountSamples(&buf)
			check(t, err)
			shown := time.Duration(float64(samples) / float64(hz) * float64(time.Second))
			t.Logf("asked for %d Hz, profiled at %d: %s of %s are shown", tt.wanted, hz, shown, used)
			ratio := shown.Seconds() / used.Seconds()
			if ratio > 1.1 {
				t.Errorf("at %d Hz the profile shows %s, %s were used", hz, shown, used)
			}
			if ratio < tt.least {
				return used, fmt.Errorf("at %d Hz the profile shows %s, %s were used", hz, shown, used)
			}
			return used, nil
		})
	}
}

// undisturbed calls try until it has no error, and fails the test where it has one
// though the process had a CPU for itself. Others that want it take the kernel's ticks,
// by which samples are taken. try says how much CPU time it wanted.
func undisturbed(t *testing.T, try func() (cpu time.Duration, err error)) {
	t.Helper()
	var last error
	for range 10 {
		begin := time.Now()
		cpu, err := try()
		if err == nil {
			return
		}
		if took := time.Since(begin); took < cpu+cpu/5+300*time.Millisecond { // a profile's end takes a while
			t.Errorf("%v; that took %v", err, took)
			return
		}
		last = err
	}
	t.Skipf("others want the CPU all the time: %v", last)
}

func TestSamplesOfABrokenProfile(t *testing.T) {
	for _, data := range []string{"", "not gzip", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"} {
		if n, err := profiling.CountSamples(strings.NewReader(data)); err == nil {
			t.Errorf("%q has %d samples", data, n)
		}
	}
}

// The runtime writes its line to stderr only where the rate is not pprof's own.
func TestLinesOnStderr(t *testing.T) {
	const line = "cannot set cpu profile rate until previous profile has finished"
	switch name, _ := part(); name {
	case "default":
		profileOnce(t)
		return
	case "other":
		profileOnce(t, profiling.WithSampleRate(200))
		return
	}
	for name, most := range map[string]int{"default": 0, "other": 2} { // a trial, where there is one, and a window
		cmd := child(t, name, "")
		cmd.Stderr = new(bytes.Buffer)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s%s", err, out, cmd.Stderr)
		}
		if got := strings.Count(cmd.Stderr.(*bytes.Buffer).String(), line); got > most || got < most/2 {
			t.Errorf("%s: %d lines, want %d:\n%s", name, got, most, cmd.Stderr)
		}
	}
}

func profileOnce(t *testing.T, opts ...profiling.Option) {
	p := start(t, append(opts, profiling.WithWindow(50*time.Millisecond))...)
	_, err := p.Capture(t.Context())
	check(t, err)
}
