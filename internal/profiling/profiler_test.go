package profiling_test

import (
	"context"
	"errors"
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

	"github.com/otelperf/otelperf-go/internal/profiling"
)

// pass lets fake time go by, and what is due then happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestWindowsHaveGapsAsLong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "cpu.prof")
	synctest.Test(t, func(t *testing.T) {
		f, counts := newFake(), newCounted()
		p := start(t, f.option(), profiling.WithFile(path), profiling.WithMeterProvider(counts))
		pass(9 * time.Second)
		if _, ok := p.Last(); ok || content(t, path) != "" {
			t.Error("there is a last profile before the first window ended")
		}
		pass(2 * time.Second)
		if got := content(t, path); got != "profile 1" {
			t.Errorf("after the first window the file has %q", got)
		}
		pass(40 * time.Second)
		want := []string{"begin 0s", "end 10s", "begin 20s", "end 30s", "begin 40s", "end 50s"}
		if got := f.events(); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := content(t, path); got != "profile 3" {
			t.Errorf("after the third window the file has %q", got)
		}
		want = []string{"cpu-20000101T000010.000Z.prof", "cpu-20000101T000030.000Z.prof"}
		if got := older(t, path); !slices.Equal(got, want) {
			t.Errorf("beside it are %q, want %q", got, want)
		}
		if got := content(t, filepath.Join(filepath.Dir(path), want[0])); got != "profile 1" {
			t.Errorf("the oldest has %q", got)
		}
		if last, ok := p.Last(); !ok || !last.Whole || string(last.Data) != "profile 3" ||
			last.SampleRate != 100 || last.End.Sub(last.Start) != 10*time.Second {
			t.Errorf("last: %+v, %t", last, ok)
		}
		if got := counts.windows(t); !maps.Equal(got, map[string]int64{"taken": 3, "busy": 0, "write_failed": 0}) {
			t.Errorf("counted %v", got)
		}
	})
}

func TestFilesAreTheirOwnersOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "cpu.prof")
	synctest.Test(t, func(t *testing.T) {
		start(t, newFake().option(), profiling.WithFile(path))
		pass(31 * time.Second)
	})
	for file, want := range map[string]os.FileMode{
		path: 0o600, filepath.Dir(path): os.ModeDir | 0o700,
		filepath.Join(filepath.Dir(path), "cpu-20000101T000010.000Z.prof"): 0o600,
	} {
		info, err := os.Stat(file)
		check(t, err)
		if info.Mode() != want {
			t.Errorf("%s has mode %s, want %s", file, info.Mode(), want)
		}
	}
}

// Somebody else profiles for a while: each window says so, and is tried again.
func TestSomebodyElseProfiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cpu.prof")
	synctest.Test(t, func(t *testing.T) {
		f, counts, handler := newFake(), newCounted(), new(told)
		f.setBusy(true)
		p := start(t, f.option(), profiling.WithFile(path), profiling.WithMeterProvider(counts),
			profiling.WithErrorHandler(handler.Handle))
		synctest.Wait()
		if _, err := p.Capture(t.Context()); !errors.Is(err, profiling.ErrBusy) {
			t.Errorf("Capture: %v", err)
		}
		pass(25 * time.Second)
		f.setBusy(false)
		pass(16 * time.Second)
		want := []string{"busy 0s", "busy 0s", "busy 10s", "busy 20s", "begin 30s", "end 40s"}
		if got := f.events(); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := counts.windows(t); !maps.Equal(got, map[string]int64{"taken": 1, "busy": 4, "write_failed": 0}) {
			t.Errorf("counted %v", got)
		}
		f.setBusy(true)
		pass(11 * time.Minute)
		errs := handler.All()
		if len(errs) != 2 || !strings.Contains(errs[1].Error(), "more like it in ") {
			t.Errorf("told %q", errs)
		}
		for _, err := range errs {
			if notice := new(profiling.NoticeError); !errors.As(err, &notice) || !errors.Is(err, profiling.ErrBusy) {
				t.Errorf("%v is not a notice about somebody else", err)
			}
		}
	})
}

