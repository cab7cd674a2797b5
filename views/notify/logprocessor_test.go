package notify_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"

	"github.com/otelperf/otelperf-go/views/notify"
)

// deadExporter is down until it is up.
type deadExporter struct {
	logExporter
	up       bool
	attempts int
	busy     sync.Mutex
	calls    []string
}

var errDown = errors.New("connection refused")

func (e *deadExporter) Export(ctx context.Context, records []sdklog.Record) error {
	if !e.busy.TryLock() {
		return errors.New("called concurrently")
	}
	defer e.busy.Unlock()
	if e.attempts++; !e.up {
		return errDown
	}
	return e.logExporter.Export(ctx, records)
}

func (e *deadExporter) ForceFlush(context.Context) error {
	e.calls = append(e.calls, "flush")
	return errDown
}

func (e *deadExporter) Shutdown(context.Context) error {
	e.calls = append(e.calls, "shutdown")
	return errDown
}

// An alert that is a log event outlives an outage as any other does.
func TestLogProcessorTellsTheSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := new(deadExporter)
		lp := sdklog.NewLoggerProvider(sdklog.WithProcessor(notify.NewLogProcessor(e)))
		d := dispatcher(t, []notify.Target{{Name: "log_events", Send: notify.LogEvents(lp)}})
		d.Notify(firing("x"))
		pass(time.Hour)
		d.Notify(resolved("x"))
		pass(time.Hour)
		synctest.Wait()
		if s := d.Stats()[0]; e.attempts < 100 || s.Failed != uint64(e.attempts) || s.Delivered != 0 || len(e.got) != 0 {
			t.Errorf("after two hours: %d attempts, %+v", e.attempts, s)
		}
		e.up = true
		check(t, d.Shutdown(background()))
		var lines []string
		for _, r := range e.got {
			lines = append(lines, r.Body().AsString())
		}
		equal(t, lines, []string{firing("x").String(), resolved("x").String()})
		if s := d.Stats()[0]; s.Delivered != 2 || len(s.Dropped) != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestLogProcessorErrors(t *testing.T) {
	e := new(deadExporter)
	lp := sdklog.NewLoggerProvider(sdklog.WithProcessor(notify.NewLogProcessor(e)))
	err := notify.LogEvents(lp)(background(), firing("x"))
	if !errors.Is(err, errDown) || err.Error() != "notify: log events: connection refused" {
		t.Errorf("got %v", err)
	}
	// A record of somebody else is the SDK's to tell of.
	var told []error
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { told = append(told, err) }))
	t.Cleanup(func() { otel.SetErrorHandler(otel.ErrorHandlerFunc(ignore)) })
	lp.Logger("other").Emit(background(), log.Record{})
	if len(told) != 1 || !errors.Is(told[0], errDown) {
		t.Errorf("told %v", told)
	}
	// Of several processors each may fail.
	second := errors.New("disk full")
	two := sdklog.NewLoggerProvider(sdklog.WithProcessor(notify.NewLogProcessor(e)),
		sdklog.WithProcessor(notify.NewLogProcessor(failingExporter{second})))
	if err := notify.LogEvents(two)(background(), firing("x")); !errors.Is(err, errDown) || !errors.Is(err, second) {
		t.Errorf("got %v", err)
	}
	if err := lp.ForceFlush(background()); !errors.Is(err, errDown) {
		t.Errorf("flush: got %v", err)
	}
	if err := lp.Shutdown(background()); !errors.Is(err, errDown) {
		t.Errorf("shutdown: got %v", err)
	}
	equal(t, e.calls, []string{"flush", "shutdown"})
}

type failingExporter struct{ err error }

func (e failingExporter) Export(context.Context, []sdklog.Record) error { return e.err }
func (failingExporter) ForceFlush(context.Context) error                { return nil }
func (failingExporter) Shutdown(context.Context) error                  { return nil }

func TestLogProcessorIsCalledOneAtATime(t *testing.T) {
	e := &deadExporter{up: true}
	sink := notify.LogEvents(sdklog.NewLoggerProvider(sdklog.WithProcessor(notify.NewLogProcessor(e))))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := sink(background(), firing("x")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(e.got) != 20 {
		t.Errorf("%d records, want 20", len(e.got))
	}
}

func TestLogProcessorWithoutAnExporter(t *testing.T) {
	p := notify.NewLogProcessor(nil)
	lp := sdklog.NewLoggerProvider(sdklog.WithProcessor(p))
	if lp.Logger("x").Enabled(background(), log.EnabledParameters{}) {
		t.Error("it wants records")
	}
	check(t, notify.LogEvents(lp)(background(), firing("x")))
	lp.Logger("x").Emit(background(), log.Record{})
	check(t, lp.ForceFlush(background()))
	check(t, lp.Shutdown(background()))
}
