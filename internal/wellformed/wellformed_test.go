package wellformed_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/otelperf/otelperf-go/internal/wellformed"
)

// The replacement character is UTF-8 and stays.
const bad, mended = "a\xffµ\uFFFD\xc3", `a\xffµ` + "\uFFFD" + `\xc3`

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// dial returns the SDK's exporter, and what it has sent.
func dial(t *testing.T) (sdkmetric.Exporter, func() string) {
	t.Helper()
	var requests []string
	e, err := otlpmetrichttp.New(t.Context(), otlpmetrichttp.WithHTTPClient(&http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		m := new(collectorpb.ExportMetricsServiceRequest)
		if err == nil {
			err = proto.Unmarshal(body, m)
		}
		requests = append(requests, m.String())
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, err
	})}))
	if err != nil {
		t.Fatal(err)
	}
	return e, func() string {
		all := strings.Join(requests, "\n")
		requests = nil
		return all
	}
}

// metrics has a point of each kind. Each of its texts is one of those given, in turn.
func metrics(text func() string) *metricdata.ResourceMetrics {
	attrs := func() attribute.Set {
		return attribute.NewSet(
			attribute.String("s"+text(), text()), attribute.StringSlice("l", []string{"x", text()}), attribute.Int("n", 1),
			attribute.Slice("v", attribute.StringValue(text()), attribute.SliceValue(attribute.StringValue(text()))),
			attribute.Map("m", attribute.String(text(), text())))
	}
	set := attrs()
	rm := &metricdata.ResourceMetrics{Resource: resource.NewWithAttributes(text(), set.ToSlice()...)}
	var all []metricdata.Metrics
	add := func(data metricdata.Aggregation) {
		all = append(all, metricdata.Metrics{Name: "n" + text(), Description: text(), Unit: text(), Data: data})
	}
	integers := func() []metricdata.DataPoint[int64] {
		return []metricdata.DataPoint[int64]{{Attributes: attrs(), Exemplars: exemplarsOf[int64](text)}}
	}
	floats := func() []metricdata.DataPoint[float64] {
		return []metricdata.DataPoint[float64]{{Attributes: attrs(), Exemplars: exemplarsOf[float64](text)}}
	}
	const total = metricdata.CumulativeTemporality
	add(metricdata.Gauge[int64]{DataPoints: integers()})
	add(metricdata.Gauge[float64]{DataPoints: floats()})
	add(metricdata.Sum[int64]{Temporality: total, DataPoints: integers()})
	add(metricdata.Sum[float64]{Temporality: total, DataPoints: floats()})
	add(metricdata.Histogram[int64]{Temporality: total, DataPoints: []metricdata.HistogramDataPoint[int64]{{Attributes: attrs(), Exemplars: exemplarsOf[int64](text)}}})
	add(metricdata.Histogram[float64]{Temporality: total, DataPoints: []metricdata.HistogramDataPoint[float64]{{Attributes: attrs(), Exemplars: exemplarsOf[float64](text)}}})
	add(metricdata.ExponentialHistogram[int64]{Temporality: total, DataPoints: []metricdata.ExponentialHistogramDataPoint[int64]{{Attributes: attrs(), Exemplars: exemplarsOf[int64](text)}}})
	add(metricdata.ExponentialHistogram[float64]{Temporality: total, DataPoints: []metricdata.ExponentialHistogramDataPoint[float64]{{Attributes: attrs(), Exemplars: exemplarsOf[float64](text)}}})
	add(metricdata.Summary{DataPoints: []metricdata.SummaryDataPoint{{Attributes: attrs()}}})
	rm.ScopeMetrics = []metricdata.ScopeMetrics{{
		Scope: instrumentation.Scope{Name: text(), Version: text(), SchemaURL: text(), Attributes: attrs()}, Metrics: all,
	}}
	return rm
}

func exemplarsOf[N int64 | float64](text func() string) []metricdata.Exemplar[N] {
	return []metricdata.Exemplar[N]{{FilteredAttributes: []attribute.KeyValue{attribute.String(text(), text())}}}
}

// Wherever a text that is not UTF-8 stands, all is sent as if its bytes had been written
// out from the start, and what was given is as it was.
func TestEachText(t *testing.T) {
	one := func(at int, s string) (all *metricdata.ResourceMetrics, texts int) {
		all = metrics(func() string {
			if texts++; texts-1 == at {
				return s
			}
			return "ok"
		})
		return all, texts
	}
	_, n := one(-1, "")
	if n < 100 {
		t.Fatalf("%d texts: too few", n)
	}
	e, sent := dial(t)
	for at := range n {
		given, _ := one(at, bad)
		before := fmt.Sprintf("%+v", given)
		if err := e.Export(t.Context(), given); err == nil {
			t.Fatalf("text %d: the SDK's exporter takes it", at)
		}
		if err := wellformed.Exporter(e).Export(t.Context(), given); err != nil {
			t.Fatalf("text %d: %v", at, err)
		}
		got := sent()
		want, _ := one(at, mended)
		if err := e.Export(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		if expected := sent(); plain(got) != plain(expected) {
			t.Errorf("text %d: sent\n%s\nwant\n%s", at, got, expected)
		}
		if after := fmt.Sprintf("%+v", given); after != before {
			t.Errorf("text %d: what was given is\n%s\nand was\n%s", at, after, before)
		}
	}
}

// plain is the text of a message, which protobuf writes with one space or two at random.
func plain(s string) string { return strings.Join(strings.Fields(s), " ") }

func TestMendedIsAnotherOrNone(t *testing.T) {
	good := metrics(func() string { return "µ\uFFFD" }) // which is UTF-8
	got, changed := wellformed.Mended(good)
	if changed || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", good) {
		t.Errorf("changed: %t, to %+v", changed, got)
	}
	if _, changed := wellformed.Mended(new(metricdata.ResourceMetrics)); changed {
		t.Error("nothing was changed")
	}
}

func TestAlone(t *testing.T) {
	if got := wellformed.Text(bad); got != mended {
		t.Errorf("Text = %q", got)
	}
	good, odd := attribute.String("k", "µ"), attribute.String(bad, bad)
	kvs := []attribute.KeyValue{good, odd}
	if got := wellformed.Attributes(kvs); got[0] != good || got[1] != attribute.String(mended, mended) || kvs[1] != odd {
		t.Errorf("Attributes = %v, of %v", got, kvs)
	}
	if got := wellformed.Attributes(kvs[:1]); &got[0] != &kvs[0] {
		t.Errorf("Attributes = %v, others", got)
	}
}

// counting is an exporter that fails.
type counting struct {
	sdkmetric.Exporter
	calls int
	err   error
}

func (c *counting) Export(context.Context, *metricdata.ResourceMetrics) error {
	c.calls++
	return c.err
}

func TestOtherErrors(t *testing.T) {
	c := &counting{err: errors.New("too busy")}
	if err := wellformed.Exporter(c).Export(t.Context(), metrics(func() string { return "ok" })); !errors.Is(err, c.err) || c.calls != 1 {
		t.Errorf("%v after %d calls, want %v after one", err, c.calls, c.err)
	}
}

func TestAllocatesNothing(t *testing.T) {
	rm := metrics(func() string { return "ok" })
	e := wellformed.Exporter(new(counting))
	if n := testing.AllocsPerRun(100, func() { _ = e.Export(t.Context(), rm) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
