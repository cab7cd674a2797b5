package browsertest

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/internal/browsertest/scene"
	"github.com/otelperf/otelperf-go/internal/trial"
)

// TestThePageComesBackWithItsServer: where the server goes away the page says
// so, and follows the next one at the same address without a reload.
func TestThePageComesBackWithItsServer(t *testing.T) {
	s := service(t, time.Minute, nil)
	now := time.Now()
	must(t, s.Day(now, time.Minute, 30*time.Minute))
	address := trial.Address(t)
	listener, err := net.Listen("tcp", address)
	must(t, err)
	serve := func(l net.Listener) *http.Server {
		server := &http.Server{Handler: s.Page, ReadHeaderTimeout: time.Minute}
		go server.Serve(l) // it ends with Close
		return server
	}
	server := serve(listener)
	b := tab(t, 1280, false)
	must(t, b.Open("http://"+address+"/"))
	must(t, b.Wait("document.getElementById('live').dataset.kind == 'good'"))
	eval[bool](t, b, "window.loaded = 'once', true")

	must(t, server.Close())
	must(t, b.Wait("document.getElementById('live').dataset.kind == 'bad'"))
	if text := eval[string](t, b, "document.getElementById('live-text').textContent"); text == "live" {
		t.Errorf("without a server the page says %q", text)
	}

	listener, err = net.Listen("tcp", address)
	must(t, err)
	server = serve(listener)
	defer server.Close()
	must(t, b.Wait("document.getElementById('live').dataset.kind == 'good'"))
	at := now.Add(time.Second)
	must(t, s.Collect(at, scene.Calls(1)))
	must(t, b.Wait(fmt.Sprintf("document.body.dataset.drawn == '%d'", at.UnixMilli())))
	if loaded := eval[string](t, b, "window.loaded || ''"); loaded != "once" {
		t.Error("the page was loaded again")
	}
}

// TestEvidenceIsADownload: the link of each file gives the file, and opens
// nothing in the browser.
func TestEvidenceIsADownload(t *testing.T) {
	root := filepath.Join(t.TempDir(), "evidence")
	must(t, scene.Evidence(root))
	s, err := scene.New(time.Minute, root, nil)
	must(t, err)
	must(t, s.Day(time.Now(), time.Minute, 30*time.Minute))
	url := serve(t, s)
	b := tab(t, 1280, false)
	must(t, b.Open(url))
	must(t, b.Wait("document.querySelectorAll('#alerts .files a[download]').length == 3"))
	for i, size := range []int{20_000, 40_000, 60_000} {
		got := eval[string](t, b, fmt.Sprintf(`fetch(document.querySelectorAll('#alerts .files a')[%d].href).then(async r =>
			[(await r.arrayBuffer()).byteLength, r.headers.get('Content-Type'), r.headers.get('Content-Disposition').split(';')[0]].join(' '))`, i))
		if want := fmt.Sprintf("%d application/octet-stream attachment", size); got != want {
			t.Errorf("file %d is %q, want %q", i, got, want)
		}
	}
	quiet(t, b, url)
}

// TestAnotherOriginReadsNothing: a page of another port of this machine, which
// is another origin, gets no answer.
func TestAnotherOriginReadsNothing(t *testing.T) {
	s := service(t, time.Minute, nil)
	must(t, s.Day(time.Now(), time.Minute, 5*time.Minute))
	url := serve(t, s)
	hostile := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><body data-ready=true>"))
	}))
	defer hostile.Close()
	b := tab(t, 1280, false)
	must(t, b.Open(hostile.URL))
	for _, mode := range []string{"cors", "no-cors"} {
		got := eval[string](t, b, fmt.Sprintf("fetch(%q, { mode: %q }).then(r => r.type + r.status, e => 'refused')", url+"api/snapshot", mode))
		if got != "refused" {
			t.Errorf("by %s another origin gets %s", mode, got)
		}
	}
}
