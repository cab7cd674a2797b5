package profiling_test

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/otelperf/otelperf-go/internal/profiling"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	check(t, os.WriteFile(path, []byte(text), 0o600))
}

func TestOlderProfilesAreKeptWithinTheirAge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cpu.prof")
	synctest.Test(t, func(t *testing.T) {
		start(t, newFake().option(), profiling.WithFile(path), profiling.WithKeep(1<<20, 50*time.Second))
		pass(91 * time.Second)
		want := []string{"cpu-20000101T000050.000Z.prof", "cpu-20000101T000110.000Z.prof"}
		if got := older(t, path); !slices.Equal(got, want) {
			t.Errorf("kept %q, want %q", got, want)
		}
	})
}

func TestOlderProfilesAreKeptWithinTheirBytes(t *testing.T) {
	for bytes, want := range map[int64][]string{
		0:  nil,
		8:  nil, // a profile has nine
		9:  {"cpu-20000101T000110.000Z.prof"},
		20: {"cpu-20000101T000050.000Z.prof", "cpu-20000101T000110.000Z.prof"},
	} {
		path := filepath.Join(t.TempDir(), "cpu.prof")
		synctest.Test(t, func(t *testing.T) {
			start(t, newFake().option(), profiling.WithFile(path), profiling.WithKeep(bytes, time.Hour))
			pass(91 * time.Second)
			if got := older(t, path); !slices.Equal(got, want) {
				t.Errorf("%d bytes: kept %q, want %q", bytes, got, want)
			}
		})
	}
}

// What is not ours stays, also where it looks like it.
func TestOtherFilesAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "cpu.prof")
	others := []string{
		"cpu-19990101T000000.000Z.prof.bak", "cpu-19990101T000000.prof", "cpu-notes.prof", "other-19990101T000000.000Z.prof",
		"cpu-19990101T000000.000Zprof", ".cpu.prof.mine", "precpu-19990101T000000.000Z.prof",
	}
	for _, name := range others {
		write(t, filepath.Join(dir, name), "mine")
	}
	check(t, os.Mkdir(filepath.Join(dir, "cpu-19990101T000001.000Z.prof"), 0o700))
	check(t, os.Symlink(filepath.Join(dir, others[0]), filepath.Join(dir, "cpu-19990101T000002.000Z.prof")))
	before := older(t, path)
	write(t, filepath.Join(dir, "cpu-19990101T000000.000Z.prof"), "ours, and old")
	synctest.Test(t, func(t *testing.T) {
		start(t, newFake().option(), profiling.WithFile(path))
		pass(11 * time.Second)
	})
	if got := older(t, path); !slices.Equal(got, before) {
		t.Errorf("there are %q, want %q", got, before)
	}
}

// The profile of the process before is put aside under the time of its writing.
func TestRestartKeepsTheProfileBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cpu.prof")
	write(t, path, "before")
	at := time.Date(1999, 12, 31, 23, 59, 0, 0, time.UTC)
	check(t, os.Chtimes(path, at, at))
	synctest.Test(t, func(t *testing.T) {
		start(t, newFake().option(), profiling.WithFile(path))
		pass(time.Second)
		if got := content(t, path); got != "before" {
			t.Errorf("while the first window is under way the file has %q", got)
		}
		pass(10 * time.Second)
	})
	aside := filepath.Join(filepath.Dir(path), "cpu-19991231T235900.000Z.prof")
	if got := content(t, aside); got != "before" {
		t.Errorf("aside is %q", got)
	}
	if got := content(t, path); got != "profile 1" {
		t.Errorf("the file has %q", got)
	}
}

