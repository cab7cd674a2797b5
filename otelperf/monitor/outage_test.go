package monitor_test

import (
	"context"
	"fmt"
	"math"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"

	"github.com/otelperf/otelperf-go/internal/trial"
	"github.com/otelperf/otelperf-go/otelperf/monitor"
	"github.com/otelperf/otelperf-go/views"
)

// endpoints are backends that do not work, each in another way.
func endpoints(t *testing.T) map[string]string {
	t.Helper()
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l
	}
	hanging := listen() // the kernel accepts, nobody answers
	resetting := listen()
	go func() {
		for {
			c, err := resetting.Accept()
			if err != nil {
				return
			}
			_ = c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}
	}()
	return map[string]string{
		"down":      trial.Address(t),
		"hanging":   hanging.Addr().String(),
		"resetting": resetting.Addr().String(),
	}
}

// Twenty intervals are twenty evaluations, each of which changes its mind: a
// level that is over and under in turn makes every evaluation tell, and of which
// collection it is.
func TestDeadBackendDelaysNothing(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		for name, endpoint := range endpoints(t) {
			t.Run(protocol+"/"+name, func(t *testing.T) {
				t.Parallel()
				const intervals, interval = 20, 100 * time.Millisecond
				alerts := make(chan views.Alert, 2*intervals)
				var collections, late atomic.Int64 // late is in collections
				mon := start(t, monitor.WithInterval(interval),
					monitor.WithConfig("c", fmt.Appendf(nil,
						"[export]\nexporters = [\"otlp\"]\nendpoint = \"http://%s\"\nprotocol = %q\n", endpoint, protocol)),
					monitor.WithBaselines(views.Baseline{Name: "level", Metric: "level", Statistic: views.Value, Target: 1}),
					monitor.WithNotify(func(_ context.Context, a views.Alert) error {
						late.Store(max(late.Load(), collections.Load()-(int64(math.Abs(a.Value))-1)))
						alerts <- a
						return nil
					}))
				level := func(n int64) int64 { return (1 - 2*(n%2)) * -(n + 1) } // of the nth collection: 2, -3, 4, -5
				_, err := mon.MeterProvider().Meter("test").Int64ObservableGauge("level",
					metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
						o.Observe(level(collections.Add(1)))
						return nil
					}))
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				for i := range int64(intervals) {
					if a := <-alerts; (a.State == views.Firing) != (i%2 == 0) || a.Value != float64(level(i+1)) {
						t.Fatalf("evaluation %d: got %v of the level %v, want %d", i, a, a.Value, level(i+1))
					}
				}
				if n := late.Load(); n > 5 { // an export that nobody answers takes longer
					t.Errorf("an alert was told %d collections late", n)
				}
				t.Logf("%d evaluations in %s", intervals, time.Since(began))

				ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
				defer cancel()
				returned := make(chan struct{})
				go func() { _ = mon.Shutdown(ctx); close(returned) }()
				select {
				case <-returned:
				case <-time.After(10 * time.Second): // far beyond its context, on any machine
					t.Fatal("Shutdown has not returned within its context")
				}
			})
		}
	}
}

// A Shutdown while an export is under way must not lose what that one
// carries, nor what was recorded since.
func TestShutdownInTheMiddleOfAnExportLosesNothing(t *testing.T) {
	for _, temporality := range []string{"delta", "cumulative"} {
		t.Run(temporality, func(t *testing.T) {
			b := newBackend(t)
			mon := start(t, monitor.WithInterval(time.Hour),
				monitor.WithConfig("c", fmt.Appendf(nil,
					"[export]\nexporters = [\"otlp\"]\nendpoint = %q\ntemporality = %q\n", b.URL, temporality)))
			op, err := mon.Recorder().Operation("search")
			if err != nil {
				t.Fatal(err)
			}
			for range 70 {
				op.Record(t.Context(), time.Millisecond, nil)
			}
			go func() { _ = mon.ForceFlush(context.Background()) }()
			<-b.arrived // the first export is under way and not answered
			for range 30 {
				op.Record(t.Context(), time.Millisecond, nil)
			}
			done := make(chan struct{})
			go func() { shutdown(t, mon); close(done) }()
			close(b.release)
			<-done

			var sum, last uint64
			b.each("otelperf.operation.duration", func(m *metricspb.Metric) {
				for _, p := range m.GetHistogram().DataPoints {
					sum, last = sum+p.Count, p.Count
				}
			})
			got := last
			if temporality == "delta" {
				got = sum
			}
			if got != 100 {
				t.Errorf("%d calls arrived, want 100", got)
			}
		})
	}
}

