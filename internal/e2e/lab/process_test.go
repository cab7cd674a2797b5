package lab_test

import (
	"fmt"
	"net"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/otelperf/otelperf-go/internal/e2e/lab"
)

// TestPort: whoever gets a port can listen at it at once, also while other tests
// start processes; nobody else gets it, nor one that somebody listens at.
func TestPort(t *testing.T) {
	var others sync.WaitGroup
	var enough atomic.Bool
	for range 4 {
		others.Go(func() {
			for !enough.Load() {
				if err := exec.Command("true").Run(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	defer others.Wait()
	defer enough.Store(true)
	taken := lab.Port(t) + 1
	if listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", taken)); err == nil {
		defer listener.Close()
	}
	given := map[int]bool{taken: true}
	for range 500 {
		port := lab.Port(t)
		if given[port] {
			t.Fatalf("port %d was given twice, or is taken", port)
		}
		given[port] = true
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		kept, err := net.ListenPacket("udp", listener.Addr().String())
		if err == nil {
			_ = kept.Close()
			t.Fatalf("another process could be given port %d", port)
		}
	}
}
