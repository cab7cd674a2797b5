package history_test

import (
	"math"
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
	return reported(t, reader)["otelperf.history.dropped"]
}

// reported returns the metrics of a History by name and reason.
func reported(t *testing.T, reader sdkmetric.Reader) map[string]map[string]int64 {
	t.Helper()
	units := map[string]string{"otelperf.history.dropped": "{line}", "otelperf.history.points.dropped": "{data_point}"}
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	out := make(map[string]map[string]int64)
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			sum, ok := m.Data.(metricdata.Sum[int64])
			if !ok || !sum.IsMonotonic || m.Description == "" || units[m.Name] != m.Unit {
				t.Fatalf("unexpected: %+v", m)
			}
			out[m.Name] = make(map[string]int64)
			for _, p := range sum.DataPoints {
				reason, _ := p.Attributes.Value("otelperf.drop.reason")
				out[m.Name][reason.AsString()] = p.Value
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
	if got := reported(t, reader); len(got) != 0 {
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

// TestPointsNotKeptAreAMetric: in memory only, where no lines are lost, and none at all.
func TestPointsNotKeptAreAMetric(t *testing.T) {
	h := open(t, history.WithSeries(2))
	defer closeHistory(t, h)
	reader, unregister := register(t, h)
	points := func(unusable, limit int64) {
		t.Helper()
		got := reported(t, reader)
		by := got["otelperf.history.points.dropped"]
		if len(got) != 1 || len(by) != 2 || by["unusable"] != unusable || by["series_limit"] != limit {
			t.Errorf("reported %v, want %d unusable points and %d over the limit of series", got, unusable, limit)
		}
	}
	points(0, 0)
	end := time.Now()
	for i := range 2 {
		end = end.Add(time.Duration(i) * time.Second)
		h.Observe(levels(end, map[string]float64{"process.a": 1, "process.b": 2, "process.c": 3, "process.d": 4, "process.e": math.NaN()}), nil)
		points(int64(i+1), 2*int64(i+1))
	}
	if err := unregister(); err != nil {
		t.Error(err)
	}
	if got := reported(t, reader); len(got) != 0 {
		t.Errorf("reported after the end: %v", got)
	}
	var none *history.History
	reader, unregister = register(t, none)
	if got := reported(t, reader); len(got) != 0 {
		t.Errorf("none reported %v", got)
	}
	if err := unregister(); err != nil {
		t.Error(err)
	}
}
