package demo

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// loadOn returns a load of three paths, and a server that answers by handler.
func loadOn(t *testing.T, handler http.HandlerFunc) (Load, string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	l := Load{Name: "test"}
	for _, path := range []string{"/a", "/b", "/c"} {
		l.targets = append(l.targets, vegeta.Target{Method: http.MethodGet, URL: path})
	}
	return l, server.URL
}

// TestDriveGoesOn: a second drive begins where the first one ended, or the first
// targets would be asked for more than the others.
func TestDriveGoesOn(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var paths []string
	l, base := loadOn(t, func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		paths = append(paths, r.URL.Path)
	})
	c := l.Clients(base, 1)
	defer c.Close()
	var sum Result
	for range 5 {
		r, err := c.Drive(t.Context(), 5*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		sum = sum.Add(r)
	}
	mu.Lock()
	defer mu.Unlock()
	if sum.Requests != len(paths) || len(sum.Latencies) != len(paths) || !slices.IsSorted(sum.Latencies) || sum.Throughput() <= 0 {
		t.Errorf("%d requests, %d latencies, %.0f a second; the server had %d", sum.Requests, len(sum.Latencies), sum.Throughput(), len(paths))
	}
	for i, path := range paths {
		if want := l.targets[i%3].URL; path != want {
			t.Fatalf("request %d of %d was for %s, not %s", i, len(paths), path, want)
		}
	}
}

// TestDriveSendsSomething: where the time is over before the first request could be sent.
func TestDriveSendsSomething(t *testing.T) {
	t.Parallel()
	l, base := loadOn(t, func(http.ResponseWriter, *http.Request) {})
	for name, c := range map[string]*Clients{"waiting": l.Clients(base, 1), "arriving": l.Arriving(base, 1000, 1)} {
		if r, err := c.Drive(t.Context(), time.Nanosecond); err != nil || r.Requests != 1 {
			t.Errorf("%s: %d requests, %v", name, r.Requests, err)
		}
		c.Close()
	}
}

// TestDriveEndsEarly: at a wrong answer and with its context, hours before its
// time.
func TestDriveEndsEarly(t *testing.T) {
	t.Parallel()
	l, base := loadOn(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/c" {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	c := l.Clients(base, 2)
	defer c.Close()
	if _, err := c.Drive(t.Context(), time.Hour); err == nil || !strings.Contains(err.Error(), "/c: 418") {
		t.Errorf("a wrong answer: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l, base = loadOn(t, func(http.ResponseWriter, *http.Request) { cancel() })
	d := l.Clients(base, 2)
	defer d.Close()
	if _, err := d.Drive(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that ended: %v", err)
	}
}

// TestArriving: requests come at the moments that the seed gives, whoever is still
// without an answer, and those are as many a second as was asked for, at random: the gaps
// between them spread by as much as they are long.
func TestArriving(t *testing.T) {
	t.Parallel()
	const many = 2 * vegeta.DefaultWorkers // more than an attacker begins with
	var mu sync.Mutex
	var waiting int
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	l, base := loadOn(t, func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		if waiting++; waiting == many {
			cancel()
		}
		mu.Unlock()
		<-ctx.Done()
	})
	c := l.Arriving(base, 1000, 1)
	defer c.Close()
	if _, err := c.Drive(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("%d requests were there at once: %v", waiting, err)
	}
	moments := func(seed uint64) (at []time.Duration) {
		p := l.Arriving(base, 1000, seed).arrivals()
		for k := range uint64(100_000) {
			wait, stop := p.Pace(0, k)
			if stop {
				t.Fatal("it stopped")
			}
			at = append(at, wait)
		}
		return at
	}
	first := moments(1)
	if !slices.Equal(first, moments(1)) || slices.Equal(first, moments(2)) {
		t.Error("the seed does not tell the moments")
	}
	var sum, squares float64 // of the gaps, in milliseconds, whose mean is to be 1
	var before time.Duration
	for _, at := range first {
		gap := float64(at-before) / float64(time.Millisecond)
		sum, squares, before = sum+gap, squares+gap*gap, at
	}
	mean := sum / float64(len(first))
	if spread := math.Sqrt(squares/float64(len(first)) - mean*mean); math.Abs(mean-1) > 0.01 || math.Abs(spread-1) > 0.02 {
		t.Errorf("gaps of %.3f ± %.3f ms, want 1 ± 1", mean, spread)
	}
	// The second drive's do not depend on how many the first one has taken.
	second := func(taken uint64) time.Duration {
		c := l.Arriving(base, 1000, 1)
		c.arrivals().Pace(0, taken)
		wait, _ := c.arrivals().Pace(0, 0)
		return wait
	}
	if a, b := second(3), second(5); a != b || a == first[0] {
		t.Errorf("a second drive begins after %v and %v, the first one after %v", a, b, first[0])
	}
	if wait, stop := (lasting{c.arrivals(), time.Nanosecond}).Pace(0, 1); !stop {
		t.Errorf("a request is sent %v after the end", wait)
	}
	if wait, _ := l.Arriving(base, 1000, 1).arrivals().Pace(time.Hour, 0); wait != 0 {
		t.Errorf("%v to an arrival that is over", wait)
	}
}
