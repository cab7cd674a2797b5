package notify_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/otelperf/otelperf-go/views/notify"
)

// rotatedAt is the name that a file gets when it is put aside at a time.
func rotatedAt(t time.Time) string {
	return "alerts-" + t.UTC().Format("20060102T150405.000Z") + ".log"
}

// A file is named after the time when it was put aside, unless the one before
// has a later name, because the clock was set back a little.
func TestRotatedNames(t *testing.T) {
	for _, test := range []struct {
		name   string
		before time.Duration // of the file that is there, from now
		want   time.Duration
	}{
		{"long ago", -10 * time.Second, 0},
		{"just now", 0, time.Millisecond},
		{"a little ahead", 30 * time.Second, 30*time.Second + time.Millisecond},
		{"almost a minute ahead", time.Minute - time.Millisecond, time.Minute},
		{"a broken clock's", time.Minute, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			there := rotatedAt(time.Now().Add(test.before))
			check(t, os.WriteFile(filepath.Join(dir, there), nil, 0o600))
			f := openLog(t, filepath.Join(dir, "alerts.log"), notify.WithRotation(notify.Rotation{MaxBytes: 1}))
			check(t, f.Notify(background(), firing("a")))
			check(t, f.Notify(background(), firing("b")))
			want := []string{"alerts.log", there, rotatedAt(time.Now().Add(test.want))}
			var got []string
			entries, err := os.ReadDir(dir)
			check(t, err)
			for _, e := range entries {
				got = append(got, e.Name())
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s: got %q, want %q", test.name, got, want)
			}
		})
	}
}

// What is named like a rotated file and is none stays, and nobody is told of
// anything as long as all goes well.
func TestPruningLeavesOthersAlone(t *testing.T) {
	var told []error
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { told = append(told, err) }))
	t.Cleanup(func() { otel.SetErrorHandler(otel.ErrorHandlerFunc(ignore)) })
	dir := t.TempDir()
	folder := filepath.Join(dir, rotatedAt(time.Now().Add(-time.Hour)))
	check(t, os.Mkdir(folder, 0o700))
	path := filepath.Join(dir, "alerts.log")
	f := openLog(t, path, notify.WithRotation(notify.Rotation{MaxBytes: 1, KeepFiles: 1}))
	for range 4 {
		check(t, f.Notify(background(), firing("a")))
	}
	if _, err := os.Stat(folder); err != nil {
		t.Error(err)
	}
	if got := rotatedFiles(t, path); len(got) != 2 {
		t.Errorf("got %q, want the folder and one file", got)
	}
	if len(told) != 0 {
		t.Errorf("told %v", told)
	}
}

// A name that is all extension has none.
func TestHiddenFileRotates(t *testing.T) {
	dir := t.TempDir()
	f := openLog(t, filepath.Join(dir, ".alerts"), notify.WithRotation(notify.Rotation{MaxBytes: 1}))
	check(t, f.Notify(background(), firing("a")))
	check(t, f.Notify(background(), firing("b")))
	got, err := filepath.Glob(filepath.Join(dir, ".alerts-*Z"))
	check(t, err)
	if len(got) != 1 {
		t.Errorf("got %q, want .alerts-<time>", got)
	}
	if _, err := os.Stat(filepath.Join(dir, ".alerts")); errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// A file that somebody removed comes back with the next line, not before.
func TestAgesMakeNoFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "alerts.log")
		f, err := notify.OpenLogFile(path, notify.WithRotation(notify.Rotation{KeepAge: time.Hour}))
		check(t, err)
		check(t, os.Remove(path))
		pass(5 * time.Minute)
		synctest.Wait()
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the file is there: %v", err)
		}
		check(t, f.Close())
	})
}
