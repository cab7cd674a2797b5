package history_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
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
	units := map[string]string{"otelperf.history.dropped": "{line}", "otelperf.history.rows.dropped": "{row}"}
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	out := make(map[string]map[string]int64)
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			sum, ok := m.Data.(metricdata.Sum[int64])
			if !ok || !sum.IsMonotonic || m.Unit == "" || units[m.Name] != m.Unit {
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

func wantRows(t *testing.T, reader sdkmetric.Reader, unusable, limit int64) {
	t.Helper()
	got := reported(t, reader)["otelperf.history.rows.dropped"]
	if len(got) != 2 || got["unusable"] != unusable || got["series_limit"] != limit {
		t.Errorf("dropped %v, want %d unusable, %d series_limit", got, unusable, limit)
	}
}

// four has the numbers of four series.
func four(end time.Time) *metricdata.ResourceMetrics {
	return levels(end, map[string]float64{"process.a": 1, "process.b": 2, "process.c": 3, "process.d": 4})
}

// TestDroppedRowsAreAMetric: of a History in memory, which loses no lines, and of none.
func TestDroppedRowsAreAMetric(t *testing.T) {
	h := open(t, history.WithSeries(2))
	defer closeHistory(t, h)
	reader, unregister := register(t, h)
	wantRows(t, reader, 0, 0)
	end := time.Now()
	for i := range 2 {
		rm := four(end.Add(time.Duration(i) * time.Second))
		rm.ScopeMetrics = append(rm.ScopeMetrics, levels(end, map[string]float64{"process.e": math.NaN()}).ScopeMetrics...)
		h.Observe(rm, nil)
		wantRows(t, reader, int64(i+1), 2*int64(i+1))
	}
	if got := reported(t, reader); len(got) != 1 {
		t.Errorf("reported %v", got)
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

// TestRowsDroppedWhileReadingBack: the count does not fall when what was observed
// meanwhile goes behind what the file held.
func TestRowsDroppedWhileReadingBack(t *testing.T) {
	hang := make(chan struct{})
	h := open(t, history.WithFile(t.TempDir()), history.WithSeries(2), history.WithErrorHandler(func(error) { <-hang }))
	defer closeHistory(t, h)
	reader, _ := register(t, h)
	h.Observe(four(time.Now()), nil)
	wantRows(t, reader, 0, 2)
	close(hang)
	<-h.Loaded()
	wantRows(t, reader, 0, 2)
	h.Observe(four(time.Now().Add(time.Second)), nil)
	wantRows(t, reader, 0, 4)
}

// TestRowsReadBackAreDroppedOnce: those of the file that find no room are on the page,
// but the process that wrote them has reported them.
func TestRowsReadBackAreDroppedOnce(t *testing.T) {
	opts := []history.Option{history.WithFile(filepath.Join(t.TempDir(), "metrics.json")), history.WithSeries(2)}
	now := time.Now()
	for i := range 2 {
		h := open(t, opts...)
		<-h.Loaded()
		reader, _ := register(t, h)
		wantRows(t, reader, 0, 0)
		h.Observe(four(now.Add(time.Duration(i)*time.Second)), nil)
		wantRows(t, reader, 0, 2)
		if s := h.Stats(); s.Turned != 2*int64(i+1) || s.Replayed != 2*int64(i) {
			t.Errorf("run %d: %+v", i, s)
		}
		closeHistory(t, h)
	}
}

// TestTooManyPoints: no more than 20,000 series of metrics are told apart.
func TestTooManyPoints(t *testing.T) {
	h := open(t)
	defer closeHistory(t, h)
	reader, _ := register(t, h)
	end := time.Now()
	var active metricdata.Sum[int64]
	for i := range 20_001 {
		active.DataPoints = append(active.DataPoints, metricdata.DataPoint[int64]{
			Attributes: attribute.NewSet(attribute.String("otelperf.operation.name", "search"), attribute.Int("part", i)), Time: end, Value: 1,
		})
	}
	active.Temporality = metricdata.CumulativeTemporality
	h.Observe(&metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{
		{Name: "otelperf.operation.active", Unit: "{operation}", Data: active},
	}}}}, nil)
	wantRows(t, reader, 0, 1)
	if got := values(t, h, "otelperf.operation.active"); len(got) != 1 || got[0] != 20_000 {
		t.Errorf("kept %v, want 20,000", got)
	}
}