// What a process left that was killed while it wrote is removed, when it is
// certain that nobody writes it any more.
func TestAbandonedFilesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "cpu.prof")
	dead, alive := filepath.Join(dir, ".cpu.prof.new-1"), filepath.Join(dir, ".cpu.prof.new-2")
	write(t, dead, "half a pro")
	write(t, alive, "half a pro")
	at := time.Now().Add(-time.Hour)
	check(t, os.Chtimes(dead, at, at))
	p := start(t, newFake().option(), profiling.WithFile(path), profiling.WithWindow(time.Millisecond))
	_, err := p.Capture(t.Context())
	check(t, err)
	check(t, p.Stop(t.Context()))
	if got := older(t, path); slices.Contains(got, filepath.Base(dead)) || !slices.Contains(got, filepath.Base(alive)) {
		t.Errorf("there are %q", got)
	}
}

func TestALinkStaysOne(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "elsewhere", "real.prof"), filepath.Join(dir, "cpu.prof")
	check(t, os.Mkdir(filepath.Dir(target), 0o700))
	write(t, target, "before")
	check(t, os.Symlink(target, link))
	synctest.Test(t, func(t *testing.T) {
		start(t, newFake().option(), profiling.WithFile(link))
		pass(11 * time.Second)
	})
	if got, err := os.Readlink(link); err != nil || got != target {
		t.Errorf("the link leads to %q, %v", got, err)
	}
	if got := content(t, target); got != "profile 1" {
		t.Errorf("its target has %q", got)
	}
}

// A directory that is removed is made again; what cannot be written is counted,
// said, and over with the next window.
func TestTroubleIsCountedAndPasses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "profiles")
	path := filepath.Join(dir, "cpu.prof")
	synctest.Test(t, func(t *testing.T) {
		counts, handler := newCounted(), new(told)
		start(t, newFake().option(), profiling.WithFile(path), profiling.WithMeterProvider(counts),
			profiling.WithErrorHandler(handler.Handle))
		pass(11 * time.Second)
		check(t, os.RemoveAll(dir))
		pass(20 * time.Second)
		if got := content(t, path); got != "profile 2" {
			t.Errorf("after the directory was removed there is %q", got)
		}

		for _, breaking := range []func() error{
			func() error { return os.WriteFile(dir, nil, 0o600) }, // a file where the directory should be
			func() error { return os.MkdirAll(path, 0o700) },      // a directory where the file should be
		} {
			check(t, os.RemoveAll(dir))
			check(t, breaking())
			pass(20 * time.Second)
		}
		if got := counts.windows(t)["write_failed"]; got != 2 {
			t.Errorf("%d failures were counted, want 2", got)
		}
		if errs := handler.All(); len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), "monitor: cpu profiling: ") {
			t.Errorf("told %q", errs)
		}
		if got := older(t, path); len(got) != 0 {
			t.Errorf("failing left %q", got)
		}
		check(t, os.RemoveAll(dir))
		pass(20 * time.Second)
		if got := content(t, path); got != "profile 5" {
			t.Errorf("when there is room again the file has %q", got)
		}
	})
}

// A relative path means the directory of the start.
func TestRelativePath(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	p := start(t, newFake().option(), profiling.WithFile("cpu.prof"), profiling.WithWindow(time.Millisecond))
	t.Chdir(t.TempDir())
	_, err := p.Capture(t.Context())
	check(t, err)
	check(t, p.Stop(t.Context()))
	if got := content(t, filepath.Join(dir, "cpu.prof")); !strings.HasPrefix(got, "profile ") {
		t.Errorf("the file has %q", got)
	}
}

// block is what a profile consists of in the tests that break off its writing.
const block = 256 << 10

// blocks is a profiler whose profiles each are of one letter.
func blocks() profiling.Option {
	var w io.Writer
	n := 0
	return profiling.WithFake(profiling.Fake{
		Begin: func(to io.Writer, _ int) error { w = to; return nil },
		End: func() {
			_, _ = io.WriteString(w, strings.Repeat(string(rune('a'+n%26)), block))
			n++
		},
	})
}

// whole reports whether a file is one of blocks' profiles, to the last byte.
func whole(data string) bool {
	return len(data) == block && strings.Count(data, data[:1]) == block
}
