package queue_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/queue"
)

func TestFailedExportLosesDeltasOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := queue.New(&stub{export: func(context.Context, *metricdata.ResourceMetrics) error { return errors.New("no") }},
			queue.WithErrorHandler(func(error) {}))
		give(t, e, delta("d", 1, 2), total("c", 1, 2, 3), gauge("g", 1))
		_ = e.ForceFlush(t.Context())
		if s := e.Stats(); s.Dropped[queue.ReasonFailed] != 2 || e.Dropped() != 2 || s.Exported != 0 {
			t.Errorf("Stats = %+v, want 2 points dropped", s)
		}
		_ = e.Shutdown(t.Context())
	})
}

func TestPartialSuccess(t *testing.T) {
	tests := []struct {
		name             string
		err              error
		rejected, failed uint64
	}{
		{"some", errors.New("OTLP partial success: too old (2 metric data points rejected)"), 2, 0},
		{"wrapped", fmt.Errorf("failed to upload metrics: %w", errors.Join(errors.New("OTLP partial success: two\nlines (1 metric data points rejected)"))), 1, 0},
		{"a warning", errors.New("OTLP partial success: mind this (0 metric data points rejected)"), 0, 0},
		{"more than there were", errors.New("OTLP partial success: m (99 metric data points rejected)"), 3, 0},
		{"and an error", errors.Join(errors.New("OTLP partial success: m (1 metric data points rejected)"), errors.New("broken")), 0, 2},
		{"parentheses", errors.New("OTLP partial success: m (3 metric data points rejected) (1 metric data points rejected)"), 1, 0},
		{"thousands", errors.New("OTLP partial success: m (70000 metric data points rejected)"), 3, 0},
		{"more than a word", errors.New("OTLP partial success: m (4294967296 metric data points rejected)"), 3, 0},
		{"nothing before", errors.New("OTLP partial success: (1 metric data points rejected)"), 0, 2},
		{"within one without a number", fmt.Errorf("OTLP partial success: %w metric data points rejected)", errors.New("OTLP partial success: m (1 metric data points rejected)")), 1, 0},
		{"no message", errors.New("OTLP partial success:  (1 metric data points rejected)"), 1, 0},
		{"no number", errors.New("OTLP partial success: none metric data points rejected)"), 0, 2},
		{"below nothing", errors.New("OTLP partial success: m (-1 metric data points rejected)"), 0, 2},
		{"of spans", errors.New("OTLP partial success: m (1 spans rejected)"), 0, 2},
		{"another beginning", errors.New("a partial success: m (1 metric data points rejected)"), 0, 2},
		{"absurd", errors.New("OTLP partial success: m (99999999999999999999999 metric data points rejected)"), 0, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := queue.New(&stub{export: func(context.Context, *metricdata.ResourceMetrics) error { return test.err }},
					queue.WithErrorHandler(func(error) {}))
				give(t, e, delta("d", 1, 2), total("c", 1))
				_ = e.ForceFlush(t.Context())
				s := e.Stats()
				if s.Dropped[queue.ReasonRejected] != test.rejected || s.Dropped[queue.ReasonFailed] != test.failed {
					t.Errorf("dropped %v, want %d rejected and %d failed", s.Dropped, test.rejected, test.failed)
				}
				if want := 3 - test.rejected; test.failed == 0 && s.Exported != want {
					t.Errorf("exported %d points, want %d", s.Exported, want)
				}
				_ = e.Shutdown(t.Context())
			})
		})
	}
}

// errRefused is what nobody listening looks like.
var errRefused = fmt.Errorf("failed to upload metrics: %w",
	&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED})

func TestUnreachableBackendLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log log
		up := time.Now().Add(time.Hour)
		attempts := 0
		next := &stub{export: func(context.Context, *metricdata.ResourceMetrics) error {
			if time.Now().Before(up) {
				attempts++
				return errRefused
			}
			return nil
		}}
		e := queue.New(next, queue.WithErrorHandler(log.handle), queue.WithBatchSize(1))
		for i := range 60 {
			give(t, e, delta("d", float64(i)), total("c", float64(i)))
			pass(time.Minute)
		}
		synctest.Wait()
		if attempts < 60 || attempts > 200 {
			t.Errorf("%d attempts in an hour, want about one every half minute", attempts)
		}
		pass(time.Minute)
		synctest.Wait()
		var deltas, totals []float64
		for _, batch := range next.accepted() {
			if v, ok := batch["d"]; ok {
				deltas = append(deltas, v)
			}
			if v, ok := batch["c"]; ok {
				totals = append(totals, v)
			}
		}
		if len(deltas) != 60 || !slices.IsSorted(deltas) || !slices.Equal(totals, []float64{59}) || e.Dropped() != 0 {
			t.Errorf("deltas %v and totals %v arrived, %d were dropped", deltas, totals, e.Dropped())
		}
		heard := log.heard()
		if len(heard) < 10 || len(heard) > 14 {
			t.Errorf("the handler heard %d errors in an hour, want one each five minutes", len(heard))
		}
		var failure *queue.ExportError
		if !errors.As(heard[0], &failure) || failure.Exports != 1 || !errors.Is(heard[0], syscall.ECONNREFUSED) {
			t.Errorf("the handler first heard %v", heard[0])
		}
		var recovery *queue.RecoveredError
		if !errors.As(heard[len(heard)-1], &recovery) || recovery.Exports != attempts || recovery.Lost != 0 || recovery.After < time.Hour {
			t.Errorf("the handler heard at the end %v", heard[len(heard)-1])
		}
		shutdown(t, e)
	})
}

