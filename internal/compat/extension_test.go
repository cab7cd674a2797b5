package compat

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/x"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/otelperf/otelperf-go/hotroad"
	"github.com/otelperf/otelperf-go/middleware"
	"github.com/otelperf/otelperf-go/otelperf"
)

// The project asks for OpenTelemetry's metric/x extension by its structure and
// does not require it. These tests hold what is asked for against the extension
// itself, so that a newer one that differs is noticed here.

// hotProvider returns the hot road and what collects from it.
func hotProvider(t *testing.T) (metric.MeterProvider, *sdkmetric.ManualReader) {
	t.Helper()
	road, err := hotroad.New()
	if err != nil {
		t.Fatal(err)
	}
	producer, err := road.Producer(nil)
	if err != nil {
		t.Fatal(err)
	}
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(producer))
	return road.MeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))), reader
}

// attributesOf returns the attributes of a histogram's series, sorted.
func attributesOf(t *testing.T, r *sdkmetric.ManualReader, name string) (out []string) {
	t.Helper()
	for _, p := range points(t, r, name) {
		out = append(out, p.Attributes.Encoded(attribute.DefaultEncoder()))
	}
	slices.Sort(out)
	return out
}

// forgets collects until the histogram has no other series than these.
func forgets(t *testing.T, r *sdkmetric.ManualReader, name string, want []string) {
	t.Helper()
	var got []string
	for range 100 {
		runtime.GC() // after it a series that ended is forgotten
		if got = attributesOf(t, r, name); slices.Equal(got, want) {
			return
		}
	}
	t.Errorf("series %q, want %q", got, want)
}

// TestHotHistogramsHaveTheExtension: they are what a user of metric/x looks for.
func TestHotHistogramsHaveTheExtension(t *testing.T) {
	mp, reader := hotProvider(t)
	h, err := mp.Meter("scope").Float64Histogram("d")
	if err != nil {
		t.Fatal(err)
	}
	b, ok := h.(x.Float64HistogramBinder)
	if !ok {
		t.Fatalf("%T is no Float64HistogramBinder", h)
	}
	attrs := []attribute.KeyValue{attribute.Int("k", 1), attribute.Int("k", 2)} // the last value of a key counts
	bound := b.Bind(attrs...)
	attrs[0], attrs[1] = attribute.Int("other", 1), attribute.Int("other", 2)
	bound.Record(t.Context(), 1)
	b.Bind().Record(t.Context(), 1)
	if got, want := attributesOf(t, reader, "d"), []string{"", "k=2"}; !slices.Equal(got, want) {
		t.Errorf("series %q, want %q", got, want)
	}
	f, ok := h.(x.Finisher)
	if !ok {
		t.Fatalf("%T is no Finisher", h)
	}
	// Without attributes only the series without any is meant.
	f.Finish(t.Context())
	forgets(t, reader, "d", []string{"k=2"})
	f.Finish(t.Context(), attribute.Int("k", 1), attribute.Int("k", 2))
	forgets(t, reader, "d", nil)
}

// TestOptionsOfTheExtension: both roads understand metric/x's options alike.
func TestOptionsOfTheExtension(t *testing.T) {
	sdk, sdkReader := provider(t)
	hot, hotReader := hotProvider(t)
	for _, mp := range []metric.MeterProvider{sdk, hot} {
		h, err := mp.Meter("scope").Float64Histogram("d", x.WithDefaultAttributes("a", "b"))
		if err != nil {
			t.Fatal(err)
		}
		raw := x.WithUnsafeAttributes(attribute.Int("a", 2), attribute.Int("c", 2))
		h.Record(t.Context(), 1, raw, metric.WithAttributes(attribute.Int("a", 1), attribute.Int("b", 1)))
		raw.(x.Settable[[]attribute.KeyValue]).Set([]attribute.KeyValue{attribute.Int("a", 3)})
		h.Record(t.Context(), 1, raw)
	}
	if got, want := attributesOf(t, hotReader, "d"), []string{"a=2,b=1", "a=3"}; !slices.Equal(got, want) {
		t.Errorf("series %q, want %q", got, want)
	}
	var want, got metricdata.ResourceMetrics
	if err := errors.Join(sdkReader.Collect(t.Context(), &want), hotReader.Collect(t.Context(), &got)); err != nil {
		t.Fatal(err)
	}
	metricdatatest.AssertEqual(t, want, got, metricdatatest.IgnoreTimestamp())
}

// binding is the SDK with histograms that have the extension's Bind, as those of
// a later SDK may. It counts what was bound, and what was recorded in another way.
type binding struct {
	metric.MeterProvider
	bound, unbound atomic.Int64
}

func (b *binding) Meter(name string, opts ...metric.MeterOption) metric.Meter {
	return bindingMeter{b.MeterProvider.Meter(name, opts...), b}
}

