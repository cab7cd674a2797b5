package e2e_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/e2e/lab"
	"github.com/otelperf/otelperf-go/otelperf/monitor"
)

// A ledger takes the same deltas as the exporter under test, and loses none. It
// knows for the end of each interval how many searches it had and how many
// deltas of whatever metric, and how many points were dropped so far.
type ledger struct {
	mu       sync.Mutex
	searches map[int64]uint64
	deltas   map[int64]int64
	idle     []int64 // the deltas of each interval without searches
	dropped  map[string]int64
}

func newLedger() *ledger {
	return &ledger{searches: make(map[int64]uint64), deltas: make(map[int64]int64), dropped: make(map[string]int64)}
}

func (*ledger) Temporality(k sdkmetric.InstrumentKind) metricdata.Temporality {
	return sdkmetric.DeltaTemporalitySelector(k)
}

func (*ledger) Aggregation(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(k)
}

func (l *ledger) Export(_ context.Context, rm *metricdata.ResourceMetrics) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var deltas int64
	var at time.Time // of the interval's end
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				deltas += int64(len(data.DataPoints))
				for _, p := range data.DataPoints {
					if m.Name == "otelperf.operation.duration" {
						at = p.Time
						l.searches[at.UnixNano()] += p.Count
					}
				}
			case metricdata.Sum[float64]:
				if data.Temporality == metricdata.DeltaTemporality {
					deltas += int64(len(data.DataPoints))
				}
			case metricdata.Sum[int64]:
				if data.Temporality == metricdata.DeltaTemporality {
					deltas += int64(len(data.DataPoints))
				}
				for _, p := range data.DataPoints {
					name, _ := p.Attributes.Value(attribute.Key("otelperf.exporter.name"))
					reason, _ := p.Attributes.Value(attribute.Key("otelperf.drop.reason"))
					if m.Name == "otelperf.export.dropped" && name.AsString() == "otlp" {
						l.dropped[reason.AsString()] += p.Value
					}
				}
			}
		}
	}
	if at.IsZero() {
		l.idle = append(l.idle, deltas)
	} else {
		l.deltas[at.UnixNano()] = deltas
	}
	return nil
}

func (*ledger) ForceFlush(context.Context) error { return nil }
func (*ledger) Shutdown(context.Context) error   { return nil }

// An account says what became of the intervals that had searches.
type account struct {
	recorded, arrived uint64
	intervals         int
	missing           []int64 // deltas of each interval that did not arrive
	there             []int64 // and of each that did, or had no searches
	dropped           map[string]int64
}

