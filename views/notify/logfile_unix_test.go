//go:build unix

package notify_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/otelperf/otelperf-go/views/notify"
)

// child runs one test of this binary in another process, told by a variable to
// play the other part.
func child(t *testing.T, part, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "NOTIFY_TEST_PART="+part, "NOTIFY_TEST_PATH="+path)
	return cmd
}

func part() (name, path string) {
	return os.Getenv("NOTIFY_TEST_PART"), os.Getenv("NOTIFY_TEST_PATH")
}

// A disk that is full, played by a limit on the size of files: the line that
// does not fit is taken back to its last byte, and arrives when there is room.
func TestLogFileOnAFullDisk(t *testing.T) {
	if name, path := part(); name == "full" {
		fillDisk(t, path)
		return
	}
	path := filepath.Join(t.TempDir(), "alerts.log")
	out, err := child(t, "full", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	equal(t, names(t, path), []string{"a", "b"})
}

// An unfinished line of somebody else stays, and gets its end, though there is
// no room for ours.
func TestLogFileOnAFullDiskAfterOthers(t *testing.T) {
	const text = "a text without an end"
	if name, path := part(); name == "full" {
		signal.Ignore(syscall.SIGXFSZ)
		var limit syscall.Rlimit
		check(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
		small := limit
		setLimit(&small, int64(len(text)+10))
		check(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small))
		f, err := notify.OpenLogFile(path)
		check(t, err)
		if err := f.Notify(background(), firing("a")); err == nil {
			t.Error("no error, though the line does not fit")
		}
		check(t, f.Close())
		return
	}
	path := filepath.Join(t.TempDir(), "alerts.log")
	check(t, os.WriteFile(path, []byte(text), 0o600))
	if out, err := child(t, "full", path).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got, err := os.ReadFile(path)
	check(t, err)
	if string(got) != text+"\n" {
		t.Errorf("got %q, want %q", got, text+"\n")
	}
}

// fillDisk runs in a process of its own, as the limit is the process'.
func fillDisk(t *testing.T, path string) {
	signal.Ignore(syscall.SIGXFSZ) // by default it ends the process
	f, err := notify.OpenLogFile(path)
	check(t, err)
	check(t, f.Notify(background(), firing("a")))
	info, err := os.Stat(path)
	check(t, err)
	var limit syscall.Rlimit
	check(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
	small := limit
	setLimit(&small, info.Size()+100) // room for a part of the next line
	check(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small))
	for range 3 {
		if err := f.Notify(background(), firing("b")); err == nil {
			t.Fatal("no error, though the line does not fit")
		}
		if now, err := os.Stat(path); err != nil || now.Size() != info.Size() {
			t.Fatalf("the file has %d bytes, want %d as before: %v", now.Size(), info.Size(), err)
		}
	}
	check(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	check(t, f.Notify(background(), firing("b")))
	check(t, f.Close())
}

// A device that has no room for anything fails every attempt and is tried again.
func TestLogFileOnADeviceWithoutRoom(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full:", err)
	}
	link := filepath.Join(t.TempDir(), "alerts.log")
	check(t, os.Symlink("/dev/full", link))
	f := openLog(t, link, notify.WithRotation(notify.Rotation{MaxBytes: 1, MaxAge: time.Minute}))
	for range 2 {
		if err := f.Notify(background(), firing("a")); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("got %v, want %v", err, syscall.ENOSPC)
		}
	}
	// The way that an alert takes: nothing is lost while the disk is full.
	check(t, os.Remove(link))
	check(t, os.Symlink("/dev/full", link))
	synctest.Test(t, func(t *testing.T) {
		d := dispatcher(t, []notify.Target{{Name: "log_file", Send: f.Notify}})
		d.Notify(firing("a"))
		pass(10 * time.Minute)
		check(t, os.Remove(link))
		check(t, d.Shutdown(background()))
		if s := d.Stats()[0]; s.Failed < 10 || s.Delivered != 1 || len(s.Dropped) != 0 {
			t.Errorf("%+v", s)
		}
	})
	equal(t, names(t, link), []string{"a"})
}

// A pipe has no end to go back to, and no name to be rotated.
func TestLogFileIntoAPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	check(t, syscall.Mkfifo(path, 0o600))
	f := openLog(t, path, notify.WithRotation(notify.Rotation{MaxBytes: 1}))
	r, err := os.Open(path)
	check(t, err)
	check(t, f.Notify(background(), firing("a")))
	check(t, f.Notify(background(), firing("b")))
	check(t, f.Close())
	got, err := io.ReadAll(r)
	check(t, errors.Join(err, r.Close()))
	if n := strings.Count(string(got), "\n"); n != 2 {
		t.Errorf("got %d lines: %q", n, got)
	}
}

