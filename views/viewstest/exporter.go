package viewstest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// patience is how long any one call may take.
const patience = 10 * time.Second

// kinds are all the kinds of instrument there are.
var kinds = []sdkmetric.InstrumentKind{
	sdkmetric.InstrumentKindCounter, sdkmetric.InstrumentKindUpDownCounter, sdkmetric.InstrumentKindHistogram,
	sdkmetric.InstrumentKindObservableCounter, sdkmetric.InstrumentKindObservableUpDownCounter,
	sdkmetric.InstrumentKindObservableGauge, sdkmetric.InstrumentKindGauge,
}

// A check collects what is wrong.
type check struct {
	errs []error
	in   string // what is being checked
}

func (c *check) failf(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf("viewstest: "+c.in+": "+format, args...))
}

// call runs f and fails if it does not return; then everything that follows
// is meaningless and ok is false.
func (c *check) call(what string, f func() error) (ok bool, err error) {
	done := make(chan error, 1)
	go func() { done <- f() }()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err = <-done:
		return true, err
	case <-timer.C:
		c.failf("%s did not return within %v", what, patience)
		return false, nil
	}
}

// CheckExporter reports, joined, which promises of sdkmetric.Exporter the
// exporters that create returns break; nil if none. create is called for each
// promise and must return a new exporter, ready for use. An exporter whose
// Export always fails may pass: that it reports an error breaks no promise.
func CheckExporter(create func() sdkmetric.Exporter) error {
	var errs []error
	for _, p := range []struct {
		name string
		test func(c *check, e sdkmetric.Exporter)
	}{
		{"selection", checkSelection},
		{"input", checkInput},
		{"empty collections", checkEmpty},
		{"memory", checkMemory},
		{"cancelled context", checkCancelled},
		{"concurrency", checkConcurrency},
		{"shutdown", checkShutdown},
	} {
		c := &check{in: p.name}
		e := create()
		p.test(c, e)
		_, _ = c.call("Shutdown", func() error { return e.Shutdown(context.Background()) })
		errs = append(errs, c.errs...)
	}
	return errors.Join(errs...)
}

func checkSelection(c *check, e sdkmetric.Exporter) {
	for _, k := range kinds {
		t := e.Temporality(k)
		if t != metricdata.CumulativeTemporality && t != metricdata.DeltaTemporality {
			c.failf("the temporality of %v is %v", k, t)
		}
		if again := e.Temporality(k); again != t {
			c.failf("the temporality of %v is %v once and %v then", k, t, again)
		}
		if a, again := e.Aggregation(k), e.Aggregation(k); !reflect.DeepEqual(a, again) {
			c.failf("the aggregation of %v is %v once and %v then", k, a, again)
		}
	}
}

func checkInput(c *check, e sdkmetric.Exporter) {
	rm := Batch()
	if ok, _ := c.call("Export", func() error { return e.Export(context.Background(), rm) }); ok && !reflect.DeepEqual(rm, Batch()) {
		c.failf("Export changed its input")
	}
}

func checkEmpty(c *check, e sdkmetric.Exporter) {
	for _, rm := range []*metricdata.ResourceMetrics{
		{},
		{ScopeMetrics: []metricdata.ScopeMetrics{{}}},
		{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{
			{Name: "no.points", Data: metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality}},
		}}}},
	} {
		_, _ = c.call("Export of nothing", func() error { return e.Export(context.Background(), rm) })
	}
}

// checkMemory does what a reader does: it fills the same memory again.
func checkMemory(c *check, e sdkmetric.Exporter) {
	ctx := context.Background()
	for range 3 {
		rm := Batch()
		if ok, _ := c.call("Export", func() error { return e.Export(ctx, rm) }); !ok {
			return
		}
		scribble(rm)
	}
	_, _ = c.call("ForceFlush", func() error { return e.ForceFlush(ctx) })
}

func checkCancelled(c *check, e sdkmetric.Exporter) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if ok, _ := c.call("Export with a cancelled context", func() error { return e.Export(ctx, Batch()) }); !ok {
		return
	}
	if ok, _ := c.call("ForceFlush with a cancelled context", func() error { return e.ForceFlush(ctx) }); !ok {
		return
	}
	_, _ = c.call("Shutdown with a cancelled context", func() error { return e.Shutdown(ctx) })
}

// checkConcurrency calls everything at once, but Export only one at a time,
// as a reader does.
func checkConcurrency(c *check, e sdkmetric.Exporter) {
	_, _ = c.call("concurrent use", func() error {
		var wg sync.WaitGroup
		ctx := context.Background()
		repeat := func(n int, f func()) {
			wg.Go(func() {
				for range n {
					f()
				}
			})
		}
		repeat(20, func() { _ = e.Export(ctx, Batch()) })
		for range 2 {
			repeat(20, func() { _ = e.ForceFlush(ctx) })
			repeat(20, func() { checkSelection(&check{}, e) })
		}
		wg.Wait()
		repeat(10, func() { _ = e.Export(ctx, Batch()) })
		for range 3 {
			repeat(1, func() { _ = e.Shutdown(ctx) })
			repeat(5, func() { _ = e.ForceFlush(ctx) })
		}
		wg.Wait()
		return nil
	})
}

func checkShutdown(c *check, e sdkmetric.Exporter) {
	ctx := context.Background()
	for _, what := range []string{"Shutdown", "a second Shutdown"} {
		if ok, _ := c.call(what, func() error { return e.Shutdown(ctx) }); !ok {
			return
		}
	}
	if ok, err := c.call("Export after Shutdown", func() error { return e.Export(ctx, Batch()) }); ok && err == nil {
		c.failf("Export after Shutdown returned no error")
	}
	_, _ = c.call("ForceFlush after Shutdown", func() error { return e.ForceFlush(ctx) })
}
