package compat

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/otelperf/otelperf-go/middleware"
)

// loadVariable sets how long TestLoad goes on, as a Go duration.
const loadVariable = "OTELPERF_LOAD"

// TestLoad drives a server with a real load generator, over connections that are
// kept alive and others that are not, while other clients hang up in the middle
// of responses. In the end the counts must be those of the server's own counter
// and of vegeta's report. 2 s by default; OTELPERF_LOAD=60s makes it a minute.
func TestLoad(t *testing.T) {
	length := loadLength(t)
	mw, reader := measured(t)
	s := newLoadedServer(mw)
	defer s.Close()

	var vegetas, rude uint64
	var mu sync.Mutex
	ctx, cancel := context.WithTimeout(context.Background(), length)
	defer cancel()
	var wg sync.WaitGroup
	for _, keepAlive := range []bool{true, false} {
		wg.Go(func() {
			n := attack(t, s.URL, length, keepAlive)
			mu.Lock()
			defer mu.Unlock()
			vegetas += n
		})
	}
	for range 2 {
		wg.Go(func() {
			n := hangUp(ctx, t, s.URL+"/big")
			mu.Lock()
			defer mu.Unlock()
			rude += n
		})
	}
	wg.Wait()
	s.Close() // waits for what is in flight

	var counted, canceled uint64
	for _, p := range points(t, reader, duration) {
		counted += p.Count
		if v, _ := p.Attributes.Value("error.type"); v.AsString() == "canceled" {
			canceled += p.Count
		}
	}
	if own := uint64(s.began.Load()); counted != own || s.ended.Load() != s.began.Load() {
		t.Errorf("counted %d, the server itself %d begun and %d ended", counted, own, s.ended.Load())
	}
	if counted != vegetas+rude {
		t.Errorf("counted %d, vegeta sent %d and the rude clients %d", counted, vegetas, rude)
	}
	if n := value(t, reader, "http.server.active_requests"); n != 0 {
		t.Errorf("%d requests are still active", n)
	}
	if canceled == 0 {
		t.Error("nobody hung up in the middle of a response")
	}
	t.Logf("%s: %d requests, of them %d by vegeta and %d cut off by %d rude ones", length, counted, vegetas, canceled, rude)
}

// loadLength is how long a generator runs.
func loadLength(t *testing.T) time.Duration {
	t.Helper()
	length := 2 * time.Second
	if v := os.Getenv(loadVariable); v != "" {
		var err error
		if length, err = time.ParseDuration(v); err != nil {
			t.Fatalf("%s: %v", loadVariable, err)
		}
	}
	return length
}

// A loadedServer has its own counters of what it served.
type loadedServer struct {
	*httptest.Server
	began, ended atomic.Int64
}

func newLoadedServer(mw *middleware.Middleware) *loadedServer {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "user "+r.PathValue("id"))
	})
	mux.HandleFunc("POST /users", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusCreated)
	})
	mux.HandleFunc("GET /fail", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) })
	mux.HandleFunc("GET /big", func(w http.ResponseWriter, _ *http.Request) {
		chunk := []byte(strings.Repeat("x", 64<<10))
		for range 64 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	measured := mw.Handler(middleware.Route(mux))
	s := new(loadedServer)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.began.Add(1)
		defer s.ended.Add(1)
		measured.ServeHTTP(w, r)
	}))
	return s
}

// attack runs vegeta and returns how many requests it got an answer to, which
// must be all.
func attack(t *testing.T, url string, length time.Duration, keepAlive bool) uint64 {
	targets := vegeta.NewStaticTargeter(
		vegeta.Target{Method: "GET", URL: url + "/users/1"},
		vegeta.Target{Method: "GET", URL: url + "/users/2"},
		vegeta.Target{Method: "POST", URL: url + "/users", Body: []byte("name=x")},
		vegeta.Target{Method: "GET", URL: url + "/fail"},
		vegeta.Target{Method: "GET", URL: url + "/nowhere"},
	)
	a := vegeta.NewAttacker(vegeta.KeepAlive(keepAlive), vegeta.Workers(4), vegeta.MaxWorkers(8))
	defer a.Stop()
	var m vegeta.Metrics
	for r := range a.Attack(targets, vegeta.Rate{Freq: 300, Per: time.Second}, length, "load") {
		if r.Code == 0 {
			t.Errorf("vegeta got no answer: %s", r.Error)
		}
		m.Add(r)
	}
	m.Close()
	return m.Requests
}

// hangUp asks for a big response and closes the connection after a bit of it,
// again and again.
func hangUp(ctx context.Context, t *testing.T, url string) (n uint64) {
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for ctx.Err() == nil {
		r, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			t.Error(err)
			return n
		}
		resp, err := c.Do(r)
		if err != nil {
			t.Error(err)
			return n
		}
		n++
		if _, err := io.ReadFull(resp.Body, make([]byte, 1000)); err != nil {
			t.Error(err)
		}
		resp.Body.Close()
	}
	return n
}
