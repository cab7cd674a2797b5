package notify_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/otelperf/otelperf-go/views"
	"github.com/otelperf/otelperf-go/views/notify"
)

const firingLine = "ALERT search_ms = 140.000 exceeds baseline 100.000 by 40.0% http.route=/search\n"

// writes records each Write by itself.
type writes struct {
	mu  sync.Mutex
	got []string
}

func (w *writes) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got = append(w.got, string(p))
	return len(p), nil
}

func TestConsoleWritesOneLineAtOnce(t *testing.T) {
	var w writes
	sink := notify.Console(&w)
	check(t, sink(background(), firing("search_ms")))
	check(t, sink(background(), resolved("search_ms")))
	want := []string{firingLine, "RESOLVED search_ms = 90.000 is back within baseline 100.000 after 5m0s http.route=/search\n"}
	if len(w.got) != 2 || w.got[0] != want[0] || w.got[1] != want[1] {
		t.Errorf("got %q, want %q", w.got, want)
	}
}

func TestConsoleColor(t *testing.T) {
	for _, test := range []struct {
		name  string
		alert views.Alert
		opts  []notify.ConsoleOption
		env   string
		want  string
	}{
		{"no terminal", firing("a"), nil, "", "ALERT a"},
		{"forced", firing("a"), []notify.ConsoleOption{notify.WithColor(true)}, "", "\x1b[1;31mALERT\x1b[0m a"},
		{"forced, resolved", resolved("a"), []notify.ConsoleOption{notify.WithColor(true)}, "", "\x1b[1;32mRESOLVED\x1b[0m a"},
		{"forced beats NO_COLOR", firing("a"), []notify.ConsoleOption{notify.WithColor(true)}, "1", "\x1b[1;31mALERT\x1b[0m a"},
		{"off", firing("a"), []notify.ConsoleOption{notify.WithColor(false), nil}, "", "ALERT a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("NO_COLOR", test.env)
			var b bytes.Buffer
			check(t, notify.Console(&b, test.opts...)(background(), test.alert))
			if got := b.String(); !strings.HasPrefix(got, test.want) {
				t.Errorf("got %q, want it to begin with %q", got, test.want)
			}
		})
	}
}

// A file that is no terminal stays without colour; the detection itself is
// tested in console_terminal_test.go.
func TestConsoleFile(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/out")
	check(t, err)
	defer func() { check(t, f.Close()) }()
	check(t, notify.Console(f)(background(), firing("search_ms")))
	got, err := os.ReadFile(f.Name())
	check(t, err)
	if string(got) != firingLine {
		t.Errorf("got %q, want %q", got, firingLine)
	}
}

// Without a writer it is standard error.
func TestConsoleIsStandardError(t *testing.T) {
	r, w, err := os.Pipe()
	check(t, err)
	old := os.Stderr
	t.Cleanup(func() { os.Stderr = old })
	os.Stderr = w
	sink := notify.Console(nil)
	os.Stderr = old
	check(t, sink(background(), firing("search_ms")))
	check(t, w.Close())
	got, err := io.ReadAll(r)
	check(t, err)
	if string(got) != firingLine {
		t.Errorf("got %q, want %q", got, firingLine)
	}
}

// lineWriter writes everything but the line break.
type lineWriter struct{}

func (lineWriter) Write(p []byte) (int, error) { return len(p) - 1, nil }

type shortWriter struct{}

func (shortWriter) Write(p []byte) (int, error) { return len(p) / 2, nil }

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestConsoleErrors(t *testing.T) {
	canceled, cancel := context.WithCancel(background())
	cancel()
	for _, test := range []struct {
		name string
		w    io.Writer
		ctx  context.Context
		want error
	}{
		{"short write", shortWriter{}, background(), io.ErrShortWrite},
		{"no line break", lineWriter{}, background(), io.ErrShortWrite},
		{"broken", brokenWriter{}, background(), io.ErrClosedPipe},
		{"context over", io.Discard, canceled, context.Canceled},
	} {
		if err := notify.Console(test.w)(test.ctx, firing("a")); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
	}
}

func TestConsoleConcurrent(t *testing.T) {
	var b bytes.Buffer // not safe by itself
	sink := notify.Console(&b)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := sink(background(), firing("search_ms")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, want := b.String(), strings.Repeat(firingLine, 20); got != want {
		t.Errorf("got %q", got)
	}
}
