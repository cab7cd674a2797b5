package notify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/otelperf/otelperf-go/views"
	"github.com/otelperf/otelperf-go/views/notify"
)

func openLog(t *testing.T, path string, opts ...notify.LogFileOption) *notify.LogFile {
	t.Helper()
	f, err := notify.OpenLogFile(path, opts...)
	check(t, err)
	t.Cleanup(func() { check(t, f.Close()) })
	return f
}

// names returns the alert names in a file of JSON lines, and fails on any line
// that is not whole.
func names(t *testing.T, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	check(t, err)
	var got []string
	for text := range strings.Lines(string(b)) {
		var line struct{ Name, State, Message string }
		if err := json.Unmarshal([]byte(text), &line); err != nil || !strings.HasSuffix(text, "\n") {
			t.Fatalf("%s has the line %q: %v", filepath.Base(path), text, err)
		}
		got = append(got, line.Name)
	}
	return got
}

// rotatedFiles returns the files beside path that were put aside, oldest first.
func rotatedFiles(t *testing.T, path string) []string {
	t.Helper()
	ext := filepath.Ext(path)
	got, err := filepath.Glob(strings.TrimSuffix(path, ext) + "-*" + ext)
	check(t, err)
	slices.Sort(got)
	return got
}

func TestLogFileAppendsWholeLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "deep", "alerts.log")
	f := openLog(t, path)
	check(t, f.Notify(background(), firing("a\nb")))
	check(t, f.Notify(background(), resolved("c")))
	check(t, f.Close())
	check(t, f.Close())
	again := openLog(t, path)
	check(t, again.Notify(background(), firing("d")))
	equal(t, names(t, path), []string{"a\nb", "c", "d"})

	for name, want := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700 | fs.ModeDir, filepath.Dir(filepath.Dir(path)): 0o700 | fs.ModeDir} {
		info, err := os.Stat(name)
		check(t, err)
		if info.Mode() != want {
			t.Errorf("%s has mode %s, want %s", filepath.Base(name), info.Mode(), want)
		}
	}
	err := f.Notify(background(), firing("late"))
	if !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after Close: got %v, want %v", err, fs.ErrClosed)
	}
}

func TestOpenLogFileErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	check(t, os.WriteFile(file, nil, 0o600))
	for _, test := range []struct {
		name, path string
		rotation   notify.Rotation
		want       string
	}{
		{"empty", "", notify.Rotation{}, "no path"},
		{"directory", dir, notify.Rotation{}, "is a directory"},
		{"below a file", filepath.Join(file, "x"), notify.Rotation{}, "not a directory"},
		{"age", file, notify.Rotation{MaxAge: time.Second}, "MaxAge is 1s, less than a minute"},
		{"keep age", file, notify.Rotation{KeepAge: -1}, "KeepAge is -1ns"},
		{"keep bytes", file, notify.Rotation{KeepBytes: -1}, "KeepBytes is -1"},
	} {
		f, err := notify.OpenLogFile(test.path, notify.WithRotation(test.rotation))
		if f != nil || err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "notify: ") {
			t.Errorf("%s: got %v, %v, want an error with %q", test.name, f, err, test.want)
		}
	}
}

// What a process that was killed left of its last line does not spoil the next.
func TestLogFileClosesOffAPartialLine(t *testing.T) {
	whole, err := json.Marshal(firing("whole"))
	check(t, err)
	line := string(whole) + "\n"
	for _, test := range []struct {
		name, before string
		want         string // before the new line
	}{
		{"empty", "", ""},
		{"whole", line, line},
		{"cut", line + line[:100], line},
		{"cut early", line + "{", line},
		{"only a part", line[:50], ""},
		{"a part after an empty line", "\n" + line[:50], "\n"},
		{"a part that begins as ours", line + `{"tim`, line},
		{"only the line break is missing", line + string(whole), line + line},
		{"not ours", "a text without an end", "a text without an end\n"},
		{"not ours, JSON", "{\"level\":\"info\"", "{\"level\":\"info\"\n"},
		{"very long", strings.Repeat("x", 3<<20), strings.Repeat("x", 3<<20) + "\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "alerts.log")
			check(t, os.WriteFile(path, []byte(test.before), 0o600))
			f := openLog(t, path)
			check(t, f.Notify(background(), firing("whole")))
			got, err := os.ReadFile(path)
			check(t, err)
			if string(got) != test.want+line {
				t.Errorf("got %.300q, want %.300q", got, test.want+line)
			}
		})
	}
}

