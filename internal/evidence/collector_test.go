package evidence_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/internal/evidence"
	"github.com/otelperf/otelperf-go/internal/profiling"
	"github.com/otelperf/otelperf-go/views"
)

// series is a source that names the alerts it is written for.
func series(wrote *[]string) evidence.Source {
	return evidence.Source{
		Name: "series.json", About: "the last intervals", Open: "less series.json",
		Write: func(w io.Writer, alerts []views.Alert) error {
			for _, a := range alerts {
				*wrote = append(*wrote, a.Name)
			}
			_, err := io.WriteString(w, "{}\n")
			return err
		},
	}
}

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "evidence")
	synctest.Test(t, func(t *testing.T) {
		var wrote []string
		counts := newCounted()
		c := start(t, dir, evidence.WithMeterProvider(counts), evidence.WithSource(series(&wrote)),
			evidence.WithProfiler(profiler{last: profiling.Profile{End: time.Now(), Data: []byte("before")}}))
		pass(1500 * time.Millisecond)

		path := c.Reserve(firing("search_ms"))
		if want := filepath.Join(dir, "20000101T000001.500Z-search_ms-1"); path != want {
			t.Fatalf("reserved %q, want %q", path, want)
		}
		synctest.Wait()
		if x := readIndex(t, path); x.State != "gathering" || !slices.Equal(x.alerts(), []string{"search_ms"}) {
			t.Errorf("meanwhile the index says %+v", x)
		}
		pass(10 * time.Second)

		want := []string{
			"README", "build.txt", "cpu-before.pprof", "cpu.pprof", "goroutine.pprof", "goroutine.txt",
			"heap.pprof", "index.json", "series.json",
		}
		if got := names(t, path); !slices.Equal(got, want) {
			t.Errorf("files %q, want %q", got, want)
		}
		x := readIndex(t, path)
		if x.Version != 1 || x.State != "complete" || x.Ended.Sub(x.Started) != 10*time.Second || len(x.Files) != len(want)-2 {
			t.Errorf("index %+v", x)
		}
		readme, err := os.ReadFile(filepath.Join(path, "README"))
		check(t, err)
		if !strings.Contains(string(readme), "\n  ALERT search_ms = 140.000 exceeds baseline 100.000 by 40.0%\n") {
			t.Errorf("the README does not name the alert:\n%s", readme)
		}
		for _, f := range x.Files {
			info, err := os.Stat(filepath.Join(path, f.Name))
			check(t, err)
			if info.Size() == 0 || info.Size() != f.Bytes || f.Error != "" || f.About == "" {
				t.Errorf("%d bytes, index %+v", info.Size(), f)
			}
			if !strings.Contains(string(readme), "\n"+f.Name+" ") || !strings.Contains(string(readme), " "+f.Open+" ") {
				t.Errorf("the README does not say what opens %s:\n%s", f.Name, readme)
			}
		}
		if a := x.Alerts[0]; a.Evidence != path || !strings.HasSuffix(a.Message, " evidence="+path) {
			t.Errorf("alert in the index: %+v", a)
		}
		if !slices.Equal(wrote, []string{"search_ms"}) {
			t.Errorf("the source was written for %q", wrote)
		}
		if got, want := counts.read(t), map[string]int64{"folders": 1}; !maps.Equal(got, want) {
			t.Errorf("counted %v, want %v", got, want)
		}
		for _, d := range []string{filepath.Dir(dir), dir, path} {
			mode(t, d, os.ModeDir|0o700)
		}
		for _, name := range want {
			mode(t, filepath.Join(path, name), 0o600)
		}
	})
}

func mode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	check(t, err)
	if info.Mode() != want {
		t.Errorf("%s has mode %s, want %s", path, info.Mode(), want)
	}
}

// What fires while evidence is gathered shares it, and reminders keep the path.
func TestAlertsShareAFolder(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		counts := newCounted()
		c := start(t, dir, evidence.WithProfiler(profiler{}), evidence.WithMeterProvider(counts))
		first := c.Reserve(firing("first"))
		pass(9 * time.Second)
		if second := c.Reserve(firing("second")); second != first {
			t.Errorf("the second goes to %q", second)
		}
		pass(2 * time.Second)
		if got := readIndex(t, first).alerts(); !slices.Equal(got, []string{"first", "second"}) {
			t.Errorf("the index names %q", got)
		}
		third := c.Reserve(firing("third"))
		if third == first || third == "" {
			t.Errorf("the third, too late to share, goes to %q", third)
		}
		pass(time.Hour)
		for name, want := range map[string]string{"first": first, "second": first, "third": third, "fourth": ""} {
			again := firing(name)
			again.Reminder = true
			if got := c.Reserve(again); got != want {
				t.Errorf("a reminder of %s has %q, want %q", name, got, want)
			}
		}
		resolved := firing("first")
		resolved.State = views.Resolved
		if got := c.Reserve(resolved); got != "" {
			t.Errorf("a resolved alert has %q", got)
		}
		again := firing("first")
		again.Reminder = true
		if got := c.Reserve(again); got != "" {
			t.Errorf("a reminder after it resolved has %q", got)
		}
		if got, want := counts.read(t), map[string]int64{"folders": 2}; !maps.Equal(got, want) {
			t.Errorf("counted %v, want %v", got, want)
		}
	})
}

