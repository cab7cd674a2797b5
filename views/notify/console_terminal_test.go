//go:build linux

package notify_test

import (
	"bytes"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/otelperf/otelperf-go/views/notify"
)

// terminal is a writer that the system takes for a terminal, and that keeps
// what is written.
type terminal struct {
	bytes.Buffer
	pty *os.File
}

func (t *terminal) SyscallConn() (syscall.RawConn, error) { return t.pty.SyscallConn() }

func TestConsoleColorOnATerminal(t *testing.T) {
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no pseudo-terminals:", err)
	}
	t.Cleanup(func() { check(t, pty.Close()) })
	for _, test := range []struct {
		name, noColor, term string
		opts                []notify.ConsoleOption
		color               bool
	}{
		{"terminal", "", "xterm", nil, true},
		{"NO_COLOR", "1", "xterm", nil, false},
		{"dumb", "", "dumb", nil, false},
		{"switched off", "", "xterm", []notify.ConsoleOption{notify.WithColor(false)}, false},
	} {
		t.Setenv("NO_COLOR", test.noColor)
		t.Setenv("TERM", test.term)
		w := &terminal{pty: pty}
		check(t, notify.Console(w, test.opts...)(background(), firing("x")))
		if got := strings.Contains(w.String(), "\x1b["); got != test.color {
			t.Errorf("%s: colour is %v, want %v", test.name, got, test.color)
		}
	}
}
