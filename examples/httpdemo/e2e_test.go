//go:build !bare

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptrace"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// build compiles the program once for all tests.
var build = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(buildDir, "httpdemo.exe") // a name that every system runs
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return binary, nil
})

var buildDir string

func TestMain(m *testing.M) {
	var err error
	if buildDir, err = os.MkdirTemp("", "httpdemo-test-"); err != nil {
		log.Fatal(err)
	}
	code := m.Run()
	if err := os.RemoveAll(buildDir); err != nil {
		log.Print(err)
	}
	os.Exit(code)
}

// A talk is a program's stderr, and hears its address in it.
type talk struct {
	mu      sync.Mutex
	text    strings.Builder
	address chan string // gets the address once
}

func (k *talk) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.text.Write(p)
	if k.address != nil {
		if _, rest, ok := strings.Cut(k.text.String(), "serving on "); ok {
			base, _, whole := strings.Cut(rest, " ")
			if whole {
				k.address <- base
				k.address = nil
			}
		}
	}
	return len(p), nil
}

func (k *talk) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.text.String()
}

// A process is the program, run in a folder of its own.
type process struct {
	*exec.Cmd
	dir, temporary string
	stdout         bytes.Buffer
	stderr         talk
	ended          chan error // of serve
}

// program prepares a run over a small corpus, in an environment without
// settings of OpenTelemetry.
func program(t *testing.T, args ...string) *process {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and runs the program")
	}
	binary, err := build()
	if err != nil {
		t.Fatal(err)
	}
	texts := t.TempDir()
	for _, d := range someDocuments {
		if err := os.WriteFile(filepath.Join(texts, strings.ReplaceAll(d.ID, "/", "-")+".txt"), []byte(d.Text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	p := &process{dir: t.TempDir(), temporary: t.TempDir()}
	p.Cmd = exec.CommandContext(ctx, binary, append([]string{"-corpus", texts}, args...)...)
	p.Dir = p.dir
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "OTEL_") {
			p.Env = append(p.Env, kv)
		}
	}
	p.Env = append(p.Env, "TMPDIR="+p.temporary)
	return p
}

// check looks at what every run leaves.
func (p *process) check(t *testing.T) {
	t.Helper()
	if left, err := os.ReadDir(p.temporary); err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
	if t.Failed() {
		t.Logf("stderr:\n%s", &p.stderr)
	}
}

func (p *process) alerts(t *testing.T) []map[string]any {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(p.dir, "data", "httpdemo_alerts.log"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		t.Fatal(err)
	}
	var out []map[string]any
	for line := range strings.Lines(string(data)) {
		var alert map[string]any
		if err := json.Unmarshal([]byte(line), &alert); err != nil {
			t.Errorf("not a line of JSON: %q: %v", line, err)
		}
		out = append(out, alert)
	}
	return out
}

// A batch is what one export printed, as far as the tests look at it.
type batch struct {
	Resource     []keyValue
	ScopeMetrics []struct {
		Metrics []struct {
			Name string
			Data struct {
				DataPoints []struct {
					Attributes []keyValue
					Value      float64
					Count      uint64
				}
			}
		}
	}
}

type keyValue struct {
	Key   string
	Value struct{ Value any }
}

// sum adds up the values, or the counts, of a metric's points that have an
// attribute. ok is false if there are none.
func (b batch) sum(metric, key string, value any) (value64 float64, ok bool) {
	for _, scope := range b.ScopeMetrics {
		for _, m := range scope.Metrics {
			for _, p := range m.Data.DataPoints {
				has := slices.ContainsFunc(p.Attributes, func(kv keyValue) bool { return kv.Key == key && kv.Value.Value == value })
				if m.Name == metric && has {
					value64 += p.Value + float64(p.Count)
					ok = true
				}
			}
		}
	}
	return value64, ok
}

// output divides stdout into the batches and the table.
func (p *process) output(t *testing.T) (batches []batch, table string) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(p.stdout.Bytes()))
	end := int64(0)
	for {
		var b batch
		if err := decoder.Decode(&b); err != nil {
			break
		}
		batches = append(batches, b)
		end = decoder.InputOffset()
	}
	return batches, strings.TrimSpace(p.stdout.String()[end:])
}

var tableRow = regexp.MustCompile(`(?m)^(search|allocation|GET /search|POST /documents|GET /documents/\{id\.\.\.\}) +([0-9]+) +[0-9.]+ +(≤?[0-9.]+[nµm]?s +){4}(p95 [12]00 ms|-) +(ok|firing|-)$`)

