package otlpjson_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelperf/otelperf-go/internal/otlpjson"
)

// everything has a metric of each aggregation that survives the way. Histograms
// of integers come back as such of floats, as OTLP has no others.
func everything() *metricdata.ResourceMetrics {
	start, end := time.Unix(1_700_000_000, 5), time.Unix(1_700_000_060, 7)
	attrs := attribute.NewSet(attribute.String("s", "a\u2028\"<b>"), attribute.Int("i", -7), attribute.Bool("b", true),
		attribute.Float64("f", 0.5), attribute.StringSlice("l", []string{"x", ""}))
	exemplar := []metricdata.Exemplar[float64]{{
		FilteredAttributes: []attribute.KeyValue{attribute.String("k", "v")}, Time: end, Value: 0.25,
		SpanID: []byte{1, 2, 3, 4, 5, 6, 7, 8}, TraceID: []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
	}}
	integers := []metricdata.DataPoint[int64]{{Attributes: attrs, StartTime: start, Time: end, Value: -1 << 62}}
	floats := []metricdata.DataPoint[float64]{{Attributes: attrs, StartTime: start, Time: end, Value: 1e-300, Exemplars: exemplar}}
	histogram := metricdata.Histogram[float64]{Temporality: metricdata.DeltaTemporality, DataPoints: []metricdata.HistogramDataPoint[float64]{{
		Attributes: attrs, StartTime: start, Time: end, Count: 3, Sum: 0.5, Bounds: []float64{0.1, 1}, BucketCounts: []uint64{1, 2, 0},
		Min: metricdata.NewExtrema(0.05), Max: metricdata.NewExtrema(0.3), Exemplars: exemplar,
	}}}
	exponential := metricdata.ExponentialHistogram[float64]{Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.ExponentialHistogramDataPoint[float64]{{
		Attributes: attrs, StartTime: start, Time: end, Count: 4, Sum: 2, Scale: 3, ZeroCount: 1, ZeroThreshold: 1e-9,
		PositiveBucket: metricdata.ExponentialBucket{Offset: -4, Counts: []uint64{1, 0, 1}},
		NegativeBucket: metricdata.ExponentialBucket{Offset: 2, Counts: []uint64{1}},
	}}}
	summary := metricdata.Summary{DataPoints: []metricdata.SummaryDataPoint{{
		Attributes: attrs, StartTime: start, Time: end, Count: 5, Sum: 6,
		QuantileValues: []metricdata.QuantileValue{{Quantile: 0.5, Value: 1.5}},
	}}}
	rm := &metricdata.ResourceMetrics{
		Resource:     resource.NewSchemaless(attribute.String("service.name", "shop")),
		ScopeMetrics: []metricdata.ScopeMetrics{{Scope: instrumentation.Scope{Name: "scope", Version: "1", SchemaURL: "https://opentelemetry.io/schemas/1.43.0"}}},
	}
	for name, data := range map[string]metricdata.Aggregation{
		"a": metricdata.Gauge[int64]{DataPoints: withoutStart(integers)}, "b": metricdata.Gauge[float64]{DataPoints: withoutStart(floats)},
		"c": metricdata.Sum[int64]{DataPoints: integers, Temporality: metricdata.DeltaTemporality, IsMonotonic: true},
		"d": metricdata.Sum[float64]{DataPoints: floats, Temporality: metricdata.CumulativeTemporality},
		"e": histogram, "f": exponential, "g": summary,
	} {
		rm.ScopeMetrics[0].Metrics = append(rm.ScopeMetrics[0].Metrics, metricdata.Metrics{Name: name, Unit: "s", Description: "of " + name, Data: data})
	}
	return rm
}

func withoutStart[N int64 | float64](points []metricdata.DataPoint[N]) []metricdata.DataPoint[N] {
	p := points[0]
	p.StartTime = time.Time{}
	return []metricdata.DataPoint[N]{p}
}

func TestWhatIsWrittenCanBeRead(t *testing.T) {
	t.Parallel()
	var lines [][]byte
	e, err := otlpjson.New(t.Context(), func(line []byte) error { lines = append(lines, line); return nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := everything()
	for range 2 {
		if err := e.Export(t.Context(), want); err != nil {
			t.Fatal(err)
		}
	}
	if len(lines) != 2 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, line := range lines {
		if strings.Count(string(line), "\n") != 1 || line[len(line)-1] != '\n' {
			t.Errorf("no line: %q", line)
		}
		if !strings.Contains(string(line), "0102030405060708090a0b0c0d0e0f10") {
			t.Error("the trace ID is not hexadecimal")
		}
		all, err := otlpjson.Decode(line)
		if err != nil || len(all) != 1 {
			t.Fatal(len(all), err)
		}
		metricdatatest.AssertEqual(t, *want, *all[0])
	}
}

func TestErrorsOfTheWriterAreReturned(t *testing.T) {
	t.Parallel()
	full := errors.New("the disk is full")
	e, err := otlpjson.New(t.Context(), func([]byte) error { return full }, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Export(t.Context(), everything()); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	if _, err := otlpjson.New(t.Context(), nil, nil); err == nil {
		t.Error("without a function there is no error")
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `[]`, `{"resourceMetrics":[{}]}`, `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"a","gauge":{}},{"sum":{"dataPoints":[{}]}}]}]}]}`,
		`{"resourceMetrics":[{"resource":{"attributes":[{"key":"a","value":{"arrayValue":{"values":[{}]}}},{"value":{}}]},"scopeMetrics":[{"metrics":[{"histogram":{"aggregationTemporality":9}}]}]}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(_ *testing.T, line []byte) {
		_, _ = otlpjson.Decode(line) // whatever it holds, it does not panic
	})
}
