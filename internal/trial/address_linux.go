package trial

import (
	"net"
	"strconv"
	"syscall"
	"testing"
)

// Address returns an address of this machine where connections are refused, until the
// test listens there, as often as it likes. Until it ends nobody else can have the port,
// nor an outgoing connection: it is bound.
func Address(t testing.TB) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	Check(t, err)
	t.Cleanup(func() { _ = syscall.Close(fd) })
	Check(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	// Listeners of Go have it too, and may share the port with what does not listen.
	Check(t, syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1))
	name, err := syscall.Getsockname(fd)
	Check(t, err)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(name.(*syscall.SockaddrInet4).Port))
}
