package profiling_test

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/internal/profiling"
)

// These tests use the runtime's profiler, of which there is one, so none of
// them is parallel.

// burn keeps a CPU busy until stop is closed.
//
//go:noinline
func burn(stop <-chan struct{}) (n int) {
	for {
		select {
		case <-stop:
			return n
		default:
			n++
		}
	}
}

// load burns a CPU in the background, as the operation slow.
func load(t testing.TB) {
	stop, done := make(chan struct{}), make(chan struct{})
	go pprof.Do(context.Background(), pprof.Labels("operation", "slow"), func(context.Context) {
		defer close(done)
		burn(stop)
	})
	t.Cleanup(func() {
		close(stop)
		<-done
	})
}

// goTool runs one of Go's tools.
func goTool(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"tool"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("go tool %q: %v\n%s", args, err, out)
	}
	return string(out)
}

func TestGoToolPprofOpensEveryFile(t *testing.T) {
	load(t)
	path := filepath.Join(t.TempDir(), "cpu.prof")
	p := start(t, profiling.WithFile(path), profiling.WithWindow(2*time.Second))
	for n := 0; n < 2; { // on a machine that has no time for the test, a window may have no sample
		profile, err := p.Capture(t.Context())
		check(t, err)
		if samples, err := profiling.CountSamples(bytes.NewReader(profile.Data)); err != nil || samples > 0 {
			check(t, err)
			n++
		} else {
			n = 0
		}
	}
	check(t, p.Stop(t.Context()))
	before := older(t, path)
	if len(before) == 0 {
		t.Fatal("no older file was kept")
	}
	files := []string{path, filepath.Join(filepath.Dir(path), before[len(before)-1])}
	for _, file := range files {
		if out := goTool(t, "pprof", "-top", file); !strings.Contains(out, "profiling_test.burn") {
			t.Errorf("%s does not show what was busy:\n%s", filepath.Base(file), out)
		}
		if out := goTool(t, "pprof", "-top", "-tagfocus=operation=slow", file); !strings.Contains(out, "profiling_test.burn") {
			t.Errorf("%s does not show the operation:\n%s", filepath.Base(file), out)
		}
		if out := goTool(t, "pprof", "-top", "-tagfocus=operation=quick", file); strings.Contains(out, "profiling_test.burn") {
			t.Errorf("%s shows it under another operation:\n%s", filepath.Base(file), out)
		}
	}
}

// Whoever is first keeps the profiler, and the other says so.
func TestAUsersOwnProfile(t *testing.T) {
	load(t)
	handler := new(told)
	for _, hz := range []int{0, 150} {
		p := start(t, profiling.WithWindow(time.Hour), profiling.WithSampleRate(hz),
			profiling.WithProbe(func(hz int) (int, error) { return hz, nil }),
			profiling.WithErrorHandler(handler.Handle))
		var users bytes.Buffer
		check(t, pprof.StartCPUProfile(&users))
		if _, err := p.Capture(t.Context()); !errors.Is(err, profiling.ErrBusy) {
			t.Errorf("while a user profiles, Capture gives %v", err)
		}
		_, err := profiling.Spend(500 * time.Millisecond)
		check(t, err)
		pprof.StopCPUProfile()
		if n, err := profiling.CountSamples(&users); err != nil || n == 0 {
			t.Errorf("the user's profile has %d samples, %v", n, err)
		}

		ours := make(chan profiling.Profile)
		go func() {
			profile, err := p.Capture(t.Context())
			for errors.Is(err, profiling.ErrBusy) { // the user was first
				profile, err = p.Capture(t.Context())
			}
			if err != nil {
				t.Error(err)
			}
			ours <- profile
		}()
		for pprof.StartCPUProfile(&users) == nil { // until the window has begun
			pprof.StopCPUProfile()
			runtime.Gosched()
		}
		_, err = profiling.Spend(500 * time.Millisecond)
		check(t, err)
		check(t, p.Stop(t.Context()))
		profile := <-ours
		if n, err := profiling.CountSamples(bytes.NewReader(profile.Data)); err != nil || n == 0 {
			t.Errorf("the window has %d samples, %v", n, err)
		}
		check(t, pprof.StartCPUProfile(&users)) // it is free again
		pprof.StopCPUProfile()
	}
}
