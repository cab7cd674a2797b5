package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/internal/bench/demo"
	"github.com/otelperf/otelperf-go/internal/bench/result"
)

const (
	asService   = "OTELPERF_BENCH_SERVICE"
	asGenerator = "generator"
)

// TestMain lets the test's program be the service that it drives.
func TestMain(m *testing.M) {
	role := serve
	switch os.Getenv(asService) {
	case "":
		os.Exit(m.Run())
	case asGenerator:
		role = generate
	}
	if err := role(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve answers as the demo does, and tells how often at /count, until it is interrupted.
// It exports nothing, to an OTLP endpoint if it is told of one.
func serve() error {
	end := make(chan os.Signal, 1)
	signal.Notify(end, os.Interrupt, syscall.SIGTERM)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var n atomic.Int64
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/count" {
			fmt.Fprint(w, n.Load())
			return
		}
		n.Add(1)
		fmt.Fprint(w, `{"hits": [{"id": "one"}]}`)
	})}
	if endpoint := os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"); endpoint != "" {
		go func() {
			for range time.Tick(20 * time.Millisecond) {
				if resp, err := http.Post(endpoint, "application/x-protobuf", nil); err == nil {
					_ = resp.Body.Close()
				}
			}
		}()
	}
	fmt.Fprintf(os.Stderr, "serving on http://%s\n", l.Addr())
	go func() {
		<-end
		_ = s.Close()
	}()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// generate starts a service, tells where it is, and waits to be killed.
func generate() error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p, err := demo.Start(ctx, program, demo.Options{Env: []string{asService + "=1"}})
	if err != nil {
		return err
	}
	fmt.Println(p.PID(), strings.TrimPrefix(p.Base, "http://"))
	_, err = io.Copy(io.Discard, os.Stdin) // which nobody closes
	return err
}

// TestKilledLeavesNoService: a service ends with whoever started it.
func TestKilledLeavesNoService(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends a process with its parent")
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	generator := exec.CommandContext(t.Context(), program)
	generator.Stderr = os.Stderr
	generator.Env = append(os.Environ(), asService+"="+asGenerator)
	stdin, err := generator.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := generator.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := generator.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	var address string
	if _, err := fmt.Fscanln(stdout, &pid, &address); err != nil {
		t.Fatal(err)
	}
	connect := func() error {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err
	}
	if err := connect(); err != nil {
		t.Fatal(err)
	}
	if err := generator.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = generator.Wait() // it was killed
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for deadline := time.Now().Add(10 * time.Second); connect() == nil; <-look.C {
		if time.Now().After(deadline) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatalf("the service is still at %s", address)
		}
	}
}

