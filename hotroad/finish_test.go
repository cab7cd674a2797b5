package hotroad_test

import (
	"context"
	"runtime"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelperf/otelperf-go/hotroad"
)

// TestFinishIsNotWithdrawnByRecording as such: what is measured is exported
// nevertheless, and the overflow is nobody's to finish.
func TestFinishIsNotWithdrawnByRecording(t *testing.T) {
	t.Parallel()
	s := hot(t, []selector{cumulative}, nil, hotroad.WithCardinalityLimit(3))
	h := histogramOf(t, s, "duration")
	finish := func(attr attribute.KeyValue) {
		h.(interface {
			Finish(context.Context, ...attribute.KeyValue)
		}).Finish(t.Context(), attr)
	}
	b := bind(t, h, attribute.Int("k", 1))
	b.Record(t.Context(), 1)
	for k := 2; k < 4; k++ { // the second has no room, and is counted as k=0
		h.Record(t.Context(), 1, metric.WithAttributes(attribute.Int("k", k)))
	}
	finish(attribute.Int("k", 3))
	finish(attribute.Bool("otel.metric.overflow", true))
	finish(attribute.Int("never", 1))
	finish(attribute.Int("k", 1))
	b.Record(t.Context(), 1)
	h.Record(t.Context(), 1, metric.WithAttributes(attribute.Int("k", 1)))
	if got := byK(t, s.collect(t, 0)); len(got) != 3 || got[1].Count != 3 {
		t.Errorf("the last export: %v", got)
	}
	for range 100 {
		runtime.GC()
		if got := byK(t, s.collect(t, 0)); got[1].Count == 0 {
			break
		}
	}
	if got := byK(t, s.collect(t, 0)); got[1].Count != 0 || got[2].Count != 1 {
		t.Errorf("after the series was forgotten: %v", got)
	}
	runtime.KeepAlive(b)
}
