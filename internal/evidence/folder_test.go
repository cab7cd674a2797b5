package evidence_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/otelperf/otelperf-go/internal/evidence"
	"github.com/otelperf/otelperf-go/views"
)

// folders lists the numbers of the folders in dir.
func folders(t *testing.T, dir string) []string {
	t.Helper()
	var numbers []string
	for _, name := range names(t, dir) {
		numbers = append(numbers, name[strings.LastIndexByte(name, '-')+1:])
	}
	return numbers
}

// fill is a source of so many bytes.
func fill(n int) evidence.Option {
	s := series(new([]string))
	s.Write = func(w io.Writer, _ []views.Alert) error { _, err := w.Write(make([]byte, n)); return err }
	return evidence.WithSource(s)
}

func TestOldestFoldersGo(t *testing.T) {
	for name, tt := range map[string]struct {
		limits evidence.Limits
		want   []string
	}{
		"by number": {evidence.Limits{Folders: 3}, []string{"4", "5", "6"}},
		// Each has one MiB, and some KiB of profiles.
		"by bytes": {evidence.Limits{Bytes: 5 << 20}, []string{"3", "4", "5", "6"}},
		"one":      {evidence.Limits{Folders: 1}, []string{"6"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				tt.limits.Burst = 100
				c := start(t, dir, evidence.WithLimits(tt.limits), fill(1<<20))
				for i := range 6 {
					if c.Reserve(firing(fmt.Sprint("alert-", i))) == "" {
						t.Error("not reserved")
					}
					pass(time.Minute)
				}
				if got := folders(t, dir); !slices.Equal(got, tt.want) {
					t.Errorf("kept %q, want %q", got, tt.want)
				}
			})
		})
	}
}

// Only what is named like ours, and is a directory, is ever removed; nothing
// is removed through a link.
func TestOtherFilesAreLeftAlone(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	check(t, os.WriteFile(filepath.Join(elsewhere, "precious"), nil, 0o600))
	for _, name := range []string{
		"notes", "19990101T000000.000Z", "19990101T000000.000Z-x", "19990101T000000.000Z-x-0", "19990101T000000.000Z-x-y",
		"19990101T000000.000Z--1", "1999-x-1",
	} {
		check(t, os.Mkdir(filepath.Join(dir, name), 0o700))
	}
	check(t, os.WriteFile(filepath.Join(dir, "19990101T000000.000Z-file-1"), nil, 0o600))
	check(t, os.Symlink(elsewhere, filepath.Join(dir, "19990101T000000.000Z-link-2")))
	before := names(t, dir)
	ours := filepath.Join(dir, "19990101T000000.000Z-ours-3")
	check(t, os.MkdirAll(filepath.Join(ours, "deep"), 0o700))
	check(t, os.Symlink(elsewhere, filepath.Join(ours, "link")))
	synctest.Test(t, func(t *testing.T) {
		c := start(t, dir, evidence.WithLimits(evidence.Limits{Folders: 1}))
		path := c.Reserve(firing("search_ms"))
		synctest.Wait()
		if got, want := names(t, dir), append(before[:len(before):len(before)], filepath.Base(path)); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
			t.Errorf("there are %q, want %q", got, want)
		}
	})
	if got := names(t, elsewhere); !slices.Equal(got, []string{"precious"}) {
		t.Errorf("elsewhere there are %q", got)
	}
}

// Where nothing can be written, an alert costs a count and a line.
func TestNowhereToWrite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(file, nil, 0o600))
	for _, dir := range []string{file, filepath.Join(file, "evidence")} {
		synctest.Test(t, func(t *testing.T) {
			counts, handler := newCounted(), new(told)
			c := start(t, dir, evidence.WithMeterProvider(counts), evidence.WithErrorHandler(handler.Handle))
			path := c.Reserve(firing("search_ms"))
			synctest.Wait()
			if got, want := counts.read(t), map[string]int64{"write_failed": 1}; !maps.Equal(got, want) {
				t.Errorf("counted %v, want %v", got, want)
			}
			if errs := handler.All(); len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), "monitor: evidence: "+path+": ") {
				t.Errorf("told %q", errs)
			}
			if c.Reserve(firing("next")) == "" {
				t.Error("the next alert is not tried")
			}
			synctest.Wait()
		})
	}
}

// A folder that is there already, of another process that shares the
// directory, is not touched.
func TestFolderExists(t *testing.T) {
	dir := t.TempDir()
	theirs := filepath.Join(dir, "20000101T000000.000Z-search_ms-1")
	check(t, os.Mkdir(theirs, 0o700))
	synctest.Test(t, func(t *testing.T) {
		handler := new(told)
		c := start(t, dir, evidence.WithErrorHandler(handler.Handle))
		if got := c.Reserve(firing("search_ms")); got != theirs {
			t.Errorf("reserved %q", got)
		}
		synctest.Wait()
		if errs := handler.All(); len(errs) != 1 || !errors.Is(errs[0], fs.ErrExist) {
			t.Errorf("told %q", errs)
		}
		if got := names(t, theirs); len(got) != 0 {
			t.Errorf("theirs has %q", got)
		}
	})
}

// Directories that are removed at any moment cost evidence, not the process.
func TestRemovedDirectory(t *testing.T) {
	for _, what := range []string{"all", "folder"} {
		dir := filepath.Join(t.TempDir(), "evidence")
		synctest.Test(t, func(t *testing.T) {
			counts, handler := newCounted(), new(told)
			once := true
			hook := func(_ io.Writer, alerts []views.Alert) error {
				if !once {
					return nil
				}
				once = false
				if what == "all" {
					return os.RemoveAll(dir)
				}
				return os.RemoveAll(alerts[0].Evidence)
			}
			c := start(t, dir, evidence.WithProfiler(profiler{}), evidence.WithMeterProvider(counts),
				evidence.WithErrorHandler(handler.Handle), evidence.WithSource(evidence.Source{Name: "hook", Write: hook}))
			c.Reserve(firing("search_ms"))
			pass(11 * time.Second)
			if got := counts.read(t); got["write_failed"] == 0 {
				t.Errorf("counted %v", got)
			}
			if errs := handler.All(); len(errs) != 1 {
				t.Errorf("told %q", errs)
			}
			next := c.Reserve(firing("next"))
			pass(11 * time.Second)
			if x := readIndex(t, next); x.State != "complete" {
				t.Errorf("the next one: %+v", x)
			}
		})
	}
}

// Ten thousand goroutines and more are not written as text, for which the
// process would have to stand still.
func TestManyGoroutines(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		counts := newCounted()
		c := start(t, dir, evidence.WithMeterProvider(counts), evidence.WithErrorHandler(func(error) {}))
		end := make(chan struct{})
		for range 10_001 {
			go func() { <-end }()
		}
		path := c.Reserve(firing("search_ms"))
		synctest.Wait()
		close(end)
		if got := names(t, path); slices.Contains(got, "goroutine.txt") || !slices.Contains(got, "goroutine.pprof") {
			t.Errorf("files %q", got)
		}
		if got, want := counts.read(t), map[string]int64{"too_large": 1, "folders": 1}; !maps.Equal(got, want) {
			t.Errorf("counted %v, want %v", got, want)
		}
	})
}