func TestLogFileSurvivesWhatOthersDo(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(t *testing.T, path string)
		want []string
	}{
		{"file removed", func(t *testing.T, path string) { check(t, os.Remove(path)) }, []string{"b"}},
		{"directory removed", func(t *testing.T, path string) { check(t, os.RemoveAll(filepath.Dir(path))) }, []string{"b"}},
		{"moved", func(t *testing.T, path string) { check(t, os.Rename(path, path+".1")) }, []string{"b"}},
		{"moved and created", func(t *testing.T, path string) {
			check(t, os.Rename(path, path+".1"))
			check(t, os.WriteFile(path, nil, 0o600))
		}, []string{"b"}},
		{"truncated", func(t *testing.T, path string) { check(t, os.Truncate(path, 0)) }, []string{"b"}},
		{"appended to", func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			check(t, err)
			_, err = f.WriteString(`{"name":"other"}` + "\n" + `{"time":"2026`)
			check(t, errors.Join(err, f.Close()))
		}, []string{"a", "other", "b"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "logs", "alerts.log")
			f := openLog(t, path)
			check(t, f.Notify(background(), firing("a")))
			test.do(t, path)
			check(t, f.Notify(background(), firing("b")))
			equal(t, names(t, path), test.want)
		})
	}
}

func TestLogFileRotatesBySize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.log")
	line, err := json.Marshal(firing("0"))
	check(t, err)
	size := int64(len(line) + 1)
	f := openLog(t, path, notify.WithRotation(notify.Rotation{MaxBytes: 2 * size, KeepFiles: 2}))
	for i := range 9 {
		check(t, f.Notify(background(), firing(fmt.Sprint(i))))
	}
	equal(t, names(t, path), []string{"8"})
	aside := rotatedFiles(t, path)
	if len(aside) != 2 {
		t.Fatalf("got %q, want two files", aside)
	}
	equal(t, names(t, aside[0]), []string{"4", "5"})
	equal(t, names(t, aside[1]), []string{"6", "7"})
	info, err := os.Stat(aside[1])
	check(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("a rotated file has mode %s", info.Mode())
	}
}

func TestLogFileKeepsOnlyItsOwnLimits(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "alerts.log")
	line, err := json.Marshal(firing("0"))
	check(t, err)
	size := int64(len(line) + 1)
	others := []string{"alerts-important.log", "alerts-20260102T150405.000Z.log.gz", "alerts-20260102T150405Z.log", "other-20260102T150405.000Z.log"}
	for _, name := range others {
		check(t, os.WriteFile(filepath.Join(dir, name), []byte("keep"), 0o600))
	}
	f := openLog(t, path, notify.WithRotation(notify.Rotation{MaxBytes: size, KeepFiles: -1, KeepBytes: 3 * size}))
	for i := range 9 {
		check(t, f.Notify(background(), firing(fmt.Sprint(i))))
	}
	var got []string
	for _, file := range rotatedFiles(t, path) {
		if !slices.Contains(others, filepath.Base(file)) {
			got = append(got, names(t, file)...)
		}
	}
	equal(t, got, []string{"5", "6", "7"})
	for _, name := range others {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// at is an alert of now, so that its line says when it was written.
func at(name string) views.Alert {
	a := firing(name)
	a.End = time.Now()
	return a
}

// Ages are kept to the minute, also while no line comes.
func TestLogFileAges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "alerts.log")
		rotation := notify.WithRotation(notify.Rotation{MaxAge: 24 * time.Hour, KeepAge: 48 * time.Hour})
		f, err := notify.OpenLogFile(path, rotation)
		check(t, err)
		check(t, f.Notify(background(), at("first")))
		pass(12 * time.Hour)
		check(t, f.Close()) // a restart does not make the file younger
		f, err = notify.OpenLogFile(path, rotation)
		check(t, err)
		check(t, f.Notify(background(), at("second")))

		pass(12*time.Hour - 2*time.Minute)
		synctest.Wait()
		if got := rotatedFiles(t, path); len(got) != 0 {
			t.Errorf("rotated two minutes early: %q", got)
		}
		pass(3 * time.Minute)
		synctest.Wait()
		aside := rotatedFiles(t, path)
		if len(aside) != 1 {
			t.Fatalf("got %q, want one rotated file", aside)
		}
		equal(t, names(t, aside[0]), []string{"first", "second"})
		equal(t, names(t, path), nil)

		pass(48*time.Hour - 3*time.Minute)
		synctest.Wait()
		if got := rotatedFiles(t, path); len(got) != 1 {
			t.Errorf("removed early: %q", got)
		}
		pass(3 * time.Minute)
		synctest.Wait()
		if got := rotatedFiles(t, path); len(got) != 0 {
			t.Errorf("kept too long: %q", got)
		}
		check(t, f.Close())
	})
}

