package notify_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/otelperf/otelperf-go/views"
	"github.com/otelperf/otelperf-go/views/notify"
)

// gated returns a sink that hands on to r once the gate is open.
func gated(gate <-chan struct{}, r *receiver) notify.Sink {
	return func(ctx context.Context, a views.Alert) error {
		<-gate
		return r.send(ctx, a)
	}
}

// A queue that is full keeps the latest of each alert, and loses no resolve.
func TestQueueCoalescesWhenFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r receiver
		gate := make(chan struct{})
		d := dispatcher(t, []notify.Target{{Name: "a", Send: gated(gate, &r)}}, notify.WithQueueSize(4))
		d.Notify(firing("x"))
		synctest.Wait() // being sent
		d.Notify(resolved("x"))
		d.Notify(firing("y"))
		d.Notify(resolved("y"))
		d.Notify(firing("x"))
		// Four wait. From here on each alert keeps its latest.
		d.Notify(resolved("x"))
		if s := d.Stats()[0]; s.Waiting != 2+1 { // y, x, and the one being sent
			t.Errorf("%+v", s)
		}
		d.Notify(firing("z"))
		close(gate)
		check(t, d.Shutdown(background()))
		equal(t, r.list(), []string{"x firing", "y resolved", "z firing", "x resolved"})
		if s := d.Stats()[0]; s.Dropped[notify.Coalesced] != 3 || len(s.Dropped) != 1 || s.Delivered != 4 {
			t.Errorf("%+v", s)
		}
	})
}

func TestQueueRefusesMoreAlertsThanItHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r receiver
		var errs []string
		d := dispatcher(t, []notify.Target{{Name: "a", Send: r.send}}, notify.WithQueueSize(2),
			notify.WithErrorHandler(func(err error) { errs = append(errs, err.Error()) }))
		notifyAndWait := func(a views.Alert) {
			d.Notify(a)
			synctest.Wait()
		}
		notifyAndWait(firing("x"))
		notifyAndWait(firing("y"))
		notifyAndWait(firing("z")) // no room: x and y fire
		notifyAndWait(resolved("z"))
		notifyAndWait(resolved("y")) // always room for this
		notifyAndWait(firing("z"))
		notifyAndWait(resolved("x"))
		notifyAndWait(resolved("z"))
		check(t, d.Shutdown(background()))
		equal(t, r.list(), []string{"x firing", "y firing", "y resolved", "z firing", "x resolved", "z resolved"})
		if s := d.Stats()[0]; s.Dropped[notify.QueueFull] != 2 || len(s.Dropped) != 1 {
			t.Errorf("%+v", s)
		}
		if len(errs) != 1 || !strings.Contains(errs[0], `sink "a": 2 notifications dropped (queue_full)`) {
			t.Errorf("got %q", errs)
		}
	})
}

// A reminder takes the place of what says the same and waits still.
func TestQueueReplacesReminders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r receiver
		var last atomic.Uint64
		gate := make(chan struct{})
		d := dispatcher(t, []notify.Target{{Name: "a", Send: func(ctx context.Context, a views.Alert) error {
			<-gate
			last.Store(a.Count)
			return r.send(ctx, a)
		}}})
		d.Notify(firing("other"))
		synctest.Wait()
		for n := range 10 {
			a := firing("x")
			a.Count = uint64(n)
			d.Notify(a)
		}
		close(gate)
		check(t, d.Shutdown(background()))
		equal(t, r.list(), []string{"other firing", "x firing"})
		if last.Load() != 9 {
			t.Errorf("the reminder delivered is number %d, want the newest", last.Load())
		}
		if s := d.Stats()[0]; s.Dropped[notify.Coalesced] != 9 || len(s.Dropped) != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// Whatever a sink does and however small the queue is: each alert's
