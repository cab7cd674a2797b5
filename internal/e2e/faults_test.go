package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/otelperf/otelperf-go/internal/e2e/lab"
	"github.com/otelperf/otelperf-go/otelperf/monitor"
	"github.com/otelperf/otelperf-go/views"
)

const faultInterval = 250 * time.Millisecond

// A fault is something that goes wrong between a service and its backend.
// inject starts it, heal ends it; without heal it never ends.
type fault struct {
	name         string
	down         bool // the Collector is not there at start
	inject, heal func(*street)
	endpoint     func(*street) string // instead of the network's
}

// A street is the way from a service to its Collector, with the places where it
// can break: a network in toxiproxy's hands, and a front server that may answer
// for the Collector.
type street struct {
	t         *testing.T
	collector *lab.Collector
	network   *toxiproxy.Proxy
	front     *httptest.Server
	answer    atomic.Pointer[http.HandlerFunc] // nil: the Collector's
}

func newStreet(t *testing.T, down bool) *street {
	s := &street{t: t, collector: lab.NewCollector(t)}
	if !down {
		s.collector.Start()
	}
	to, err := url.Parse(s.collector.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	through := httputil.NewSingleHostReverseProxy(to)
	through.ErrorLog = log.New(io.Discard, "", 0) // failing is what it is for
	s.front = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := s.answer.Load(); h != nil {
			(*h)(w, r)
			return
		}
		through.ServeHTTP(w, r)
	}))
	t.Cleanup(s.front.Close)
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	s.network = toxiproxy.NewProxy(server, "network", fmt.Sprintf("127.0.0.1:%d", lab.Port(t)), s.front.Listener.Addr().String())
	s.open()
	t.Cleanup(s.network.Stop)
	return s
}

// open starts the network, which listens in this process: one that another test is
// just starting may hold a copy of the last listener until its program is loaded.
func (s *street) open() {
	s.t.Helper()
	lab.Eventually(s.t, 10*time.Second, s.network.Start)
}

// shut stops the network, and returns when nobody listens there: a copy of its listener
// in a process that is being started takes connections that nobody will answer.
func (s *street) shut() {
	s.t.Helper()
	s.network.Stop()
	lab.Eventually(s.t, 10*time.Second, func() error {
		conn, err := net.Dial("tcp", s.network.Listen)
		if err != nil {
			return nil //nolint:nilerr // refused, as it should be
		}
		return errors.Join(fmt.Errorf("somebody listens at %s", s.network.Listen), conn.Close())
	})
}

// straightTo leads the network to another port of the Collector, past the front.
func (s *street) straightTo(port int) {
	s.network.Stop()
	s.network.Upstream = fmt.Sprintf("127.0.0.1:%d", port)
	s.open()
}

// toxic puts a toxic into the network, for both directions.
func (s *street) toxic(kind, attributes string) {
	s.toxicOn("upstream", kind, attributes)
	s.toxicOn("downstream", kind, attributes)
}

// toxicDown is toxic for what comes back.
func (s *street) toxicDown(kind, attributes string) { s.toxicOn("downstream", kind, attributes) }

