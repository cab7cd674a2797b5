package otlp_test

import (
	"bytes"
	"context"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/otelperf/otelperf-go/internal/otlp"
)

// taken returns the request that the SDK's exporter makes of rm.
func taken(t *testing.T, rm *metricdata.ResourceMetrics) []byte {
	t.Helper()
	var body []byte
	e, err := otlpmetrichttp.New(t.Context(), otlpmetrichttp.WithEndpointURL("http://backend/v1/metrics"),
		otlpmetrichttp.WithCompression(otlpmetrichttp.NoCompression),
		otlpmetrichttp.WithHTTPClient(&http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			var err error
			if body, err = io.ReadAll(r.Body); err != nil {
				return nil, err
			}
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
		})}))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Export(t.Context(), rm); err != nil {
		t.Fatal(err)
	}
	return body
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// same fails unless both requests say the same, to the last field.
func same(t *testing.T, ours, theirs []byte) {
	t.Helper()
	var a, b collectorpb.ExportMetricsServiceRequest
	if err := proto.Unmarshal(ours, &a); err != nil {
		t.Fatalf("protobuf cannot read ours: %v", err)
	}
	if err := proto.Unmarshal(theirs, &b); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(&a, &b) {
		t.Errorf("ours is not what the SDK's exporter sends:\n%v\n%v", &a, &b)
	}
}

// A maker makes metrics of all kinds, with every field set or at its zero.
type maker struct{ *rand.Rand }

func (m maker) some() bool { return m.IntN(4) > 0 }

func (m maker) text() string {
	return []string{"", "a", "http.server.request.duration", strings.Repeat("long ", m.IntN(200)), "µs ☃"}[m.IntN(5)]
}

func (m maker) float() float64 {
	special := []float64{0, math.Copysign(0, -1), 1, -1, math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64}
	if m.some() {
		return m.NormFloat64() * math.Pow(10, float64(m.IntN(20)-10))
	}
	return special[m.IntN(len(special))]
}

func (m maker) int() int64 {
	return []int64{0, 1, -1, math.MaxInt64, math.MinInt64, int64(m.Uint64()), int64(m.IntN(1000))}[m.IntN(7)]
}

func (m maker) time() time.Time {
	if m.some() {
		return time.Unix(1_700_000_000+int64(m.IntN(1e8)), int64(m.IntN(1e9)))
	}
	return time.Time{}
}

func (m maker) value(depth int) attribute.Value {
	kinds := 9
	if depth > 0 {
		kinds = 11
	}
	switch m.IntN(kinds) {
	case 0:
		return attribute.StringValue(m.text())
	case 1:
		return attribute.BoolValue(m.some())
	case 2:
		return attribute.Int64Value(m.int())
	case 3:
		return attribute.Float64Value(m.float())
	case 4:
		return attribute.StringSliceValue(listOf(m, m.text))
	case 5:
		return attribute.BoolSliceValue(listOf(m, m.some))
	case 6:
		return attribute.Int64SliceValue(listOf(m, m.int))
	case 7:
		return attribute.Float64SliceValue(listOf(m, m.float))
	case 8:
		return attribute.ByteSliceValue([]byte(m.text()))
	case 9:
		return attribute.SliceValue(listOf(m, func() attribute.Value { return m.value(depth - 1) })...)
	}
	return attribute.MapValue(listOf(m, func() attribute.KeyValue { return m.keyValue(depth - 1) })...)
}

func (m maker) keyValue(depth int) attribute.KeyValue {
	return attribute.KeyValue{Key: attribute.Key("k" + m.text()), Value: m.value(depth)}
}

func (m maker) set() attribute.Set {
	return attribute.NewSet(listOf(m, func() attribute.KeyValue { return m.keyValue(2) })...)
}

func listOf[T any](m maker, one func() T) (all []T) {
	for range m.IntN(5) {
		all = append(all, one())
	}
	return all
}

func (m maker) temporality() metricdata.Temporality {
	return []metricdata.Temporality{metricdata.CumulativeTemporality, metricdata.DeltaTemporality}[m.IntN(2)]
}

func numberOf[N int64 | float64](m maker) N {
	var n N
	switch p := any(&n).(type) {
	case *int64:
		*p = m.int()
	case *float64:
		*p = m.float()
	}
	return n
}

