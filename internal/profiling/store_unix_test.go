//go:build unix

package profiling_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/internal/profiling"
	"github.com/otelperf/otelperf-go/internal/trial"
)

// A disk that is full, played by a limit on the size of files: the last whole
// window stays, nothing half is left, and the next one that fits is written.
func TestFullDisk(t *testing.T) {
	if name, path := part(); name == "full" {
		fillDisk(t, path)
		return
	}
	path := filepath.Join(t.TempDir(), "cpu.prof")
	if out, err := child(t, "full", path).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// fillDisk runs in a process of its own, as the limit is the process'.
func fillDisk(t *testing.T, path string) {
	counts, handler := newCounted(), new(told)
	p := start(t, blocks(), profiling.WithFile(path), profiling.WithWindow(time.Millisecond),
		profiling.WithMeterProvider(counts), profiling.WithErrorHandler(handler.Handle))
	window := func() {
		t.Helper()
		for range 2 { // the second begins when the first is written
			_, err := p.Capture(t.Context())
			check(t, err)
		}
	}
	window()
	before := content(t, path)
	if !whole(before) {
		t.Fatalf("the first file has %d bytes", len(before))
	}
	restore, err := trial.LimitFiles(block / 2)
	check(t, err)
	window()
	window()
	if counts.windows(t)["write_failed"] == 0 {
		t.Error("no failure was counted")
	}
	if got := content(t, path); !whole(got) {
		t.Errorf("on a full disk the file has %d bytes", len(got))
	}
	if errs := handler.All(); len(errs) != 1 || !errors.Is(errs[0], syscall.EFBIG) {
		t.Errorf("told %q", errs)
	}
	check(t, restore())
	full := content(t, path)
	window()
	got := content(t, path)
	if got == full { // what the files have is the same after 26 of them
		window()
		got = content(t, path)
	}
	if !whole(got) || got == full {
		t.Errorf("with room again the file has %d bytes, as before: %t", len(got), got == full)
	}
	check(t, p.Stop(t.Context())) // until then one may be half written
	for _, name := range older(t, path) {
		if strings.HasPrefix(name, ".") {
			t.Errorf("%s was left", name)
		}
	}
}

// A process that is killed in the middle of it all leaves the last whole window.
func TestKill(t *testing.T) {
	if name, path := part(); name == "victim" {
		p := start(t, blocks(), profiling.WithFile(path), profiling.WithWindow(time.Microsecond), profiling.WithKeep(0, 0))
		for i := range 1 << 30 {
			_, err := p.Capture(t.Context())
			check(t, err)
			if i == 1 {
				fmt.Println("\nunder way")
			}
		}
		return
	}
	path := filepath.Join(t.TempDir(), "cpu.prof")
	for range 5 {
		victim := child(t, "victim", path)
		out, err := victim.StdoutPipe()
		check(t, err)
		check(t, victim.Start())
		for s := bufio.NewScanner(out); s.Scan() && s.Text() != "under way"; {
		}
		check(t, victim.Process.Kill())
		_ = victim.Wait() // killed
		if got := content(t, path); !whole(got) {
			t.Fatalf("the file has %d bytes", len(got))
		}
	}
}

// Without permission nothing is written, and nothing else happens. The test may
// run as root, to whom everything is permitted, so another process is nobody.
func TestNoPermission(t *testing.T) {
	if name, path := part(); name == "nobody" {
		if os.Geteuid() == 0 {
			check(t, syscall.Setuid(65534))
		}
		counts, handler := newCounted(), new(told)
		p := start(t, blocks(), profiling.WithFile(path), profiling.WithWindow(time.Millisecond),
			profiling.WithMeterProvider(counts), profiling.WithErrorHandler(handler.Handle))
		for range 3 {
			_, err := p.Capture(t.Context())
			check(t, err)
		}
		if got := counts.windows(t); got["write_failed"] == 0 || got["taken"] == 0 {
			t.Errorf("counted %v", got)
		}
		if errs := handler.All(); len(errs) != 1 || !errors.Is(errs[0], os.ErrPermission) {
			t.Errorf("told %q", errs)
		}
		return
	}
	dir := filepath.Join(t.TempDir(), "closed")
	check(t, os.Mkdir(dir, 0o500))
	for _, path := range []string{filepath.Join(dir, "cpu.prof"), filepath.Join(dir, "deeper", "cpu.prof")} {
		if out, err := child(t, "nobody", path).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
}
