//go:build unix

package notify_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/otelperf/otelperf-go/views/notify"
)

// As an unprivileged user, since root may do anything.
func TestOpenLogFileWithoutPermission(t *testing.T) {
	if name, path := part(); name != "" {
		_, err := notify.OpenLogFile(path)
		if !errors.Is(err, fs.ErrPermission) || !strings.HasPrefix(err.Error(), "notify: log file: ") {
			t.Errorf("got %v", err)
		}
		return
	}
	dir := t.TempDir()
	check(t, os.Chmod(dir, 0o500))
	unprivileged(t, child(t, "user", filepath.Join(dir, "new", "alerts.log")))
}

// A file that may be written and not be read is enough.
func TestLogFileThatMayOnlyBeWritten(t *testing.T) {
	if name, path := part(); name != "" {
		f, err := notify.OpenLogFile(path)
		check(t, err)
		check(t, f.Notify(background(), firing("a")))
		check(t, f.Notify(background(), firing("b")))
		check(t, f.Close())
		return
	}
	dir, err := os.MkdirTemp("", "notify-test-") //nolint:usetesting // the directories of t.TempDir are for one user alone
	check(t, err)
	t.Cleanup(func() { check(t, os.RemoveAll(dir)) })
	check(t, os.Chmod(dir, 0o755))
	path := filepath.Join(dir, "alerts.log")
	check(t, os.WriteFile(path, nil, 0o200))
	if os.Geteuid() == 0 {
		check(t, os.Chown(path, nobody, nobody))
	}
	unprivileged(t, child(t, "user", path))
	check(t, os.Chmod(path, 0o600))
	equal(t, names(t, path), []string{"a", "b"})
}

// Old files that cannot be removed cost no alert, and somebody is told.
func TestLogFileThatCannotPrune(t *testing.T) {
	if name, path := part(); name != "" {
		var told []error
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { told = append(told, err) }))
		f, err := notify.OpenLogFile(path, notify.WithRotation(notify.Rotation{MaxBytes: 1, KeepFiles: 1}))
		check(t, err)
		check(t, f.Notify(background(), firing("a")))
		check(t, f.Notify(background(), firing("b")))
		check(t, f.Close())
		if len(told) != 1 || !errors.Is(told[0], fs.ErrPermission) || !strings.HasPrefix(told[0].Error(), "notify: log file: removing old files: ") {
			t.Errorf("told %v", told)
		}
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can leave files that others cannot remove")
	}
	dir, err := os.MkdirTemp("", "notify-test-") //nolint:usetesting // the directories of t.TempDir are for one user alone
	check(t, err)
	t.Cleanup(func() { check(t, os.RemoveAll(dir)) })
	check(t, os.Chmod(dir, 0o777|fs.ModeSticky))
	check(t, os.WriteFile(filepath.Join(dir, rotatedAt(time.Now().Add(-time.Hour))), nil, 0o600))
	path := filepath.Join(dir, "alerts.log")
	unprivileged(t, child(t, "user", path))
	equal(t, names(t, path), []string{"b"})
}

// nobody is the user that tests run as if root runs them.
const nobody = 65534

// unprivileged runs cmd as a user who may not do everything.
func unprivileged(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		// The binary stands where only root may look.
		bin := filepath.Join(os.TempDir(), fmt.Sprintf("notify-test-%d", os.Getpid()))
		b, err := os.ReadFile(os.Args[0])
		check(t, err)
		check(t, os.WriteFile(bin, b, 0o755))
		t.Cleanup(func() { check(t, os.Remove(bin)) })
		cmd.Path = bin
		cmd.Dir = os.TempDir()
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
