package process_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/otelperf/otelperf-go/internal/process"
)

// A program may call itself what it likes, and /proc has that among the numbers.
func TestNamesWithBlanksAndParentheses(t *testing.T) {
	const file = "/proc/self/comm"
	name, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("a) R 1 (b"), 0); err != nil {
		t.Skipf("no name can be set here: %v", err)
	}
	defer func() { _ = os.WriteFile(file, name, 0) }()
	reader, _ := start(t)
	threads, got := status(t, "Threads"), collect(t, reader)
	between(t, got, "process.thread.count", threads, status(t, "Threads"), 0)
	if up := got["process.uptime"]; up <= 0 || up > 3600 {
		t.Errorf("process.uptime = %v", up)
	}
}

func TestNumbers(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []int64
		err  string
	}{
		"stat":         {"7 (a b) S 1 22 333", []int64{333, 22}, ""},
		"no name":      {"7 8 9 10", []int64{10, 9}, ""},
		"too short":    {"7 (a) S 1", nil, "has 2 fields, not the expected 4"},
		"not a number": {"7 (a) S 1 x y", nil, `field 3: strconv.ParseInt: parsing "y"`},
		"empty":        {"", nil, "has 0 fields"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "stat")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := process.Numbers(file, 3, 2)
			if c.err == "" && (err != nil || !slices.Equal(got, c.want)) {
				t.Errorf("got %v, %v, want %v", got, err, c.want)
			}
			if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), file)) {
				t.Errorf("got %v, %v, want an error of %s with %q", got, err, file, c.err)
			}
		})
	}
	if _, err := process.Numbers(filepath.Join(t.TempDir(), "none"), 0); !os.IsNotExist(err) {
		t.Errorf("got %v of a file that is not there", err)
	}
}

// Of older kernels the folder has no size, as that of the threads has none on any.
func TestCountDescriptors(t *testing.T) {
	n, err := process.CountDescriptors("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(len(entries) - 1); n != want {
		t.Errorf("%d descriptors, want %d", n, want)
	}
	before := status(t, "Threads")
	n, err = process.CountDescriptors("/proc/self/task")
	if after := status(t, "Threads"); err != nil || float64(n) < before-1 || float64(n) > after-1 {
		t.Errorf("%d entries less one, %v, want %v to %v less one", n, err, before, after)
	}
}