func TestCapture(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cpu.prof")
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		p := start(t, f.option(), profiling.WithFile(path))
		capture := func(want string, after time.Duration) {
			t.Helper()
			begin := time.Now()
			profile, err := p.Capture(t.Context())
			if err != nil || string(profile.Data) != want || !profile.Whole || time.Since(begin) != after {
				t.Errorf("got %q, %v after %s, want %q after %s", profile.Data, err, time.Since(begin), want, after)
			}
		}
		pass(3 * time.Second)
		capture("profile 1", 7*time.Second) // that of the window under way
		pass(4 * time.Second)
		var both sync.WaitGroup // in a gap: one of its own, shared
		both.Go(func() { capture("profile 2", 10*time.Second) })
		pass(2 * time.Second)
		both.Go(func() { capture("profile 2", 8*time.Second) })
		both.Wait()
		synctest.Wait()
		if got := content(t, path); got != "profile 2" {
			t.Errorf("the file has %q", got)
		}
		pass(15 * time.Second) // the gap begins anew
		want := []string{"begin 0s", "end 10s", "begin 14s", "end 24s", "begin 34s"}
		if got := f.events(); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// Without a file there is nothing to do until somebody asks.
func TestOnDemandOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		p := start(t, f.option(), profiling.WithFile(""), profiling.WithWindow(time.Second))
		pass(time.Hour)
		for range 2 {
			if _, err := p.Capture(t.Context()); err != nil {
				t.Error(err)
			}
		}
		pass(time.Hour)
		if got, want := f.events(), []string{"begin 1h0m0s", "end 1h0m1s", "begin 1h0m1s", "end 1h0m2s"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestCaptureEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		p := start(t, f.option())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.Capture(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if profile, err := p.Capture(t.Context()); err != nil || string(profile.Data) != "profile 1" {
			t.Errorf("the window did not go on: %q, %v", profile.Data, err)
		}
	})
}

func TestStopCutsAWindowShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cpu.prof")
	synctest.Test(t, func(t *testing.T) {
		f, counts := newFake(), newCounted()
		p := start(t, f.option(), profiling.WithFile(path), profiling.WithMeterProvider(counts))
		pass(22 * time.Second)
		waiting := make(chan profiling.Profile, 1)
		go func() {
			profile, err := p.Capture(t.Context())
			if err != nil {
				t.Error(err)
			}
			waiting <- profile
		}()
		pass(time.Second)
		check(t, p.Stop(t.Context()))
		if profile := <-waiting; profile.Whole || string(profile.Data) != "profile 2" || profile.End.Sub(profile.Start) != 3*time.Second {
			t.Errorf("who waited got %+v", profile)
		}
		if got := content(t, path); got != "profile 1" {
			t.Errorf("the file has %q, not the last whole window", got)
		}
		if last, _ := p.Last(); string(last.Data) != "profile 1" {
			t.Errorf("the last profile is %q", last.Data)
		}
		if _, err := p.Capture(t.Context()); !errors.Is(err, profiling.ErrStopped) {
			t.Errorf("Capture after Stop: %v", err)
		}
		if got := counts.windows(t); len(got) != 0 {
			t.Errorf("counted %v after Stop", got)
		}
		for range 2 {
			check(t, p.Stop(t.Context()))
		}
	})
}

// Stop does not wait longer than it may, and what hung ends afterwards.
func TestStopWaitsWithinItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		p := start(t, profiling.WithFile(filepath.Join(t.TempDir(), "cpu.prof")), profiling.WithFake(profiling.Fake{
			Begin: func(io.Writer, int) error { return nil },
			End:   func() { <-release },
		}))
		pass(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "monitor: ") {
			t.Errorf("got %v", err)
		}
		close(release)
		check(t, p.Stop(t.Context()))
	})
}

