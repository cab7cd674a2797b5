package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/otelperf/otelperf-go/internal/config"
)

var update = flag.Bool("update", false, "write the golden files anew")

// binary is the program, built once.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "otelperf")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "otelperf")
		if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// run runs the program and returns what it said and how it ended.
func run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, talk bytes.Buffer
	cmd := exec.Command(binary, args...)
	cmd.Stdout, cmd.Stderr = &out, &talk
	cmd.Env = append(os.Environ(), "OTEL_METRIC_EXPORT_INTERVAL=5000")
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", args, err)
	}
	return out.String(), talk.String(), cmd.ProcessState.ExitCode()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("not what %s says; if it should be, run go test ./cmd/otelperf -update\n%s", path, firstDifference(string(want), got))
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("want %d lines, got %d", len(w), len(g))
}

const shop = "testdata/shop.toml"

func TestGolden(t *testing.T) {
	t.Parallel()
	tests := []struct {
		golden string
		args   []string
	}{
		{"shop.table.txt", []string{"check", shop}},
		{"shop.json", []string{"check", "--json", shop}},
		{"shop.rules.yml", []string{"rules", shop}},
		{"shop.test.yml", []string{"rules", "--tests", "shop.rules.yml", shop}},
		{"shop.NoTranslation.rules.yml", []string{"rules", "--strategy", "NoTranslation", shop}},
		{"shop.dashboard.json", []string{"dashboard", "--title", "shop", shop}},
		{"help.txt", []string{"--help"}},
		{"help-check.txt", []string{"check", "--help"}},
		{"help-rules.txt", []string{"rules", "--help"}},
		{"help-dashboard.txt", []string{"dashboard", "--help"}},
	}
	for _, tt := range tests {
		t.Run(tt.golden, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, code := run(t, tt.args...)
			if code != 0 || stderr != "" {
				t.Errorf("exit code %d, stderr %q: want 0 and silence", code, stderr)
			}
			golden(t, tt.golden, stdout)
		})
	}
}

// TestFaults: what is wrong is said on standard error, on one line, and the exit
// code tells whether it is the configuration or the command line.
func TestFaults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	typo := write("typo.toml", "[alerting]\nconsol_output = true\n")
	own := write("own.toml", "[[baseline]]\nname = \"age\"\nmetric = \"shop.queue.age\"\nstatistic = \"value\"\ntarget = 10\nunit = \"s\"\n")
	unit := write("unit.toml", "[[baseline]]\nname = \"memory\"\nmetric = \"process.memory.usage\"\nstatistic = \"value\"\ntarget = 10\nunit = \"ms\"\n")
	tests := []struct {
		name string
		args []string
		code int
		want string // in standard error
	}{
		{"typo", []string{"check", typo}, 1, "typo.toml:2:1: unknown key \"alerting.consol_output\", did you mean"},
		{"typo in rules", []string{"rules", typo}, 1, "typo.toml:2:1"},
		{"typo in dashboard", []string{"dashboard", typo}, 1, "typo.toml:2:1"},
		{"missing file", []string{"check", filepath.Join(dir, "none.toml")}, 1, "none.toml"},
		{"directory", []string{"check", dir}, 1, dir},
		{"unknown metric", []string{"rules", own}, 1, "--metric shop.queue.age=unit,kind"},
		{"unit that does not fit", []string{"rules", unit}, 1, `the unit "ms" does not fit`},
		{"strategy", []string{"rules", "--strategy", "Underscore", shop}, 1, "unknown translation strategy"},
		{"no file", []string{"check"}, 2, "check needs at least one configuration file"},
		{"unknown flag", []string{"check", "--jsn", shop}, 2, "jsn"},
		{"unknown command", []string{"chek", shop}, 2, `unknown command "chek"`},
		{"bad duration", []string{"rules", "--query-offset", "soon", shop}, 2, "query-offset"},
		{"bad metric", []string{"rules", "--metric", "a=b", shop}, 2, "write name=unit,kind"},
		{"bad kind", []string{"rules", "--metric", "a=s,thing", shop}, 2, "no kind of metric"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, code := run(t, tt.args...)
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			if stdout != "" {
				t.Errorf("standard output is for data, got %q", stdout)
			}
			if !strings.Contains(stderr, tt.want) {
				t.Errorf("stderr %q does not say %q", stderr, tt.want)
			}
			if tt.code == 1 && strings.Count(stderr, "\n") != 1 {
				t.Errorf("want one line, got %q", stderr)
			}
		})
	}
	t.Run("the same error as at start", func(t *testing.T) {
		t.Parallel()
		_, want := config.Load(typo)
		if _, stderr, _ := run(t, "check", typo); strings.TrimSuffix(stderr, "\n") != want.Error() {
			t.Errorf("got %q, want %q", stderr, want)
		}
	})
}

func TestOwnMetric(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "own.toml")
	text := "[[baseline]]\nname = \"age\"\nmetric = \"shop.queue.age\"\nstatistic = \"value\"\ntarget = 10\nunit = \"s\"\n" +
		"[[baseline]]\nname = \"jobs\"\nmetric = \"shop.jobs\"\nstatistic = \"rate\"\ntarget = 10\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := run(t, "rules", "--metric", "shop.queue.age=s,gauge", "--metric", "shop.jobs={job},counter", path)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	for _, want := range []string{"last_over_time(shop_queue_age_seconds[132s])", "rate(shop_jobs_total[132s])"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the rules do not have %s:\n%s", want, stdout)
		}
	}
}

// TestLayers: files override each other, and variables are applied when asked.
func TestLayers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "production.toml")
	if err := os.WriteFile(path, []byte("[baseline_targets]\nsearch_ms = 250\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, _, _ := run(t, "check", "--json", shop, path)
	var all []struct {
		Name      string
		Metric    string
		Target    float64
		Threshold float64
	}
	if err := json.Unmarshal([]byte(stdout), &all); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, b := range all {
		if b.Name == "search_ms" && b.Metric == "otelperf.operation.duration" {
			if found = true; b.Target != 250 || b.Threshold != 300 {
				t.Errorf("search_ms has target %v and threshold %v, want 250 and 300", b.Target, b.Threshold)
			}
		}
	}
	if !found {
		t.Error("search_ms is not there")
	}
	if stdout, _, _ = run(t, "rules", shop); !strings.Contains(stdout, "interval: 10s") {
		t.Error("without --env the file's interval goes")
	}
	if stdout, _, _ = run(t, "rules", "--env", shop); !strings.Contains(stdout, "interval: 5s") {
		t.Error("with --env the variable's interval goes")
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish", "pwsh"} {
		stdout, stderr, code := run(t, "completion", shell)
		if code != 0 || !strings.Contains(stdout, "--generate-shell-completion") {
			t.Errorf("%s: exit code %d, %q, %q", shell, code, stdout, stderr)
		}
	}
	stdout, _, _ := run(t, "--generate-shell-completion")
	for _, command := range []string{"check", "rules", "dashboard"} {
		if !strings.Contains(stdout, command) {
			t.Errorf("%s is not offered: %q", command, stdout)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	if stdout, _, code := run(t, "--version"); code != 0 || !strings.HasPrefix(stdout, "otelperf version ") {
		t.Errorf("exit code %d, %q", code, stdout)
	}
}