// Processes that append to one file, of which one is killed in the middle of
// it, leave whole lines only.
func TestLogFileOfSeveralProcesses(t *testing.T) {
	if name, path := part(); name != "" {
		f, err := notify.OpenLogFile(path, notify.WithRotation(notify.Rotation{MaxBytes: 64 << 10, KeepFiles: -1}))
		check(t, err)
		n := 200
		if name == "victim" {
			n = 1 << 30
		}
		for i := range n {
			check(t, f.Notify(background(), firing(fmt.Sprint(name, i))))
			if i == 50 {
				fmt.Println("\nunder way")
			}
		}
		check(t, f.Close())
		return
	}
	path := filepath.Join(t.TempDir(), "alerts.log")
	victim := child(t, "victim", path)
	out, err := victim.StdoutPipe()
	check(t, err)
	check(t, victim.Start())
	others := []*exec.Cmd{child(t, "x", path), child(t, "y", path)}
	for _, cmd := range others {
		check(t, cmd.Start())
	}
	for s := bufio.NewScanner(out); s.Scan() && s.Text() != "under way"; {
	}
	check(t, victim.Process.Kill())
	_ = victim.Wait() // killed
	for _, cmd := range others {
		check(t, cmd.Wait())
	}
	check(t, openLog(t, path).Notify(background(), firing("last")))
	count := make(map[byte]int)
	for _, file := range append(rotatedFiles(t, path), path) {
		for _, name := range names(t, file) {
			count[name[0]]++
		}
	}
	if count['x'] != 200 || count['y'] != 200 || count['v'] < 50 || count['l'] != 1 {
		t.Errorf("got %v", count)
	}
}

// Somebody who holds the lock and does not let go costs an attempt, not more.
func TestLogFileLockedByAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.log")
	f := openLog(t, path)
	other, err := os.Open(path)
	check(t, err)
	check(t, syscall.Flock(int(other.Fd()), syscall.LOCK_EX))
	ctx, cancel := context.WithTimeout(background(), 20*time.Millisecond)
	defer cancel()
	if err := f.Notify(ctx, firing("a")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	check(t, other.Close())
	check(t, f.Notify(background(), firing("b")))
	equal(t, names(t, path), []string{"b"})
}

// Whoever waited for the lock and finds the file put aside goes to the new one.
func TestLogFileRotatedWhileWaiting(t *testing.T) {
	dir := t.TempDir()
	path, aside := filepath.Join(dir, "alerts.log"), filepath.Join(dir, "aside.log")
	f := openLog(t, path)
	other, err := os.Open(path)
	check(t, err)
	check(t, syscall.Flock(int(other.Fd()), syscall.LOCK_EX))
	ctx := &looked{Context: background(), at: make(chan struct{}, 1000)}
	done := make(chan error, 1)
	go func() { done <- f.Notify(ctx, firing("a")) }()
	for range 3 { // it looks before it waits, and whenever it has waited a little
		<-ctx.at
	}
	check(t, os.Rename(path, aside))
	check(t, other.Close())
	check(t, <-done)
	equal(t, names(t, path), []string{"a"})
	equal(t, names(t, aside), nil)
	// The lock on the old file is not kept.
	old, err := os.Open(aside)
	check(t, err)
	check(t, syscall.Flock(int(old.Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
	check(t, old.Close())
}

// looked is a context that tells of each look at it.
type looked struct {
	context.Context
	at chan struct{}
}

func (l *looked) Err() error {
	l.at <- struct{}{}
	return l.Context.Err()
}

func (l *looked) Done() <-chan struct{} {
	l.at <- struct{}{}
	return l.Context.Done()
}

// What the zero Rotation stands for.
func TestLogFileDefaultLimits(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "alerts.log")
	f := openLog(t, path)
	for range notify.DefaultKeepFiles + 2 {
		check(t, os.WriteFile(path, []byte("\n"), 0o600))
		check(t, os.Truncate(path, notify.DefaultMaxBytes-1)) // sparse
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		check(t, err)
		_, err = file.WriteString("\n")
		check(t, errors.Join(err, file.Close()))
		check(t, f.Notify(background(), firing("a")))
		equal(t, names(t, path), []string{"a"})
	}
	if got := rotatedFiles(t, path); len(got) != notify.DefaultKeepFiles {
		t.Errorf("%d files are kept, want %d", len(got), notify.DefaultKeepFiles)
	}
}

// No descriptor stays behind, however often the file is another.
func TestLogFileDescriptors(t *testing.T) {
	open := func() int {
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("no list of descriptors:", err)
		}
		return len(fds)
	}
	path := filepath.Join(t.TempDir(), "alerts.log")
	f := openLog(t, path, notify.WithRotation(notify.Rotation{MaxBytes: 1}))
	before := open()
	for i := range 100 {
		if i%2 == 0 {
			check(t, os.Rename(path, path+".1"))
		}
		check(t, f.Notify(background(), firing("a")))
	}
	if after := open(); after > before+20 { // some of others that run beside
		t.Errorf("%d descriptors became %d", before, after)
	}
}

// A file that cannot be put aside grows on: an alert is worth more than a limit.
func TestLogFileThatCannotRotate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "alerts.log")
		// The name to rotate to is taken by something that cannot be replaced.
		taken := "alerts-" + time.Now().UTC().Format("20060102T150405.000Z") + ".log"
		check(t, os.Mkdir(filepath.Join(filepath.Dir(path), taken), 0o700))
		var told []error
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { told = append(told, err) }))
		defer otel.SetErrorHandler(otel.ErrorHandlerFunc(ignore))
		f, err := notify.OpenLogFile(path, notify.WithRotation(notify.Rotation{MaxBytes: 1}))
		check(t, err)
		for _, name := range []string{"a", "b", "c"} {
			check(t, f.Notify(background(), firing(name)))
		}
		equal(t, names(t, path), []string{"a", "b", "c"})
		if len(told) != 1 || !strings.HasPrefix(told[0].Error(), "notify: log file: rotating: ") {
			t.Errorf("told %v, want it once", told)
		}
		pass(time.Second) // another name
		check(t, f.Notify(background(), firing("d")))
		equal(t, names(t, path), []string{"d"})
		check(t, f.Close())
	})
}