// notifications arrive in order, none of them twice in a row without the
// other kind between having been coalesced, and an alert that was told to fire
// is told to have resolved in the end.
func TestQueueNeverLosesAResolve(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 0))
			var failing atomic.Bool
			var mu sync.Mutex
			state := make(map[string]views.State)
			number := make(map[string]uint64)
			delivered := 0
			d := dispatcher(t, []notify.Target{{Name: "a", Send: func(_ context.Context, a views.Alert) error {
				if failing.Load() {
					return errors.New("down")
				}
				mu.Lock()
				defer mu.Unlock()
				if a.Count <= number[a.Name] {
					t.Errorf("seed %d: %s: number %d came after %d", seed, a.Name, a.Count, number[a.Name])
				}
				state[a.Name], number[a.Name] = a.State, a.Count
				delivered++
				return nil
			}}}, notify.WithQueueSize(1+rnd.IntN(6)))
			fires := make(map[string]bool)
			sent := uint64(0)
			change := func(name string) {
				a := firing(name)
				if fires[name] {
					a = resolved(name)
				}
				fires[name] = !fires[name]
				sent++
				a.Count = sent
				d.Notify(a)
			}
			for range 300 {
				switch rnd.IntN(10) {
				case 0:
					failing.Store(!failing.Load())
				case 1:
					synctest.Wait()
				case 2:
					pass(time.Minute)
				default:
					change(fmt.Sprint(rnd.IntN(8)))
				}
			}
			for name, fires := range fires {
				if fires {
					change(name)
				}
			}
			failing.Store(false)
			check(t, d.Shutdown(background()))
			for name, s := range state {
				if s != views.Resolved {
					t.Errorf("seed %d: %s was told to fire and not to have resolved", seed, name)
				}
			}
			s := d.Stats()[0]
			total := s.Delivered
			for _, n := range s.Dropped {
				total += n
			}
			if total != sent || s.Delivered != uint64(delivered) {
				t.Errorf("seed %d: %d notifications, of which %+v", seed, sent, s)
			}
		})
	}
}

func TestQueueConcurrentUse(t *testing.T) {
	var n atomic.Uint64
	d := dispatcher(t, []notify.Target{{Name: "a", Send: func(context.Context, views.Alert) error { n.Add(1); return nil }}})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				d.Notify(firing(fmt.Sprint(g, i)))
				_ = d.Stats()
			}
		})
	}
	wg.Wait()
	check(t, d.Shutdown(background()))
	s := d.Stats()[0]
	if s.Delivered != n.Load() || s.Delivered+s.Dropped[notify.QueueFull] != 1600 {
		t.Errorf("%d arrived, %+v", n.Load(), s)
	}
}

func TestDroppedMetric(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := sdkmetric.NewManualReader()
		mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		reject := func(context.Context, views.Alert) error { return notify.Permanent(errors.New("no")) }
		fine := func(context.Context, views.Alert) error { return nil }
		d := dispatcher(t, []notify.Target{{Name: "bad", Send: reject}, {Name: "good", Send: fine}}, notify.WithMeterProvider(mp))
		d.Notify(firing("x"))
		d.Notify(firing("y"))
		synctest.Wait()
		var points []metricdata.DataPoint[int64]
		for _, sink := range []string{"bad", "good"} {
			for _, reason := range []string{"coalesced", "queue_full", "rejected", "panic", "expired", "shutdown"} {
				p := metricdata.DataPoint[int64]{Attributes: attribute.NewSet(
					attribute.String("otelperf.sink.name", sink), attribute.String("otelperf.drop.reason", reason))}
				if sink == "bad" && reason == "rejected" {
					p.Value = 2
				}
				points = append(points, p)
			}
		}
		want := metricdata.Metrics{
			Name: "otelperf.notify.dropped", Unit: "{alert}",
			Description: "Notifications of alerts that were not delivered.",
			Data:        metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true, DataPoints: points},
		}
		got := collect(t, reader)
		if len(got) != 1 {
			t.Fatalf("got %d metrics, want one", len(got))
		}
		metricdatatest.AssertEqual(t, want, got[0], metricdatatest.IgnoreTimestamp())
		check(t, d.Shutdown(background()))
		if got := collect(t, reader); len(got) != 0 {
			t.Errorf("after Shutdown: %v", got)
		}
	})
}

func collect(t *testing.T, reader sdkmetric.Reader) []metricdata.Metrics {
	t.Helper()
	var rm metricdata.ResourceMetrics
	check(t, reader.Collect(background(), &rm))
	var all []metricdata.Metrics
	for _, sm := range rm.ScopeMetrics {
		all = append(all, sm.Metrics...)
	}
	return all
}

// failingProvider makes no instruments.
type failingProvider struct{ metric.MeterProvider }

func (failingProvider) Meter(string, ...metric.MeterOption) metric.Meter { return failingMeter{} }

type failingMeter struct{ metric.Meter }

func (failingMeter) Int64ObservableCounter(string, ...metric.Int64ObservableCounterOption) (metric.Int64ObservableCounter, error) {
	return nil, errors.New("no instruments here")
}

func TestNewDispatcherReportsInstrumentErrors(t *testing.T) {
	_, err := notify.NewDispatcher(nil, notify.WithMeterProvider(failingProvider{}))
	if err == nil || err.Error() != "notify: no instruments here" {
		t.Errorf("got %v", err)
	}
}
