package queue_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/queue"
)

// slow is an Export that takes a second, whatever its context says.
func slow(context.Context, *metricdata.ResourceMetrics) error {
	pass(time.Second)
	return nil
}

func TestShutdownDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &stub{export: slow}
		e := queue.New(next)
		for i := range 5 {
			give(t, e, delta("d", float64(i)))
		}
		synctest.Wait() // the first is under way
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := e.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown = %v", err)
		}
		if got := len(next.accepted()); got != 5 || e.Dropped() != 0 {
			t.Errorf("%d batches were exported and %d points dropped, want 5 and 0", got, e.Dropped())
		}
		if err := e.Export(ctx, of(delta("d", 1))); !errors.Is(err, sdkmetric.ErrExporterShutdown) {
			t.Errorf("Export after Shutdown = %v", err)
		}
		if err := e.Shutdown(ctx); err != nil {
			t.Errorf("second Shutdown = %v", err)
		}
		if next.shutdowns != 1 {
			t.Errorf("the next exporter was shut down %d times", next.shutdowns)
		}
	})
}

func TestShutdownPassesItsContextOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		var left time.Duration
		var value any
		failed := errors.New("cannot close")
		next := &stub{export: slow, shutdown: func(ctx context.Context) error {
			deadline, _ := ctx.Deadline()
			left, value = time.Until(deadline), ctx.Value(key{})
			return failed
		}}
		e := queue.New(next)
		give(t, e, delta("d", 1))
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "v"), 10*time.Second)
		defer cancel()
		if err := e.Shutdown(ctx); !errors.Is(err, failed) {
			t.Errorf("Shutdown = %v, want the next exporter's error", err)
		}
		if left != 9*time.Second || value != "v" {
			t.Errorf("the next exporter had %s and %v, want what was left of the context", left, value)
		}
	})
}

func TestShutdownEndsWithItsContext(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		name := "hanging"
		if deaf {
			name = "hanging and deaf to its context"
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				closed := make(chan error, 1)
				next := &stub{
					export: func(ctx context.Context, rm *metricdata.ResourceMetrics) error {
						if deaf {
							<-release
							return errors.New("too late")
						}
						return hang(ctx, rm)
					},
					shutdown: func(ctx context.Context) error { closed <- ctx.Err(); return nil },
				}
				var log log
				e := queue.New(next, queue.WithTimeout(time.Hour), queue.WithErrorHandler(log.handle))
				give(t, e, delta("d", 1, 2, 3), total("c", 1))
				synctest.Wait()
				give(t, e, delta("d", 4), total("c", 2))
				flushed := make(chan error, 1)
				go func() { flushed <- e.ForceFlush(context.WithoutCancel(t.Context())) }()
				synctest.Wait()

				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				err := e.Shutdown(ctx)
				if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "with 6 data points not exported") {
					t.Errorf("Shutdown = %v", err)
				}
				if d := time.Since(start); d != 5*time.Second {
					t.Errorf("Shutdown took %s, want 5s", d)
				}
				if err := e.Export(ctx, of()); !errors.Is(err, sdkmetric.ErrExporterShutdown) {
					t.Errorf("Export after Shutdown = %v", err)
				}
				if deaf {
					if err := e.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("second Shutdown, while the exporter still hangs, = %v", err)
					}
				}
				close(release)
				if err := <-closed; err != nil {
					t.Errorf("the next exporter was shut down with a context that had ended: %v", err)
				}
				if err := <-flushed; err == nil {
					t.Error("ForceFlush of data that was given up = nil")
				}
				if err := e.Shutdown(t.Context()); err != nil {
					t.Errorf("last Shutdown = %v", err)
				}
				if s := e.Stats(); s.Dropped[queue.ReasonShutdown] != 6 || s.Exported != 0 || s.Waiting != 0 {
					t.Errorf("Stats = %+v, want 6 points dropped", s)
				}
			})
		})
	}
}

