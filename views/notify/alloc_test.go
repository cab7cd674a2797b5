//go:build !race

package notify_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/otelperf/otelperf-go/views"
	"github.com/otelperf/otelperf-go/views/notify"
)

// What Notify allocates is the alert's ID and its place in the queues, however
// many wait already.
func TestAllocationsOfNotify(t *testing.T) {
	release := make(chan struct{})
	d := dispatcher(t, []notify.Target{{Name: "a", Send: func(context.Context, views.Alert) error { <-release; return nil }}})
	var waiting []views.Alert
	for i := range notify.DefaultQueueSize {
		waiting = append(waiting, firing(fmt.Sprint("alert ", i)))
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for _, a := range waiting {
		d.Notify(a)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := (after.HeapAlloc - before.HeapAlloc) / notify.DefaultQueueSize; each > 1<<10 {
		t.Errorf("an alert that waits takes %d bytes, want at most 1 KiB", each)
	}
	reminder := waiting[len(waiting)-1]
	if got := testing.AllocsPerRun(100, func() { d.Notify(reminder) }); got > 8 {
		t.Errorf("a reminder allocates %v times, want at most 8", got)
	}
	refused := firing("one too many")
	if got := testing.AllocsPerRun(100, func() { d.Notify(refused) }); got > 8 {
		t.Errorf("a refused alert allocates %v times, want at most 8", got)
	}
	close(release)
	check(t, d.Shutdown(background()))
}
