package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/otelperf/otelperf-go/otelperf/monitor"
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
	return runWith(t, nil, args...)
}

// runWith runs the program with a text on its standard input.
func runWith(t *testing.T, stdin io.Reader, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, talk bytes.Buffer
	cmd := exec.Command(binary, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &talk
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
		{"help-completion.txt", []string{"completion", "--help"}},
		{"help-rules.txt", []string{"help", "rules"}},
		{"help.txt", []string{"help"}},
		{"help.txt", nil},
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
	levels := "[monitoring]\n"
	for i := range 70 {
		levels += fmt.Sprintf("[[baseline]]\nname = \"b%d\"\nmetric = \"otelperf.operation.duration\"\nstatistic = \"p95\"\nunit = \"ms\"\ntarget = %d\n", i, 1001+17*i)
	}
	levels = write("levels.toml", levels)
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
		{"too many levels", []string{"check", levels}, 1, "64"},
		{"empty file", []string{"check", write("empty.toml", "")}, 1, "the file is empty"},
		{"later of several files", []string{"check", shop, typo}, 1, "typo.toml:2:1"},
		{"no file", []string{"check"}, 2, "check needs at least one configuration file"},
		{"unknown option", []string{"check", "--jsn", shop}, 2, `unknown option "--jsn", did you mean "--json"?`},
		{"unknown option like no other", []string{"check", "--colour", shop}, 2, `unknown option "--colour"` + "\n" + `Run "otelperf check --help"`},
		{"unknown option of the program", []string{"--jsn"}, 2, `unknown option "--jsn"` + "\n" + `Run "otelperf --help"`},
		{"unknown command", []string{"chek", shop}, 2, `unknown command "chek", did you mean "check"?`},
		{"unknown command like no other", []string{"draw", shop}, 2, "use check, rules, dashboard, completion, help"},
		{"help of an unknown command", []string{"help", "rule"}, 2, `did you mean "rules"?`},
		{"help of two commands", []string{"help", "check", "rules"}, 2, "help takes one command"},
		{"completion of no shell", []string{"completion"}, 2, "completion needs the name of one shell: bash, zsh, fish"},
		{"completion of another shell", []string{"completion", "ksh"}, 2, "bash, zsh, fish"},
		{"completion of two shells", []string{"completion", "bash", "zsh"}, 2, "the name of one shell"},
		{"strategy", []string{"rules", "--strategy", "NoTranslations", shop}, 2, `did you mean "NoTranslation"?`},
		{"strategy like no other", []string{"dashboard", "--strategy", "x", shop}, 2, "use one of UnderscoreEscapingWithSuffixes, "},
		{"no value", []string{"rules", shop, "--strategy"}, 2, "a value is missing after --strategy"},
		{"bad duration", []string{"rules", "--query-offset", "soon", shop}, 2, `"soon" for --query-offset`},
		{"no interval", []string{"rules", "--interval", "0s", shop}, 2, "--interval: 0s is not positive"},
		{"empty label", []string{"rules", "--instance-label", "", shop}, 2, "--instance-label: the name of a label is empty"},
		{"tests of no rules", []string{"rules", "--tests", "", shop}, 2, "--tests: the path of the rules is empty"},
		{"bad metric", []string{"rules", "--metric", "a=b", shop}, 2, "write name=unit,kind"},
		{"bad kind", []string{"rules", "--metric", "a=s,thing", shop}, 2, "no kind of metric"},
		{"standard input twice", []string{"check", "-", "-"}, 2, "say - once"},
		{"empty standard input", []string{"check", "-"}, 1, "config: standard input: the file is empty"},
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
		negative := write("negative.toml", "[monitoring]\n[baseline_targets]\nsearch_ms = -1\n")
		twice := write("twice.toml", "[baseline_targets]\nsearch_ms = 100\n[[baseline]]\nname = \"search_ms\"\nmetric = \"m\"\nstatistic = \"value\"\ntarget = 1\n")
		for _, files := range [][]string{{typo}, {shop, typo}, {negative}, {twice}, {levels}, {dir}, {filepath.Join(dir, "none.toml")}} {
			mon, err := monitor.Start(t.Context(), monitor.WithConfigFiles(files...))
			if err == nil {
				_ = mon.Shutdown(t.Context())
				t.Errorf("a start takes %v", files)
				continue
			}
			want := strings.TrimPrefix(err.Error(), "monitor: ")
			if _, stderr, code := run(t, append([]string{"check"}, files...)...); strings.TrimSuffix(stderr, "\n") != want || code != 1 {
				t.Errorf("%v: got %d and %q, want 1 and %q", files, code, stderr, want)
			}
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

func TestVersion(t *testing.T) {
	t.Parallel()
	if stdout, _, code := run(t, "--version"); code != 0 || !strings.HasPrefix(stdout, "otelperf version ") {
		t.Errorf("exit code %d, %q", code, stdout)
	}
}

// TestStandardInput: "-" is a file like any other, in its place among them.
func TestStandardInput(t *testing.T) {
	t.Parallel()
	text := "[baseline_targets]\nsearch_ms = 250\n"
	path := filepath.Join(t.TempDir(), "production.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"check", "rules", "dashboard"} {
		want, _, _ := run(t, command, shop, path)
		got, stderr, code := runWith(t, strings.NewReader(text), command, shop, "-")
		if code != 0 || stderr != "" || got != want || got == "" {
			t.Errorf("%s: exit code %d, stderr %q; the output is that of a file: %t", command, code, stderr, got == want)
		}
	}
	_, stderr, code := runWith(t, strings.NewReader("[monitoring]\nintervall_seconds = 1\n"), "check", "-")
	if want := "config: standard input:2:1: unknown key"; code != 1 || !strings.HasPrefix(stderr, want) {
		t.Errorf("exit code %d and %q, want 1 and %q", code, stderr, want)
	}
	_, stderr, code = runWith(t, io.LimitReader(zeros{}, 2<<20), "check", "-")
	if code != 1 || !strings.Contains(stderr, "may have 1048576") {
		t.Errorf("exit code %d and %q", code, stderr)
	}
}

// zeros are a file that never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestOutputThatFails: what cannot be written is an error, of every command.
func TestOutputThatFails(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err) // not on this system
	}
	defer full.Close()
	for _, args := range [][]string{
		{"check", shop}, {"check", "--json", shop}, {"rules", shop}, {"rules", "--tests", "r.yml", shop}, {"dashboard", shop},
		{"completion", "bash"}, {"--help"}, {"rules", "--help"}, {"help", "check"}, {"--version"}, {},
	} {
		var talk bytes.Buffer
		cmd := exec.Command(binary, args...)
		cmd.Stdout, cmd.Stderr = full, &talk
		err := cmd.Run()
		if code := cmd.ProcessState.ExitCode(); err == nil || code != 1 {
			t.Errorf("%v: exit code %d, want 1", args, code)
		}
		if want := "otelperf: write /dev/stdout: no space left on device\n"; talk.String() != want {
			t.Errorf("%v: stderr %q, want %q", args, talk.String(), want)
		}
	}
}

// TestAlertingOff: what is only observed is shown without levels, raises nothing
// in Prometheus, and is said to be so.
func TestAlertingOff(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "off.toml")
	if err := os.WriteFile(path, []byte("[alerting]\nenabled = false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := run(t, "check", shop, path)
	if code != 0 || !strings.Contains(stderr, "alerting.enabled is false") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	for _, level := range []string{"> 120 ms", "burn >", "mean of 60"} {
		if strings.Contains(stdout, level) {
			t.Errorf("the table has %q:\n%s", level, stdout)
		}
	}
	stdout, stderr, code = run(t, "rules", shop, path)
	if code != 0 || !strings.Contains(stderr, "alerting.enabled is false") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	for line := range strings.SplitSeq(stdout, "\n") {
		if alert, ok := strings.CutPrefix(strings.TrimSpace(line), "- alert: "); ok && !strings.HasSuffix(alert, "_fleet\"") {
			t.Errorf("the rules alert by %s", alert)
		}
	}
	if !strings.Contains(stdout, `alert: "fleet_qps_fleet"`) {
		t.Error("the rules do not alert for the fleet")
	}
}
