package main

import (
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/internal/bench/demo"
)

// TestCollect counts what a service exports, and fails where it exports nothing or the
// page is not told.
func TestCollect(t *testing.T) {
	t.Parallel()
	const every = 20 * time.Millisecond
	sink, err := demo.NewSink(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	x := &running{contender: contender{name: "full"}, sink: sink}
	x.Process = startService(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.URL)
	before := cpuOf(t, x.Process)
	got, err := x.collect(t.Context(), every, 10)
	if err != nil {
		t.Fatal(err)
	}
	if all := cpuOf(t, x.Process) - before; got.Name != "full" || got.N < 10 || got.Every != every ||
		got.CPU <= 0 || got.CPU*time.Duration(got.N) > all {
		t.Errorf("got %+v of %v CPU time", got, all)
	}
	x.page = true
	if _, err := x.collect(t.Context(), every, 1); err == nil {
		t.Error("a page that is told of nothing is no error")
	}
}
