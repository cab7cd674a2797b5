// Package lab runs real servers for a test: on loopback, on free ports, with
// their files in the test's own folder, and ends them with it.
package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/internal/e2e/components"
)

// A Process is a server that runs. It ends with the test that started it, and
// with the test binary however that ends.
type Process struct {
	t      testing.TB
	name   string
	cmd    *exec.Cmd
	output *output
	exited chan struct{}
}

// output collects what a process says.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// Binary returns the path of a component.
func Binary(t testing.TB, name string) string {
	t.Helper()
	bin, err := components.Build(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// Run starts a component with the further variables env, in the folder dir.
func Run(t testing.TB, name, dir string, env []string, args ...string) *Process {
	t.Helper()
	p := &Process{t: t, name: name, output: &output{}, exited: make(chan struct{})}
	p.cmd = exec.Command(Binary(t, name), args...)
	p.cmd.Dir = dir
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// The kernel takes the thread for the parent: it has to stay.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait()
		}
		close(p.exited)
	}()
	if err := <-started; err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("%s said:\n%s", name, tail(p.Output(), 6000))
		}
	})
	return p
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

// Output is all that the process has said.
func (p *Process) Output() string { return p.output.String() }

// Signal sends s to the process.
func (p *Process) Signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatalf("%s: %v", p.name, err)
	}
}

// Wait waits for the process to end and returns its exit code, -1 if a signal
// ended it.
func (p *Process) Wait(limit time.Duration) int {
	p.t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-timer.C:
		p.t.Fatalf("%s has not ended after %v:\n%s", p.name, limit, tail(p.Output(), 4000))
		return 0
	}
}

// Stop asks the process to end, and ends it if it does not.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGCONT)
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(15 * time.Second)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		p.Kill()
	}
}

// Kill ends the process at once.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// Running reports whether the process has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// Resident is the process' resident memory in bytes.
func (p *Process) Resident() int64 {
	p.t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(data), &size, &resident); err != nil {
		p.t.Fatal(err)
	}
	return resident * int64(os.Getpagesize())
}

// nextPort begins at another place for each process, so that two packages under
// test seldom try the same ports.
var (
	nextPort  atomic.Int32
	keptPorts sync.Map // of int to net.PacketConn, until the process ends
)

func init() { nextPort.Store(10_000 + int32(os.Getpid()%200)*100) }

// Port returns a port that nobody listens at and that is given out only once, by
// this process or another one that runs: whoever gets it keeps the UDP port of that
// number. It is below those that the kernel takes for outgoing connections, one of
// which could take it before the server is there.
func Port(t testing.TB) int {
	t.Helper()
	for range 10_000 {
		port := int(nextPort.Add(1))
		if port >= 32_000 {
			nextPort.Store(10_000)
			continue
		}
		kept, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		if err := bindable(port); err != nil {
			_ = kept.Close() // somebody else's
			continue
		}
		keptPorts.Store(port, kept)
		return port
	}
	t.Fatal("no port is free")
	return 0
}

// bindable reports why nobody could listen at a port now. It does not listen itself:
// a process that is just being started has a copy of every listener until its program
// is loaded, and the port would be taken for as long as that, though closed here. A copy
// of what is only bound hinders nobody who sets SO_REUSEADDR, as every listener of Go.
func bindable(port int) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = syscall.Close(fd) }()
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return err
	}
	return syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
}

// Eventually waits until f has no error, and fails the test if that is not
// within limit.
func Eventually(t testing.TB, limit time.Duration, f func() error) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within %v: %v", limit, err)
		}
	}
}

// Get returns the body of a page that answers 200.
func Get(url string) ([]byte, error) { return get(url, nil) }

func get(url string, header map[string]string) ([]byte, error) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		request.Header.Set(k, v)
	}
	client := http.Client{Timeout: 5 * time.Second}
	resp, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, resp.Status, body)
	}
	return body, err
}

// ready waits until the process answers at url.
func (p *Process) ready(url string) {
	p.t.Helper()
	Eventually(p.t, 30*time.Second, func() error {
		if !p.Running() {
			p.t.Fatalf("%s has ended:\n%s", p.name, tail(p.Output(), 4000))
		}
		_, err := Get(url)
		return err
	})
}

// Write writes a file of the test.
func Write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