func exemplarsOf[N int64 | float64](m maker) []metricdata.Exemplar[N] {
	return listOf(m, func() metricdata.Exemplar[N] {
		x := metricdata.Exemplar[N]{
			FilteredAttributes: listOf(m, func() attribute.KeyValue { return m.keyValue(1) }),
			Time:               m.time(), Value: numberOf[N](m),
		}
		if m.some() {
			x.SpanID, x.TraceID = bytes.Repeat([]byte{0xab}, 8), bytes.Repeat([]byte{0xcd}, 16)
		}
		return x
	})
}

func extremaOf[N int64 | float64](m maker) (x metricdata.Extrema[N]) {
	if m.some() {
		x = metricdata.NewExtrema(numberOf[N](m))
	}
	return x
}

func pointsOf[N int64 | float64](m maker) []metricdata.DataPoint[N] {
	return listOf(m, func() metricdata.DataPoint[N] {
		return metricdata.DataPoint[N]{
			Attributes: m.set(), StartTime: m.time(), Time: m.time(), Value: numberOf[N](m), Exemplars: exemplarsOf[N](m),
		}
	})
}

func (m maker) counts() []uint64 {
	return listOf(m, func() uint64 { return uint64(m.int()) })
}

func histogramOf[N int64 | float64](m maker) metricdata.Histogram[N] {
	return metricdata.Histogram[N]{Temporality: m.temporality(), DataPoints: listOf(m, func() metricdata.HistogramDataPoint[N] {
		return metricdata.HistogramDataPoint[N]{
			Attributes: m.set(), StartTime: m.time(), Time: m.time(), Count: m.Uint64(), Bounds: listOf(m, m.float), BucketCounts: m.counts(),
			Min: extremaOf[N](m), Max: extremaOf[N](m), Sum: numberOf[N](m), Exemplars: exemplarsOf[N](m),
		}
	})}
}

func exponentialOf[N int64 | float64](m maker) metricdata.ExponentialHistogram[N] {
	bucket := func() metricdata.ExponentialBucket {
		return metricdata.ExponentialBucket{Offset: int32(m.int()), Counts: m.counts()}
	}
	return metricdata.ExponentialHistogram[N]{Temporality: m.temporality(), DataPoints: listOf(m, func() metricdata.ExponentialHistogramDataPoint[N] {
		return metricdata.ExponentialHistogramDataPoint[N]{
			Attributes: m.set(), StartTime: m.time(), Time: m.time(), Count: m.Uint64(), Min: extremaOf[N](m), Max: extremaOf[N](m), Sum: numberOf[N](m),
			Scale: int32(m.IntN(40) - 20), ZeroCount: uint64(m.IntN(3)), PositiveBucket: bucket(), NegativeBucket: bucket(),
			ZeroThreshold: math.Abs(m.float()), Exemplars: exemplarsOf[N](m),
		}
	})}
}

func (m maker) data() metricdata.Aggregation {
	switch m.IntN(9) {
	case 0:
		return metricdata.Gauge[int64]{DataPoints: pointsOf[int64](m)}
	case 1:
		return metricdata.Gauge[float64]{DataPoints: pointsOf[float64](m)}
	case 2:
		return metricdata.Sum[int64]{Temporality: m.temporality(), IsMonotonic: m.some(), DataPoints: pointsOf[int64](m)}
	case 3:
		return metricdata.Sum[float64]{Temporality: m.temporality(), IsMonotonic: m.some(), DataPoints: pointsOf[float64](m)}
	case 4:
		return histogramOf[int64](m)
	case 5:
		return histogramOf[float64](m)
	case 6:
		return exponentialOf[int64](m)
	case 7:
		return exponentialOf[float64](m)
	}
	return metricdata.Summary{DataPoints: listOf(m, func() metricdata.SummaryDataPoint {
		return metricdata.SummaryDataPoint{
			Attributes: m.set(), StartTime: m.time(), Time: m.time(), Count: m.Uint64(), Sum: m.float(),
			QuantileValues: listOf(m, func() metricdata.QuantileValue {
				return metricdata.QuantileValue{Quantile: m.Float64(), Value: m.float()}
			}),
		}
	})}
}

func (m maker) resourceMetrics() *metricdata.ResourceMetrics {
	set := m.set()
	return &metricdata.ResourceMetrics{
		Resource: resource.NewWithAttributes(m.text(), set.ToSlice()...),
		ScopeMetrics: listOf(m, func() metricdata.ScopeMetrics {
			return metricdata.ScopeMetrics{
				Scope: instrumentation.Scope{Name: m.text(), Version: m.text(), SchemaURL: m.text(), Attributes: m.set()},
				Metrics: listOf(m, func() metricdata.Metrics {
					return metricdata.Metrics{Name: m.text(), Description: m.text(), Unit: m.text(), Data: m.data()}
				}),
			}
		}),
	}
}

