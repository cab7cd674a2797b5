//go:build !bare

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestBareHasNothingOfOurs: what is built with the tag bare measures nothing,
// and answers as the measured service does.
func TestBareHasNothingOfOurs(t *testing.T) {
	t.Parallel()
	measured := program(t, "-addr", "127.0.0.1:0") // skips a short run
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", "bare", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for p := range strings.Lines(string(out)) {
		p = strings.TrimSpace(p)
		ours := strings.Contains(p, "otelperf-go") && !strings.Contains(p, "/examples/")
		if ours || strings.HasPrefix(p, "go.opentelemetry.io/") {
			t.Errorf("the bare service imports %s", p)
		}
	}
	binary := filepath.Join(buildDir, "bare.exe")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-tags", "bare", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	bare := program(t, "-addr", "127.0.0.1:0")
	bare.Path = binary
	bare.Args[2] = measured.Args[2] // the same corpus
	bases := []string{measured.serve(t), bare.serve(t)}
	defer bare.kill(t)
	defer measured.kill(t)
	for _, path := range []string{
		"/search?q=sort", "/search?q=", "/documents/slices.Sort.txt", "/documents/none", "/healthz", "/nowhere",
	} {
		first, second := send(t, "GET", bases[0]+path, "", ""), send(t, "GET", bases[1]+path, "", "")
		if first.status != second.status || !reflect.DeepEqual(first.body, second.body) {
			t.Errorf("%s: measured %d %v, bare %d %v", path, first.status, first.body, second.status, second.body)
		}
	}
	if r := send(t, "GET", bases[1]+"/debug/otelperf/", "", ""); r.status != 404 {
		t.Errorf("the bare service has the page: %d", r.status)
	}
}

// TestHotRoad: the service runs on it by its configuration alone.
func TestHotRoad(t *testing.T) {
	t.Parallel()
	p := program(t, "-addr", "127.0.0.1:0", "-config", "hot.toml")
	if err := os.WriteFile(filepath.Join(p.dir, "hot.toml"), []byte("monitoring.hot_road = true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	base := p.serve(t)
	defer p.kill(t)
	if r := send(t, "GET", base+"/search?q=sort", "", ""); r.status != 200 {
		t.Errorf("status %d", r.status)
	}
}
