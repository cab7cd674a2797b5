package middleware_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/otelperf/otelperf-go/middleware"
)

// TestOptionsOfTheServer asks for what the whole server can do. net/http answers
// that by itself, so that no handler and no count of ours sees it, unless it was
// told not to.
func TestOptionsOfTheServer(t *testing.T) {
	for _, k := range kinds() {
		for _, general := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, answered by net/http: %v", k.name, general), func(t *testing.T) {
				m := newMeter(t)
				s, c, _ := k.start(t, m.server().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.RequestURI != "*" || r.URL.Path != "*" {
						t.Errorf("RequestURI %q, path %q", r.RequestURI, r.URL.Path)
					}
					w.WriteHeader(http.StatusNoContent)
				})))
				s.Config.DisableGeneralOptionsHandler = !general
				r, err := http.NewRequest(http.MethodOptions, s.URL, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.URL.Opaque = "*"
				resp, err := c.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				c.CloseIdleConnections()
				s.Close()
				if general {
					if got := m.durations(); resp.StatusCode != http.StatusOK || len(got) != 0 {
						t.Errorf("got %d, counted %q", resp.StatusCode, got)
					}
					return
				}
				if resp.StatusCode != http.StatusNoContent {
					t.Errorf("got %d", resp.StatusCode)
				}
				wantAttrs(t, m.only(), "http.request.method=OPTIONS", "http.response.status_code=204", "http.route=",
					"network.protocol.version="+k.version, "url.scheme="+k.scheme)
			})
		}
	}
}

// TestConnectOverHTTP2 opens a tunnel, which has no path and no scheme of its own.
func TestConnectOverHTTP2(t *testing.T) {
	for _, k := range kinds() {
		if k.version != "2" {
			continue // TestRawHTTP has it
		}
		t.Run(k.name, func(t *testing.T) {
			m := newMeter(t)
			s, c, _ := k.start(t, m.server(middleware.WithBodySizes()).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				http.NewResponseController(w).Flush()
				io.Copy(w, r.Body)
			})))
			resp, body := do(t, c, http.MethodConnect, s.URL, strings.NewReader("tunnel"))
			if resp.StatusCode != http.StatusOK || body != "tunnel" {
				t.Errorf("got %d %q", resp.StatusCode, body)
			}
			c.CloseIdleConnections()
			s.Close()
			wantAttrs(t, m.only(), "http.request.method=CONNECT", "http.response.status_code=200", "error.type=", "http.route=",
				"network.protocol.version=2", "url.scheme="+k.scheme)
			if got := m.samples("http.server.response.body.size"); len(got) != 1 || got[0].sum != 6 {
				t.Errorf("size %v, want 6", got)
			}
		})
	}
}
