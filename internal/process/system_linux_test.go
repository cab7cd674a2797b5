package process_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/otelperf/otelperf-go/internal/process"
)

// TestMain lets the test binary stand in for a process of its own: it says
// how many CPUs it may use as soon as its standard input ends.
func TestMain(m *testing.M) {
	if affinity := os.Getenv("OTELPERF_TEST_CPUS"); affinity != "" {
		_, _ = bufio.NewReader(os.Stdin).ReadString(0)
		if affinity == "1" {
			var set unix.CPUSet
			err := unix.SchedGetaffinity(os.Getpid(), &set)
			for cpu, found := 0, false; cpu < 1024; cpu++ {
				if set.IsSet(cpu) && found {
					set.Clear(cpu)
				}
				found = found || set.IsSet(cpu)
			}
			if err == nil {
				err = unix.SchedSetaffinity(os.Getpid(), &set)
			}
			if err != nil {
				fmt.Println(err)
			}
		}
		cpus, err := process.CPUs()
		fmt.Println(cpus, err)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// status reads /proc/self/status.
func status(t *testing.T, key string) float64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, key+":"); ok {
			v, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("/proc/self/status has no %s", key)
	return 0
}

func getrusage(t *testing.T) syscall.Rusage {
	t.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAgreesWithTheOperatingSystem(t *testing.T) {
	reader, _ := start(t)
	var ballast [][]byte
	for range 64 { // have something of everything
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		ballast = append(ballast, b)
	}
	if _, err := exec.CommandContext(t.Context(), "true").Output(); err != nil {
		t.Fatal(err)
	}

	usage, rss, size, threads := getrusage(t), status(t, "VmRSS"), status(t, "VmSize"), status(t, "Threads")
	got := collect(t, reader)
	usage2, rss2, size2, threads2 := getrusage(t), status(t, "VmRSS"), status(t, "VmSize"), status(t, "Threads")

	seconds := func(tv syscall.Timeval) float64 { return float64(tv.Nano()) / 1e9 }
	between(t, got, "process.cpu.time user", seconds(usage.Utime), seconds(usage2.Utime), 0)
	between(t, got, "process.cpu.time system", seconds(usage.Stime), seconds(usage2.Stime), 0)
	between(t, got, "process.paging.faults minor", float64(usage.Minflt), float64(usage2.Minflt), 0)
	between(t, got, "process.paging.faults major", float64(usage.Majflt), float64(usage2.Majflt), 0)
	between(t, got, "process.context_switches voluntary", float64(usage.Nvcsw), float64(usage2.Nvcsw), 0)
	between(t, got, "process.context_switches involuntary", float64(usage.Nivcsw), float64(usage2.Nivcsw), 0)
	between(t, got, "process.memory.usage", rss*1024, rss2*1024, 4<<20)
	between(t, got, "process.memory.virtual", size*1024, size2*1024, 1<<20)
	between(t, got, "process.thread.count", threads, threads2, 0)
	if got["process.memory.usage"] < 64<<20 {
		t.Errorf("process.memory.usage = %v while 64 MiB are in use", got["process.memory.usage"])
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	between(t, got, "process.unix.file_descriptor.limit", float64(limit.Cur), float64(limit.Cur), 0)
	if len(ballast) != 64 {
		t.Error("the ballast is gone")
	}
}

func TestFileDescriptors(t *testing.T) {
	reader, _ := start(t)
	before := collect(t, reader)["process.unix.file_descriptor.count"]
	for i := range 50 {
		f, err := os.Create(filepath.Join(t.TempDir(), strconv.Itoa(i)))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	got := collect(t, reader)
	between(t, got, "process.unix.file_descriptor.count", before+50, before+50, 0)
	between(t, got, "process.unix.file_descriptor.count", float64(len(entries)), float64(len(entries)), 1)
}

func TestAgreesWithPS(t *testing.T) {
	ps, err := exec.LookPath("ps")
	if err != nil {
		t.Skip("there is no ps")
	}
	reader, _ := start(t)
	before := collect(t, reader)
	out, err := exec.CommandContext(t.Context(), ps, "-o", "rss=,vsz=,nlwp=,etimes=,cputimes=", "-p", strconv.Itoa(os.Getpid())).Output()
	if err != nil {
		t.Skipf("ps does not say: %v", err)
	}
	got := collect(t, reader)
	var rss, vsz, threads, elapsed, cpu float64
	if _, err := fmt.Sscan(string(out), &rss, &vsz, &threads, &elapsed, &cpu); err != nil {
		t.Fatalf("ps says %q: %v", out, err)
	}
	between(t, got, "process.memory.usage", rss*1024, rss*1024, 16<<20)
	between(t, got, "process.memory.virtual", vsz*1024, vsz*1024, 256<<20)
	between(t, got, "process.thread.count", threads, threads, 3)
	got["elapsed"] = elapsed // in whole seconds
	between(t, got, "elapsed", before["process.uptime"], got["process.uptime"], 1.5)
	got["cpu"] = got["process.cpu.time user"] + got["process.cpu.time system"]
	between(t, got, "cpu", cpu, cpu, 1.5)
}

// A process that keeps one CPU busy is seen to.
func TestUtilizationIsReal(t *testing.T) {
	cpus, err := process.CPUs()
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	read := func() (used, at float64) { // in seconds
		u := getrusage(t)
		return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9, time.Since(begin).Seconds()
	}
	// The package reads between the first two, and between the last two.
	used0, at0 := read()
	reader, _ := start(t, process.WithWindow(200*time.Millisecond))
	used1, at1 := read()
	for time.Since(begin).Seconds() < at1+0.25 {
	}
	used2, at2 := read()
	got := collect(t, reader)
	used3, at3 := read()
	least, most := (used2-used1)/(at3-at0)/cpus, min((used3-used0)/(at2-at1)/cpus, 1)
	const ticks = 0.05 // the kernel may count in hundredths of a second
	if v := got["process.cpu.utilization user"] + got["process.cpu.utilization system"]; v < least-ticks || v > most+ticks || v <= 0 {
		t.Errorf("utilization = %v, getrusage says %v to %v of %v CPUs", v, least, most, cpus)
	}
}

// child starts a process in which only prepare and affinity differ, and
// returns how many CPUs it may use.
func child(t *testing.T, affinity string, prepare func(pid int) error) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), "OTELPERF_TEST_CPUS="+affinity)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	prepareErr := prepare(cmd.Process.Pid)
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if prepareErr != nil {
		t.Skip(prepareErr)
	}
	return strings.TrimSpace(out.String())
}

func TestCPUsFollowAffinity(t *testing.T) {
	if cpus, err := process.CPUs(); err != nil || cpus < 1 {
		t.Skipf("%v CPUs, %v: a quota below one CPU is in force", cpus, err)
	}
	if got := child(t, "1", func(int) error { return nil }); got != "1 <nil>" {
		t.Errorf("bound to one CPU, the process may use %s", got)
	}
}

// The quota of a real group of its own.
func TestCPUsFollowQuota(t *testing.T) {
	const v1, v2 = "/sys/fs/cgroup/cpu", "/sys/fs/cgroup"
	root, files := v2, map[string]string{"cpu.max": "50000 100000"}
	if _, err := os.Stat(filepath.Join(v1, "cpu.cfs_quota_us")); err == nil {
		root, files = v1, map[string]string{"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "50000"}
	}
	outer := filepath.Join(root, fmt.Sprintf("otelperf-test-%d", os.Getpid()))
	inner := filepath.Join(outer, "inner")
	for _, dir := range []string{outer, inner} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Skipf("no group can be made here: %v", err)
		}
		defer func() { _ = os.Remove(dir) }()
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(outer, name), []byte(text), 0); err != nil {
			t.Skipf("no quota can be set here: %v", err)
		}
	}
	got := child(t, "all", func(pid int) error {
		return os.WriteFile(filepath.Join(inner, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0)
	})
	if got != "0.5 <nil>" {
		t.Errorf("with a quota of half a CPU around its group, the process may use %s", got)
	}
}
