// Package otelperf times the operations of a program, such as searches and
// allocations, and reports them as OpenTelemetry metrics.
//
//	rec, err := otelperf.New()
//	search, err := rec.Operation("search", attribute.String("index", "docs"))
//	hits, err := otelperf.Call(ctx, search, func(ctx context.Context) ([]Hit, error) { … })
//	find := otelperf.Wrap(search, index.Find) // the same function, timed
//	defer search.Start(ctx).End(&err)         // for a whole function
//
// [Operation.Do] is Call without a result, [Operation.Record] takes what was
// measured elsewhere, and a [Counter] needs no OpenTelemetry at all. Only the
// OpenTelemetry API is used; which SDK is behind it, if any, is up to the
// program.
//
// # Metrics
//
//	name                         instrument              unit         attributes
//	otelperf.operation.duration  histogram               s            otelperf.operation.name, the operation's own,
//	                                                                  and error.type if the call failed
//	otelperf.operation.active    observable              {operation}  otelperf.operation.name, the operation's own
//	                             up-down counter
//
// The duration's buckets are 1–2.5–5 for each decade from a microsecond to ten
// seconds, as advice that a view can replace. Its exemplars carry the trace
// of the context that a call was given. Active is the number of calls that
// have begun and not ended; it is reported, also when zero, until
// [Recorder.Close].
//
// A duration below zero is recorded as zero and one above a year as a year,
// so that a clock set wrong or a zero time cannot spoil a sum for ever.
//
// # Cardinality
//
// Every attribute is bounded. Name and attributes are fixed when an operation
// is made, with the limits stated at [Recorder.Operation], at most 1,000
// operations for each Recorder. error.type has at most 32 values of an
// operation's own, of at most 128 bytes, further ones become _OTHER, besides
// these:
//
//	panic                     the call panicked
//	goexit                    the call ended its goroutine by runtime.Goexit
//	canceled                  the call failed after its caller's own context was cancelled
//	context.Canceled          it failed with that error, and the caller's context was not
//	context.DeadlineExceeded  it failed with that error
//
// An operation is thus at most 39 series of its duration, usually one to
// three.
//
// # Panics and errors
//
// Success, error, panic and Goexit are each recorded exactly once, and none is
// altered: the same error is returned, the same value goes on panicking, and
// the trace of a crash shows where it began. [Timing.End] says how near it
// comes to that.
//
// The error.type of an error is what its ErrorType method says, or that of an
// error it wraps; without one it is the name of its type, after unwrapping what
// [fmt.Errorf] wrapped and taking the first of joined errors, as OpenTelemetry's
// semantic conventions have it. What such a method returns is not used if it
// is longer than 128 bytes or not printable, nor is a panic of it let through;
// the name of the type takes its place. An error may call itself "canceled".
//
// Nothing here panics, also when it is misused: a nil or zero Recorder,
// Operation or Timing does nothing but run what it is given, and a nil function
// gives an error. A constructor reports what is wrong as an error.
//
// # Concurrency
//
// Everything may be used concurrently. No call waits for another or for a
// collection, the first failure of each error.type apart. There are no
// goroutines.
//
// # Cost
//
// A call that succeeds allocates nothing and costs two readings of the
// monotonic clock, one Record of the SDK and 10 to 20 ns on top: 190 ns in all
// where the clock takes 50 and Record 130. Without a provider it costs about 30 ns,
// and with the no-op provider, or switched off by [WithoutOperations], 2 ns. A
// failure takes some 300 ns and an allocation more, a panic a few microseconds. A
// [Counter] costs one atomic addition. An operation takes about 660 bytes, and 580
// for each error.type, besides what the SDK keeps for a series. To measure this:
//
//	go test -run '^$' -bench . -benchmem ./otelperf
//
// [WithProfileLabels] costs two allocations and some 150 ns a call.
//
// If the histogram has the Bind method of OpenTelemetry's metric/x extension,
// each set of attributes is bound once and Record has nothing left to look up.
package otelperf
