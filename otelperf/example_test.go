package otelperf_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/otelperf"
)

var errNotFound = errors.New("not found")

// An index is what the examples search.
type index map[string][]string

func (ix index) Find(_ context.Context, word string) ([]string, error) {
	hits, ok := ix[word]
	if !ok {
		return nil, errNotFound
	}
	return hits, nil
}

var docs = index{"sort": {"sort.Slice", "slices.Sort"}, "json": {"json.Marshal"}}

// The examples print what their calls have recorded.
func exampleRecorder() (*otelperf.Recorder, func()) {
	reader := sdkmetric.NewManualReader()
	rec, err := otelperf.New(otelperf.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))))
	if err != nil {
		panic(err)
	}
	return rec, func() {
		var rm metricdata.ResourceMetrics
		if err := reader.Collect(context.Background(), &rm); err != nil {
			panic(err)
		}
		var lines []string
		for _, m := range rm.ScopeMetrics[0].Metrics {
			if h, ok := m.Data.(metricdata.Histogram[float64]); ok {
				for _, p := range h.DataPoints {
					lines = append(lines, fmt.Sprintf("%s %s count=%d", m.Name, p.Attributes.Encoded(attribute.DefaultEncoder()), p.Count))
				}
			}
		}
		slices.Sort(lines)
		fmt.Println(strings.Join(lines, "\n"))
	}
}

func Example() {
	rec, err := otelperf.New() // The global meter provider, whenever it is set.
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = rec.Close() }()

	search, err := rec.Operation("search", attribute.String("index", "docs"))
	if err != nil {
		fmt.Println(err)
		return
	}
	hits, err := otelperf.Call(context.Background(), search, func(ctx context.Context) ([]string, error) {
		return docs.Find(ctx, "sort")
	})
	fmt.Println(hits, err)
	// Output: [sort.Slice slices.Sort] <nil>
}

func ExampleCall() {
	rec, show := exampleRecorder()
	search, _ := rec.Operation("search")

	for _, word := range []string{"sort", "json", "perl"} {
		hits, err := otelperf.Call(context.Background(), search, func(ctx context.Context) ([]string, error) {
			return docs.Find(ctx, word)
		})
		fmt.Println(hits, err)
	}
	show()
	// Output:
	// [sort.Slice slices.Sort] <nil>
	// [json.Marshal] <nil>
	// [] not found
	// otelperf.operation.duration error.type=*errors.errorString,otelperf.operation.name=search count=1
	// otelperf.operation.duration otelperf.operation.name=search count=2
}

func ExampleOperation_Do() {
	rec, show := exampleRecorder()
	store, _ := rec.Operation("store", attribute.String("index", "docs"))

	err := store.Do(context.Background(), func(context.Context) error {
		docs["go"] = []string{"go.mod"}
		return nil
	})
	fmt.Println(err)
	show()
	// Output:
	// <nil>
	// otelperf.operation.duration index=docs,otelperf.operation.name=store count=1
}

func ExampleWrap() {
	rec, show := exampleRecorder()
	search, _ := rec.Operation("search")

	find := otelperf.Wrap(search, docs.Find) // func(context.Context, string) ([]string, error)
	hits, err := find(context.Background(), "json")
	fmt.Println(hits, err)
	show()
	// Output:
	// [json.Marshal] <nil>
	// otelperf.operation.duration otelperf.operation.name=search count=1
}

func ExampleOperation_Start() {
	rec, show := exampleRecorder()
	search, _ := rec.Operation("search")

	find := func(ctx context.Context, word string) (hits []string, err error) {
		defer search.Start(ctx).End(&err)
		return docs.Find(ctx, word)
	}
	hits, err := find(context.Background(), "perl")
	fmt.Println(hits, err)
	show()
	// Output:
	// [] not found
	// otelperf.operation.duration error.type=*errors.errorString,otelperf.operation.name=search count=1
}

func ExampleOperation_Record() {
	rec, show := exampleRecorder()
	query, _ := rec.Operation("query")

	// Both come from elsewhere, a database's own report say.
	query.Record(context.Background(), 3*time.Millisecond, nil)
	query.Record(context.Background(), time.Second, context.DeadlineExceeded)
	show()
	// Output:
	// otelperf.operation.duration error.type=context.DeadlineExceeded,otelperf.operation.name=query count=1
	// otelperf.operation.duration otelperf.operation.name=query count=1
}

func ExampleWithoutOperations() {
	search, err := func() (*otelperf.Operation, error) {
		rec, err := otelperf.New(otelperf.WithoutOperations("search"))
		if err != nil {
			return nil, err
		}
		return rec.Operation("search")
	}()
	fmt.Println(err)
	fmt.Println(search.Do(context.Background(), func(context.Context) error { return errNotFound }))
	// Output:
	// <nil>
	// not found
}

func ExampleCounter() {
	var searches otelperf.Counter
	searches.Record(2 * time.Millisecond)
	searches.Record(4 * time.Millisecond)
	fmt.Println(searches.Count(), searches.Total(), searches.Average(), searches.PerSecond() > 0)
	// Output: 2 6ms 3ms true
}
