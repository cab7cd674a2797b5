package notify

import (
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/term"

	"github.com/otelperf/otelperf-go/views"
)

// A ConsoleOption changes what [Console] does.
type ConsoleOption func(*console)

// WithColor turns colour on or off whatever w is. Without this option there is
// colour only if w is a terminal, the environment has no NO_COLOR (or an empty
// one), and TERM is not "dumb". They are looked at once, by [Console].
func WithColor(on bool) ConsoleOption {
	return func(c *console) { c.color = &on }
}

// Console returns a sink that writes each alert to w as one line, the alert's
// String, in one Write. A nil w is standard error. Writes are serialised, so w
// need not be safe for concurrent use by itself.
//
// A Write cannot be cancelled: on a pipe that nobody reads the sink blocks,
// which a [Dispatcher] keeps away from everything else.
func Console(w io.Writer, opts ...ConsoleOption) Sink {
	if w == nil {
		w = os.Stderr
	}
	c := &console{w: w}
	for _, opt := range opts {
		if opt != nil {
			opt(c)
		}
	}
	if c.color == nil {
		on := wantsColor(w)
		c.color = &on
	}
	return c.send
}

type console struct {
	mu    sync.Mutex
	w     io.Writer
	color *bool
}

func (c *console) send(ctx context.Context, a views.Alert) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	line := a.String()
	if *c.color {
		line = paint(line, a.State)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := c.w.Write([]byte(line + "\n"))
	if err == nil && n <= len(line) {
		err = io.ErrShortWrite
	}
	return err
}

// paint colours the first word only: the rest stays as easy to read and to
// copy as without.
func paint(line string, s views.State) string {
	const red, green, reset = "\x1b[1;31m", "\x1b[1;32m", "\x1b[0m"
	word, rest, _ := strings.Cut(line, " ")
	begin := red
	if s == views.Resolved {
		begin = green
	}
	return begin + word + reset + " " + rest
}

// wantsColor follows no-color.org: any non-empty NO_COLOR means none.
func wantsColor(w io.Writer) bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(w)
}

// isTerminal asks through SyscallConn, as File.Fd may switch the file to
// blocking mode.
func isTerminal(w io.Writer) bool {
	f, ok := w.(syscall.Conn)
	if !ok {
		return false
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return false
	}
	is := false
	err = conn.Control(func(fd uintptr) { is = term.IsTerminal(int(fd)) })
	return err == nil && is
}
