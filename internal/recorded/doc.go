// Package recorded keeps values that a program measured by itself and turns
// them into gauges: the worst one of each collection interval, for each reader
// on its own, and nothing where nothing was recorded.
//
//	store, err := recorded.New([]recorded.Def{
//		{Name: "search_ms", Metric: "search.duration", Unit: "s", Factor: 1000},
//	})
//	reader := sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithProducer(store.Producer()))
//	err = store.Record("search_ms", 12.5) // the gauge shows 0.0125 s
//
// A synchronous gauge of the SDK cannot do this: it repeats its last value for
// ever, and shows the last instead of the worst.
//
// # Metrics
//
// One Float64 gauge for each metric name among the definitions, in the scope
// [Scope]. A point carries otelperf.baseline.name, the name recorded under,
// and otelperf.source = "recorded".
//
// # Cardinality
//
// The number of points never exceeds the number of definitions: a name that
// was not defined is refused.
//
// # Panics and errors
//
// Nothing panics. A Producer never returns an error, as the reader would skip
// the whole export for it.
//
// # Concurrency
//
// Everything may be used concurrently. A value that Record took is in exactly
// one collection of each Producer that existed by then, unless a worse one of
// the same interval takes its place.
//
// # Cost
//
// Record allocates nothing; it holds a lock of that name's own for a few
// comparisons, one for each Producer.
package recorded
