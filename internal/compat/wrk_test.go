package compat

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"

	"go.opentelemetry.io/otel/attribute"
)

// TestLoadWrk drives the same server with wrk, over connections that are kept
// alive and over others that are not. wrk does not report what is in flight when
// its time is up, which is at most one request for each connection; the server's
// own counter is met exactly. As long as TestLoad.
func TestLoadWrk(t *testing.T) {
	wrk, err := exec.LookPath("wrk")
	if err != nil {
		if os.Getenv(loadVariable) != "" {
			t.Fatal("this needs the command wrk: install the package wrk")
		}
		t.Skip("the command wrk is missing: install the package wrk")
	}
	length := loadLength(t)
	for name, header := range map[string]string{"kept alive": "X-Load: wrk", "closed": "Connection: close"} {
		t.Run(name, func(t *testing.T) {
			const connections = 8
			mw, reader := measured(t)
			s := newLoadedServer(mw)
			defer s.Close()
			out, err := exec.Command(wrk, "-t", "2", "-c", strconv.Itoa(connections), "-d", fmt.Sprintf("%.0fs", length.Seconds()),
				"-s", "testdata/wrk.lua", "-H", header, s.URL).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			s.Close() // waits for what is in flight
			var counted, failed uint64
			for _, p := range points(t, reader, duration) {
				counted += p.Count
				if v, _ := p.Attributes.Value(attribute.Key("http.response.status_code")); v.AsInt64() >= 400 {
					failed += p.Count
				}
			}
			if own := uint64(s.began.Load()); counted != own || s.ended.Load() != s.began.Load() {
				t.Errorf("counted %d, the server itself %d begun and %d ended", counted, own, s.ended.Load())
			}
			requests := number(t, out, `(\d+) requests in`)
			if counted < requests || counted > requests+connections {
				t.Errorf("counted %d, wrk %d on %d connections", counted, requests, connections)
			}
			if bad := number(t, out, `Non-2xx or 3xx responses: (\d+)`); failed < bad || failed > bad+connections {
				t.Errorf("counted %d failures, wrk %d on %d connections", failed, bad, connections)
			}
			if n := value(t, reader, "http.server.active_requests"); n != 0 {
				t.Errorf("%d requests are still active", n)
			}
			t.Logf("%s: %d requests counted, %d reported by wrk", length, counted, requests)
		})
	}
}

// number finds a number in wrk's report.
func number(t *testing.T, report []byte, pattern string) uint64 {
	t.Helper()
	m := regexp.MustCompile(pattern).FindSubmatch(report)
	if m == nil {
		t.Fatalf("wrk reported no %q: %s", pattern, report)
	}
	n, err := strconv.ParseUint(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
