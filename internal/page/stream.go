package page

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	maxStreams = 64
	heartbeat  = 15 * time.Second // proxies close what is silent
)

// streams are the open event streams.
type streams struct {
	mu      sync.Mutex
	open    int
	closed  bool
	done    chan struct{}
	servers map[*http.Server]bool
}

func newStreams() *streams {
	return &streams{done: make(chan struct{}), servers: make(map[*http.Server]bool)}
}

func (s *streams) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.done)
	}
}

// join takes a place; ok is false if there is none. The streams end with the
// first of their servers: its Shutdown waits for them.
func (s *streams) join(r *http.Request) (leave func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.open >= maxStreams {
		return nil, false
	}
	if server, _ := r.Context().Value(http.ServerContextKey).(*http.Server); server != nil && !s.servers[server] {
		s.servers[server] = true
		server.RegisterOnShutdown(s.close)
	}
	s.open++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.open--
	}, true
}

// events tells of each collection as a server-sent event.
func (h *Handler) events(w http.ResponseWriter, r *http.Request) {
	leave, ok := h.streams.join(r)
	if !ok {
		w.Header().Set("Retry-After", "30")
		http.Error(w, "There are too many streams.", http.StatusServiceUnavailable)
		return
	}
	defer leave()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // proxies hold events back otherwise
	out := http.NewResponseController(w)
	_ = out.SetWriteDeadline(time.Time{}) // the server's limit is for whole responses
	if r.Method == http.MethodHead {
		return
	}
	changed := h.source.History.Changed()
	if _, err := fmt.Fprint(w, "retry: 2000\n\nevent: hello\ndata: {}\n\n"); err != nil {
		return
	}
	if out.Flush() != nil {
		return
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		message := ": still here\n\n"
		select {
		case <-changed:
			changed = h.source.History.Changed()
			message = fmt.Sprintf("event: collection\ndata: {\"now\":%d}\n\n", time.Now().UnixMilli())
		case <-beat.C:
		case <-r.Context().Done():
			return
		case <-h.streams.done:
			return
		}
		_ = out.SetWriteDeadline(time.Now().Add(heartbeat)) // of a browser that takes nothing
		if _, err := fmt.Fprint(w, message); err != nil {
			return
		}
		if out.Flush() != nil {
			return
		}
	}
}
