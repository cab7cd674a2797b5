// Package hotroad aggregates duration histograms at a fraction of what the
// OpenTelemetry SDK needs, and hands the result to the SDK's readers, so that
// exports are what they would have been.
//
//	road, err := hotroad.New(hotroad.WithView(view))
//	producer, err := road.Producer(exporter)
//	reader := sdkmetric.NewPeriodicReader(hotroad.Merging(exporter), sdkmetric.WithProducer(producer))
//	sdk := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithView(view))
//	rec, err := otelperf.New(otelperf.WithMeterProvider(road.MeterProvider(sdk)))
//
// The MeterProvider's Float64Histograms have the Bind method of OpenTelemetry's
// metric/x extension, by which packages otelperf and middleware bind their
// attributes ahead of time; they also have its Finish. All other instruments are
// the SDK's. So are histograms that a view turns into something else, and those
// of a Road without a Producer.
//
// # What is the same as on the SDK's own road
//
// Names, units, descriptions, scopes, attributes, buckets, counts, sums, minima
// and maxima, exemplars, cumulative and delta temporality for several readers at
// once, start times, views, and the cardinality limit with its overflow series,
// on delta data that of each interval. Five things differ:
//
//   - Exponential histograms resolve to scale 6, 1.1 %, at the finest. With 160
//     buckets that is only seen if all values lie within a factor of 2.4.
//   - Readers share their exemplars.
//   - The limit of a single reader (sdkmetric.WithCardinalityLimitSelector) and
//     that of the MeterProvider are unknown here: see [WithCardinalityLimit].
//   - Readers share their series, and with them the limit: beside a cumulative
//     reader, no series gives way when a delta reader's next interval begins.
//   - Where infinite values or NaN, which no duration is, were measured, explicit
//     histograms may have an end of a bucket for a minimum or maximum.
//
// # Exactness
//
// Every measurement is in exactly one delta, and in all cumulative exports from
// the next one on. Nothing is reset: counters only rise, and each reader's share
// is a difference. A measurement made while a collection reads the counters may
// have its sum, its minimum and its maximum in that collection and its count in
// the next. Extremes never contradict the buckets they come with.
//
// # Memory
//
// A series begins with less than 1.5 KiB, and its first exemplar adds what the
// SDK's reservoir takes, some 180 bytes for each bucket, of an exponential
// histogram for each of 20. Its counters, eight bytes for each bucket in whole
// cache lines, exist once until cores get in each other's way, and then up to four
// times for each core, at most 64 times. An exponential series has 512 bytes for
// each power of two that was seen, at most 128 of them, and one kilobyte, both once
// to 64 times; 16 to 32 bytes each for powers beyond these and of negative values,
// of which there are 4,196. Each delta reader adds a copy of the counters, once.
// The number of series is bounded by
// [WithCardinalityLimit]; as many again may be there that have ended and are not
// yet forgotten, until the garbage collector has run.
//
// # Concurrency
//
// Recording takes no lock, waits for nobody, and allocates nothing after a
// series' first measurements. A collection takes a lock that only other
// collections and new series wait for.
//
// # Cost
//
// See docs/PERFORMANCE.md, which the repository's `make bench-report` writes.
package hotroad