// Nothing that is sent differs from what the SDK's own exporter sends.
func TestSameAsTheSDK(t *testing.T) {
	kinds := make(map[string]bool)
	for seed := range uint64(500) {
		rm := maker{rand.New(rand.NewPCG(seed, 1))}.resourceMetrics()
		ours, err := otlp.Append(nil, rm)
		if err != nil {
			t.Fatal(err)
		}
		same(t, ours, taken(t, rm))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		eachKind(rm, kinds)
	}
	if len(kinds) != 9 {
		t.Errorf("compared %v, not all nine kinds with points", kinds)
	}
}

func eachKind(rm *metricdata.ResourceMetrics, kinds map[string]bool) {
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			switch a := m.Data.(type) {
			case metricdata.Gauge[int64]:
				kinds["gauge int"] = kinds["gauge int"] || len(a.DataPoints) > 0
			case metricdata.Gauge[float64]:
				kinds["gauge float"] = kinds["gauge float"] || len(a.DataPoints) > 0
			case metricdata.Sum[int64]:
				kinds["sum int"] = kinds["sum int"] || len(a.DataPoints) > 0
			case metricdata.Sum[float64]:
				kinds["sum float"] = kinds["sum float"] || len(a.DataPoints) > 0
			case metricdata.Histogram[int64]:
				kinds["histogram int"] = kinds["histogram int"] || len(a.DataPoints) > 0
			case metricdata.Histogram[float64]:
				kinds["histogram float"] = kinds["histogram float"] || len(a.DataPoints) > 0
			case metricdata.ExponentialHistogram[int64]:
				kinds["exponential int"] = kinds["exponential int"] || len(a.DataPoints) > 0
			case metricdata.ExponentialHistogram[float64]:
				kinds["exponential float"] = kinds["exponential float"] || len(a.DataPoints) > 0
			case metricdata.Summary:
				kinds["summary"] = kinds["summary"] || len(a.DataPoints) > 0
			}
		}
	}
}

// What was there before is kept, and lengths around a byte's limit are right.
func TestAppends(t *testing.T) {
	for n := range 300 {
		rm := &metricdata.ResourceMetrics{Resource: resource.NewSchemaless(attribute.String("k", strings.Repeat("x", n)))}
		alone, err := otlp.Append(nil, rm)
		if err != nil {
			t.Fatal(err)
		}
		same(t, alone, taken(t, rm))
		behind, err := otlp.Append([]byte("before"), rm)
		if err != nil || string(behind) != "before"+string(alone) {
			t.Fatalf("%d bytes: behind something it is %q, %v; alone %q", n, behind, err, alone)
		}
	}
	empty, err := otlp.Append(nil, &metricdata.ResourceMetrics{})
	if err != nil {
		t.Fatal(err)
	}
	same(t, empty, taken(t, &metricdata.ResourceMetrics{}))
}

func of(metrics ...metricdata.Metrics) *metricdata.ResourceMetrics {
	return &metricdata.ResourceMetrics{
		Resource:     resource.NewSchemaless(attribute.String("service.name", "test")),
		ScopeMetrics: []metricdata.ScopeMetrics{{Scope: instrumentation.Scope{Name: "test"}, Metrics: metrics}},
	}
}

func counter(name string, attrs ...attribute.KeyValue) metricdata.Metrics {
	return metricdata.Metrics{Name: name, Data: metricdata.Sum[int64]{
		Temporality: metricdata.CumulativeTemporality, IsMonotonic: true,
		DataPoints: []metricdata.DataPoint[int64]{{Attributes: attribute.NewSet(attrs...), Value: 1}},
	}}
}

// A metric that cannot be sent is named, and all others are sent.
func TestWhatOTLPHasNoFormFor(t *testing.T) {
	good := counter("good")
	bad := []metricdata.Metrics{
		{Name: "nothing"},
		{Name: "odd sum", Data: metricdata.Sum[int64]{DataPoints: []metricdata.DataPoint[int64]{{Value: 7}}}},
		{Name: "odd histogram", Data: metricdata.Histogram[float64]{}},
		{Name: "odd exponential", Data: metricdata.ExponentialHistogram[float64]{}},
	}
	got, err := otlp.Append(nil, of(append(bad, good)...))
	want, wrong := otlp.Append(nil, of(good))
	if wrong != nil || !bytes.Equal(got, want) {
		t.Errorf("the rest is %x, want %x (%v)", got, want, wrong)
	}
	if err == nil {
		t.Fatal("no error")
	}
	for _, m := range bad {
		if !strings.Contains(err.Error(), `"`+m.Name+`"`) {
			t.Errorf("the error does not name %q: %v", m.Name, err)
		}
	}
}

