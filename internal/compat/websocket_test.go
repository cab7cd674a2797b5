package compat

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// TestWebSocket upgrades with a library that insists on the http.Hijacker of
// the writer that it was given.
func TestWebSocket(t *testing.T) {
	mw, reader := measured(t)
	upgrader := websocket.Upgrader{}
	done := make(chan struct{})
	h := mw.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		for {
			kind, message, err := conn.ReadMessage()
			if err != nil {
				return
			}
			if err := conn.WriteMessage(kind, message); err != nil {
				t.Error(err)
			}
		}
	}))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		h.ServeHTTP(w, r)
	}))
	defer s.Close()
	conn, resp, err := websocket.DefaultDialer.Dial(strings.Replace(s.URL, "http", "ws", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if err := conn.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, message, err := conn.ReadMessage(); string(message) != "hello" || err != nil {
		t.Errorf("got %q, %v", message, err)
	}
	p := points(t, reader, duration)
	if len(p) != 1 || p[0].Count != 1 {
		t.Errorf("the upgrade was not recorded while the connection is open: %v", p)
	}
	if n := value(t, reader, "otelperf.http.server.streams"); n != 1 {
		t.Errorf("%d streams open, want 1", n)
	}
	conn.Close()
	<-done
	if n := value(t, reader, "otelperf.http.server.streams"); n != 0 {
		t.Errorf("%d streams open, want 0", n)
	}
	if p := points(t, reader, duration); len(p) != 1 || p[0].Count != 1 {
		t.Errorf("recorded %v, want one", p)
	}
}
