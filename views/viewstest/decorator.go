package viewstest

import (
	"context"
	"errors"
	"reflect"
	"sync"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// CheckDecorator reports, joined, which promises are broken by the exporters
// that wrap puts in front of another; nil if none. It runs [CheckExporter] on
// them as well, in front of an exporter that works and of one that fails.
//
// A decorator may add to a collection, but every scope and metric that came in
// must go on as it was.
func CheckDecorator(wrap func(next sdkmetric.Exporter) sdkmetric.Exporter) error {
	errs := []error{
		CheckExporter(func() sdkmetric.Exporter { return wrap(&next{}) }),
		CheckExporter(func() sdkmetric.Exporter { return wrap(&next{err: errNext}) }),
	}
	for _, p := range []struct {
		name string
		test func(c *check, wrap func(sdkmetric.Exporter) sdkmetric.Exporter)
	}{
		{"selection", delegatesSelection},
		{"delegation", delegatesCalls},
		{"collection", passesOn},
	} {
		c := &check{in: p.name}
		p.test(c, wrap)
		errs = append(errs, c.errs...)
	}
	return errors.Join(errs...)
}

var errNext = errors.New("viewstest: the next exporter fails")

// next stands behind the decorator and notes what it is asked for.
type next struct {
	err error

	mu    sync.Mutex
	calls []string
	ctxs  []context.Context
	look  func(*metricdata.ResourceMetrics)
	shut  bool
}

func (n *next) note(ctx context.Context, call string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.calls, n.ctxs = append(n.calls, call), append(n.ctxs, ctx)
	return n.err
}

// Temporality and Aggregation differ by kind, so that a decorator that
// answers itself is found out.
func (n *next) Temporality(k sdkmetric.InstrumentKind) metricdata.Temporality {
	if k == sdkmetric.InstrumentKindHistogram || k == sdkmetric.InstrumentKindCounter {
		return metricdata.DeltaTemporality
	}
	return metricdata.CumulativeTemporality
}

func (n *next) Aggregation(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	if k == sdkmetric.InstrumentKindHistogram {
		return sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 17, MaxScale: 3}
	}
	return sdkmetric.DefaultAggregationSelector(k)
}

func (n *next) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	err := n.note(ctx, "Export")
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.look != nil {
		n.look(rm)
	}
	if n.shut {
		return errors.Join(err, sdkmetric.ErrExporterShutdown)
	}
	return err
}

func (n *next) ForceFlush(ctx context.Context) error { return n.note(ctx, "ForceFlush") }

func (n *next) Shutdown(ctx context.Context) error {
	err := n.note(ctx, "Shutdown")
	n.mu.Lock()
	defer n.mu.Unlock()
	n.shut = true
	return err
}

func delegatesSelection(c *check, wrap func(sdkmetric.Exporter) sdkmetric.Exporter) {
	n := &next{}
	e := wrap(n)
	for _, k := range kinds {
		if got, want := e.Temporality(k), n.Temporality(k); got != want {
			c.failf("the temporality of %v is %v, the next exporter asks for %v", k, got, want)
		}
		if got, want := e.Aggregation(k), n.Aggregation(k); !reflect.DeepEqual(got, want) {
			c.failf("the aggregation of %v is %v, the next exporter asks for %v", k, got, want)
		}
	}
}

type contextKey struct{}

func delegatesCalls(c *check, wrap func(sdkmetric.Exporter) sdkmetric.Exporter) {
	for _, fails := range []error{nil, errNext} {
		n := &next{err: fails}
		e := wrap(n)
		ctx, cancel := context.WithCancel(context.WithValue(context.Background(), contextKey{}, "mine"))
		cancel() // a context that has ended is for the next exporter to judge
		for _, call := range []struct {
			name string
			f    func() error
		}{
			{"Export", func() error { return e.Export(ctx, Batch()) }},
			{"ForceFlush", func() error { return e.ForceFlush(ctx) }},
			{"Shutdown", func() error { return e.Shutdown(ctx) }},
		} {
			n.calls, n.ctxs = nil, nil
			ok, err := c.call(call.name, call.f)
			switch {
			case !ok:
				return
			case len(n.calls) != 1 || n.calls[0] != call.name:
				c.failf("%s made the calls %v to the next exporter", call.name, n.calls)
			case n.ctxs[0].Value(contextKey{}) != "mine" || n.ctxs[0].Err() == nil:
				c.failf("%s gave the next exporter another context", call.name)
			}
			if fails != nil && !errors.Is(err, fails) {
				c.failf("%s returned %v where the next exporter failed", call.name, err)
			}
			if fails == nil && err != nil {
				c.failf("%s returned %v where the next exporter succeeded", call.name, err)
			}
		}
	}
}

func passesOn(c *check, wrap func(sdkmetric.Exporter) sdkmetric.Exporter) {
	n := &next{}
	e := wrap(n)
	for range 3 {
		n.look = func(got *metricdata.ResourceMetrics) {
			want := Batch()
			if got == nil || !reflect.DeepEqual(got.Resource, want.Resource) {
				c.failf("the next exporter got another resource")
				return
			}
			for _, sm := range want.ScopeMetrics {
				if !contains(got.ScopeMetrics, sm) {
					c.failf("the next exporter did not get the scope %s as it was", sm.Scope.Name)
				}
			}
			seen := map[any]bool{}
			for _, sm := range got.ScopeMetrics {
				if seen[sm.Scope] {
					c.failf("the next exporter got the scope %s twice", sm.Scope.Name)
				}
				seen[sm.Scope] = true
			}
		}
		rm := Batch()
		if ok, _ := c.call("Export", func() error { return e.Export(context.Background(), rm) }); !ok {
			return
		}
		scribble(rm) // a decorator that keeps it passes nonsense on the next time
	}
}

func contains(all []metricdata.ScopeMetrics, want metricdata.ScopeMetrics) bool {
	for _, sm := range all {
		if reflect.DeepEqual(sm, want) {
			return true
		}
	}
	return false
}
