//go:build !bare

package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/examples/httpdemo/internal/corpus"
)

// TestDriveUsesTheService drives the real service and looks at what it was
// asked.
func TestDriveUsesTheService(t *testing.T) {
	s := testService(t, 10_000, 0)
	api := newAPI(s, 0, nil)
	var mu sync.Mutex
	questions, routes := make(map[string]bool), make(map[string]int)
	inFlight, most, sent := 0, 0, 0
	ctx, enough := context.WithCancel(t.Context())
	defer enough()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		inFlight++
		most = max(most, inFlight)
		mu.Unlock()
		api.ServeHTTP(w, r)
		mu.Lock()
		defer mu.Unlock()
		inFlight--
		routes[r.Pattern]++
		if q := r.URL.Query().Get("q"); q != "" {
			questions[q] = true
		}
		if sent++; len(routes) == 3 && len(questions) >= 5 && sent >= 100 {
			enough()
		}
	}))
	defer server.Close()
	d := &driver{base: server.URL, clients: 3, documents: someDocuments, timeout: time.Minute, grace: time.Minute}
	got := d.run(ctx, time.Minute)
	server.Close() // all are counted
	if got.failed > 0 || got.failure != nil {
		t.Fatalf("got %+v", got)
	}
	sum := 0
	for _, want := range []string{"GET /search", "POST /documents", "GET /documents/{id...}"} {
		if routes[want] == 0 {
			t.Errorf("%s was not used", want)
		}
		sum += routes[want]
	}
	if sum != got.requests || len(routes) != 3 {
		t.Errorf("the clients counted %d requests, the server %v", got.requests, routes)
	}
	if rested := 3 * (int(got.elapsed/pause) + 1); got.requests > rested {
		t.Errorf("%d requests in %v: three clients that rest 20 ms send fewer", got.requests, got.elapsed)
	}
	if most > 3 {
		t.Errorf("%d requests at once", most)
	}
	if s.index.Len() != len(someDocuments)+routes["POST /documents"] {
		t.Errorf("%d documents after %d were sent", s.index.Len(), routes["POST /documents"])
	}
	text := strings.ToLower(mustJSON(t, someDocuments))
	for q := range questions {
		for word := range strings.FieldsSeq(strings.ToLower(q)) {
			if !strings.Contains(text, word) {
				t.Errorf("%q was asked: %q is in no document", q, word)
			}
		}
	}
	if len(questions) < 5 {
		t.Errorf("only %d different questions", len(questions))
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestDriveCountsFailures(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cancel() // one is enough
		http.NotFound(w, r)
	}))
	defer server.Close()
	d := &driver{base: server.URL, clients: 1, documents: someDocuments, timeout: time.Minute, grace: time.Minute}
	got := d.run(ctx, time.Minute)
	if got.requests != 1 || got.failed != 1 || got.failure == nil || !strings.Contains(got.failure.Error(), "404") {
		t.Errorf("got %+v", got)
	}
	const duration = 50 * time.Millisecond // however many come off
	if got := d.run(t.Context(), duration); got.failed != got.requests || got.elapsed < duration {
		t.Errorf("got %+v", got)
	}
}

func TestDriveEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	arrived := make(chan struct{}, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-ctx.Done() // an answer that comes after the end is still waited for
		w.WriteHeader(http.StatusTeapot)
	}))
	defer server.Close()
	go func() {
		<-arrived
		cancel()
	}()
	d := &driver{base: server.URL, clients: 1, documents: someDocuments, timeout: time.Minute, grace: time.Minute}
	got := d.run(ctx, time.Hour)
	if got.requests != 1 || !strings.Contains(got.failure.Error(), "teapot") {
		t.Errorf("got %+v", got)
	}
}

func TestDriveAbandonsWhatHangs(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done, arrived := make(chan struct{}), make(chan struct{}, 2)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-done
	}))
	defer server.Close()
	defer close(done)
	go func() {
		for range cap(arrived) {
			<-arrived
		}
		cancel()
	}()
	d := &driver{base: server.URL, clients: 2, documents: someDocuments, timeout: time.Minute, grace: 20 * time.Millisecond}
	got := d.run(ctx, time.Minute)
	if got.requests != 2 || got.failed != 2 || got.failure == nil || got.failure.Error() != "no answer 20ms after the end" {
		t.Errorf("got %+v", got)
	}
}

// TestDriveWithoutWords finds something to ask in a corpus of punctuation.
func TestDriveWithoutWords(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	api := newAPI(testService(t, 1000, 0), 0, nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		api.ServeHTTP(w, r)
		cancel()
	}))
	defer server.Close()
	d := &driver{base: server.URL, clients: 2, timeout: time.Minute, grace: time.Minute, documents: []corpus.Document{{ID: "x", Title: "?", Text: "!"}}}
	if got := d.run(ctx, time.Minute); got.failed > 0 || got.requests == 0 {
		t.Errorf("got %+v", got)
	}
}
