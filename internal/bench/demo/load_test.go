package demo

import (
	"context"
	"errors"
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