// Either limit of age is kept without the other, and a file is as old as its
// first line.
func TestLogFileOneAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		path, kept := filepath.Join(dir, "alerts.log"), filepath.Join(dir, "kept.log")
		f, err := notify.OpenLogFile(path, notify.WithRotation(notify.Rotation{MaxAge: time.Hour}))
		check(t, err)
		line, err := json.Marshal(at("a"))
		check(t, err)
		oneLine := int64(len(line)) * 3 / 2
		g, err := notify.OpenLogFile(kept, notify.WithRotation(notify.Rotation{MaxBytes: oneLine, KeepAge: time.Hour}))
		check(t, err)
		check(t, g.Notify(background(), at("a")))
		check(t, g.Notify(background(), at("b")))
		pass(40 * time.Minute)
		check(t, f.Notify(background(), at("first")))
		pass(40 * time.Minute)
		synctest.Wait()
		if got := rotatedFiles(t, path); len(got) != 0 {
			t.Errorf("rotated %q after 40 minutes of lines", got)
		}
		if got := rotatedFiles(t, kept); len(got) != 0 {
			t.Errorf("kept %q for more than an hour", got)
		}
		pass(21 * time.Minute)
		synctest.Wait()
		if got := rotatedFiles(t, path); len(got) != 1 {
			t.Errorf("rotated %q, want one file after an hour", got)
		}
		equal(t, names(t, kept), []string{"b"})
		check(t, errors.Join(f.Close(), g.Close()))
	})
}

func TestLogFileContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.log")
	f := openLog(t, path)
	ctx, cancel := context.WithCancel(background())
	cancel()
	if err := f.Notify(ctx, firing("a")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	equal(t, names(t, path), nil)
}

// Two LogFiles of one path stand for two processes: each has a descriptor and
// a lock of its own. The lines of all stay whole, and none is lost to a
// rotation.
func TestLogFileSharedByWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.log")
	const writers, each = 4, 50
	var wg sync.WaitGroup
	for w := range writers {
		f := openLog(t, path, notify.WithRotation(notify.Rotation{MaxBytes: 8 << 10, KeepFiles: -1}))
		for half := range 2 {
			wg.Go(func() {
				for i := range each / 2 {
					if err := f.Notify(background(), firing(fmt.Sprint(w, half, i))); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	seen := make(map[string]bool)
	for _, file := range append(rotatedFiles(t, path), path) {
		for _, name := range names(t, file) {
			if seen[name] {
				t.Errorf("%q twice", name)
			}
			seen[name] = true
		}
	}
	if len(seen) != writers*each {
		t.Errorf("%d lines, want %d", len(seen), writers*each)
	}
}

func TestLogFileBehindSymlink(t *testing.T) {
	dir := t.TempDir()
	check(t, os.Mkdir(filepath.Join(dir, "real"), 0o700))
	link := filepath.Join(dir, "link.log")
	target := filepath.Join(dir, "real", "alerts.log")
	check(t, os.WriteFile(target, nil, 0o600))
	if err := os.Symlink(target, link); err != nil {
		t.Skip("no symbolic links:", err)
	}
	f := openLog(t, link, notify.WithRotation(notify.Rotation{MaxBytes: 1}))
	check(t, f.Notify(background(), firing("a")))
	check(t, f.Notify(background(), firing("b")))
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v, %v", info, err)
	}
	equal(t, names(t, link), []string{"b"})
	if got := rotatedFiles(t, target); len(got) != 1 {
		t.Errorf("got %q, want one file beside the target", got)
	}
}

// Whatever stands in the file: lines that were whole stay as they were, and
// the new one is whole.
func FuzzLogFile(f *testing.F) {
	line, err := json.Marshal(firing("x"))
	if err != nil {
		f.Fatal(err)
	}
	for _, before := range []string{"", "\n", "{", string(line), string(line) + "\n", string(line) + "\n" + string(line[:70]), "text", "\x00\x00", `{"time":"`, `{"time":"2026-01-02T15:04:00Z"`} {
		f.Add([]byte(before), "name")
	}
	f.Fuzz(func(t *testing.T, before []byte, name string) {
		path := filepath.Join(t.TempDir(), "alerts.log")
		check(t, os.WriteFile(path, before, 0o600))
		log := openLog(t, path, notify.WithRotation(notify.Rotation{MaxBytes: -1}))
		check(t, log.Notify(background(), firing(name)))
		after, err := os.ReadFile(path)
		check(t, err)
		whole := before[:bytes.LastIndexByte(before, '\n')+1]
		if !bytes.HasPrefix(after, whole) {
			t.Errorf("%q became %q", before, after)
		}
		last := after[bytes.LastIndexByte(after[:len(after)-1], '\n')+1:]
		if !json.Valid(last) || last[len(last)-1] != '\n' {
			t.Errorf("the last line is %q", last)
		}
	})
}