// TestSettle: what is asked at the beginning of a turn is not counted, neither are its
// time and its CPU time, and after a turn the service stands still.
func TestSettle(t *testing.T) {
	t.Parallel()
	p := startService(t)
	x := &running{Process: p}
	mix, _, _, err := demo.Loads(t.Context(), p.Base)
	if err != nil {
		t.Fatal(err)
	}
	for _, settle := range []time.Duration{0, 100 * time.Millisecond} {
		before, cpu, began := served(t, p), cpuOf(t, p), time.Now()
		s := sum{clients: mix.Clients(p.Base, 2)}
		for range 3 {
			if err := s.drive(t.Context(), x, settle, 100*time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		s.clients.Close()
		wall := time.Since(began)
		still := stillCPU(t, p)
		if err := p.Resume(); err != nil {
			t.Fatal(err)
		}
		all := served(t, p) - before
		if s.seen.Requests == 0 || s.cpu <= 0 || s.own <= 0 {
			t.Fatalf("nothing was counted: %+v", s)
		}
		if settle == 0 {
			if s.seen.Requests != all {
				t.Errorf("%d requests counted of %d", s.seen.Requests, all)
			}
			continue
		}
		if s.seen.Requests >= all || s.cpu >= still-cpu || s.spent >= wall-3*settle {
			t.Errorf("counted as well: %d of %d requests, %v of %v CPU time, %v of %v", s.seen.Requests, all, s.cpu, still-cpu, s.spent, wall)
		}
	}
}

// TestShare: with a share of what the bare service answers, requests come at that rate and
// not as fast as they are answered.
func TestShare(t *testing.T) {
	t.Setenv(asService, "1")
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := settings{share: 0.1, length: 200 * time.Millisecond, slice: 100 * time.Millisecond, settle: time.Millisecond, warm: time.Millisecond,
		clients: 2, load: regexp.MustCompile("^" + result.Mix + "$")}
	b := base{binaries: map[demo.Build]string{demo.Bare: program}, dir: t.TempDir()}
	if b.rates, err = b.atShare(t.Context(), c); errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	rate := b.rates[result.Mix]
	if rate <= 0 || len(b.rates) != 1 {
		t.Fatalf("rates %v", b.rates)
	}
	got, err := b.compare(t.Context(), c, references[:2], 0)
	if err != nil {
		t.Fatal(err)
	}
	most := rate * c.length.Seconds()
	for _, r := range got[0].rounds {
		if n := float64(r.Round.Requests); n > most+6*math.Sqrt(most)+2 {
			t.Errorf("%s: %.0f requests came in %v, at %.0f a second", r.Name, n, c.length, rate)
		}
	}
	if len(got[0].rounds) != 2 {
		t.Errorf("%d services took turns", len(got[0].rounds))
	}
	c.share = 0
	if rates, err := b.atShare(t.Context(), c); err != nil || len(rates) > 0 {
		t.Errorf("without a share the rates are %v, %v", rates, err)
	}
}

// TestKeep: a run that was cut short keeps its rounds, and does not take the place of a
// whole one.
func TestKeep(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "service.json")
	read := func(path string) (rounds int, ok bool) {
		var r result.Service
		ok, err := result.Read(path, &r)
		if err != nil {
			t.Fatal(err)
		}
		return r.Rounds, ok
	}
	cut := errors.New("interrupted")
	if err := keep(result.Service{}, cut, out); !errors.Is(err, cut) {
		t.Errorf("without a round: %v", err)
	}
	if _, ok := read(out + ".partial"); ok {
		t.Error("a file without a round was written")
	}
	if err := keep(result.Service{Rounds: 30}, nil, out); err != nil {
		t.Error(err)
	}
	if err := keep(result.Service{Rounds: 2}, cut, out); !errors.Is(err, cut) || !strings.Contains(err.Error(), out+".partial") {
		t.Errorf("the error says %v", err)
	}
	whole, _ := read(out)
	if part, _ := read(out + ".partial"); whole != 30 || part != 2 {
		t.Errorf("%d and %d rounds, want 30 and 2", whole, part)
	}
}

// startService starts the test's program as a service, until the test ends.
func startService(t *testing.T, env ...string) *demo.Process {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := demo.Start(t.Context(), program, demo.Options{Dir: t.TempDir(), Env: append(env, asService+"=1")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	if _, err := p.CPU(); errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	return p
}

// stillCPU is the CPU time of a service that stands still, as it does soon after it was
// told to.
func stillCPU(t *testing.T, p *demo.Process) time.Duration {
	t.Helper()
	last, look := cpuOf(t, p), time.NewTicker(10*time.Millisecond)
	defer look.Stop()
	for deadline := time.Now().Add(10 * time.Second); ; {
		<-look.C
		now := cpuOf(t, p)
		if now == last {
			return now
		}
		if last = now; time.Now().After(deadline) {
			t.Fatalf("the service went on after its turn: %v of CPU time", now)
		}
	}
}

func cpuOf(t *testing.T, p *demo.Process) time.Duration {
	t.Helper()
	d, err := p.CPU()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// served is how many requests the service has answered.
func served(t *testing.T, p *demo.Process) int {
	t.Helper()
	resp, err := http.Get(p.Base + "/count")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
