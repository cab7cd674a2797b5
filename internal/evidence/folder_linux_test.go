package evidence_test

import (
	"bytes"
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
)

// A disk that is full: a file system of a given size, which a process in its
// own name space may mount.
func TestFullDisk(t *testing.T) {
	if name, dir := part(); name == "mounts" {
		if err := syscall.Mount("none", dir, "tmpfs", 0, "size=300k"); err != nil {
			os.Stdout.WriteString("\ncannot mount: " + err.Error() + "\n")
			return
		}
		defer syscall.Unmount(dir, 0)
		synctest.Test(t, func(t *testing.T) { fillDisk(t, dir) })
		return
	}
	cmd := child(t, "mounts", t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.ENOSYS) || bytes.Contains(out, []byte("\ncannot mount: ")) {
		t.Skipf("a file system cannot be mounted here: %v\n%s", err, out)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func fillDisk(t *testing.T, dir string) {
	ballast := filepath.Join(dir, "ballast")
	counts, handler := newCounted(), new(told)
	c := start(t, dir, evidence.WithProfiler(profiler{}), fill(200<<10), evidence.WithMeterProvider(counts),
		evidence.WithErrorHandler(handler.Handle), evidence.WithLimits(evidence.Limits{Burst: 10}))
	gather := func(name string) string {
		t.Helper()
		path := c.Reserve(firing(name))
		pass(11 * time.Second)
		return path
	}

	whole := gather("whole")
	if x := readIndex(t, whole); x.State != "complete" {
		t.Fatalf("with room enough: %+v", x)
	}
	partial := gather("partial") // there is room for all but the source
	x := readIndex(t, partial)
	if x.State != "partial" {
		t.Errorf("with little room: %+v", x)
	}
	for _, f := range x.Files {
		if (f.Error != "") != (f.Name == "series.json") {
			t.Errorf("%+v", f)
		}
	}
	if got := names(t, partial); slices.Contains(got, "series.json") || !slices.Contains(got, "cpu.pprof") || slices.Contains(got, "index.json.new") {
		t.Errorf("files %q", got)
	}
	if got, want := counts.read(t), map[string]int64{"folders": 2, "write_failed": 1}; !maps.Equal(got, want) {
		t.Errorf("counted %v, want %v", got, want)
	}

	err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	nothing := gather("nothing")
	if _, err := os.Stat(nothing); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an empty folder was left: %v", err)
	}
	if got := counts.read(t); got["folders"] != 2 || got["write_failed"] < 2 {
		t.Errorf("on a full disk: counted %v", got)
	}
	if errs := handler.All(); len(errs) != 2 || !errors.Is(errs[0], syscall.ENOSPC) || !errors.Is(errs[1], syscall.ENOSPC) {
		t.Errorf("told %q", errs)
	}
	if x := readIndex(t, whole); x.State != "complete" {
		t.Errorf("the one before is not whole any more: %+v", x)
	}

	check(t, os.Remove(ballast))
	check(t, os.RemoveAll(whole))
	if x := readIndex(t, gather("again")); x.State != "complete" {
		t.Errorf("with room again: %+v", x)
	}
}