// TestGarbagePilesUp: as far as the program says, unless the environment does.
func TestGarbagePilesUp(t *testing.T) {
	t.Parallel()
	for environment, want := range map[string]float64{"": growth, "150": 150} {
		p := program(t, "-drive", "1s")
		p.Env = append(p.Env, "GOGC="+environment)
		if err := p.Run(); err != nil {
			t.Fatalf("%v\n%s", err, &p.stderr)
		}
		p.check(t)
		batches, _ := p.output(t)
		var got []float64
		for _, scope := range batches[len(batches)-1].ScopeMetrics {
			for _, m := range scope.Metrics {
				if m.Name == "go.config.gogc" {
					got = append(got, m.Data.DataPoints[0].Value)
				}
			}
		}
		if !slices.Equal(got, []float64{want}) {
			t.Errorf("with GOGC=%s it is %v, want %v", environment, got, want)
		}
	}
}

func TestDrive(t *testing.T) {
	t.Parallel()
	p := program(t, "-drive", "3s")
	if err := p.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &p.stderr)
	}
	defer p.check(t)
	batches, table := p.output(t)
	if len(batches) < 2 {
		t.Fatalf("%d batches in 3 s", len(batches))
	}
	last := batches[len(batches)-1]
	if !slices.ContainsFunc(last.Resource, func(kv keyValue) bool { return kv.Key == "service.name" && kv.Value.Value == "httpdemo" }) {
		t.Errorf("the resource is %v", last.Resource)
	}
	rows := tableRow.FindAllStringSubmatch(table, -1)
	if len(rows) != 5 || !strings.HasPrefix(table, "operation ") {
		t.Fatalf("the table has %d rows:\n%s", len(rows), table)
	}
	for _, row := range rows {
		name, count := row[1], row[2]
		metric, key := requestDuration, "http.route"
		if !strings.Contains(name, " ") {
			metric, key = operationDuration, "otelperf.operation.name"
		}
		value := name[strings.Index(name, " ")+1:]
		if sum, _ := last.sum(metric, key, value); strconv.FormatFloat(sum, 'f', -1, 64) != count || sum == 0 {
			t.Errorf("%s: the table says %s, the last batch %v", name, count, sum)
		}
	}
	if _, ok := last.sum(requestDuration, "http.route", "/healthz"); ok {
		t.Error("/healthz is measured")
	}
	for _, name := range []string{"memory_mb", "cpu_percent"} {
		if !regexp.MustCompile(`(?m)^` + name + ` +[0-9.]+ (MiB|%) .* ok$`).MatchString(table) {
			t.Errorf("%s is not judged:\n%s", name, table)
		}
	}
	if strings.Contains(p.stderr.String(), "ALERT") || len(p.alerts(t)) > 0 {
		t.Error("there was an alert")
	}
	if !regexp.MustCompile(`httpdemo: [0-9]+ requests in [0-9.]+s, 0 failed\n$`).MatchString(p.stderr.String()) {
		t.Error("the last line on stderr is another")
	}
}

func TestDriveWithSlowSearch(t *testing.T) {
	t.Parallel()
	p := program(t, "-drive", "10s", "-slow-search", "150ms") // five intervals: a slow machine may need the third
	if err := p.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &p.stderr)
	}
	defer p.check(t)
	said := regexp.MustCompile(`(?m)^ALERT search_ms = [0-9.]+ exceeds baseline 100\.000 by [0-9.]+% evidence=\S+$`).FindAllString(p.stderr.String(), -1)
	if len(said) != 1 {
		t.Fatalf("stderr has %d alerts about search_ms", len(said))
	}
	// From the line alone one gets to the function that is slow: it waits.
	_, folder, _ := strings.Cut(said[0], " evidence=")
	openEvidence(t, folder)
	alerts := p.alerts(t)
	i := slices.IndexFunc(alerts, func(a map[string]any) bool { return a["name"] == "search_ms" })
	if i < 0 || alerts[i]["message"] != said[0] || alerts[i]["state"] != "firing" {
		t.Fatalf("the log file has %v", alerts)
	}
	batches, table := p.output(t)
	// The batch of the very interval that the alert is about carries it.
	first := slices.IndexFunc(batches, func(b batch) bool {
		active, _ := b.sum("otelperf.alert.active", "otelperf.baseline.name", "search_ms")
		return active == 1
	})
	if first < 0 || first > 2 {
		t.Fatalf("the first batch with the alert is number %d", first)
	}
	excess, _ := batches[first].sum("otelperf.baseline.excess", "otelperf.baseline.name", "search_ms")
	if excess != alerts[i]["excess"] {
		t.Errorf("the batch says %v over, the alert %v", excess, alerts[i]["excess"])
	}
	if !regexp.MustCompile(`(?m)^search .* p95 100 ms +firing$`).MatchString(table) || !regexp.MustCompile(`(?m)^search_ms .* firing$`).MatchString(table) {
		t.Errorf("the table does not show it:\n%s", table)
	}
}

