// Package middleware measures HTTP servers and clients of net/http by the
// semantic conventions of OpenTelemetry.
//
//	mw, err := middleware.New()
//	if err != nil { … }
//	defer mw.Close()
//	http.ListenAndServe(":8080", mw.Handler(middleware.Route(mux)))
//
// and for a client:
//
//	transport, err := middleware.NewTransport(nil)
//	if err != nil { … }
//	client := &http.Client{Transport: transport}
//
// Traces are otelhttp's work. Put it outside, with a no-op MeterProvider of its
// own, and exemplars of the durations carry the IDs of its spans. Put inside, its
// span begins within our request: then they do so only where a [Route] is
// further inside, and never for a client.
//
// # Metrics
//
//	http.server.request.duration             histogram, s
//	http.server.active_requests              up-down counter, {request}
//	http.server.request.body.size            histogram, By, with WithBodySizes
//	http.server.response.body.size           histogram, By, with WithBodySizes
//	otelperf.http.server.streams             up-down counter, {request}
//	otelperf.http.server.routes.dropped      counter, {request}
//	otelperf.http.server.series.dropped      counter, {request}
//	otelperf.http.server.attributes.dropped  counter, {attribute}
//
//	http.client.request.duration             histogram, s
//	http.client.active_requests              up-down counter, {request}
//	http.client.request.body.size            histogram, By, with WithBodySizes
//	http.client.response.body.size           histogram, By, with WithBodySizes
//	otelperf.http.client.phase.duration      histogram, s, with WithPhases
//	otelperf.http.client.hosts.dropped       counter, {request}
//	otelperf.http.client.templates.dropped   counter, {request}
//	otelperf.http.client.series.dropped      counter, {request}
//
// Durations have the 14 boundaries of the conventions, sizes 14 from nothing to
// 1 GiB. The counters of what was dropped appear with the first one. Active
// requests and streams are observed, and gone after Close.
//
// # Attributes
//
// Of a server's durations and sizes:
//
//	http.request.method        the method if it is known, else _OTHER: CONNECT,
//	                           DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT,
//	                           QUERY and TRACE, in upper case, or the list in
//	                           OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS
//	url.scheme                 https over TLS, else http; with WithTrustedProxies
//	                           what a trusted proxy says
//	http.response.status_code  the final status, if the handler wrote one or
//	                           returned without: none for a panic, a hijacked
//	                           connection or a client that left before that
//	http.route                 see Route and WithRoute; never the path
//	error.type                 if the request failed, see below
//	network.protocol.name      http
//	network.protocol.version   1.0, 1.1, 2 or 3; any other is left out
//	server.address, .port      with WithServerAddresses, from its list only
//
// and what [AddAttributes], [AddContextAttributes] and [WithAttributes] add.
// Active requests and streams have method, scheme and server address. A client's
// durations and sizes have http.request.method, server.address, server.port,
// http.response.status_code if there was a response, error.type, the protocol
// and, with [WithURLTemplate], url.template; active requests have method, server
// address and port, and the template. A client's address is that of the URL, where
// the request goes, and not a Host header that says otherwise: behind a reverse
// proxy that would be what anybody sends.
//
// # Errors
//
// error.type of a server's request is, in this order:
//
//	panic                     the handler panicked
//	goexit                    it ended its goroutine by runtime.Goexit
//	timeout                   a http.TimeoutHandler inside of the middleware cut
//	                          it off, or the deadline of a write did
//	500 … 999                 it answered so; what is over 599 is no status, and
//	                          clients take it for a 5xx (RFC 9110, 15)
//	canceled                  the client left before the whole answer was written
//	context.DeadlineExceeded  the deadline of the request's context passed before
//	                          that, as it does within a http.TimeoutHandler
//
// The last two also explain a timeout, and a 5xx that was written after that
// moment, and canceled a call of panic: so handlers give up an answer that nobody waits for
// (httputil.ReverseProxy does, with http.ErrAbortHandler). A panic of the
// runtime's, as for a nil pointer, is always panic. Alerts should leave canceled
// out of the failures of a server.
//
// error.type of a client's request is the status from 400 on, or canceled,
// context.DeadlineExceeded (both the caller's doing), timeout, connection_refused,
// connection_reset, unexpected_eof, dns_error, tls_error, panic, goexit or
// _OTHER.
//
// # Streams
//
// A request becomes a stream when its connection is hijacked or switches
// protocols (101), when its answer begins with the Content-Type
// text/event-stream, or when the handler says so by [Stream]. At that moment its
// duration is recorded, once, without a fault: the time that the client waited
// for the stream to begin. From then on it is counted in
// otelperf.http.server.streams, besides http.server.active_requests, until its
// handler returns, and the hour that it lasts is in no histogram. What becomes of
// a stream afterwards, a panic included, is not recorded.
//
// # End of a client's request
//
// A client's request ends when RoundTrip returns: with the header of the response
// or an error. With [WithBodyEnd] it ends with the body: read to its end, failed,
// or closed. Streams (101, server-sent events) end with the header in any case.
// Sizes of responses are recorded at the end of the body.
//
// # Panics
//
// Panics are never recovered, so they go on with their value and their trace,
// http.ErrAbortHandler too, and each is recorded once. What is happening is told
// from the stack, on that path alone. A panic of a function that was given as an
// option goes on like one of the handler's, and that request is not recorded.
//
// # Cardinality
//
// Whatever clients send and handlers do, each metric has at most 1500 series
// ([WithSeriesLimit]) and a few that take in the rest: a Middleware 4 (two schemes,
// failed or not) with the method and the route _OTHER, a Transport 2. At most 500
// routes or templates ([WithRouteLimit]) and, for a client, 100 hosts
// ([WithHostLimit]) are told apart; the rest, what is longer than 512 bytes (a
// host: 255), and routes and templates that are not UTF-8, which OTLP cannot carry,
// are _OTHER. A request that finds no room is recorded all the same, and counted
// as dropped. A request may have 8 additional attributes; [AddAttributes] says
// which. Nothing that is kept for good refers to a request's own strings, so that
// no request's memory is kept with it.
//
// # Writers and bodies
//
// A handler's ResponseWriter has exactly the optional interfaces of the server's
// own: Flusher, FlushError, Hijacker, Pusher, ReaderFrom (so files are still sent
// by the kernel), CloseNotifier and StringWriter, in each combination, and Unwrap,
// through which http.ResponseController reaches the rest. The request is the
// server's own, unless [WithContextAttributes] was given, or [WithBodySizes] and it
// has a body: then it is a copy, and what the handler and its routers put into it
// is handed back when they return. The server's own keeps its Body, so that a
// client that waits for 100 Continue and one that sends too much are treated as
// they would be without us. One thing is lost, as with every writer that is not
// the server's own: http.MaxBytesReader cannot tell the server to close the
// connection after a request that was too large. A client's request is never
// modified; the bodies of its responses keep io.Writer and io.WriterTo.
//
// # Concurrency
//
// All functions and methods may be called concurrently, but for those that say
// otherwise.
//
// # Cost
//
// One allocation for a server's request, the ResponseWriter of 128 bytes; none
// for a client's, one with [WithBodyEnd]. Most of the time is the SDK's, which
// looks at each attribute of each recording. Where a histogram has the Bind
// method of OpenTelemetry's metric/x extension, attributes are bound ahead of
// time and that time is saved.
//
// Measured with Go 1.26 and OTel 1.47 on two cores of an EPYC, best of 80 rounds,
// by
//
//	go run -C internal/bench . -time 10ms -rounds 80 -run '^(server|client)-serial$'
//
//	                     ours     floor    otelhttp   promhttp   slok
//	server, a request    437 ns   367 ns   3794 ns    481 ns     410 ns
//	  allocations        1        0        31         4          3
//	client, a request    363 ns   323 ns   2600 ns    340 ns     –
//	  allocations        0        0        16         2          –
//
// (a client's without the 45 ns and the allocation of the transport that answers
// in the benchmark). The floor is two readings of the clock and one recording of
// six attributes by the SDK. promhttp and slok record fewer attributes and no
// route of their own. docs/PERFORMANCE.md has more, the hot road too, from a run
// of its own.
package middleware
