package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/internal/e2e/lab"
	"github.com/otelperf/otelperf-go/otelperf"
	"github.com/otelperf/otelperf-go/otelperf/monitor"
)

// A service is one that otelperf watches, in the test's own process.
type service struct {
	*monitor.Monitor
	search *otelperf.Operation
}

// startService starts a monitor that exports to endpoint by the TOML text.
func startService(t *testing.T, toml string, opts ...monitor.Option) *service {
	t.Helper()
	opts = append([]monitor.Option{
		monitor.WithConfig("base.toml", []byte("[resource]\nservice_name = \"e2e\"\n")),
		monitor.WithConfig("e2e.toml", []byte(toml)),
		monitor.WithConsole(io.Discard),
		monitor.WithLogger(slog.New(slog.DiscardHandler)),
	}, opts...)
	mon, err := monitor.Start(t.Context(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	s := &service{Monitor: mon}
	t.Cleanup(func() { _ = s.stop(10 * time.Second) })
	if s.search, err = mon.Recorder().Operation("search"); err != nil {
		t.Fatal(err)
	}
	return s
}

var errSearch = errors.New("no index")

// record records n searches of that length, one in ten of which fails.
func (s *service) record(n int, d time.Duration) {
	for i := range n {
		var err error
		if i%10 == 9 {
			err = errSearch
		}
		s.search.Record(context.Background(), d, err)
	}
}

func (s *service) stop(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return s.Shutdown(ctx)
}

// send has a service send n searches to the Collector over HTTP.
func send(t *testing.T, c *lab.Collector, n int) {
	t.Helper()
	s := startService(t, export(c.Endpoint(), ""))
	s.record(n, 10*time.Millisecond)
	if err := s.stop(10 * time.Second); err != nil {
		t.Fatal(err)
	}
}

// export is a configuration that exports to endpoint every 500 ms.
func export(endpoint, more string) string {
	return fmt.Sprintf("[monitoring]\ninterval_seconds = 0.5\n[export]\nexporters = [\"otlp\"]\nendpoint = %q\n%s\n", endpoint, more)
}

// total is the newest cumulative count of searches in the points of each
// instance, summed; for deltas the sum of all.
func total(points []lab.Point) uint64 {
	newest := make(map[string]lab.Point)
	var sum uint64
	for _, p := range points {
		if p.Name != "otelperf.operation.duration" || !p.Of("otelperf.operation.name=search") {
			continue
		}
		if p.Temporality == 1 {
			sum += p.Count
			continue
		}
		key := p.Resource["service.instance.id"] + p.Attributes["error.type"]
		if q := newest[key]; !p.Time.Before(q.Time) {
			newest[key] = p
		}
	}
	for _, p := range newest {
		sum += p.Count
	}
	return sum
}

// wantTotal waits until the Collector's file has that many searches.
func wantTotal(t *testing.T, c *lab.Collector, want uint64) {
	t.Helper()
	lab.Eventually(t, 30*time.Second, func() error {
		if got := total(c.Metrics()); got != want {
			return fmt.Errorf("the Collector's file has %d searches, want %d", got, want)
		}
		return nil
	})
}