// serve starts the program and returns its address.
func (p *process) serve(t *testing.T) string {
	t.Helper()
	address := make(chan string, 1)
	p.stderr.address = address
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	p.ended = make(chan error, 1)
	go func() { p.ended <- p.Wait() }()
	select {
	case base := <-address:
		return base
	case err := <-p.ended:
		t.Fatalf("it does not serve: %v\n%s", err, &p.stderr)
		return ""
	}
}

// kill ends a program that a test only used.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.Process.Kill(); err != nil {
		t.Error(err)
	}
	<-p.ended
}

func TestServesUntilInterrupted(t *testing.T) {
	t.Parallel()
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		p := program(t, "-addr", "127.0.0.1:0", "-slow-search", "300ms")
		base := p.serve(t)
		// A request in flight gets its answer. When a later connection has an
		// answer, this one was accepted.
		answered, wrote := make(chan error, 1), make(chan struct{})
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			WroteRequest: func(httptrace.WroteRequestInfo) { close(wrote) },
		})
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/search?q=sort", nil)
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		go func() {
			response, err := client.Do(request)
			if err == nil {
				err = response.Body.Close()
				if response.StatusCode != http.StatusOK {
					err = errors.New(response.Status)
				}
			}
			answered <- err
		}()
		<-wrote
		send(t, "GET", base+"/healthz", "", "")
		if err := p.Process.Signal(signal); err != nil {
			p.kill(t)
			t.Skip(err) // Windows
		}
		if err := <-p.ended; err != nil {
			t.Errorf("%v: %v", signal, err)
		}
		if err := <-answered; err != nil {
			t.Errorf("%v: the request in flight: %v", signal, err)
		}
		if said := p.stderr.String(); p.stdout.Len() > 0 || !strings.Contains(said, "shutting down") || !strings.Contains(said, "httpdemo: 1 requests handled\n") {
			t.Errorf("it printed %.100q and said %q", &p.stdout, &p.stderr)
		}
		p.check(t)
	}
}

func TestStartThatFails(t *testing.T) {
	t.Parallel()
	busy := program(t, "-addr", "127.0.0.1:0")
	base := busy.serve(t)
	defer busy.kill(t)
	empty := t.TempDir()
	config := filepath.Join(empty, "bad.toml")
	if err := os.WriteFile(config, []byte("[monitoring]\nintervall_seconds = 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		code int
		says string
		late bool // after indexing
	}{
		{[]string{"-addr", strings.TrimPrefix(base, "http://")}, 1, "address already in use", false},
		{[]string{"-addr", "nonsense"}, 1, "nonsense", false},
		{[]string{"-corpus", filepath.Dir(config), "-drive", "1s", "-config", config}, 2, "bad.toml", false},
		{[]string{"-drive", "1s", "-config", filepath.Join(empty, "missing.toml")}, 2, "missing.toml", false},
		{[]string{"-corpus", t.TempDir(), "-drive", "1s"}, 1, "the corpus is empty", true},
	} {
		p := program(t, test.args...)
		var exit *exec.ExitError
		if err := p.Run(); !errors.As(err, &exit) || exit.ExitCode() != test.code || !strings.Contains(p.stderr.String(), test.says) {
			t.Errorf("%q: %v, want %d and %q\n%s", test.args, err, test.code, test.says, &p.stderr)
		}
		if p.stdout.Len() > 0 {
			t.Errorf("%q printed %.100q", test.args, &p.stdout)
		}
		if strings.Contains(p.stderr.String(), "indexed") != test.late {
			t.Errorf("%q was told before or after indexing, not as it should:\n%s", test.args, &p.stderr)
		}
		p.check(t)
	}
}

// TestREADME runs what the README says, as far as a test can.
func TestREADME(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	p := program(t, "-addr", "127.0.0.1:0")
	base := p.serve(t)
	defer p.kill(t)
	send(t, "GET", base+"/healthz", "", "")
	commands := 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(readme), -1) {
		for line := range strings.Lines(block[1]) {
			line = strings.TrimSpace(line)
			commands++
			if _, args, ok := strings.Cut(line, "go run -C examples/httpdemo ."); ok {
				if _, err := parseOptions(strings.Fields(args)); err != nil {
					t.Errorf("%s: %v", line, err)
				}
				continue
			}
			if _, err := exec.LookPath("curl"); err != nil || !strings.HasPrefix(line, "curl ") {
				t.Errorf("no test can run %q: %v", line, err)
				continue
			}
			line = strings.Replace(line, "http://127.0.0.1:8080", base, 1)
			line = strings.Replace(line, "documents/encoding/json.Marshal", "documents/slices.Sort.txt", 1) // the small corpus
			out, err := exec.CommandContext(t.Context(), "sh", "-c", line+" --silent --show-error --fail").CombinedOutput()
			if err != nil || !json.Valid(out) {
				t.Errorf("%s: %v: %s", line, err, out)
			}
		}
	}
	if commands < 8 {
		t.Errorf("the README has %d commands", commands)
	}
}
