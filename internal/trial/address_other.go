//go:build !linux

package trial

import (
	"net"
	"testing"
)

// Address returns an address of this machine where connections are refused, until the
// test listens there. Somebody else can come before it, but by chance only.
func Address(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Check(t, err)
	Check(t, l.Close())
	return l.Addr().String()
}
