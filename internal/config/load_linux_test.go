package config_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/otelperf/otelperf-go/internal/config"
)

func TestUnreadablePaths(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large.toml")
	if err := os.WriteFile(large, bytes.Repeat([]byte("#"), 10<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	limit := filepath.Join(dir, "limit.toml")
	if err := os.WriteFile(limit, bytes.Repeat([]byte("#"), config.MaxFileSize), 0o600); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	file := write(t, "[monitoring]\n")
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing.toml")
	tests := []struct {
		path, want string
		is         error
	}{
		{missing, "config: " + missing + ": the file does not exist: check the path", fs.ErrNotExist},
		{"", "config: the path of a configuration file is empty: give a path or none at all", nil},
		{dir, "config: " + dir + ": this is a directory: give the path of a file in it", nil},
		{pipe, "config: " + pipe + ": this is not a regular file: give the path of a TOML file", nil},
		{large, "config: " + large + ": the file has 10485760 bytes or more, and a configuration may have 1048576: is it the right file?", nil},
		{filepath.Join(file, "x"), "config: " + filepath.Join(file, "x") + ": cannot read the file: not a directory", syscall.ENOTDIR},
		{loop, "config: " + loop + ": cannot read the file: too many levels of symbolic links", syscall.ELOOP},
		{"a\nb", `config: "a\nb": the file does not exist: check the path`, fs.ErrNotExist},
		{"a\x00b", `config: "a\x00b": cannot read the file: invalid argument`, nil},
	}
	for _, tt := range tests {
		_, err := config.Load(monitoringFile, tt.path)
		if err == nil {
			t.Errorf("%q: no error", tt.path)
			continue
		}
		checkError(t, err)
		if err.Error() != tt.want {
			t.Errorf("%q:\n got %s\nwant %s", tt.path, err, tt.want)
		}
		if tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%q: %v is not %v", tt.path, err, tt.is)
		}
	}
	if _, err := config.Load(limit); err != nil {
		t.Errorf("a file of exactly the limit: %v", err)
	}
}

// Root may read everything, so the test runs itself as somebody else.
func TestNoPermission(t *testing.T) {
	const variable = "OTELPERF_TEST_UNREADABLE"
	if dir := os.Getenv(variable); dir != "" {
		if _, err := config.Load(filepath.Join(dir, "open.toml")); err != nil {
			t.Errorf("a readable file beside it: %v", err)
		}
		_, err := config.Load(filepath.Join(dir, "closed.toml"))
		if err == nil {
			t.Fatal("no error for a file of mode 0000")
		}
		checkError(t, err)
		if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "closed.toml: no permission to read the file: make it readable for user ") {
			t.Error(err)
		}
		return
	}
	// The directories have to be passable for the other user.
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]fs.FileMode{"open.toml": 0o644, "closed.toml": 0} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("[monitoring]\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	// By this name a user finds the test binary who may not enter its directory.
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestNoPermission$", "-test.v")
	cmd.Env = append(os.Environ(), variable+"="+dir)
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Skipf("cannot run as another user: %v", err)
	}
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestNoPermission")) {
		t.Errorf("%v\n%s", err, out)
	}
}
