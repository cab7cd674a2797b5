package trial_test

import (
	"errors"
	"net"
	"runtime"
	"syscall"
	"testing"

	"github.com/otelperf/otelperf-go/internal/trial"
)

// TestAddress: nobody listens at the address, and the test can, one time after the other.
func TestAddress(t *testing.T) {
	t.Parallel()
	address := trial.Address(t)
	refused := func() {
		t.Helper()
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		if runtime.GOOS != "windows" && !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("connecting: %v", err)
		}
	}
	refused()
	for range 2 {
		l, err := net.Listen("tcp", address)
		trial.Check(t, err)
		c, err := net.Dial("tcp", address)
		trial.Check(t, err)
		trial.Check(t, c.Close())
		trial.Check(t, l.Close())
		refused()
	}
}