// protobuf refuses a batch with one text that is not UTF-8, and all of it would be lost.
func TestTextThatIsNotUTF8(t *testing.T) {
	got, err := otlp.Append(nil, of(counter("c\xff", attribute.String("k\xc3", "\x80v"))))
	if err != nil {
		t.Fatal(err)
	}
	want, err := otlp.Append(nil, of(counter("c\uFFFD", attribute.String("k\uFFFD", "\uFFFDv"))))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x (%v)", got, want, err)
	}
	same(t, got, want) // which protobuf reads
}

func TestAppendAllocatesNothing(t *testing.T) {
	rm := maker{rand.New(rand.NewPCG(7, 1))}.resourceMetrics()
	rm.ScopeMetrics = append(rm.ScopeMetrics, of(counter("c", attribute.String("k", "v"), attribute.Int("n", 1), attribute.Bool("b", true))).ScopeMetrics...)
	for i := range rm.ScopeMetrics { // lists allocate in the attribute package
		scalars(&rm.ScopeMetrics[i])
	}
	rm.Resource = resource.NewSchemaless(attribute.String("service.name", "test"))
	b, err := otlp.Append(nil, rm)
	if err != nil || len(b) < 500 {
		t.Fatalf("%d bytes, %v: too little to tell", len(b), err)
	}
	if n := testing.AllocsPerRun(100, func() {
		if b, err = otlp.Append(b[:0], rm); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// scalars takes lists and maps out of the attributes.
func scalars(sm *metricdata.ScopeMetrics) {
	few := attribute.NewSet(attribute.String("k", "v"), attribute.Int("n", 1), attribute.Float64("f", 1.5), attribute.Bool("b", true))
	sm.Scope.Attributes = few
	for i := range sm.Metrics {
		switch a := sm.Metrics[i].Data.(type) {
		case metricdata.Sum[float64]:
			for j := range a.DataPoints {
				a.DataPoints[j].Attributes = few
				a.DataPoints[j].Exemplars = nil
			}
		case metricdata.Sum[int64]:
			for j := range a.DataPoints {
				a.DataPoints[j].Attributes = few
				a.DataPoints[j].Exemplars = nil
			}
		case metricdata.Histogram[float64]:
			for j := range a.DataPoints {
				a.DataPoints[j].Attributes = few
				a.DataPoints[j].Exemplars = nil
			}
		default:
			sm.Metrics[i] = counter("c", few.ToSlice()...)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	rm := large()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = otlp.Append(buf[:0], rm)
	}
	b.SetBytes(int64(len(buf)))
}

// large is a thousand histograms, as a service has them.
func large() *metricdata.ResourceMetrics {
	h := metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality}
	for i := range 1000 {
		h.DataPoints = append(h.DataPoints, metricdata.HistogramDataPoint[float64]{
			Attributes: attribute.NewSet(attribute.Int("i", i), attribute.String("http.request.method", "GET")),
			StartTime:  time.Unix(1_700_000_000, 0), Time: time.Unix(1_700_000_060, 0), Count: 100, Sum: 12.5,
			Bounds: make([]float64, 22), BucketCounts: make([]uint64, 23),
			Min: metricdata.NewExtrema(0.5), Max: metricdata.NewExtrema(1.5),
		})
	}
	return of(metricdata.Metrics{Name: "h", Unit: "s", Data: h})
}

func BenchmarkExport(b *testing.B) {
	rm := large()
	discard := &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		_, err := io.Copy(io.Discard, r.Body)
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, err
	})}
	theirs, err := otlpmetrichttp.New(b.Context(), otlpmetrichttp.WithEndpointURL("http://backend/v1/metrics"), otlpmetrichttp.WithHTTPClient(discard))
	if err != nil {
		b.Fatal(err)
	}
	ours, err := otlp.New(otlp.Config{URL: "http://backend/v1/metrics", Client: discard})
	if err != nil {
		b.Fatal(err)
	}
	for name, export := range map[string]func(context.Context, *metricdata.ResourceMetrics) error{"ours": ours.Export, "sdk": theirs.Export} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := export(b.Context(), rm); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
