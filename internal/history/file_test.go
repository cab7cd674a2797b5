package history_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/history"
	"github.com/otelperf/otelperf-go/internal/otlpjson"
)

// interval is a collection of one operation that counts what it is told.
func interval(end time.Time, count uint64) *metricdata.ResourceMetrics {
	return &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{
		{Name: "otelperf.operation.duration", Unit: "s", Data: metricdata.Histogram[float64]{
			Temporality: metricdata.DeltaTemporality,
			DataPoints: []metricdata.HistogramDataPoint[float64]{{
				Attributes: attribute.NewSet(attribute.String("otelperf.operation.name", "search")),
				StartTime:  end.Add(-time.Minute), Time: end, Count: count, Sum: float64(count) * 0.02,
				Bounds: []float64{0.01, 0.1, 1}, BucketCounts: []uint64{0, count, 0, 0},
			}},
		}},
	}}}}
}

func open(t *testing.T, opts ...history.Option) *history.History {
	t.Helper()
	h, err := history.Open(opts...)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func closeHistory(t *testing.T, h *history.History) {
	t.Helper()
	if err := h.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

// counts returns the counts of the operation's points.
func counts(h *history.History) []uint64 {
	var out []uint64
	for _, l := range h.History("search", time.Time{}) {
		for _, p := range l.Points {
			out = append(out, p.Count)
		}
	}
	return out
}

// TestACrashAtAnyByteCostsALine cuts the file off everywhere, as kill -9 does.
func TestACrashAtAnyByteCostsALine(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "metrics.json")
	now := time.Now().Truncate(time.Second)
	h := open(t, history.WithFile(path))
	<-h.Loaded()
	const lines = 3
	for i := range lines {
		h.Observe(interval(now.Add(time.Duration(i-lines)*time.Minute), uint64(i+1)), nil)
	}
	closeHistory(t, h)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(whole, []byte("\n")); n != lines {
		t.Fatalf("the file has %d lines", n)
	}
	cut := filepath.Join(dir, "cut.json")
	for n := range len(whole) + 1 {
		if err := os.WriteFile(cut, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		h := open(t, history.WithFile(cut), history.WithErrorHandler(func(err error) { t.Errorf("%d bytes: %v", n, err) }))
		<-h.Loaded()
		h.Observe(interval(now, 99), nil)
		closeHistory(t, h)
		left := bytes.Count(whole[:n], []byte("\n"))
		if got := len(counts(h)); got != left+1 {
			t.Fatalf("%d bytes: %d points, want %d", n, got, left+1)
		}
		if s := h.Stats(); s.Damaged != 0 || s.Dropped != 0 {
			t.Fatalf("%d bytes: %+v", n, s)
		}
		after, err := os.ReadFile(cut)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(after) {
			if _, err := otlpjson.Decode(line); err != nil {
				t.Fatalf("%d bytes: a line cannot be read: %v", n, err)
			}
		}
	}
}

func TestDamagedLinesAreCounted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.json")
	now := time.Now()
	h := open(t, history.WithFile(path))
	<-h.Loaded()
	h.Observe(interval(now, 1), nil)
	closeHistory(t, h)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// A line from the year 2100 would make everything else look old.
	future := regexp.MustCompile(`UnixNano":(\s*)"\d+"`).ReplaceAll(good, []byte(`UnixNano":${1}"4102444800000000000"`))
	junk := strings.Join([]string{"\x00\xff{", `{"resourceMetrics":[{"scopeMetrics":7}]}`, "[]", `{"x":1}`, "", string(future)}, "\n")
	if err := os.WriteFile(path, append([]byte(junk), good...), 0o600); err != nil {
		t.Fatal(err)
	}
	h = open(t, history.WithFile(path))
	<-h.Loaded()
	defer closeHistory(t, h)
	if got := counts(h); len(got) != 1 || got[0] != 1 {
		t.Errorf("points %v", got)
	}
	if s := h.Stats(); s.Damaged != 5 {
		t.Errorf("%d damaged lines", s.Damaged)
	}
}

// TestNothingIsOlderThanTheRetention: to the minute, over all files.
func TestNothingIsOlderThanTheRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const retention = 2 * time.Hour
		dir := t.TempDir()
		path := filepath.Join(dir, "metrics.json")
		r := newRig(t, sdkmetric.CumulativeTemporalitySelector, history.WithFile(path), history.WithRetention(retention),
			history.WithErrorHandler(func(err error) { t.Error(err) }))
		<-r.Loaded()
		for range 5 * 60 {
			r.calls("search", 30, time.Millisecond, nil)
			r.interval()
			synctest.Wait()
		}
		oldest, n := oldestLine(t, dir)
		if age := time.Since(oldest); age > retention+time.Minute || age < retention-time.Minute {
			t.Errorf("the oldest line is %s old", age)
		}
		if n < 119 || n > 122 {
			t.Errorf("%d lines", n)
		}
		if got := counts(r.History); len(got) < 119 || len(got) > 121 {
			t.Errorf("%d points in memory", len(got))
		}
		// Time goes on where nothing is measured.
		<-time.After(90 * time.Minute)
		synctest.Wait()
		if oldest, n := oldestLine(t, dir); time.Since(oldest) > retention+time.Minute || n > 31 {
			t.Errorf("after a pause the oldest of %d lines is %s old", n, time.Since(oldest))
		}
		r.close()
	})
}

