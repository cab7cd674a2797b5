package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestOptions(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct {
		args string
		want options
	}{
		{"", options{addr: "127.0.0.1:8080", clients: 4}},
		{"-drive 15s", options{addr: "127.0.0.1:0", clients: 4, drive: 15 * time.Second}},
		{"-drive 15s -addr :9090", options{addr: ":9090", clients: 4, drive: 15 * time.Second}},
		{"-drive=1m -clients 8 -slow-search 150ms", options{addr: "127.0.0.1:0", clients: 8, drive: time.Minute, slow: 150 * time.Millisecond}},
		{"-corpus " + dir + " -config x.toml", options{addr: "127.0.0.1:8080", clients: 4, corpus: dir, config: "x.toml"}},
	} {
		if got, err := parseOptions(strings.Fields(test.args)); err != nil || got != test.want {
			t.Errorf("%q: got %+v, %v", test.args, got, err)
		}
	}
	if _, err := parseOptions([]string{"-h"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
}

func TestBadOptions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		says string
	}{
		{[]string{"search"}, `unexpected argument "search"`},
		{[]string{"-unknown"}, "-unknown"},
		{[]string{"-drive"}, "needs an argument"},
		{[]string{"-drive", "15"}, `invalid value "15"`},
		{[]string{"-drive", "0s"}, "-drive 0s"},
		{[]string{"-drive", "-1s"}, "-drive -1s"},
		{[]string{"-drive", "25h"}, "at most 24h"},
		{[]string{"-drive", "1s", "-clients", "0"}, "-clients 0: want 1 to 256"},
		{[]string{"-drive", "1s", "-clients", "257"}, "-clients 257"},
		{[]string{"-clients", "2"}, "without -drive"},
		{[]string{"-slow-search", "-1ms"}, "-slow-search -1ms"},
		{[]string{"-slow-search", "2m"}, "want 0 to 1m0s"},
		{[]string{"-addr", ""}, "-addr is empty"},
		{[]string{"-config", ""}, "-config is empty"},
		{[]string{"-corpus", ""}, "-corpus"},
		{[]string{"-corpus", file + "x"}, "no such file"},
		{[]string{"-corpus", file}, "is not a folder"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), test.args, &stdout, &stderr); code != 2 {
			t.Errorf("%q: exit status %d", test.args, code)
		}
		if !strings.Contains(stderr.String(), test.says) || stdout.Len() > 0 {
			t.Errorf("%q: said %q and %q, want %q", test.args, &stderr, &stdout, test.says)
		}
	}
}

func TestHelpNamesEveryFlag(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"-help"}, &stdout, &stderr); code != 0 || stderr.Len() > 0 {
		t.Errorf("exit status %d, stderr %q", code, &stderr)
	}
	for _, name := range []string{"-addr", "-corpus", "-config", "-drive", "-clients", "-slow-search"} {
		if !strings.Contains(stdout.String(), name) {
			t.Errorf("the help lacks %s", name)
		}
	}
}