// A storm of groups makes one folder, whose index stays readable.
func TestStorm(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c := start(t, dir, evidence.WithProfiler(profiler{}))
		var all sync.WaitGroup
		for i := range 1500 {
			all.Go(func() { c.Reserve(firing("slow", attribute.Int("route", i))) })
		}
		all.Wait()
		pass(11 * time.Second)
		folders := names(t, dir)
		if len(folders) != 1 {
			t.Fatalf("folders %q", folders)
		}
		if x := readIndex(t, filepath.Join(dir, folders[0])); len(x.Alerts) != 100 || x.LeftOut != 1400 {
			t.Errorf("the index names %d alerts and leaves %d out", len(x.Alerts), x.LeftOut)
		}
	})
}

func TestRate(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		counts := newCounted()
		c := start(t, dir, evidence.WithMeterProvider(counts),
			evidence.WithLimits(evidence.Limits{Every: time.Hour, Burst: 2, Refill: time.Minute}))
		for i, step := range []struct {
			name  string
			group int
			after time.Duration
			want  bool
		}{
			{"a", 0, 0, true},
			{"a", 0, time.Second, false},                  // the same one
			{"a", 1, 0, true},                             // another group is another alert
			{"b", 0, time.Second, false},                  // two in a row were enough
			{"b", 0, 2*time.Minute - 2*time.Second, true}, // the first is two refills ago
			{"c", 0, 0, false},                            // the second is not
			{"a", 0, 50 * time.Minute, false},             // still the same one
			{"a", 0, 10 * time.Minute, true},
		} {
			pass(step.after)
			if got := c.Reserve(firing(step.name, attribute.Int("g", step.group))); (got != "") != step.want {
				t.Errorf("step %d: %+v: got %q", i, step, got)
			}
			synctest.Wait()
		}
		if got, want := counts.read(t), map[string]int64{"folders": 4, "rate_limited": 4}; !maps.Equal(got, want) {
			t.Errorf("counted %v, want %v", got, want)
		}
	})
}

// Names go into paths with nothing that could lead elsewhere.
func TestNamesAreCleaned(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c := start(t, dir, evidence.WithLimits(evidence.Limits{Burst: 100}))
		for i, tt := range []struct{ name, want string }{
			{"search_ms", "search_ms"},
			{"../../etc/passwd", ".._.._etc_passwd"},
			{"a b\x00\n\x1b[31mc\\d", "a_b____31mc_d"},
			{"größe", "gr__e"},
			{"", "alert"},
			{"-", "-"},
			{strings.Repeat("x", 300), strings.Repeat("x", 64)},
		} {
			want := filepath.Join(dir, fmt.Sprintf("20000101T000000.000Z-%s-%d", tt.want, i+1))
			if got := c.Reserve(firing(tt.name)); got != want {
				t.Errorf("%q: got %q, want %q", tt.name, got, want)
			}
			synctest.Wait()
			if x := readIndex(t, want); x.State != "complete" {
				t.Errorf("%q: %+v", tt.name, x)
			}
		}
	})
}

// What does not come off is in the index, counted by its reason, and told once.
func TestMissingPieces(t *testing.T) {
	for name, tt := range map[string]struct {
		profiler error
		source   func(io.Writer, []views.Alert) error
		want     map[string]int64
		file     string
	}{
		"somebody profiles": {profiling.ErrBusy, nil, map[string]int64{"busy": 1, "folders": 1}, "cpu.pprof"},
		"profiler stopped":  {profiling.ErrStopped, nil, map[string]int64{"stopped": 1, "folders": 1}, "cpu.pprof"},
		"a source that fails": {nil, func(io.Writer, []views.Alert) error { return errors.New("no\nluck") },
			map[string]int64{"failed": 1, "folders": 1}, "series.json"},
		"a source without bounds": {nil, func(w io.Writer, _ []views.Alert) error {
			for {
				if _, err := w.Write(make([]byte, 1<<10)); err != nil {
					return err
				}
			}
		}, map[string]int64{"too_large": 1, "folders": 1}, "series.json"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				counts, handler := newCounted(), new(told)
				s := series(new([]string))
				if tt.source != nil {
					s.Write = tt.source
				}
				c := start(t, dir, evidence.WithSource(s), evidence.WithProfiler(profiler{err: tt.profiler}),
					evidence.WithMeterProvider(counts), evidence.WithErrorHandler(handler.Handle))
				path := c.Reserve(firing("search_ms"))
				pass(11 * time.Second)
				if got := counts.read(t); !maps.Equal(got, tt.want) {
					t.Errorf("counted %v, want %v", got, tt.want)
				}
				if errs := handler.All(); len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), "monitor: evidence: "+path) {
					t.Errorf("told %q", errs)
				}
				x := readIndex(t, path)
				if x.State != "partial" {
					t.Errorf("state %q", x.State)
				}
				for _, f := range x.Files {
					if _, err := os.Stat(filepath.Join(path, f.Name)); (f.Name == tt.file) != (f.Error != "") || (err != nil) != (f.Error != "") {
						t.Errorf("%+v: %v", f, err)
					}
					if strings.Contains(f.Error, "\n") {
						t.Errorf("the error has more than one line: %q", f.Error)
					}
				}
			})
		})
	}
}