func TestSampleRate(t *testing.T) {
	type trial struct {
		wanted, got int
		err         error
	}
	for name, tt := range map[string]struct {
		trial
		want    int
		tried   bool
		saying  string
		notices bool
	}{
		"default":        {trial{0, 0, nil}, 100, false, "", false},
		"fewer":          {trial{19, 0, nil}, 19, false, "", false},
		"reached":        {trial{250, 250, nil}, 250, true, "", false},
		"not reached":    {trial{1000, 250, nil}, 250, true, "of a sample rate of 1000 Hz this kernel gives 250 Hz", true},
		"not to be seen": {trial{1000, 0, errors.New("no luck")}, 100, true, "no luck", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, handler, tried := newFake(), new(told), 0
				p := start(t, f.option(), profiling.WithSampleRate(tt.wanted), profiling.WithErrorHandler(handler.Handle),
					profiling.WithProbe(func(hz int) (int, error) {
						tried++
						if hz != tt.wanted {
							t.Errorf("%d Hz were tried, want %d", hz, tt.wanted)
						}
						return tt.got, tt.err
					}))
				if got := p.SampleRate(); got != 0 {
					t.Errorf("the rate is %d before the first profile", got)
				}
				for range 3 {
					profile, err := p.Capture(t.Context())
					check(t, err)
					if profile.SampleRate != tt.want || f.hz != tt.want || p.SampleRate() != tt.want {
						t.Errorf("profiled at %d, says %d and %d, want %d Hz", f.hz, profile.SampleRate, p.SampleRate(), tt.want)
					}
				}
				if once := map[bool]int{true: 1}[tt.tried]; tried != once {
					t.Errorf("tried %d times, want %d", tried, once)
				}
				errs := handler.All()
				if tt.saying == "" {
					if len(errs) != 0 {
						t.Errorf("told %q", errs)
					}
					return
				}
				if len(errs) != 1 || !strings.Contains(errs[0].Error(), tt.saying) {
					t.Fatalf("told %q, want %q", errs, tt.saying)
				}
				if notice := new(profiling.NoticeError); errors.As(errs[0], &notice) != tt.notices {
					t.Errorf("%T is a notice: want %t", errs[0], tt.notices)
				}
			})
		})
	}
}

// While somebody else profiles there is no probe either. It is made up for.
func TestProbeWaitsItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, handler := newFake(), new(told)
		somebodyElse := true
		p := start(t, f.option(), profiling.WithSampleRate(500), profiling.WithErrorHandler(handler.Handle),
			profiling.WithProbe(func(int) (int, error) {
				if somebodyElse {
					return 0, profiling.ErrBusy
				}
				return 250, nil
			}))
		if _, err := p.Capture(t.Context()); !errors.Is(err, profiling.ErrBusy) {
			t.Errorf("got %v", err)
		}
		somebodyElse = false
		if profile, err := p.Capture(t.Context()); err != nil || profile.SampleRate != 250 {
			t.Errorf("got %d Hz, %v", profile.SampleRate, err)
		}
	})
}

func TestSettingsThatCannotWork(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	check(t, os.Symlink(os.DevNull, link))
	for name, opt := range map[string]profiling.Option{
		"negative rate":   profiling.WithSampleRate(-1),
		"negative window": profiling.WithWindow(-time.Second),
		"negative bytes":  profiling.WithKeep(-1, time.Hour),
		"negative age":    profiling.WithKeep(1, -time.Hour),
		"directory":       profiling.WithFile(dir),
		"device":          profiling.WithFile(os.DevNull),
		"link to one":     profiling.WithFile(link),
	} {
		if _, err := profiling.Start(opt); err == nil || !strings.HasPrefix(err.Error(), "monitor: cpu profiling: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNilProfiler(t *testing.T) {
	var p *profiling.Profiler
	if _, err := p.Capture(t.Context()); !errors.Is(err, profiling.ErrStopped) {
		t.Errorf("Capture: %v", err)
	}
	if _, ok := p.Last(); ok || p.SampleRate() != 0 || p.Stop(t.Context()) != nil {
		t.Error("a nil Profiler does something")
	}
}
