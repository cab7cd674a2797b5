package queue_test

import (
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelperf/otelperf-go/internal/queue"
)

// anything makes a random collection with every type of aggregation. The same
// seed makes the same one, in memory of its own.
func anything(seed uint64) *metricdata.ResourceMetrics {
	r := rand.New(rand.NewPCG(seed, 0))
	rm := &metricdata.ResourceMetrics{Resource: resource.NewSchemaless(attribute.Int("seed", int(seed)))}
	for i := range r.IntN(4) + 1 {
		scope := metricdata.ScopeMetrics{Scope: instrumentation.Scope{
			Name: fmt.Sprint("scope", i), Version: "v1", SchemaURL: "url",
			Attributes: attribute.NewSet(attribute.Bool("scope", true)),
		}}
		datas := aggregations(r)
		r.Shuffle(len(datas), func(i, j int) { datas[i], datas[j] = datas[j], datas[i] })
		for j, data := range datas[:r.IntN(len(datas)+1)] {
			scope.Metrics = append(scope.Metrics, metricdata.Metrics{
				Name: fmt.Sprint("metric", j), Description: "about it", Unit: "s", Data: data,
			})
		}
		rm.ScopeMetrics = append(rm.ScopeMetrics, scope)
	}
	return rm
}

func aggregations(r *rand.Rand) []metricdata.Aggregation {
	temporality := func() metricdata.Temporality {
		return []metricdata.Temporality{metricdata.CumulativeTemporality, metricdata.DeltaTemporality}[r.IntN(2)]
	}
	return []metricdata.Aggregation{
		metricdata.Gauge[int64]{DataPoints: numberPoints[int64](r)},
		metricdata.Gauge[float64]{DataPoints: numberPoints[float64](r)},
		metricdata.Sum[int64]{DataPoints: numberPoints[int64](r), Temporality: temporality(), IsMonotonic: r.IntN(2) == 0},
		metricdata.Sum[float64]{DataPoints: numberPoints[float64](r), Temporality: temporality(), IsMonotonic: r.IntN(2) == 0},
		metricdata.Histogram[int64]{DataPoints: histogramPoints[int64](r), Temporality: temporality()},
		metricdata.Histogram[float64]{DataPoints: histogramPoints[float64](r), Temporality: temporality()},
		metricdata.ExponentialHistogram[int64]{DataPoints: exponentialPoints[int64](r), Temporality: temporality()},
		metricdata.ExponentialHistogram[float64]{DataPoints: exponentialPoints[float64](r), Temporality: temporality()},
		metricdata.Summary{DataPoints: summaryPoints(r)},
	}
}

func set(r *rand.Rand, i int) attribute.Set {
	return attribute.NewSet(attribute.Int("i", i), attribute.StringSlice("s", []string{fmt.Sprint(r.IntN(3))}))
}

func moment(r *rand.Rand) time.Time { return time.Unix(r.Int64N(1e9), r.Int64N(1e9)).UTC() }

func numberPoints[N int64 | float64](r *rand.Rand) []metricdata.DataPoint[N] {
	points := make([]metricdata.DataPoint[N], r.IntN(5))
	for i := range points {
		points[i] = metricdata.DataPoint[N]{
			Attributes: set(r, i), StartTime: moment(r), Time: moment(r), Value: N(r.IntN(100)), Exemplars: exemplars[N](r),
		}
	}
	return points
}

func exemplars[N int64 | float64](r *rand.Rand) []metricdata.Exemplar[N] {
	exemplars := make([]metricdata.Exemplar[N], r.IntN(3))
	for i := range exemplars {
		exemplars[i] = metricdata.Exemplar[N]{Time: moment(r), Value: N(r.IntN(100))}
		if r.IntN(2) == 0 {
			exemplars[i].TraceID, exemplars[i].SpanID = []byte(fmt.Sprintf("%016d", r.IntN(99))), []byte(fmt.Sprintf("%08d", r.IntN(99)))
			exemplars[i].FilteredAttributes = []attribute.KeyValue{attribute.Int("filtered", r.IntN(9))}
		}
	}
	return exemplars
}