func (s *street) toxicOn(direction, kind, attributes string) {
	_, err := s.network.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"type":%q,"stream":%q,"name":%q,"attributes":%s}`,
		kind, direction, kind+direction, attributes)))
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *street) clean() { s.network.Toxics.ResetToxics(context.Background()) }

func (s *street) answers(h http.HandlerFunc) { s.answer.Store(&h) }

func (s *street) answersItself() { s.answer.Store(nil) }

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(code)
	}
}

// partial accepts a request and says that some points of it were rejected.
func partial(w http.ResponseWriter, _ *http.Request) {
	body, err := proto.Marshal(&collector.ExportMetricsServiceResponse{
		PartialSuccess: &collector.ExportMetricsPartialSuccess{RejectedDataPoints: 3, ErrorMessage: "too old"},
	})
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(body)
}

// otherProtocol speaks something that is not HTTP.
func otherProtocol(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(conn, "SSH-2.0-OpenSSH_9.2\r\n")
	_ = conn.Close()
}

var faults = []fault{
	{name: "down at start", down: true, inject: func(*street) {}, heal: func(s *street) { s.collector.Start() }},
	{name: "killed and restarted", inject: func(s *street) { s.collector.Kill() }, heal: func(s *street) { s.collector.Start() }},
	{name: "stopped", inject: func(s *street) { s.collector.Signal(syscall.SIGSTOP) }, heal: func(s *street) { s.collector.Signal(syscall.SIGCONT) }},
	{name: "latency", inject: func(s *street) { s.toxic("latency", `{"latency":1500}`) }, heal: (*street).clean},
	{name: "bandwidth", inject: func(s *street) { s.toxic("bandwidth", `{"rate":1}`) }, heal: (*street).clean},
	{name: "black hole", inject: func(s *street) { s.toxic("timeout", `{"timeout":0}`) }, heal: (*street).clean},
	{name: "resetting", inject: func(s *street) { s.toxic("reset_peer", `{"timeout":0}`) }, heal: (*street).clean},
	{name: "refusing", inject: (*street).shut, heal: (*street).open},
	{name: "429 with Retry-After", inject: func(s *street) { s.answers(status(http.StatusTooManyRequests)) }, heal: (*street).answersItself},
	{name: "503 with Retry-After", inject: func(s *street) { s.answers(status(http.StatusServiceUnavailable)) }, heal: (*street).answersItself},
	{name: "partial success", inject: func(s *street) { s.answers(partial) }, heal: (*street).answersItself},
	{name: "another protocol on the port", inject: func(s *street) { s.answers(otherProtocol) }, heal: (*street).answersItself},
	{name: "gRPC's port for HTTP", inject: func(*street) {}, endpoint: func(s *street) string { return fmt.Sprintf("http://127.0.0.1:%d", s.collector.GRPC) }},
	{name: "a name that does not resolve", inject: func(*street) {}, endpoint: func(*street) string { return "http://collector.invalid:4318" }},
}

// TestFaults: whatever happens behind a service, its calls are as fast as
// before, every interval is judged, alerts come on time, and once all is well
// again the totals are exactly right.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			f.run(t)
		})
	}
}

// endpointOf is where a service of the street exports to.
func (f fault) endpointOf(s *street) string {
	if f.endpoint != nil {
		return f.endpoint(s)
	}
	return "http://" + s.network.Listen
}

func (f fault) run(t *testing.T) {
	s := newStreet(t, f.down)
	endpoint := f.endpointOf(s)
	var judged, reference judge
	alerts, freeAlerts := make(chan told, 100), make(chan told, 100)
	toml := fmt.Sprintf("[monitoring]\ninterval_seconds = %v\n[baseline_targets]\nsearch_ms = 10\n", faultInterval.Seconds())
	svc := judged.start(t, toml+fmt.Sprintf("[export]\nexporters = [\"otlp\"]\nendpoint = %q\ntimeout_seconds = 1\n", endpoint),
		tell(alerts))
	// The same without a backend: it shows what the machine allows.
	free := reference.start(t, toml+"[export]\nexporters = [\"none\"]\n", tell(freeAlerts))
	recorded := uint64(0)
	record := func(n int, d time.Duration) {
		svc.record(n, d)
		recorded += uint64(n)
	}
	if !f.down && f.endpoint == nil {
		record(50, time.Millisecond)
		wantTotal(t, s.collector, recorded)
	}

	f.inject(s)
	began := time.Now()
	record(25, 20*time.Millisecond) // enough to judge by, however few follow at once
	free.record(25, 20*time.Millisecond)
	before, beforeFree := judged.collections(), reference.collections() // the next one has them, at the latest
	calls, floor := sideBySide(func() { record(1, 20*time.Millisecond) }, func() { free.record(1, 20*time.Millisecond) }, 2500*time.Millisecond)
	last, lastFree := judged.collections(), reference.collections()
	judged.check(t)
	if n, want := last-before, lastFree-beforeFree; n+2 < want {
		t.Errorf("%d collections during the fault, %d where there is no backend", n, want)
	}
	t.Logf("calls during the fault: median %v, p99 %v; without a backend %v, %v; %d collections, %d without",
		calls.quantile(.5), calls.quantile(.99), floor.quantile(.5), floor.quantile(.99), last-before, lastFree-beforeFree)
	if got, limit := calls.quantile(.5), 2*floor.quantile(.5)+2*time.Microsecond; got > limit {
		t.Errorf("half of the calls took up to %v, over %v", got, limit)
	}
	if got, limit := calls.quantile(.99), 3*floor.quantile(.99)+200*time.Microsecond; got > limit {
		t.Errorf("99 %% of the calls took up to %v, over %v", got, limit)
	}
	// The first collection after the calls became slow has nothing but slow
	// ones; or the second, if they did while one was under way.
	a, b := first(t, alerts), first(t, freeAlerts)
	if !a.Since.Before(judged.beginning(before + 3)) {
		t.Errorf("%v, %v and over two collections after the calls became slow", a.Alert, a.Since.Sub(began))
	}
	// Nothing holds it up on the way to who wants to know.
	took, floorTook := a.at.Sub(a.Since), b.at.Sub(b.Since)
	t.Logf("the alert was told %v after its interval's end; without a backend %v", took, floorTook)
	// A process that stood still for a moment has its collections late as well.
	if limit := min(floorTook, 3*faultInterval) + faultInterval; took > limit &&
		(!a.at.Before(judged.after(a.Since, 2)) || judged.after(a.Since, 1).Sub(a.Since) < 3*faultInterval/2) {
		t.Errorf("the alert was told %v after its interval's end, over %v", took, limit)
	}

	if f.heal == nil {
		if err := svc.stop(3 * time.Second); err == nil {
			t.Error("what could not be sent is no error of Shutdown")
		}
		return
	}
	f.heal(s)
	record(10, time.Millisecond)
	wantTotal(t, s.collector, recorded)
}

// told is an alert and when it was told.
type told struct {
	views.Alert
	at time.Time
}

// tell has a service send what it says of search_ms.
func tell(to chan<- told) monitor.Option {
	return monitor.WithNotify(func(_ context.Context, a views.Alert) error {
		if a.Name == "search_ms" {
			to <- told{a, time.Now()}
		}
		return nil
	})
}

// first waits for the first alert.
func first(t *testing.T, alerts <-chan told) told {
	t.Helper()
	timer := time.NewTimer(5 * time.Second)
	defer timer.Stop()
	select {
	case a := <-alerts:
		return a
	case <-timer.C:
		t.Fatal("nobody was told that the calls became slow")
		return told{}
	}
}

// every calls f each millisecond for so long.
func every(f func(), d time.Duration) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(d); time.Now().Before(end); <-tick.C {
		f()
	}
}

// TestDeltaThroughOutage: with deltas the queue keeps what an outage holds up,
// in order; nothing of it is lost, or counted twice.
func TestDeltaThroughOutage(t *testing.T) {
	t.Parallel()
	s := newStreet(t, false)
	svc := startService(t, fmt.Sprintf("[monitoring]\ninterval_seconds = 0.25\n[export]\nexporters = [\"otlp\"]\nendpoint = %q\ntemporality = \"delta\"\ntimeout_seconds = 1\n", "http://"+s.network.Listen))
	svc.record(50, time.Millisecond)
	wantTotal(t, s.collector, 50)
	s.shut()
	recorded := uint64(50)
	every(func() { svc.record(1, time.Millisecond); recorded++ }, 2500*time.Millisecond)
	s.open()
	svc.record(5, time.Millisecond)
	wantTotal(t, s.collector, recorded+5)
}