// Databases that count milliseconds keep one point of a series for each, and
// Prometheus refuses the second: the last state of all would be missing.
func TestNoTwoCollectionsInAMillisecond(t *testing.T) {
	exported := new(keeper)
	mon := start(t, monitor.WithExporter(exported), monitor.WithInterval(time.Hour))
	const flushes = 100
	for range flushes {
		flush(t, mon)
	}
	shutdown(t, mon)
	if n := len(exported.batches); n <= flushes {
		t.Fatalf("%d flushes and a shutdown gave %d exports", flushes, n)
	}
	last := int64(0)
	for i, b := range exported.batches {
		uptime, ok := b["process.uptime"].(metricdata.Gauge[float64])
		if !ok {
			t.Fatalf("collection %d has no uptime", i)
		}
		at := uptime.DataPoints[0].Time.UnixMilli()
		if at <= last {
			t.Errorf("collection %d is of the millisecond %d, and the one before of %d", i, at, last)
		}
		last = at
	}
}

func TestExportersOfDifferentTemporality(t *testing.T) {
	b := newBackend(t)
	close(b.release)
	cumulative := new(keeper)
	mon := start(t, monitor.WithExporter(cumulative), monitor.WithInterval(time.Hour),
		monitor.WithConfig("c", fmt.Appendf(nil,
			"[export]\nexporters = [\"otlp\"]\nendpoint = %q\ntemporality = \"delta\"\n[baseline_targets]\nsearch_ms = 100\n", b.URL)))
	op, err := mon.Recorder().Operation("search")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for range 50 {
			op.Record(t.Context(), time.Second, nil)
		}
		flush(t, mon)
	}
	var counts []uint64
	b.each("otelperf.operation.duration", func(m *metricspb.Metric) {
		if m.GetHistogram().AggregationTemporality != metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA {
			t.Error("the data is not delta")
		}
		counts = append(counts, m.GetHistogram().DataPoints[0].Count)
	})
	if fmt.Sprint(counts) != "[50 50]" {
		t.Errorf("delta counts are %v, want 50 and 50", counts)
	}
	if s, _ := mon.Snapshot().Get("search_ms"); s.State != views.Firing || s.Count != 50 {
		t.Errorf("judged %d calls, %v", s.Count, s.State)
	}
	// What was judged is told to both, once, and of the very flush it was found in.
	var told, active []int64
	b.each("otelperf.alert.transitions", func(m *metricspb.Metric) {
		if m.GetSum().AggregationTemporality != metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA {
			t.Error("the transitions are not delta")
		}
		told = append(told, m.GetSum().DataPoints[0].GetAsInt())
	})
	b.each("otelperf.alert.active", func(m *metricspb.Metric) { active = append(active, m.GetGauge().DataPoints[0].GetAsInt()) })
	if fmt.Sprint(told, active) != "[1] [1 1]" {
		t.Errorf("the delta backend was told of the transitions %v and of active alerts %v", told, active)
	}
	sum, ok := cumulative.last(t)["otelperf.alert.transitions"].(metricdata.Sum[int64])
	if !ok || sum.Temporality != metricdata.CumulativeTemporality || sum.DataPoints[0].Value != 1 {
		t.Errorf("the cumulative exporter was told %+v", sum)
	}
}