func histogramPoints[N int64 | float64](r *rand.Rand) []metricdata.HistogramDataPoint[N] {
	points := make([]metricdata.HistogramDataPoint[N], r.IntN(5))
	shared := []float64{1, 2, float64(3 + r.IntN(9))}
	for i := range points {
		points[i] = metricdata.HistogramDataPoint[N]{
			Attributes: set(r, i), StartTime: moment(r), Time: moment(r), Count: r.Uint64N(9), Bounds: shared,
			BucketCounts: counts(r), Sum: N(r.IntN(100)), Exemplars: exemplars[N](r),
		}
		if r.IntN(3) == 0 {
			points[i].Bounds = []float64{float64(r.IntN(9))}
			points[i].Min, points[i].Max = metricdata.NewExtrema(N(r.IntN(9))), metricdata.NewExtrema(N(r.IntN(9)))
		}
	}
	return points
}

func exponentialPoints[N int64 | float64](r *rand.Rand) []metricdata.ExponentialHistogramDataPoint[N] {
	points := make([]metricdata.ExponentialHistogramDataPoint[N], r.IntN(5))
	for i := range points {
		points[i] = metricdata.ExponentialHistogramDataPoint[N]{
			Attributes: set(r, i), StartTime: moment(r), Time: moment(r), Count: r.Uint64N(9), Sum: N(r.IntN(100)),
			Min: metricdata.NewExtrema(N(1)), Max: metricdata.NewExtrema(N(r.IntN(9))),
			Scale: int32(r.IntN(9)), ZeroCount: r.Uint64N(9), ZeroThreshold: r.Float64(),
			PositiveBucket: metricdata.ExponentialBucket{Offset: int32(r.IntN(9)), Counts: counts(r)},
			NegativeBucket: metricdata.ExponentialBucket{Offset: int32(r.IntN(9)), Counts: counts(r)},
			Exemplars:      exemplars[N](r),
		}
	}
	return points
}

func counts(r *rand.Rand) []uint64 {
	counts := make([]uint64, r.IntN(6))
	for i := range counts {
		counts[i] = r.Uint64N(9)
	}
	return counts
}

func summaryPoints(r *rand.Rand) []metricdata.SummaryDataPoint {
	points := make([]metricdata.SummaryDataPoint, r.IntN(5))
	for i := range points {
		points[i] = metricdata.SummaryDataPoint{
			Attributes: set(r, i), StartTime: moment(r), Time: moment(r), Count: r.Uint64N(9), Sum: r.Float64(),
			QuantileValues: []metricdata.QuantileValue{{Quantile: 0.5, Value: r.Float64()}, {Quantile: 0.9, Value: r.Float64()}}[:r.IntN(3)],
		}
	}
	return points
}

