// Package page serves what the history of a process shows, to people and as
// JSON: what is worse than its baseline, since when and how much, what each
// operation and route does, and the alerts with their evidence.
//
//	handler, err := page.New(page.Source{History: h, Status: processor.Status})
//	mux.Handle("/debug/otelperf/", handler)
//	server.RegisterOnShutdown(func() { handler.Close() }) // net/http's own does that by itself
//
// Everything is embedded: no request leaves the host that runs the browser for
// anywhere but here. The handler works below any path prefix, that of its mux
// and that of a proxy, and listens nowhere by itself.
//
// # JSON
//
//	api/snapshot                     every baseline and group, as it stands
//	api/history                      which series are kept
//	api/history?name=search&since=1h the points of every series of that name
//	api/events                       server-sent events, one for each collection
//
// What else is under api belongs to the page and changes with it.
//
// # Safety
//
// The page is read-only: any method but GET and HEAD is refused. So is a Host
// header that names neither this machine nor an allowed host, and any request
// that a page of another origin makes; a link from elsewhere may open the page.
// A strict Content-Security-Policy lets scripts and styles come from the handler
// only. Names and attribute values are shown as text, whatever they hold.
// Neither headers nor environment are shown, and of the resource a short list of
// attributes. Who may reach the handler sees all of the rest: mount it where
// net/http/pprof would be mounted.
//
// # Concurrency
//
// A Handler may be used concurrently. At most 64 browsers follow it live.
//
// # Cost
//
// Nothing while nobody looks. A look at 24 hours of 200 series, a collection a
// minute, takes about 50 ms of CPU each interval (go test -bench Look
// ./internal/history), however many browsers look.
package page