// settle compares what arrived with what was recorded: each interval arrives
// whole and once, or not at all.
func (l *ledger) settle(t *testing.T, points []lab.Point) account {
	t.Helper()
	got := make(map[int64]uint64)
	for _, p := range points {
		if p.Name == "otelperf.operation.duration" {
			got[p.Time.UnixNano()] += p.Count
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	a := account{intervals: len(l.searches), there: slices.Clone(l.idle), dropped: maps.Clone(l.dropped)}
	for at, want := range l.searches {
		a.recorded += want
		switch n := got[at]; n {
		case want:
			a.arrived += n
			a.there = append(a.there, l.deltas[at])
		case 0:
			a.missing = append(a.missing, l.deltas[at])
		default:
			t.Fatalf("of the interval until %v %d searches arrived, want all %d or none", time.Unix(0, at), n, want)
		}
	}
	return a
}

func deltaService(t *testing.T, endpoint, protocol string, l *ledger) *service {
	t.Helper()
	return startService(t, fmt.Sprintf("[monitoring]\ninterval_seconds = 0.25\n[export]\nexporters = [\"otlp\"]\nendpoint = %q\nprotocol = %q\ntemporality = \"delta\"\ntimeout_seconds = 10\n",
		endpoint, protocol), monitor.WithExporter(l))
}

// wantOnly: nothing was dropped for any other reason.
func (a account) wantOnly(t *testing.T, reason string) {
	t.Helper()
	for r, n := range a.dropped {
		if r != reason && n > 0 {
			t.Errorf("%d points are counted as dropped for %q, want none", n, r)
		}
	}
}

// TestDeltaThroughKill: a Collector that dies takes along the deltas that were
// in its hands, and no others. What is missing is counted, point by point, as
// unanswered; nothing arrives twice.
func TestDeltaThroughKill(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(strings.ReplaceAll(protocol, "/", " "), func(t *testing.T) {
			t.Parallel()
			c := lab.StartCollector(t)
			l := newLedger()
			endpoint := c.Endpoint()
			if protocol == "grpc" {
				endpoint = fmt.Sprintf("http://127.0.0.1:%d", c.GRPC)
			}
			svc := deltaService(t, endpoint, protocol, l)
			var recorded uint64
			record := func() { svc.record(1, time.Millisecond); recorded++ }
			const kills = 3
			for range kills {
				every(record, 600*time.Millisecond)
				c.Signal(syscall.SIGSTOP)
				every(record, 600*time.Millisecond) // the next request is under way
				c.Kill()
				every(record, 600*time.Millisecond)
				c.Start()
			}
			every(record, 600*time.Millisecond)
			// Nothing that the ledger has counted is still on its way.
			if err := svc.ForceFlush(t.Context()); err != nil {
				t.Log(err)
			}
			var a account
			lab.Eventually(t, 60*time.Second, func() error {
				a = l.settle(t, c.Metrics())
				var missing int64
				for _, n := range a.missing {
					missing += n
				}
				counted := a.dropped["unanswered"]
				// The Collector may have written what it was stopped over, before it could say so.
				if a.recorded != recorded || counted < missing {
					return fmt.Errorf("%d of %d searches collected, %d of %d intervals missing with %d points, %d counted", a.recorded, recorded, len(a.missing), a.intervals, missing, counted)
				}
				return nil
			})
			t.Logf("%d searches in %d intervals: %d arrived; %d intervals are missing, with points %v; dropped: %v",
				recorded, a.intervals, a.arrived, len(a.missing), a.missing, a.dropped)
			a.wantOnly(t, "unanswered")
			if got := total(c.Metrics()); got != a.arrived {
				t.Errorf("%d searches are in the file, %d of them in their intervals", got, a.arrived)
			}
			// A request that the stopped Collector never read, and one that was
			// let in while it died.
			if len(a.missing) == 0 || len(a.missing) > 2*kills {
				t.Errorf("%d intervals are missing after %d kills", len(a.missing), kills)
			}
			doubt := a.dropped["unanswered"]
			for _, n := range a.missing {
				doubt -= n
			}
			if doubt > 0 && !sumOfSome(a.there, doubt) {
				t.Errorf("%d points more than are missing are counted as unanswered: those of no interval that arrived", doubt)
			}
		})
	}
}

// sumOfSome reports whether n is the sum of some of the numbers.
func sumOfSome(numbers []int64, n int64) bool {
	if n == 0 {
		return true
	}
	for i, m := range numbers {
		if m <= n && sumOfSome(numbers[i+1:], n-m) {
			return true
		}
	}
	return false
}

// TestDeltaWithoutAnswer: the Collector takes a request and its answer is lost.
// That is not sent again, which would count it twice; it is counted as
// unanswered, and everything before and after arrives.
func TestDeltaWithoutAnswer(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(strings.ReplaceAll(protocol, "/", " "), func(t *testing.T) {
			t.Parallel()
			s := newStreet(t, false)
			// By HTTP the first byte that comes back is the answer's.
			forget, remember := func() { s.toxicDown("limit_data", `{"bytes":0}`) }, s.clean
			if protocol == "grpc" {
				f := newForgetful(t, s.collector.GRPC)
				s.straightTo(f.port())
				forget, remember = func() { f.forgets.Store(true) }, func() { f.forgets.Store(false) }
			}
			l := newLedger()
			svc := deltaService(t, "http://"+s.network.Listen, protocol, l)
			var recorded uint64
			record := func() { svc.record(1, time.Millisecond); recorded++ }
			record()
			wantTotal(t, s.collector, recorded) // there is a connection
			forget()
			every(record, time.Second)
			remember()
			every(record, 500*time.Millisecond)
			wantTotal(t, s.collector, recorded)
			var a account
			lab.Eventually(t, 10*time.Second, func() error {
				a = l.settle(t, s.collector.Metrics())
				if a.dropped["unanswered"] == 0 || a.recorded != recorded {
					return fmt.Errorf("%d of %d searches collected, dropped: %v", a.recorded, recorded, a.dropped)
				}
				return nil
			})
			t.Logf("%d searches in %d intervals arrived; dropped: %v", a.arrived, a.intervals, a.dropped)
			a.wantOnly(t, "unanswered")
			if !sumOfSome(a.there, a.dropped["unanswered"]) {
				t.Errorf("%d points are counted as unanswered, those of no interval: %v", a.dropped["unanswered"], a.there)
			}
			if got := total(s.collector.Metrics()); got != recorded {
				t.Errorf("%d searches are in the file, want %d", got, recorded)
			}
		})
	}
}