func TestShutdownReturnsFailedExports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		tokens, wait := gate()
		n := 0
		e := queue.New(&stub{export: func(ctx context.Context, rm *metricdata.ResourceMetrics) error {
			_ = wait(ctx, rm)
			n++
			return fmt.Errorf("attempt %d: %w", n, broken)
		}}, queue.WithErrorHandler(func(error) {}))
		for i := range 100 {
			give(t, e, delta("d", float64(i)), total("c", float64(i)))
		}
		synctest.Wait()
		close(tokens)
		err := e.Shutdown(t.Context())
		if !errors.Is(err, broken) || strings.Count(err.Error(), "\n") > 5 || !strings.Contains(err.Error(), "more errors") {
			t.Errorf("Shutdown = %v, want some of the errors", err)
		}
		// 100 deltas, and the last state: nothing comes after it.
		if got := e.Stats().Dropped[queue.ReasonFailed]; got != 101 {
			t.Errorf("%d points are counted as lost, want 101", got)
		}
	})
}

// A dead backend fails each waiting export in the same words: once is enough.
func TestShutdownSaysItOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := queue.New(&stub{export: func(context.Context, *metricdata.ResourceMetrics) error {
			return &queue.UnsentError{Err: errors.New("nobody is there")}
		}}, queue.WithErrorHandler(func(error) {}))
		for i := range 10 {
			give(t, e, delta("d", float64(i)))
		}
		synctest.Wait()
		const want = `monitor: exporter "exporter": nobody is there`
		if err := e.Shutdown(t.Context()); err == nil || err.Error() != want {
			t.Errorf("Shutdown = %v, want %s", err, want)
		}
	})
}

// A PeriodicReader exports for the last time just before.
func TestShutdownReturnsTheLastFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		fail := true
		next := &stub{export: func(context.Context, *metricdata.ResourceMetrics) error {
			if fail {
				return broken
			}
			return nil
		}}
		e := queue.New(next, queue.WithErrorHandler(func(error) {}))
		give(t, e, delta("d", 1))
		synctest.Wait()
		if err := e.Shutdown(t.Context()); !errors.Is(err, broken) {
			t.Errorf("Shutdown = %v, want the error of the export before", err)
		}

		e = queue.New(next, queue.WithErrorHandler(func(error) {}))
		give(t, e, delta("d", 1))
		synctest.Wait()
		fail = false
		give(t, e, delta("d", 2))
		shutdown(t, e) // an older failure is old news
	})
}

func TestShutdownConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &stub{export: slow}
		e := queue.New(next)
		give(t, e, delta("d", 1))
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() { shutdown(t, e) })
		}
		wg.Wait()
		if next.shutdowns != 1 || len(next.accepted()) != 1 {
			t.Errorf("%d shutdowns and %d exports, want 1 and 1", next.shutdowns, len(next.accepted()))
		}
	})
}

// Everything that a PeriodicReader collected arrives, deltas included, though
// Shutdown comes in the middle of an export.
func TestShutdownOfReaderInMidExportLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &stub{export: slow}
		e := queue.New(next)
		reader := sdkmetric.NewPeriodicReader(e, sdkmetric.WithInterval(500*time.Millisecond))
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		counter, err := provider.Meter("test").Int64Counter("calls")
		if err != nil {
			t.Fatal(err)
		}
		const calls = 1000
		for range calls {
			counter.Add(t.Context(), 1)
			pass(10 * time.Millisecond)
		}
		if err := provider.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown = %v", err)
		}
		sum := 0.0
		for _, batch := range next.accepted() {
			sum += batch["calls"]
		}
		if sum != calls {
			t.Errorf("%v of %d calls arrived", sum, calls)
		}
	})
}

// counting stands before the queue, where the evaluation does.
type counting struct {
	sdkmetric.Exporter
	n int
}

func (c *counting) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	c.n++
	return c.Exporter.Export(ctx, rm)
}

func TestHangingExporterDelaysNoInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := queue.New(&stub{export: hang}, queue.WithErrorHandler(func(error) {}))
		before := &counting{Exporter: e}
		reader := sdkmetric.NewPeriodicReader(before, sdkmetric.WithInterval(time.Second))
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		pass(20*time.Second + time.Millisecond)
		synctest.Wait()
		if before.n != 20 {
			t.Errorf("20 intervals gave %d evaluations", before.n)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := provider.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown = %v", err)
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("Shutdown took %s of the second it had", d)
		}
	})
}
