package history_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/history"
	"github.com/otelperf/otelperf-go/views"
)

func TestSettingsThatCannotWork(t *testing.T) {
	for name, o := range map[string]func(n int) history.Option{
		"retention": func(n int) history.Option { return history.WithRetention(time.Duration(n)) },
		"interval":  func(n int) history.Option { return history.WithInterval(time.Duration(n)) },
		"memory":    history.WithMemory,
		"series":    history.WithSeries,
	} {
		for _, n := range []int{-1, 0} {
			if h, err := history.Open(o(n)); err == nil || h != nil || !strings.HasPrefix(err.Error(), "history: ") {
				t.Errorf("%s of %d: %v", name, n, err)
			}
		}
		h, err := history.Open(o(1))
		if err != nil {
			t.Errorf("%s of 1: %v", name, err)
			continue
		}
		closeHistory(t, h)
	}
}

// Without a file everything is there at once, and on nothing all is empty.
func TestNilAndClosed(t *testing.T) {
	var none *history.History
	<-none.Loaded()
	none.Observe(interval(minute(1), 1), nil)
	none.Alert(alertAt(minute(1), "a"))
	if none.Changed() != nil || none.Series() != nil || none.Points("x", time.Time{}) != nil || none.History("x", time.Time{}) != nil || none.Stats() != (history.Stats{}) {
		t.Error("nothing has something")
	}
	closeHistory(t, none)

	h := open(t)
	<-h.Loaded()
	if from := h.Stats().From; !from.IsZero() {
		t.Errorf("nothing begins at %s", from)
	}
	changed := h.Changed()
	h.Observe(nil, nil)
	h.Observe(&metricdata.ResourceMetrics{}, nil)
	select {
	case <-changed:
		t.Error("a collection of nothing is a change")
	default:
	}
	h.Observe(interval(minute(1), 1), nil)
	<-changed
	if s := h.Stats(); s.Series != 1 || !s.From.Equal(minute(1)) {
		t.Errorf("there are %+v", s)
	}
	closeHistory(t, h)
	h.Observe(interval(minute(2), 2), nil)
	if got := counts(h); !slices.Equal(got, []uint64{1}) {
		t.Errorf("after Close there are %v", got)
	}
}

// many is a collection of so many operations, which make a long line.
func many(end time.Time, n int) *metricdata.ResourceMetrics {
	rm := interval(end, 1)
	h := rm.ScopeMetrics[0].Metrics[0].Data.(metricdata.Histogram[float64])
	for i := range n {
		p := h.DataPoints[0]
		p.Attributes = attribute.NewSet(attribute.String("otelperf.operation.name", fmt.Sprintf("%s-%d", strings.Repeat("x", 80), i)))
		h.DataPoints = append(h.DataPoints, p)
	}
	rm.ScopeMetrics[0].Metrics[0].Data = h
	return rm
}

// Lines longer than what is read at once are read back whole, and so are those
// around them.
func TestLongLines(t *testing.T) {
	file := filepath.Join(t.TempDir(), "metrics.json")
	now := time.Now().Truncate(time.Second)
	sizes := []int{1, 500, 0, 1500, 3}
	h := open(t, history.WithFile(file))
	<-h.Loaded()
	for i, n := range sizes {
		h.Observe(many(now.Add(time.Duration(i-len(sizes))*time.Minute), n), nil)
	}
	closeHistory(t, h)
	if info, err := os.Stat(file); err != nil || info.Size() < 500_000 {
		t.Fatalf("the file is short: %v, %v", info, err)
	}
	again := open(t, history.WithFile(file), history.WithErrorHandler(func(err error) { t.Error(err) }))
	defer closeHistory(t, again)
	<-again.Loaded()
	if got := len(counts(again)); got != len(sizes) || again.Stats().Damaged != 0 {
		t.Errorf("%d of %d lines were read back, %+v", got, len(sizes), again.Stats())
	}
	if got := len(again.Series()); got != 1501 {
		t.Errorf("%d series were read back", got)
	}
}