// oldestLine looks at all files with metrics, as their times say, not names.
func oldestLine(t *testing.T, dir string) (oldest time.Time, lines int) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "metrics*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(data) {
			all, err := otlpjson.Decode(line)
			if err != nil {
				t.Fatal(err)
			}
			lines++
			for _, m := range all[0].ScopeMetrics[0].Metrics {
				if h, ok := m.Data.(metricdata.Histogram[float64]); ok {
					if at := h.DataPoints[0].Time; oldest.IsZero() || at.Before(oldest) {
						oldest = at
					}
				}
			}
		}
	}
	return oldest, lines
}

func TestASecondWriterIsTold(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no such locks")
	}
	path := filepath.Join(t.TempDir(), "metrics.json")
	first := open(t, history.WithFile(path))
	<-first.Loaded()
	defer closeHistory(t, first)
	var told atomic.Bool
	second := open(t, history.WithFile(path), history.WithErrorHandler(func(err error) { told.Store(told.Load() || errors.Is(err, history.ErrInUse)) }))
	<-second.Loaded()
	second.Observe(interval(time.Now(), 1), nil)
	closeHistory(t, second)
	if !told.Load() {
		t.Error("nobody was told")
	}
	if s := second.Stats(); s.Written != 0 || s.Dropped != 1 {
		t.Errorf("%+v", s)
	}
	if len(counts(second)) != 1 {
		t.Error("the memory went without")
	}
}

// TestAnUnusableFileCostsOnlyLines: a folder that is a file, and a full disk.
func TestAnUnusableFileCostsOnlyLines(t *testing.T) {
	dir := t.TempDir()
	blocker := filepath.Join(dir, "file")
	if err := os.WriteFile(blocker, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	paths := []string{filepath.Join(blocker, "metrics.json"), dir}
	if _, err := os.Stat("/dev/full"); err == nil {
		link := filepath.Join(dir, "full.json")
		if err := os.Symlink("/dev/full", link); err == nil {
			paths = append(paths, link)
		}
	}
	for _, path := range paths {
		var told atomic.Int64
		h := open(t, history.WithFile(path), history.WithErrorHandler(func(error) { told.Add(1) }))
		<-h.Loaded()
		now := time.Now()
		for i := range 5 {
			h.Observe(interval(now.Add(time.Duration(i)*time.Second), 1), nil)
		}
		closeHistory(t, h)
		if s := h.Stats(); s.Dropped != 5 || s.Written != 0 {
			t.Errorf("%s: %+v", filepath.Base(path), s)
		}
		if n := told.Load(); n == 0 || n > 3 {
			t.Errorf("%s: told %d times", filepath.Base(path), n)
		}
		if len(counts(h)) != 5 {
			t.Errorf("%s: the memory lost points", filepath.Base(path))
		}
	}
}
