package otelperf_test

import (
	"context"
	"maps"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

// A bindingProvider's histograms have the Bind method of OpenTelemetry's
// metric/x extension and count what reaches them, bound and unbound.
type bindingProvider struct {
	noop.MeterProvider

	mu       sync.Mutex
	bound    map[attribute.Distinct]*boundHistogram
	unbound  int
	bindsNil bool
}

func newBindingProvider() *bindingProvider {
	return &bindingProvider{bound: make(map[attribute.Distinct]*boundHistogram)}
}

func (p *bindingProvider) Meter(string, ...metric.MeterOption) metric.Meter {
	return bindingMeter{provider: p}
}

type bindingMeter struct {
	noop.Meter

	provider *bindingProvider
}

func (m bindingMeter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return bindingHistogram{provider: m.provider}, nil
}

type bindingHistogram struct {
	noop.Float64Histogram

	provider *bindingProvider
}

func (bindingHistogram) Enabled(context.Context) bool { return true }

func (h bindingHistogram) Record(context.Context, float64, ...metric.RecordOption) {
	h.provider.mu.Lock()
	defer h.provider.mu.Unlock()
	h.provider.unbound++
}

func (h bindingHistogram) Bind(attrs ...attribute.KeyValue) metric.Float64Histogram {
	h.provider.mu.Lock()
	defer h.provider.mu.Unlock()
	if h.provider.bindsNil {
		return nil
	}
	set := attribute.NewSet(attrs...)
	b := h.provider.bound[set.Equivalent()]
	if b == nil {
		b = &boundHistogram{attrs: set}
		h.provider.bound[set.Equivalent()] = b
	}
	clear(attrs) // Neither may keep the slice: what the caller holds must not suffer.
	return b
}

type boundHistogram struct {
	noop.Float64Histogram

	attrs   attribute.Set
	mu      sync.Mutex
	count   int
	options int
}

func (*boundHistogram) Enabled(context.Context) bool { return true }

func (b *boundHistogram) Record(_ context.Context, _ float64, opts ...metric.RecordOption) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count++
	b.options += len(opts)
}

func TestBind(t *testing.T) {
	provider := newBindingProvider()
	op := searchOn(t, provider, attribute.String("index", "docs"))
	for _, f := range forms {
		for i := range 10 {
			alone(func() { _ = f.run(t.Context(), op, body(i)) })
		}
	}
	op.Record(t.Context(), 1, nil)

	got := make(map[string]int)
	for _, b := range provider.bound {
		if b.options != 0 {
			t.Errorf("%d options were given to a bound histogram", b.options)
		}
		name, _ := b.attrs.Value("otelperf.operation.name")
		index, _ := b.attrs.Value("index")
		if name.AsString() != "search" || index.AsString() != "docs" {
			t.Errorf("bound to %v", b.attrs.ToSlice())
		}
		errorType, _ := b.attrs.Value("error.type")
		got[errorType.AsString()] = b.count
	}
	want := map[string]int{"": 4*6 + 2, "*errors.errorString": 8, "panic": 4, "goexit": 3}
	if !maps.Equal(got, want) {
		t.Errorf("bound histograms recorded %v, want %v", got, want)
	}
	if provider.unbound != 0 {
		t.Errorf("%d durations were recorded unbound", provider.unbound)
	}
}

func TestBindThatGivesNothing(t *testing.T) {
	provider := newBindingProvider()
	provider.bindsNil = true
	op := searchOn(t, provider)
	if err := op.Do(t.Context(), nothing); err != nil {
		t.Fatal(err)
	}
	if provider.unbound != 1 {
		t.Errorf("%d durations were recorded unbound, want 1", provider.unbound)
	}
}

// A spyProvider looks at the active count whenever a duration is recorded.
type spyProvider struct {
	noop.MeterProvider

	t *testing.T
}

func (p spyProvider) Meter(string, ...metric.MeterOption) metric.Meter {
	return &spyMeter{t: p.t}
}

type spyMeter struct {
	noop.Meter

	t        *testing.T
	callback metric.Callback
}

func (m *spyMeter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return &spyHistogram{meter: m}, nil
}

func (m *spyMeter) RegisterCallback(f metric.Callback, _ ...metric.Observable) (metric.Registration, error) {
	m.callback = f
	return noop.Registration{}, nil
}

type spyHistogram struct {
	noop.Float64Histogram

	meter *spyMeter
}

func (*spyHistogram) Enabled(context.Context) bool { return true }

func (h *spyHistogram) Record(ctx context.Context, _ float64, _ ...metric.RecordOption) {
	if err := h.meter.callback(ctx, spyObserver{t: h.meter.t}); err != nil {
		h.meter.t.Errorf("the callback returned %v", err)
	}
}

type spyObserver struct {
	noop.Observer

	t *testing.T
}

func (o spyObserver) ObserveInt64(_ metric.Int64Observable, n int64, _ ...metric.ObserveOption) {
	if n != 0 {
		o.t.Errorf("active = %d while a call's duration is recorded", n)
	}
}

// TestEnabledIsAskedUntilItIs: a histogram that nobody wants gets nothing and is asked
// again, and one that is wanted gets all, without being asked any more.
func TestEnabledIsAskedUntilItIs(t *testing.T) {
	t.Parallel()
	h := new(askedHistogram)
	op := searchOn(t, askedProvider{h: h})
	call := func() {
		if err := op.Do(t.Context(), func(context.Context) error { return nil }); err != nil {
			t.Error(err)
		}
		op.Record(t.Context(), time.Second, nil)
	}
	call()
	call()
	if h.asked != 4 || h.recorded != 0 {
		t.Errorf("not wanted: asked %d times, %d recorded, want 4 and none", h.asked, h.recorded)
	}
	h.wanted = true
	call()
	call()
	if h.asked != 5 || h.recorded != 4 {
		t.Errorf("wanted: asked %d times, %d recorded, want 5 and 4", h.asked, h.recorded)
	}
}

type askedProvider struct {
	noop.MeterProvider

	h *askedHistogram
}

func (p askedProvider) Meter(string, ...metric.MeterOption) metric.Meter { return askedMeter{h: p.h} }

type askedMeter struct {
	noop.Meter

	h *askedHistogram
}

func (m askedMeter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return m.h, nil
}

// An askedHistogram counts how often it is asked and recorded to.
type askedHistogram struct {
	noop.Float64Histogram

	wanted          bool
	asked, recorded int
}

func (h *askedHistogram) Enabled(context.Context) bool {
	h.asked++
	return h.wanted
}

func (h *askedHistogram) Record(context.Context, float64, ...metric.RecordOption) { h.recorded++ }