type bindingMeter struct {
	metric.Meter
	of *binding
}

func (m bindingMeter) Float64Histogram(name string, opts ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	h, err := m.Meter.Float64Histogram(name, opts...)
	return float64Binder{h, m.of}, err
}

func (m bindingMeter) Int64Histogram(name string, opts ...metric.Int64HistogramOption) (metric.Int64Histogram, error) {
	h, err := m.Meter.Int64Histogram(name, opts...)
	return int64Binder{h, m.of}, err
}

type float64Binder struct {
	metric.Float64Histogram
	of *binding
}

var _ x.Float64HistogramBinder = float64Binder{}

func (h float64Binder) Bind(attrs ...attribute.KeyValue) metric.Float64Histogram {
	h.of.bound.Add(1)
	return float64Bound{h.Float64Histogram, metric.WithAttributes(attrs...)}
}

func (h float64Binder) Record(ctx context.Context, v float64, opts ...metric.RecordOption) {
	h.of.unbound.Add(1)
	h.Float64Histogram.Record(ctx, v, opts...)
}

type float64Bound struct {
	metric.Float64Histogram
	attrs metric.RecordOption
}

func (h float64Bound) Record(ctx context.Context, v float64, opts ...metric.RecordOption) {
	h.Float64Histogram.Record(ctx, v, append([]metric.RecordOption{h.attrs}, opts...)...)
}

type int64Binder struct {
	metric.Int64Histogram
	of *binding
}

var _ x.Int64HistogramBinder = int64Binder{}

func (h int64Binder) Bind(attrs ...attribute.KeyValue) metric.Int64Histogram {
	h.of.bound.Add(1)
	return int64Bound{h.Int64Histogram, metric.WithAttributes(attrs...)}
}

func (h int64Binder) Record(ctx context.Context, v int64, opts ...metric.RecordOption) {
	h.of.unbound.Add(1)
	h.Int64Histogram.Record(ctx, v, opts...)
}

type int64Bound struct {
	metric.Int64Histogram
	attrs metric.RecordOption
}

func (h int64Bound) Record(ctx context.Context, v int64, opts ...metric.RecordOption) {
	h.Int64Histogram.Record(ctx, v, append([]metric.RecordOption{h.attrs}, opts...)...)
}

// TestWrappersBind: where an instrument has the extension's Bind, the wrappers and
// both sides of the middleware use it for all they record, and export what they
// would without.
func TestWrappersBind(t *testing.T) {
	for name, use := range map[string]func(*testing.T, metric.MeterProvider){
		"operation": func(t *testing.T, mp metric.MeterProvider) {
			rec, err := otelperf.New(otelperf.WithMeterProvider(mp))
			if err != nil {
				t.Fatal(err)
			}
			op, err := rec.Operation("search", attribute.String("index", "docs"))
			if err != nil {
				t.Fatal(err)
			}
			op.Record(t.Context(), time.Second, nil)
			op.Record(t.Context(), time.Second, errors.New("failure"))
			op.Record(t.Context(), time.Second, nil)
		},
		"server": func(t *testing.T, mp metric.MeterProvider) {
			mw, err := middleware.New(middleware.WithMeterProvider(mp), middleware.WithBodySizes())
			if err != nil {
				t.Fatal(err)
			}
			h := mw.Handler(http.NotFoundHandler())
			for range 3 {
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody))
			}
		},
		"client": func(t *testing.T, mp metric.MeterProvider) {
			transport, err := middleware.NewTransport(answering{}, middleware.WithMeterProvider(mp), middleware.WithBodySizes())
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				resp, err := transport.RoundTrip(httptest.NewRequest(http.MethodGet, "http://example.com/", http.NoBody))
				if err != nil {
					t.Fatal(err)
				}
				if err := resp.Body.Close(); err != nil {
					t.Error(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // the clock stands still, so that durations are equal
				plain, plainReader := provider(t)
				use(t, plain)
				sdk, reader := provider(t)
				b := &binding{MeterProvider: sdk}
				use(t, b)
				if bound, unbound := b.bound.Load(), b.unbound.Load(); bound == 0 || unbound != 0 {
					t.Errorf("bound %d times, %d measurements without", bound, unbound)
				}
				var want, got metricdata.ResourceMetrics
				if err := errors.Join(plainReader.Collect(t.Context(), &want), reader.Collect(t.Context(), &got)); err != nil {
					t.Fatal(err)
				}
				if len(got.ScopeMetrics) == 0 {
					t.Error("nothing was exported")
				}
				metricdatatest.AssertEqual(t, want, got, metricdatatest.IgnoreTimestamp())
			})
		})
	}
}

type answering struct{}

func (answering) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}
