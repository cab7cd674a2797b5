package demo

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A Build is a way to compile the demo.
type Build int

const (
	Measured Build = iota // with everything
	Bare                  // with nothing that measures it
	Pprof                 // Bare with net/http/pprof linked in
	ByHand                // Bare with what the SDK needs to record the same durations
)

// Compile compiles the demo into dir and returns the binary. source is the demo's
// folder.
func (b Build) Compile(ctx context.Context, source, dir string) (string, error) {
	tags := "" // no others either
	if b != Measured {
		tags = "bare"
	}
	args := []string{"build", "-tags", tags}
	changed, err := b.changes(source)
	if err != nil {
		return "", fmt.Errorf("demo: %w", err)
	}
	if changed != nil {
		overlay, err := overlayOf(changed, source, dir)
		if err != nil {
			return "", fmt.Errorf("demo: %w", err)
		}
		args = append(args, "-overlay", overlay)
	}
	binary := filepath.Join(dir, [...]string{"httpdemo", "httpdemo-bare", "httpdemo-pprof", "httpdemo-byhand"}[b])
	cmd := exec.CommandContext(ctx, "go", append(args, "-o", binary, ".")...)
	cmd.Dir = source
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("demo: building it: %w: %s", err, out)
	}
	return binary, nil
}

//go:embed byhand.go.txt
var byHand []byte

// changes returns the files of the demo that the build has in place of what is there,
// or besides.
func (b Build) changes(source string) (map[string][]byte, error) {
	switch b {
	case Pprof:
		return map[string][]byte{"pprof.go": []byte("package main\n\nimport _ \"net/http/pprof\"\n")}, nil
	case ByHand:
		const file = "bare.go"
		bare, err := os.ReadFile(filepath.Join(source, file))
		if err != nil {
			return nil, err
		}
		for old, wrapped := range map[string]string{
			"find(x, d.slow)": "recordSearches(find(x, d.slow))",
			"newServer(api,":  "newServer(recordRequests(api),",
		} {
			if n := bytes.Count(bare, []byte(old)); n != 1 {
				return nil, fmt.Errorf("%s has %q %d times, not once: it changed, and what is measured by hand has to follow", file, old, n)
			}
			bare = bytes.Replace(bare, []byte(old), []byte(wrapped), 1)
		}
		return map[string][]byte{file: bare, "byhand.go": byHand}, nil
	}
	return nil, nil
}

// overlayOf returns a file for go build's -overlay, by which the demo has the changed
// files. They are kept in dir.
func overlayOf(changed map[string][]byte, source, dir string) (string, error) {
	source, err := filepath.Abs(source)
	if err != nil {
		return "", err
	}
	dir, err = os.MkdirTemp(dir, "overlay")
	if err != nil {
		return "", err
	}
	replace := make(map[string]string)
	for name, text := range changed {
		to := filepath.Join(dir, name)
		if err := os.WriteFile(to, text, 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(source, name)] = to
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, text, 0o600)
}

// A Process is a running service.
type Process struct {
	Base string // its URL

	cmd    *exec.Cmd
	stderr *watcher
	ended  chan struct{}
	err    error // once it has ended
}

// Options say how to run a service.
type Options struct {
	Dir    string       // its working directory
	Config string       // TOML; empty: none, which is the demo's own
	Corpus string       // folder to index; empty: the documentation of Go
	Env    []string     // besides the environment
	Lines  func(string) // gets each line of stderr; nil: nobody
}

// Start runs binary on the services' CPUs and returns when it serves. Except on Linux
// it goes on if this process is killed.
func Start(ctx context.Context, binary string, o Options) (*Process, error) {
	args := []string{"-addr", "127.0.0.1:0"}
	if o.Corpus != "" {
		args = append(args, "-corpus", o.Corpus)
	}
	if o.Config != "" {
		path := filepath.Join(o.Dir, "demo.toml")
		if err := os.WriteFile(path, []byte(o.Config), 0o600); err != nil {
			return nil, fmt.Errorf("demo: %w", err)
		}
		args = append(args, "-config", path)
	}
	p := &Process{
		cmd:    exec.Command(binary, args...), //nolint:noctx // only Stop ends it, in order
		stderr: &watcher{lines: o.Lines, base: make(chan string, 1)},
		ended:  make(chan struct{}),
	}
	p.cmd.Dir = o.Dir
	p.cmd.SysProcAttr = serviceAttributes()
	p.cmd.Stdout, p.cmd.Stderr = io.Discard, p.stderr
	p.cmd.Env = append(environment(), fmt.Sprint("GOMAXPROCS=", len(serviceCPUs())))
	p.cmd.Env = append(p.cmd.Env, o.Env...)
	started := make(chan error)
	go func() {
		// On Linux a service ends with the thread that started it, so that is kept.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := onServiceCPUs(p.cmd.Start)
		if err != nil && p.cmd.Process != nil { // it runs, but the thread is not where it was
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	select {
	case p.Base = <-p.stderr.base:
		return p, nil
	case <-p.ended:
		return nil, fmt.Errorf("demo: the service ended: %w: %s", p.err, p.stderr.tail())
	case <-ctx.Done():
		_ = p.cmd.Process.Kill()
		<-p.ended
		return nil, fmt.Errorf("demo: %w", ctx.Err())
	}
}

// environment is ours without settings of OpenTelemetry.
func environment() (out []string) {
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "OTEL_") {
			out = append(out, kv)
		}
	}
	return out
}

// PID is the process' number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Pause stops all of the process where it is, until Resume.
func (p *Process) Pause() error { return p.signal(syscall.SIGSTOP) }

// Resume lets it go on.
func (p *Process) Resume() error { return p.signal(syscall.SIGCONT) }

func (p *Process) signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("demo: %w: %s", err, p.stderr.tail())
	}
	return nil
}

// Stop ends the process and waits for it. The error says if it did not end as
// it should.
func (p *Process) Stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGCONT)
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("demo: %w", err)
	}
	select {
	case <-p.ended:
	case <-time.After(30 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
	if p.err != nil {
		return fmt.Errorf("demo: the service ended: %w: %s", p.err, p.stderr.tail())
	}
	return nil
}

// A watcher reads a process' stderr.
type watcher struct {
	lines func(string)
	base  chan string // gets the address once

	mu   sync.Mutex
	part string
	last []string
}

var serving = regexp.MustCompile(`serving on (http://\S+)`)

func (w *watcher) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.part += string(b)
	for {
		line, rest, ok := strings.Cut(w.part, "\n")
		if !ok {
			return len(b), nil
		}
		w.part = rest
		if m := serving.FindStringSubmatch(line); m != nil && len(w.base) == 0 {
			w.base <- m[1]
		}
		if w.lines != nil {
			w.lines(line)
		}
		if w.last = append(w.last, line); len(w.last) > 20 {
			w.last = w.last[1:]
		}
	}
}

func (w *watcher) tail() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(append(w.last, w.part), "\n")
}
