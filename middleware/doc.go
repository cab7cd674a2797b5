// Package middleware measures HTTP servers and clients by the semantic
// conventions of OpenTelemetry, at the cost of one allocation for a request.
//
//	mw, err := middleware.New()
//	if err != nil { … }
//	defer mw.Close()
//	http.ListenAndServe(":8080", mw.Handler(middleware.Route(mux)))
package middleware