func TestWithoutHeap(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c := start(t, dir, evidence.WithoutHeap())
		path := c.Reserve(firing("search_ms"))
		synctest.Wait()
		want := []string{"README", "build.txt", "goroutine.pprof", "goroutine.txt", "index.json"}
		if got := names(t, path); !slices.Equal(got, want) {
			t.Errorf("files %q, want %q", got, want)
		}
	})
}

// The last alert of a process gets what can be had at once.
func TestStopFinishes(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		counts, handler := newCounted(), new(told)
		c := start(t, dir, evidence.WithProfiler(profiler{}), evidence.WithMeterProvider(counts),
			evidence.WithErrorHandler(handler.Handle))
		path := c.Reserve(firing("search_ms"))
		began := time.Now()
		check(t, c.Stop(t.Context()))
		if d := time.Since(began); d != 0 {
			t.Errorf("Stop took %s", d)
		}
		if x := readIndex(t, path); x.State != "partial" || len(x.Files) != 5 {
			t.Errorf("index %+v", x)
		}
		if got := names(t, path); !slices.Contains(got, "goroutine.txt") || slices.Contains(got, "cpu.pprof") {
			t.Errorf("files %q", got)
		}
		if got := c.Reserve(firing("later")); got != "" {
			t.Errorf("reserved %q after Stop", got)
		}
		for range 2 {
			check(t, c.Stop(t.Context()))
		}
	})
}

func TestStopWaitsWithinItsContext(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := series(new([]string))
		s.Write = func(io.Writer, []views.Alert) error { <-release; return nil }
		c := start(t, dir, evidence.WithSource(s))
		c.Reserve(firing("search_ms"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "monitor: ") {
			t.Errorf("got %v", err)
		}
		close(release)
		check(t, c.Stop(t.Context()))
	})
}

func TestSettingsThatCannotWork(t *testing.T) {
	source := func(name string) evidence.Option {
		return evidence.WithSource(evidence.Source{Name: name, Write: func(io.Writer, []views.Alert) error { return nil }})
	}
	for name, opts := range map[string][]evidence.Option{
		"negative limit":      {evidence.WithLimits(evidence.Limits{Folders: -1})},
		"nothing to write":    {evidence.WithSource(evidence.Source{Name: "x"})},
		"no name":             {source("")},
		"a path":              {source("../x")},
		"the directory":       {source(".")},
		"the one above":       {source("..")},
		"the same name twice": {source("x"), source("x")},
		"a name of ours":      {source("cpu.pprof")},
	} {
		if _, err := evidence.New(t.TempDir(), append(opts, evidence.WithoutTrace())...); err == nil || !strings.HasPrefix(err.Error(), "monitor: evidence: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := evidence.New(""); err == nil {
		t.Error("no directory is no error")
	}
}

func TestNilCollector(t *testing.T) {
	var c *evidence.Collector
	if got := c.Reserve(firing("search_ms")); got != "" {
		t.Errorf("reserved %q", got)
	}
	check(t, c.Stop(t.Context()))
}

// Whatever an alert is called, its folder is one of ours, in the directory.
func FuzzFolderName(f *testing.F) {
	f.Add("search_ms", 1)
	f.Add("../..", 2)
	f.Add("a/b\\c\x00", 3)
	f.Add("", 1<<40)
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
	f.Fuzz(func(t *testing.T, alert string, n int) {
		if n < 1 {
			return
		}
		name := evidence.FolderName(at, alert, n)
		if gotAt, gotN, ok := evidence.ParseFolder(name); !ok || !gotAt.Equal(at) || gotN != n {
			t.Errorf("%q is read as %s, %d, %t", name, gotAt, gotN, ok)
		}
		if name != filepath.Base(name) || !filepath.IsLocal(name) || len(name) > 120 {
			t.Errorf("%q is not the name of a directory", name)
		}
	})
}
