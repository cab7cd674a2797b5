package history_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/history"
)

// lost returns otelperf.history.dropped by reason.
func lost(t *testing.T, reader sdkmetric.Reader) map[string]int64 {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	out := make(map[string]int64)
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			sum, ok := m.Data.(metricdata.Sum[int64])
			if !ok || !sum.IsMonotonic || m.Name != "otelperf.history.dropped" || m.Unit != "{line}" {
				t.Fatalf("unexpected: %+v", m)
			}
			for _, p := range sum.DataPoints {
				reason, _ := p.Attributes.Value("otelperf.drop.reason")
				out[reason.AsString()] = p.Value
			}
		}
	}
	return out
}

func register(t *testing.T, h *history.History) (sdkmetric.Reader, func() error) {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	unregister, err := h.Register(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	if err != nil {
		t.Fatal(err)
	}
	return reader, unregister
}

func want(t *testing.T, got map[string]int64, failed, overrun, damaged int64) {
	t.Helper()
	if len(got) != 3 || got["write_failed"] != failed || got["queue_full"] != overrun || got["damaged"] != damaged {
		t.Errorf("lost %v, want %d write_failed, %d queue_full, %d damaged", got, failed, overrun, damaged)
	}
}

// TestLostLinesAreAMetric: a file that cannot be opened, by a writer that hangs.
func TestLostLinesAreAMetric(t *testing.T) {
	hang := make(chan struct{})
	h := open(t, history.WithFile(t.TempDir()), history.WithErrorHandler(func(error) { <-hang }))
	reader, unregister := register(t, h)
	want(t, lost(t, reader), 0, 0, 0)
	now := time.Now()
	for i := range 20 { // 16 can wait
		h.Observe(interval(now.Add(time.Duration(i)*time.Second), 1), nil)
	}
	want(t, lost(t, reader), 0, 4, 0)
	close(hang)
	closeHistory(t, h)
	want(t, lost(t, reader), 16, 4, 0)
	if s := h.Stats(); s.Dropped != 20 {
		t.Errorf("%+v", s)
	}
	if err := unregister(); err != nil {
		t.Error(err)
	}
	if got := lost(t, reader); len(got) != 0 {
		t.Errorf("reported after the end: %v", got)
	}
}

func TestDamagedLinesAreAMetric(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.json")
	if err := os.WriteFile(path, []byte("{}\nno line of ours\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := open(t, history.WithFile(path))
	<-h.Loaded()
	defer closeHistory(t, h)
	reader, _ := register(t, h)
	want(t, lost(t, reader), 0, 0, 2)
}

// TestNoFileLosesNoLines: nil and in memory only.
func TestNoFileLosesNoLines(t *testing.T) {
	h := open(t)
	defer closeHistory(t, h)
	for _, h := range []*history.History{nil, h} {
		reader, unregister := register(t, h)
		if got := lost(t, reader); len(got) != 0 {
			t.Errorf("reported %v", got)
		}
		if err := unregister(); err != nil {
			t.Error(err)
		}
	}
}