// Whatever the memory held before, a copy says the same as the original.
func TestCopyIsEqual(t *testing.T) {
	var want *metricdata.ResourceMetrics
	next := &stub{export: func(_ context.Context, got *metricdata.ResourceMetrics) error {
		metricdatatest.AssertEqual(t, *want, *got)
		diff(t, asJSON(t, got), asJSON(t, want))
		return nil
	}}
	e := queue.New(next)
	for seed := range uint64(100) {
		want = anything(seed)
		if err := e.Export(t.Context(), anything(seed)); err != nil {
			t.Fatal(err)
		}
		flush(t, e)
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
	shutdown(t, e)
}

// The caller may do with its data what it likes as soon as Export returns,
// and the next exporter with the copy.
func TestCopySharesNothing(t *testing.T) {
	for seed := range uint64(30) {
		start := make(chan struct{})
		want := anything(seed)
		next := &stub{export: func(_ context.Context, got *metricdata.ResourceMetrics) error {
			<-start
			diff(t, asJSON(t, got), asJSON(t, want))
			scribble(reflect.ValueOf(got))
			return nil
		}}
		e := queue.New(next)
		input := anything(seed)
		if err := e.Export(t.Context(), input); err != nil {
			t.Fatal(err)
		}
		metricdatatest.AssertEqual(t, *want, *input)
		scribble(reflect.ValueOf(input))
		scribbled := asJSON(t, input)
		close(start)
		flush(t, e)
		if got := asJSON(t, input); got != scribbled {
			t.Errorf("seed %d: the input changed afterwards", seed)
		}
		shutdown(t, e)
	}
}

// scribble overwrites every number, byte and time that v reaches.
func scribble(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if _, immutable := v.Interface().(*resource.Resource); !immutable {
			scribble(v.Elem())
		}
	case reflect.Interface:
		if !v.IsNil() {
			// What is in an interface cannot be set, but its slices can.
			scribble(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			scribble(v.Index(i))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[attribute.Set]() || v.Type() == reflect.TypeFor[attribute.KeyValue]() {
			return
		}
		if v.Type() == reflect.TypeFor[time.Time]() {
			if v.CanSet() {
				v.Set(reflect.ValueOf(time.Unix(1, 1).UTC()))
			}
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				scribble(v.Field(i))
			}
		}
	default:
		if v.CanSet() {
			switch {
			case v.CanInt():
				v.SetInt(77)
			case v.CanUint():
				v.SetUint(77)
			case v.CanFloat():
				v.SetFloat(77)
			case v.Kind() == reflect.String:
				v.SetString("77")
			}
		}
	}
}

func asJSON(t testing.TB, rm *metricdata.ResourceMetrics) string {
	t.Helper()
	b, err := json.Marshal(rm)
	if err != nil {
		t.Fatal(err)
	}
	// No exemplars and no counts are no matter of nil or empty.
	return strings.ReplaceAll(string(b), "null", "[]")
}

// diff says where two JSON texts begin to differ.
func diff(t testing.TB, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	i = max(i-100, 0)
	t.Errorf("got …%.200s…\nwant …%.200s…", got[i:], want[i:])
}

// A metric without data goes through, one of a type that does not exist yet
// is left out and counted.
func TestUnknownAggregations(t *testing.T) {
	var log log
	next := &stub{}
	e := queue.New(next, queue.WithErrorHandler(log.handle))
	give(t, e,
		metricdata.Metrics{Name: "nothing"},
		metricdata.Metrics{Name: "unknown", Data: &metricdata.Gauge[int64]{}},
		delta("d", 1),
	)
	flush(t, e)
	if got := next.accepted(); len(got) != 1 || got[0]["d"] != 1 {
		t.Errorf("exported %v", got)
	}
	if got := e.Stats().Dropped[queue.ReasonUnknown]; got != 1 {
		t.Errorf("%d dropped as unknown, want 1", got)
	}
	shutdown(t, e)
	if heard := log.heard(); len(heard) == 0 || !strings.Contains(heard[0].Error(), "unknown type") {
		t.Errorf("the handler heard %v", heard)
	}
}

// The tests above cover every aggregation that the SDK has.
func TestAggregationsAreAll(t *testing.T) {
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", "go.opentelemetry.io/otel/sdk/metric/metricdata").Output()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "data.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Name.Name != "privateAggregation" {
			continue
		}
		switch receiver := f.Recv.List[0].Type.(type) {
		case *ast.IndexExpr:
			name := receiver.X.(*ast.Ident).Name
			want = append(want, name+"[int64]", name+"[float64]")
		case *ast.Ident:
			want = append(want, receiver.Name)
		}
	}
	var got []string
	for _, data := range aggregations(rand.New(rand.NewPCG(0, 0))) {
		got = append(got, reflect.TypeOf(data).Name())
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) < 9 || !slices.Equal(got, want) {
		t.Errorf("tested are %v, the SDK has %v", got, want)
	}
}
