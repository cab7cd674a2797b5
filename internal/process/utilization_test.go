package process_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/internal/process"
)

func TestWindowAtTheBeginning(t *testing.T) {
	t0 := time.Unix(1000, 0)
	tests := []struct {
		name   string
		length time.Duration
		after  time.Duration
		ok     bool
	}{
		{"at once", time.Minute, 0, false},
		{"too early", time.Minute, time.Second - 1, false},
		{"early", time.Minute, time.Second, true},
		{"short window, too early", 100 * time.Millisecond, 50*time.Millisecond - 1, false},
		{"short window", 100 * time.Millisecond, 50 * time.Millisecond, true},
		{"the clock stands still", 1, 0, false},
		{"the clock went back", time.Minute, -time.Hour, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := process.NewWindow(test.length)
			if _, _, ok := w.Add(t0, 5, 5, 1); ok {
				t.Error("one sample gave a utilization")
			}
			d := test.after.Seconds()
			user, system, ok := w.Add(t0.Add(test.after), 5+d/2, 5+d/4, 1)
			if ok != test.ok || ok && (math.Abs(user-0.5) > 1e-9 || math.Abs(system-0.25) > 1e-9) {
				t.Errorf("got %v, %v, %t, want 0.5, 0.25, %t", user, system, ok, test.ok)
			}
		})
	}
}

func TestUtilizationStaysBetween0And1(t *testing.T) {
	t0 := time.Unix(1000, 0)
	tests := []struct {
		name               string
		user, system, cpus float64 // over ten seconds
		wantUser, wantSys  float64
		wantNone           bool
	}{
		{"idle", 0, 0, 4, 0, 0, false},
		{"all of four", 30, 10, 4, 0.75, 0.25, false},
		{"half a CPU", 2.5, 2.5, 0.5, 0.5, 0.5, false},
		{"over the quota for a moment", 12, 4, 1, 0.75, 0.25, false},
		{"counters that fell", -3, 5, 1, 0, 0.5, false},
		{"no CPU", 1, 1, 0, 0, 0, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := process.NewWindow(10 * time.Second)
			w.Add(t0, 100, 100, test.cpus)
			user, system, ok := w.Add(t0.Add(10*time.Second), 100+test.user, 100+test.system, test.cpus)
			if ok == test.wantNone || user != test.wantUser || system != test.wantSys {
				t.Errorf("got %v, %v, %t, want %v, %v", user, system, ok, test.wantUser, test.wantSys)
			}
		})
	}
}

// Whenever anybody asks, the answer covers nine tenths of a window or more,
// not much more than one if somebody asked meanwhile, and little is kept.
func TestWindowsOfAnySequence(t *testing.T) {
	const length = time.Minute
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 0))
		w := process.NewWindow(length)
		t0 := time.Unix(1000, 0)
		now, longest := t0, time.Duration(0)
		for range 500 {
			// CPU time grows as the square of time, so that the average rate
			// over a window tells when the window began: at rate*100 - now.
			x := now.Sub(t0).Seconds()
			user, _, ok := w.Add(now, x*x/100_000, 0, 1)
			if since := now.Sub(t0); since >= length {
				if !ok {
					t.Fatalf("seed %d: nothing after %s", seed, since)
				}
				covered := time.Duration((2*x - user*100_000) * float64(time.Second))
				most := longest + length + length/8
				if covered < length*9/10-time.Millisecond || covered > most {
					t.Errorf("seed %d: at %s the window is %s, with at most %s between questions", seed, since, covered, longest)
				}
			}
			if w.Len() > 20 {
				t.Fatalf("seed %d: %d samples are kept", seed, w.Len())
			}
			step := time.Duration(r.ExpFloat64() * float64([]time.Duration{time.Millisecond, time.Second, 10 * time.Second}[r.IntN(3)]))
			now, longest = now.Add(step), max(longest, step)
		}
	}
}
