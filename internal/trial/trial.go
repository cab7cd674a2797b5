// Package trial is what tests share that put a package to trouble: full disks,
// missing permission, kills. Only tests import it.
package trial

import (
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
)

// Check ends the test on an error.
func Check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A Told is an error handler that keeps what it is told. It may be used
// concurrently.
type Told struct {
	mu   sync.Mutex
	errs []error
}

// Handle keeps err.
func (h *Told) Handle(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.errs = append(h.errs, err)
}

// All returns what was told, in its order.
func (h *Told) All() []error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.errs)
}

const partVariable, pathVariable = "OTELPERF_TEST_PART", "OTELPERF_TEST_PATH"

// Child is the running test in a process of its own, where [Part] returns part
// and path. It is not started yet.
func Child(t testing.TB, part, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v") //nolint:gosec // this very program
	cmd.Env = append(os.Environ(), partVariable+"="+part, pathVariable+"="+path)
	return cmd
}

// Part returns what a [Child] is to do; "" in the test itself.
func Part() (part, path string) { return os.Getenv(partVariable), os.Getenv(pathVariable) }