// Flushes that fail are attempts before their time: however many there are, the
// data leave when they would have without them.
func TestFailedFlushDelaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := time.Now().Add(10 * time.Second)
		var attempts []time.Duration
		began := time.Now()
		next := &stub{export: func(context.Context, *metricdata.ResourceMetrics) error {
			attempts = append(attempts, time.Since(began))
			if time.Now().Before(up) {
				return errRefused
			}
			return nil
		}}
		e := queue.New(next, queue.WithErrorHandler(func(error) {}))
		give(t, e, delta("d", 1))
		synctest.Wait()
		for range 20 { // all before the first pause is over
			pass(20 * time.Millisecond)
			if err := e.ForceFlush(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Fatalf("ForceFlush() = %v", err)
			}
		}
		pass(20 * time.Second)
		synctest.Wait()
		want := []time.Duration{1 * time.Second, 3 * time.Second, 7 * time.Second, 15 * time.Second}
		if got := attempts[21:]; !slices.Equal(got, want) {
			t.Errorf("tried again at %v, want %v", got, want)
		}
		if got := next.accepted(); len(got) != 1 {
			t.Errorf("got %v, want the data once", got)
		}
		shutdown(t, e)
	})
}

// A batch of which a part was taken goes on from there.
func TestRetryRepeatsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		next := &stub{export: func(context.Context, *metricdata.ResourceMetrics) error {
			if n++; n%2 == 0 {
				return errRefused
			}
			return nil
		}}
		e := queue.New(next, queue.WithErrorHandler(func(error) {}), queue.WithBatchSize(2))
		give(t, e, delta("a", 1, 2, 3), delta("b", 1), total("c", 1, 2, 3))
		pass(time.Minute)
		got := seen{}
		for _, batch := range next.accepted() {
			for k, v := range batch {
				if _, twice := got[k]; twice {
					t.Errorf("%s came twice", k)
				}
				got[k] = v
			}
		}
		if len(got) != 7 {
			t.Errorf("%v arrived, want all 7 points", got)
		}
		shutdown(t, e)
	})
}

func TestFlushAndShutdownDoNotWaitForRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &stub{export: func(context.Context, *metricdata.ResourceMetrics) error { return errRefused }}
		e := queue.New(next, queue.WithErrorHandler(func(error) {}))
		start := time.Now()
		give(t, e, delta("d", 1, 2))
		for range 10 {
			if err := e.ForceFlush(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("ForceFlush = %v", err)
			}
		}
		if s := e.Stats(); s.Waiting != 2 || e.Dropped() != 0 {
			t.Errorf("Stats = %+v, want the data kept", s)
		}
		if err := e.Shutdown(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("Shutdown = %v", err)
		}
		if e.Dropped() != 2 || time.Since(start) != 0 {
			t.Errorf("%d points dropped, want 2; it all took %s", e.Dropped(), time.Since(start))
		}
	})
}

func TestWhatIsTriedAgain(t *testing.T) {
	tests := []struct {
		err  error
		kept bool
	}{
		{errRefused, true},
		{&net.OpError{Op: "proxyconnect", Err: errors.New("no route")}, true},
		{errors.New(`rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp: lookup x: no such host"`), true},
		{errors.New("rpc error: code = DeadlineExceeded desc = context deadline exceeded while waiting for connections to become ready"), true},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, false},
		{&net.OpError{Op: "write", Err: syscall.EPIPE}, false},
		{context.DeadlineExceeded, false},
		{errors.New("413 Request Entity Too Large"), false},
	}
	for _, test := range tests {
		t.Run(test.err.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := queue.New(&stub{export: func(context.Context, *metricdata.ResourceMetrics) error { return test.err }},
					queue.WithErrorHandler(func(error) {}))
				give(t, e, delta("d", 1))
				synctest.Wait()
				if s := e.Stats(); (s.Waiting == 1) != test.kept || (s.Dropped[queue.ReasonFailed] == 0) != test.kept {
					t.Errorf("Stats = %+v, want the data kept: %t", s, test.kept)
				}
				_ = e.Shutdown(t.Context())
			})
		})
	}
}

func TestRetriesStayWithinBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := queue.New(&stub{export: func(context.Context, *metricdata.ResourceMetrics) error { return errRefused }},
			queue.WithErrorHandler(func(error) {}), queue.WithMaxBatches(4))
		for i := range 10 {
			give(t, e, delta("d", float64(i)))
			pass(time.Minute)
		}
		if s := e.Stats(); s.Batches != 4 || s.Dropped[queue.ReasonFull] != 6 {
			t.Errorf("Stats = %+v, want 4 batches and 6 points dropped", s)
		}
		_ = e.Shutdown(t.Context())
	})
}

func TestReportsAreSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log log
		n, down := 0, true
		next := &stub{export: func(context.Context, *metricdata.ResourceMetrics) error {
			if n++; down {
				return fmt.Errorf("error %d", n)
			}
			return nil
		}}
		e := queue.New(next, queue.WithName("otlp"), queue.WithErrorHandler(log.handle), queue.WithReportEvery(time.Minute))
		interval := func() {
			give(t, e, delta("d", 1))
			pass(time.Second)
			synctest.Wait()
		}
		for range 90 {
			interval()
		}
		down = false
		interval()
		heard := log.heard()
		if len(heard) != 3 {
			t.Fatalf("the handler heard %v, want three reports", heard)
		}
		for i, want := range []string{
			`monitor: exporter "otlp": export failed, 1 data points lost: error 1`,
			`monitor: exporter "otlp": export failed 60 times since 00:00:01, 60 data points lost: error 61`,
			`monitor: exporter "otlp" works again after 1m30s, 90 failed exports, 90 data points lost`,
		} {
			if heard[i].Error() != want {
				t.Errorf("report %d is %q, want %q", i, heard[i], want)
			}
		}

		// Going up and down all the time is not worth two lines each time.
		for i := range 600 {
			down = i%2 == 0
			interval()
		}
		if got := len(log.heard()) - 3; got < 10 || got > 22 {
			t.Errorf("flapping for ten minutes gave %d reports", got)
		}
		shutdown(t, e)
	})
}

func TestStuckExporterIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log log
		release := make(chan struct{})
		e := queue.New(&stub{export: func(context.Context, *metricdata.ResourceMetrics) error { <-release; return nil }},
			queue.WithErrorHandler(log.handle))
		for range 10 {
			give(t, e, total("c", 1))
			pass(5 * time.Second)
		}
		heard := log.heard()
		if len(heard) != 1 || !strings.Contains(heard[0].Error(), "has not returned, although its context ended") {
			t.Errorf("the handler heard %v", heard)
		}
		close(release)
		shutdown(t, e)
	})
}

// A handler that blocks holds up neither exports nor collections.
func TestBlockingErrorHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		n := 0
		next := &stub{export: func(context.Context, *metricdata.ResourceMetrics) error {
			if n++; n%2 == 0 {
				return errors.New("no")
			}
			return nil
		}}
		e := queue.New(next, queue.WithErrorHandler(func(error) { <-release }), queue.WithReportEvery(time.Second))
		for i := range 100 {
			give(t, e, delta("d", float64(i)))
			pass(time.Second)
		}
		if got := len(next.accepted()); got != 50 {
			t.Errorf("%d batches arrived, want 50", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := e.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown with a handler that blocks = %v", err)
		}
		close(release)
		shutdown(t, e)
	})
}

func TestDefaultErrorHandler(t *testing.T) {
	var log log
	defer otel.SetErrorHandler(otel.GetErrorHandler())
	otel.SetErrorHandler(otel.ErrorHandlerFunc(log.handle))
	synctest.Test(t, func(t *testing.T) {
		e := queue.New(&stub{export: func(context.Context, *metricdata.ResourceMetrics) error { return errors.New("no") }},
			nil, queue.WithErrorHandler(nil), queue.WithName(""), queue.WithTimeout(-1), queue.WithMaxBytes(-1),
			queue.WithBatchSize(-1), queue.WithReportEvery(-1))
		give(t, e, delta("d", 1))
		_ = e.Shutdown(t.Context())
	})
	if heard := log.heard(); len(heard) != 1 || !strings.HasPrefix(heard[0].Error(), `monitor: exporter "exporter": export failed`) {
		t.Errorf("otel.Handle heard %v", heard)
	}
}
