package middleware_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/otelperf/otelperf-go/middleware"
)

// A binding provider's duration histograms have the Bind method of metric/x,
// those of sizes only if sizes is set. It remembers what was recorded where.
type binding struct {
	metric.MeterProvider
	sizes bool

	mu       sync.Mutex
	recorded map[string]int
}

func newBinding(sizes bool) *binding {
	return &binding{MeterProvider: noop.NewMeterProvider(), sizes: sizes, recorded: make(map[string]int)}
}

func (b *binding) Meter(name string, opts ...metric.MeterOption) metric.Meter {
	return bindingMeter{b.MeterProvider.Meter(name, opts...), b}
}

func (b *binding) record(where string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.recorded[where]++
}

type bindingMeter struct {
	metric.Meter
	b *binding
}

func (m bindingMeter) Float64Histogram(name string, opts ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	h, err := m.Meter.Float64Histogram(name, opts...)
	return floatBinder{h, m.b, name}, err
}

func (m bindingMeter) Int64Histogram(name string, opts ...metric.Int64HistogramOption) (metric.Int64Histogram, error) {
	h, err := m.Meter.Int64Histogram(name, opts...)
	if m.b.sizes {
		return intBinder{intPlain{h, m.b, name}}, err
	}
	return intPlain{h, m.b, name}, err
}

type floatBinder struct {
	metric.Float64Histogram
	b    *binding
	name string
}

func (f floatBinder) Bind(attrs ...attribute.KeyValue) metric.Float64Histogram {
	f.name += " bound to " + list(attrs)
	return f
}

func (f floatBinder) Record(_ context.Context, _ float64, opts ...metric.RecordOption) {
	f.b.record(f.name + list(metric.NewRecordConfig(opts).Attributes()))
}

type intPlain struct {
	metric.Int64Histogram
	b    *binding
	name string
}

func (i intPlain) Record(_ context.Context, _ int64, opts ...metric.RecordOption) {
	i.b.record(i.name + " with " + list(metric.NewRecordConfig(opts).Attributes()))
}

type intBinder struct{ intPlain }

func (i intBinder) Bind(attrs ...attribute.KeyValue) metric.Int64Histogram {
	return intBound{i.intPlain, list(attrs)}
}

type intBound struct {
	intPlain
	attrs string
}

func (i intBound) Record(context.Context, int64, ...metric.RecordOption) {
	i.b.record(i.name + " bound to " + i.attrs)
}

func list(attrs any) string {
	var kvs []attribute.KeyValue
	switch a := attrs.(type) {
	case []attribute.KeyValue:
		kvs = a
	case attribute.Set:
		kvs = a.ToSlice()
	}
	var parts []string
	for _, kv := range kvs {
		parts = append(parts, string(kv.Key)+"="+kv.Value.String())
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

// TestBoundHistograms has attributes bound ahead of time where that is possible.
func TestBoundHistograms(t *testing.T) {
	const attrs = "http.request.method=GET http.response.status_code=200 " +
		"network.protocol.name=http network.protocol.version=1.1 url.scheme=http"
	for name, c := range map[string]struct {
		sizes bool
		verb  string
	}{"durations only": {false, " with "}, "sizes too": {true, " bound to "}} {
		t.Run(name, func(t *testing.T) {
			b := newBinding(c.sizes)
			mw, err := middleware.New(middleware.WithMeterProvider(b), middleware.WithBodySizes())
			if err != nil {
				t.Fatal(err)
			}
			h := mw.Handler(http.HandlerFunc(nothing))
			serve(h, "GET", "/")
			serve(h, "GET", "/")
			for _, want := range []string{
				"http.server.request.duration bound to " + attrs,
				"http.server.request.body.size" + c.verb + attrs,
				"http.server.response.body.size" + c.verb + attrs,
			} {
				if b.recorded[want] != 2 {
					t.Errorf("%q was recorded %d times, want 2; all: %v", want, b.recorded[want], b.recorded)
				}
			}
			if len(b.recorded) != 3 {
				t.Errorf("recorded %v", b.recorded)
			}
		})
	}
}

func TestBoundClient(t *testing.T) {
	b := newBinding(true)
	tr, err := middleware.NewTransport(answer(200, http.NoBody), middleware.WithMeterProvider(b))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.RoundTrip(httptest.NewRequest(http.MethodGet, "http://example.com/", nil)); err != nil {
		t.Fatal(err)
	}
	want := "http.client.request.duration bound to http.request.method=GET http.response.status_code=200 " +
		"network.protocol.name=http network.protocol.version=1.1 server.address=example.com server.port=80"
	if b.recorded[want] != 1 {
		t.Errorf("recorded %v", b.recorded)
	}
}

// refusing has histograms whose Bind gives nothing, or with durations only those
// of sizes.
type refusing struct {
	metric.MeterProvider
	durations bool
}

func (p refusing) Meter(name string, opts ...metric.MeterOption) metric.Meter {
	return refusingMeter{p.MeterProvider.Meter(name, opts...), p.durations}
}

type refusingMeter struct {
	metric.Meter
	durations bool
}

func (m refusingMeter) Float64Histogram(name string, opts ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	h, err := m.Meter.Float64Histogram(name, opts...)
	if m.durations {
		return floatBinder{h, newBinding(false), name}, err
	}
	return refusingFloats{h}, err
}

func (m refusingMeter) Int64Histogram(name string, opts ...metric.Int64HistogramOption) (metric.Int64Histogram, error) {
	h, err := m.Meter.Int64Histogram(name, opts...)
	return refusingInts{h}, err
}

type refusingFloats struct{ metric.Float64Histogram }

func (refusingFloats) Bind(...attribute.KeyValue) metric.Float64Histogram { return nil }

type refusingInts struct{ metric.Int64Histogram }

func (refusingInts) Bind(...attribute.KeyValue) metric.Int64Histogram { return nil }

// TestBindThatGivesNothing: then attributes go with each recording, as where
// nothing can be bound.
func TestBindThatGivesNothing(t *testing.T) {
	for _, durations := range []bool{false, true} {
		m := newMeter(t)
		mw, err := middleware.New(middleware.WithMeterProvider(refusing{m.provider, durations}), middleware.WithBodySizes())
		if err != nil {
			t.Fatal(err)
		}
		serve(mw.Handler(http.HandlerFunc(nothing)), "GET", "/")
		names := []string{"http.server.request.body.size", "http.server.response.body.size"}
		if !durations {
			names = append(names, "http.server.request.duration")
		}
		for _, name := range names {
			s := m.samples(name)
			if len(s) != 1 || s[0].n != 1 || !strings.Contains(s[0].attrs, "http.response.status_code=200") {
				t.Errorf("%s: %v", name, s)
			}
		}
	}
}