// What is older than the retention, or of a far future, is not read back.
func TestReadsBackWhatIsYoungEnough(t *testing.T) {
	file := filepath.Join(t.TempDir(), "metrics.json")
	now := time.Now().Truncate(time.Second)
	at := []time.Duration{-2*time.Hour - time.Second, -2 * time.Hour, -time.Hour, 0, 5 * time.Minute, 5*time.Minute + time.Second}
	h := open(t, history.WithFile(file), history.WithClock(func() time.Time { return now.Add(-time.Hour) }))
	<-h.Loaded()
	for i, d := range at {
		h.Observe(interval(now.Add(d), uint64(i+1)), nil)
	}
	closeHistory(t, h)
	again := open(t, history.WithFile(file), history.WithRetention(2*time.Hour), history.WithClock(func() time.Time { return now }))
	defer closeHistory(t, again)
	<-again.Loaded()
	// The one of five minutes ahead is the newest, so that two hours before it is all.
	if got := counts(again); !slices.Equal(got, []uint64{3, 4, 5}) {
		t.Errorf("read back are %v", got)
	}
	if from := again.Stats().From; from.Before(now.Add(-2 * time.Hour)) {
		t.Errorf("what is kept begins at %s", from)
	}
}

// The files take no more than their bytes, and about that: the oldest go.
func TestFilesAreBounded(t *testing.T) {
	const most = 400_000
	dir := t.TempDir()
	stranger := filepath.Join(dir, "metrics-notes.json") // is nobody's to remove
	for _, name := range []string{stranger, filepath.Join(dir, "metrics-20200102T150405.000Z.txt"), filepath.Join(dir, "other-20200102T150405.000Z.json")} {
		if err := os.WriteFile(name, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	left := filepath.Join(dir, "metrics-20200102T150405.000Z.json.tmp") // of a crash
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		h := open(t, history.WithFile(filepath.Join(dir, "metrics.json")), history.WithFileBytes(most),
			history.WithErrorHandler(func(err error) { t.Error(err) }))
		<-h.Loaded()
		if _, err := os.Stat(left); !os.IsNotExist(err) {
			t.Errorf("what a crash left is there still: %v", err)
		}
		for range 12 * 60 {
			<-time.After(time.Minute)
			h.Observe(many(time.Now(), 3), nil)
			synctest.Wait()
		}
		<-time.After(time.Minute)
		synctest.Wait()
		closeHistory(t, h)
	})
	var total int64
	files, others := 0, 0
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Size() > 10 {
			total += info.Size()
			files++
		} else if !strings.HasSuffix(e.Name(), ".lock") {
			others++
		}
	}
	if total > most || total < most/2 || files < 2 {
		t.Errorf("%d files take %d bytes of %d", files, total, most)
	}
	if others != 3 {
		t.Errorf("of three other files there are %d", others)
	}
}

// Judged values that are read back are what they were, whatever their numbers.
func TestJudgedValuesAreReadBack(t *testing.T) {
	file := filepath.Join(t.TempDir(), "metrics.json")
	now := time.Now().Truncate(time.Second)
	h := open(t, history.WithFile(file))
	<-h.Loaded()
	group := attribute.NewSet(attribute.String("http.route", "/a"), attribute.String("tenant", "é"))
	want := []views.Status{
		{Value: 12.5, Count: 7, State: views.OK, Target: 100}, {Value: 140, Count: 9, State: views.Firing, Target: 100},
		{Value: math.NaN(), State: views.Silent, Target: 100}, {Value: math.Inf(1), Count: 3, State: views.Pending, Target: math.NaN()},
		{Value: -1, Count: 1, State: views.Incomplete, Target: 0},
	}
	for i := range want {
		want[i].Name, want[i].Metric, want[i].Unit, want[i].Group = "judged", "m", "ms", group
		want[i].End = now.Add(time.Duration(i-len(want)) * time.Minute)
		h.Observe(interval(want[i].End, 1), want[i:i+1])
	}
	before := h.History("judged", time.Time{})
	closeHistory(t, h)
	again := open(t, history.WithFile(file), history.WithErrorHandler(func(err error) { t.Error(err) }))
	defer closeHistory(t, again)
	<-again.Loaded()
	after := again.History("judged", time.Time{})
	if len(after) != 1 || len(before) != 1 || after[0].ID != before[0].ID || after[0].Unit != "ms" || after[0].Metric != "m" {
		t.Fatalf("read back are %+v, they were %+v", after, before)
	}
	for i, p := range after[0].Points {
		b := before[0].Points[i]
		if math.IsInf(b.Value, 0) { // JSON has no such number: the state is all that is written
			b.Value, b.Count = math.NaN(), 0
		}
		if !p.End.Equal(b.End) || p.State != b.State || p.Count != b.Count || !near(p.Value, b.Value) {
			t.Errorf("point %d is %+v, it was %+v", i, p, b)
		}
	}
	if len(after[0].Points) != len(want) {
		t.Errorf("%d points were read back", len(after[0].Points))
	}
}
