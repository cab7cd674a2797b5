//go:build unix

package evidence_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/otelperf/otelperf-go/internal/evidence"
	"github.com/otelperf/otelperf-go/internal/trial"
)

// Files that do not fit, by a limit on their size: they are missing, and those
// that fit are there.
func TestFilesThatDoNotFit(t *testing.T) {
	if name, dir := part(); name == "limited" {
		_, err := trial.LimitFiles(100 << 10)
		check(t, err)
		synctest.Test(t, func(t *testing.T) {
			counts, handler := newCounted(), new(told)
			c := start(t, dir, fill(200<<10), evidence.WithMeterProvider(counts), evidence.WithErrorHandler(handler.Handle))
			path := c.Reserve(firing("search_ms"))
			pass(time.Second)
			if got, want := counts.read(t), map[string]int64{"folders": 1, "write_failed": 1}; !maps.Equal(got, want) {
				t.Errorf("counted %v, want %v", got, want)
			}
			if errs := handler.All(); len(errs) != 1 || !errors.Is(errs[0], syscall.EFBIG) {
				t.Errorf("told %q", errs)
			}
			if got := names(t, path); slices.Contains(got, "series.json") || !slices.Contains(got, "goroutine.txt") {
				t.Errorf("files %q", got)
			}
		})
		return
	}
	if out, err := child(t, "limited", t.TempDir()).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// Without permission nothing is written, and nothing else happens. The test may
// run as root, to whom everything is permitted, so another process is nobody.
func TestNoPermission(t *testing.T) {
	if name, dir := part(); name == "nobody" {
		if os.Geteuid() == 0 {
			check(t, syscall.Setuid(65534))
		}
		synctest.Test(t, func(t *testing.T) {
			counts, handler := newCounted(), new(told)
			c := start(t, dir, evidence.WithMeterProvider(counts), evidence.WithErrorHandler(handler.Handle))
			c.Reserve(firing("search_ms"))
			pass(time.Second)
			if got := counts.read(t); len(got) != 1 || got["write_failed"]+got["no_room"] != 1 {
				t.Errorf("counted %v", got)
			}
			if errs := handler.All(); len(errs) != 1 || !errors.Is(errs[0], os.ErrPermission) {
				t.Errorf("told %q", errs)
			}
		})
		return
	}
	closed := filepath.Join(t.TempDir(), "closed")
	check(t, os.Mkdir(closed, 0o500))
	full := filepath.Join(t.TempDir(), "full") // whose folders cannot be removed
	check(t, os.MkdirAll(filepath.Join(full, "19990101T000000.000Z-x-1", "a"), 0o700))
	check(t, os.Chmod(full, 0o500))
	t.Cleanup(func() { check(t, os.Chmod(full, 0o700)) })
	for _, dir := range []string{closed, filepath.Join(closed, "deeper"), full} {
		if out, err := child(t, "nobody", dir).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", dir, err, out)
		}
	}
}
