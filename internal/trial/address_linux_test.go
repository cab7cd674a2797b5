package trial_test

import (
	"errors"
	"net"
	"strconv"
	"syscall"
	"testing"

	"github.com/otelperf/otelperf-go/internal/trial"
)

// TestAddressIsTaken: for all but who listens there by SO_REUSEADDR.
func TestAddressIsTaken(t *testing.T) {
	t.Parallel()
	_, port, err := net.SplitHostPort(trial.Address(t))
	trial.Check(t, err)
	n, err := strconv.Atoi(port)
	trial.Check(t, err)
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	trial.Check(t, err)
	defer func() { _ = syscall.Close(fd) }()
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: n, Addr: [4]byte{127, 0, 0, 1}}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("another one binds the port: %v", err)
	}
}
