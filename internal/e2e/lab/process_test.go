package lab_test

import (
	"fmt"
	"net"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/internal/e2e/lab"
)

// TestPort: whoever gets a port can listen at it at once, also while other tests
// start processes; nobody else gets it, nor one that somebody listens at.
func TestPort(t *testing.T) {
	var others sync.WaitGroup
	var enough atomic.Bool
	var begun atomic.Int64
	for range 4 {
		others.Go(func() {
			for !enough.Load() {
				if err := exec.Command("true").Run(); err != nil {
					t.Error(err)
					begun.Add(1_000)
					return
				}
				begun.Add(1)
			}
		})
	}
	defer others.Wait()
	defer enough.Store(true)
	given := map[int]bool{taken(t): true}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	until := time.Now().Add(time.Minute)
	for n := 0; n < 100 || begun.Load() < 100; n++ { // as long as it takes for some to be started meanwhile
		if n >= 100 {
			<-tick.C
		}
		if time.Now().After(until) {
			t.Fatalf("%d processes were started while %d ports were given", begun.Load(), n)
		}
		port := lab.Port(t)
		if given[port] {
			t.Fatalf("port %d was given twice, or is taken", port)
		}
		given[port] = true
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		kept, err := net.ListenPacket("udp", listener.Addr().String())
		if err == nil {
			_ = kept.Close()
			t.Fatalf("another process could be given port %d", port)
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// taken returns a port that Port would give next and that somebody listens at, whom it
// does not know, until the test ends.
func taken(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := lab.Port(t) + 1
		address := fmt.Sprintf("127.0.0.1:%d", port)
		kept, err := net.ListenPacket("udp", address) // until it listens it may be another process'
		if err != nil {
			continue
		}
		listener, err := net.Listen("tcp", address)
		_ = kept.Close()
		if err == nil {
			t.Cleanup(func() { _ = listener.Close() })
			return port
		}
	}
	t.Fatal("no port after one that was given is free")
	return 0
}
