//go:build !bare

package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// openEvidence does what a stranger does who has the path from the alert's line:
// reads README, opens every file with the tool that it names, and looks for the
// function that makes searches slow. It waits, so profiles of CPU time cannot
// show it.
func openEvidence(t *testing.T, folder string) {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join(folder, "README"))
	if err != nil {
		t.Fatal(err)
	}
	opened := 0
	row := regexp.MustCompile(`(?m)^(\S+) +(\S.*?)  +\S.*$`)
	for _, m := range row.FindAllStringSubmatch(string(readme), -1) {
		name, command := m[1], m[2]
		if name == "file" {
			continue
		}
		check, ok := evidenceChecks[name]
		if !ok || check.command != command {
			t.Errorf("no test opens %s with %q", name, command)
			continue
		}
		opened++
		check.open(t, folder, command)
	}
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != opened+1 || opened < 9 {
		t.Errorf("%d of %d files were opened, %v; the README:\n%s", opened, len(files), err, readme)
	}
	// And what it says below the table.
	for _, line := range strings.Split(string(readme), "\n") {
		if line, ok := strings.CutPrefix(line, "  go "); ok {
			opened++
			out := shell(t, folder, "go "+line)
			if strings.Contains(line, "-top") {
				wantIn(t, line, out, "main.wait")
			}
		}
	}
	if opened < 11 {
		t.Errorf("the README has no commands below its table:\n%s", readme)
	}
	traces := shell(t, folder, "go tool pprof -traces -tagfocus=operation=search goroutine.pprof")
	stack := regexp.MustCompile(`(?s)operation: +search\n.*main\.wait\n +main\.(newService\.)?find\..*main\.\(\*api\)\.search\n`)
	if !stack.MatchString(traces) {
		t.Errorf("the stack of a search does not lead to where it waits:\n%s", traces)
	}
}

// evidenceChecks are the files of a folder, what opens them, and what they have
// to show.
var evidenceChecks = map[string]struct {
	command string
	open    func(t *testing.T, folder, command string)
}{
	"trace.out": {"go tool trace trace.out", func(t *testing.T, folder, _ string) { // as it is opened, without the browser
		events := shell(t, folder, "go tool trace -d=parsed trace.out")
		blocks := regexp.MustCompile(`(?m)Running->Waiting Reason="select"\n(TransitionStack=|Stack=)?\n?(\t.*\n)*?\tmain\.wait @.*\n.*\n\tmain\.(newService\.)?find\.`)
		if !blocks.MatchString(events) {
			i := max(0, strings.Index(events, "\tmain.wait @")-1500)
			t.Errorf("in trace.out no goroutine begins to wait in main.wait but %.4000s", events[i:])
		}
	}},
	"goroutine.pprof": {"go tool pprof -top -cum goroutine.pprof", shows("main.wait", "main.(*api).search")},
	"goroutine.txt":   {"less goroutine.txt", shows("main.wait(", "[select]")},
	"heap.pprof": {"go tool pprof -sample_index=inuse_space -top heap.pprof", func(t *testing.T, folder, command string) {
		// Of so small an index there may be no sample: whose memory it is, is not certain.
		top := shell(t, folder, command)
		if !regexp.MustCompile(`(?m)^Type: inuse_space$(.*\n)*Showing nodes .* of [0-9.]+[kM]B total$`).MatchString(top) {
			t.Errorf("%s shows no memory but %.3000s", command, top)
		}
	}},
	"cpu.pprof":        {"go tool pprof -top cpu.pprof", shows("Type: cpu")},
	"cpu-before.pprof": {"go tool pprof -top cpu-before.pprof", shows("Type: cpu")},
	"build.txt": {"less build.txt", func(t *testing.T, folder, _ string) {
		b, err := debug.ParseBuildInfo(string(read(t, folder, "build.txt")))
		if err != nil || b.Main.Path != "github.com/otelperf/otelperf-go/examples/httpdemo" ||
			!slices.ContainsFunc(b.Deps, func(m *debug.Module) bool { return m.Path == "github.com/blevesearch/bleve/v2" }) {
			t.Errorf("build.txt: %v, %v", b, err)
		}
	}},
	"series.csv": {"any spreadsheet, or column -s, -t series.csv", func(t *testing.T, folder, _ string) {
		rows, err := csv.NewReader(bytes.NewReader(read(t, folder, "series.csv"))).ReadAll()
		if err != nil || len(rows) < 2 {
			t.Fatalf("series.csv: %q, %v", rows, err)
		}
		last := rows[len(rows)-1]
		value, err := strconv.ParseFloat(last[4], 64)
		if _, timeErr := time.Parse(time.RFC3339Nano, last[3]); err != nil || timeErr != nil || last[0] != "search_ms" || value < 120 || last[5] != "firing" {
			t.Errorf("series.csv ends with %q: %v, %v", last, err, timeErr)
		}
	}},
	"config.toml": {"any editor", func(t *testing.T, folder, _ string) { // the program that it is of opens it too
		p := program(t, "-config", filepath.Join(folder, "config.toml"), "-drive", "500ms")
		if err := p.Run(); err != nil {
			t.Errorf("config.toml: %v\n%s", err, &p.stderr)
		}
		if _, table := p.output(t); !regexp.MustCompile(`(?m)^search_ms .* 100 ms +120 ms `).MatchString(table) {
			t.Errorf("with config.toml search_ms is judged otherwise:\n%s", table)
		}
	}},
	"index.json": {"less index.json", func(t *testing.T, folder, _ string) {
		var x struct {
			State  string
			Alerts []struct{ Name, Evidence string }
		}
		if err := json.Unmarshal(read(t, folder, "index.json"), &x); err != nil || x.State != "complete" ||
			len(x.Alerts) == 0 || x.Alerts[0].Name != "search_ms" || x.Alerts[0].Evidence != folder {
			t.Errorf("index.json: %+v, %v", x, err)
		}
	}},
}

// shows runs the command, or reads the file that it is to page, and looks for
// all of want.
func shows(want ...string) func(t *testing.T, folder, command string) {
	return func(t *testing.T, folder, command string) {
		t.Helper()
		wantIn(t, command, shell(t, folder, strings.Replace(command, "less ", "cat ", 1)), want...)
	}
}

func wantIn(t *testing.T, from, out string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(out, w) {
			t.Errorf("%s does not show %s but %d bytes, from\n%.2000s", from, w, len(out), out)
		}
	}
}

// shell runs a command in the folder. Only its owner can read it, and no tool
// may ask for anything.
func shell(t *testing.T, folder, command string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
	cmd.Dir = folder
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", command, err, out)
	}
	return string(out)
}

func read(t *testing.T, folder, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Error(err)
	}
	return data
}
