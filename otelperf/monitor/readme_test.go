package monitor_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelperf/otelperf-go/otelperf/monitor"
)

// A kind is a block of the README and what is said to come of it.
type kind struct{ toml, alert string }

func readmeKinds(t *testing.T) []kind {
	t.Helper()
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(data), "<!-- baselines")
	section, _, end := strings.Cut(section, "<!-- end -->")
	if !ok || !end {
		t.Fatal("the README has no section of baselines")
	}
	var kinds []kind
	for _, part := range strings.Split(section, "```toml\n")[1:] {
		toml, rest, _ := strings.Cut(part, "```\n")
		for line := range strings.Lines(rest) {
			if alert, ok := strings.CutPrefix(line, "    ALERT"); ok {
				kinds = append(kinds, kind{toml, "ALERT" + strings.TrimSuffix(alert, "\n")})
				break
			}
		}
	}
	return kinds
}

// load is what happens in each interval of a kind, by the alert's name.
var load = map[string]func(*testing.T, *monitor.Monitor, int){
	"search_ms": func(t *testing.T, mon *monitor.Monitor, _ int) {
		operation(t, mon, "search", 100, 250*time.Millisecond)
	},
	"throughput_qps": func(t *testing.T, mon *monitor.Monitor, _ int) {
		operation(t, mon, "search", 42_000, time.Millisecond) // a minute at 700 per second
	},
	"max_response_time_ms": func(t *testing.T, mon *monitor.Monitor, _ int) {
		requests(t, mon, "http.server.request.duration", 100, 0.24, attribute.String("http.route", "/checkout"))
	},
	"checkout_errors": func(t *testing.T, mon *monitor.Monitor, _ int) {
		route := attribute.String("http.route", "/checkout")
		requests(t, mon, "http.server.request.duration", 98, 0.01, route)
		requests(t, mon, "http.server.request.duration", 2, 0.01, route, attribute.String("error.type", "500"))
	},
	"queue_depth": func(t *testing.T, mon *monitor.Monitor, _ int) {
		g, err := mon.MeterProvider().Meter("readme").Int64Gauge("queue.depth")
		if err != nil {
			t.Fatal(err)
		}
		g.Record(t.Context(), 180)
	},
	"pool_wait_ms": func(t *testing.T, mon *monitor.Monitor, i int) {
		wait := 0.02
		if i >= 5 {
			wait = 0.04
		}
		requests(t, mon, "pool.wait", 100, wait)
	},
	"import_s": func(t *testing.T, mon *monitor.Monitor, i int) {
		if i < 5 {
			requests(t, mon, "import.duration", 1, 40)
		}
	},
	"api_budget": func(t *testing.T, mon *monitor.Monitor, _ int) {
		requests(t, mon, "http.server.request.duration", 980, 0.01)
		requests(t, mon, "http.server.request.duration", 20, 0.01, attribute.String("error.type", "500"))
	},
}

func operation(t *testing.T, mon *monitor.Monitor, name string, n int, d time.Duration) {
	op, err := mon.Recorder().Operation(name)
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		op.Record(t.Context(), d, nil)
	}
}

func requests(t *testing.T, mon *monitor.Monitor, name string, n int, seconds float64, attrs ...attribute.KeyValue) {
	h, err := mon.MeterProvider().Meter("readme").Float64Histogram(name, metric.WithUnit("s"))
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		h.Record(t.Context(), seconds, metric.WithAttributes(attrs...))
	}
}

// Every kind of baseline in the README prints the line that stands there.
func TestREADMEBaselines(t *testing.T) {
	kinds := readmeKinds(t)
	if len(kinds) != len(load) {
		t.Errorf("the README has %d kinds, the test %d", len(kinds), len(load))
	}
	for _, k := range kinds {
		name := strings.Fields(k.alert)[1]
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var console buffer
				mon, err := monitor.Start(context.Background(), monitor.WithConfig("README.md", []byte(k.toml)),
					monitor.WithConfig("quiet", []byte("[monitoring]\nmetrics_retention_hours = 0\n")),
					monitor.WithConsole(&console))
				if err != nil {
					t.Fatal(err)
				}
				for i := range 12 {
					load[name](t, mon, i)
					<-time.After(time.Minute)
					synctest.Wait()
				}
				if err := mon.Shutdown(context.Background()); err != nil {
					t.Error(err)
				}
				if got := console.lines(); got[0] != k.alert {
					t.Errorf("\n%s\nprints %q\n  want %q", k.toml, got, k.alert)
				}
			})
		})
	}
}
