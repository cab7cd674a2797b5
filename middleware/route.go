package middleware

import (
	"math"
	"net/http"
	"strings"
)

// Route returns a handler that passes requests to next and, where a
// [Middleware] is outside of it, tells that the pattern that next matched.
//
// Put it directly around each mux: anything that sets the Pattern of the
// request that it was given, as [http.ServeMux] does. The middleware cannot see
// that pattern otherwise once something in between has replaced the request, as
// [http.Request.WithContext], [http.Request.Clone] and [http.StripPrefix] do.
// Method and host of the pattern are not part of the route.
//
//	mw.Handler(auth(middleware.Route(mux)))
//
// Where muxes are nested, each with a Route around it, a mux that sees a
// shortened path adds its pattern to the pattern of the mux outside: "/api/" and
// "/users/{id}" are "/api/users/{id}". One that sees the whole path has the whole
// route in its pattern.
//
// Route finds the middleware through the Unwrap methods of the ResponseWriters
// in between or, where one has none, through the request's context if
// [WithContextAttributes] was given. It allocates nothing, and does nothing
// where there is no middleware. As the ResponseWriter, it is the handler's: a
// goroutine that outlives the handler must not call it.
func Route(next http.Handler) http.Handler { return routeHook{next} }

type routeHook struct{ next http.Handler }

func (h routeHook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if rw := reach(w); rw != nil {
		if rw.lowest && rw.knows(r) {
			h.next.ServeHTTP(w, r)
			return
		}
		h.serve(rw, w, r)
		return
	}
	rw := fromContext(r.Context())
	if rw == nil {
		h.next.ServeHTTP(w, r)
		return
	}
	h.serveFar(rw, w, r)
}

// serve tells rw, and the responses of other Middlewares below it, about r.
func (h routeHook) serve(rw *response, w http.ResponseWriter, r *http.Request) {
	for rw != nil && rw.knows(r) {
		rw = rw.below()
	}
	if rw == nil {
		h.next.ServeHTTP(w, r)
		return
	}
	outer, cut := rw.enterRoute(r)
	h.serve(rw.below(), w, r)
	rw.leaveRoute(outer, cut) // not reached by a panic, which leaves the frame to be read
}

// serveFar is for a hook that is cut off from the writers, by
// http.TimeoutHandler for one. There the handler may still run on a goroutine of
// its own when the middleware records, so the middleware must not read the
// request: what was matched is handed over whole.
func (h routeHook) serveFar(rw *response, w http.ResponseWriter, r *http.Request) {
	outer := rw.rare.far.Load()
	f := farRoute{first: r.URL.Path, path: r.URL.Path}
	if outer != nil {
		f.first, f.route = outer.first, outer.route
		f.cut = cutTo(outer.path, f.path, outer.cut)
	}
	mux, ok := h.next.(*http.ServeMux)
	if ok {
		_, pattern := mux.Handler(r)
		f.add(rw.m.joins, pattern)
		rw.rare.far.Store(&f)
	}
	h.next.ServeHTTP(w, r)
	if !ok && rw.rare.far.Load() == outer {
		f.add(rw.m.joins, r.Pattern)
		rw.rare.far.Store(&f)
	}
}

// A farRoute is a route that was found on another goroutine.
type farRoute struct {
	route string // of the Routes that were cut off
	first string // the path that the outermost of them was given
	path  string // the path that this one was given
	cut   int    // segments taken off between the two
}

func (f *farRoute) add(joins *joinTable, pattern string) {
	if pattern = cutPattern(pattern); pattern != "" {
		f.route = joins.join(f.route, f.cut, pattern)
	}
}

// below returns the response of another Middleware outside of rw's, or nil.
func (rw *response) below() *response {
	if rw.lowest {
		return nil
	}
	return reach(rw.w)
}

// reach returns the nearest response of ours in a chain of writers.
func reach(w http.ResponseWriter) *response {
	for depth := 0; w != nil && depth < maxChain; depth++ {
		if s, ok := w.(ours); ok {
			return s.self()
		}
		u, ok := w.(unwrapper)
		if !ok {
			return nil
		}
		w = u.Unwrap()
	}
	return nil
}

// A routeFrame is a request whose router is asked for the route: the request
// that the middleware got, or one that a Route was given. The router leaves the
// pattern in the request itself, where it is read when it is needed, also when
// the handler panicked or became a stream.
type routeFrame struct {
	req   *http.Request
	path  string      // the request's path before the router got it
	notes *routeNotes // nil if there are none
}

// routeNotes are what the routers outside of a frame have said, and those
// inside that are done. Most requests have none, those that have share them, and
// none changes them: a response holds a pointer instead of three strings.
type routeNotes struct {
	base      string // the route as the routers outside know it
	inherited string // the pattern that the request came with
	found     string // the route that the last Route inside that was left found
}

// noted returns the frame's notes.
func (f *routeFrame) noted() routeNotes {
	if f.notes == nil {
		return routeNotes{}
	}
	return *f.notes
}

// frameRoute returns the frame's route as far as it is known now.
func (rw *response) frameRoute() string {
	f := &rw.frame
	pattern := f.req.Pattern
	if f.notes == nil {
		return cutPattern(pattern)
	}
	if pattern == "" || pattern == f.notes.inherited {
		return f.notes.base
	}
	if pattern = cutPattern(pattern); f.notes.base == "" {
		return pattern
	}
	return rw.m.joins.join(f.notes.base, rw.cutOff(), pattern)
}

// inherit notes what the routers outside of the middleware have matched.
func (rw *response) inherit() {
	pattern := rw.r.Pattern
	rw.frame.notes = rw.m.notes.keep(routeNotes{base: cutPattern(pattern), inherited: pattern})
	rw.cut = unknownCut
}

// unknownCut is the cut of a root frame until somebody asks for it: most have
// one router, outside or inside, and nobody does.
const unknownCut = -1

// cutOff returns how many segments of the path the routers outside of the frame
// took off.
func (rw *response) cutOff() int {
	if rw.cut == unknownCut {
		r := rw.frame.req
		whole, _, _ := strings.Cut(r.RequestURI, "?")
		path := rw.frame.path
		if r.URL.Path == path { // else somebody has changed it in place since
			path = r.URL.EscapedPath()
		}
		rw.setCut(cutSegments(whole, path))
	}
	return int(rw.cut)
}

// setCut sets it. No pattern has so many segments that the limit shows.
func (rw *response) setCut(n int) { rw.cut = int16(min(n, math.MaxInt16)) }

// cutSegments counts the segments that were taken off path to get rest. It is 0
// if rest is path, or not the end of it.
func cutSegments(path, rest string) int {
	if len(rest) >= len(path) || !strings.HasSuffix(path, rest) {
		return 0
	}
	return strings.Count(path[:len(path)-len(rest)], "/")
}

// knows tells whether r is the request that is asked for the route anyway, as
// where nothing between the middleware and its mux replaced it. Then a Route has
// nothing to do.
func (rw *response) knows(r *http.Request) bool {
	f := &rw.frame
	if r != f.req || r.URL.Path != f.path {
		return false
	}
	if f.notes == nil {
		return r.Pattern == ""
	}
	return r.Pattern == f.notes.inherited && f.notes.found == ""
}

// cutTo counts the segments that were taken off the whole path, as the server
// got it, to get path, where outer had lost cut of them. A path that was
// rewritten has none: then the pattern that it matches stands for itself.
func cutTo(outer, path string, cut int) int {
	if path == outer {
		return cut
	}
	if n := cutSegments(outer, path); n > 0 {
		return cut + n
	}
	return 0
}

// enterRoute makes r the request to ask and returns the frame that was before.
func (rw *response) enterRoute(r *http.Request) (outer routeFrame, cut int16) {
	base, cutNow := rw.frameRoute(), 0
	if base != "" {
		cutNow = cutTo(rw.frame.path, r.URL.Path, rw.cutOff())
	}
	outer, cut = rw.frame, rw.cut
	rw.frame = routeFrame{req: r, path: r.URL.Path, notes: rw.m.notes.keep(routeNotes{base: base, inherited: r.Pattern})}
	rw.setCut(cutNow)
	rw.inner = r
	rw.entered = true
	return outer, cut
}

// leaveRoute keeps the route that was found, unless a Route further inside has
// found one, and goes back to the frame before.
func (rw *response) leaveRoute(outer routeFrame, cut int16) {
	found := rw.frame.noted().found
	if rw.entered {
		rw.entered = false
		found = rw.frameRoute()
	}
	rw.frame, rw.cut = outer, cut
	notes := outer.noted()
	if notes.found != found {
		notes.found = found
		rw.frame.notes = rw.m.notes.keep(notes)
	}
}

// routeNow returns the route as far as it is known now, "" if it is not.
func (rw *response) routeNow() string {
	if rw.m.route != nil {
		if route := rw.m.route(rw.r); route != "" {
			return route
		}
	}
	var route string
	if n := rw.frame.notes; n != nil && n.found != "" {
		route = n.found
	} else {
		// No Route, or one that runs still: in a stream, or ended by a panic.
		route = rw.frameRoute()
	}
	if rw.rare == nil {
		return route
	}
	if far := rw.rare.far.Load(); far != nil && far.route != "" {
		return rw.m.joins.join(route, cutTo(rw.frame.path, far.first, rw.cutOff()), far.route)
	}
	return route
}

// A noteTable keeps one copy of each of the notes that there were. As the
// patterns that they are made of they are few; past the limit, and where one
// is too long for a route, each request has its own.
type noteTable struct {
	kept  table[routeNotes, *routeNotes]
	limit int
}

func newNoteTable(limit int) *noteTable { return &noteTable{limit: limit} }

// keep returns the table's copy of n, nil if n says nothing.
func (t *noteTable) keep(n routeNotes) *routeNotes {
	if n == (routeNotes{}) {
		return nil
	}
	slot := uint(len(n.base)) ^ uint(len(n.inherited))<<2 ^ uint(len(n.found))<<4
	if kept, ok := t.kept.find(n, slot); ok {
		return kept
	}
	return t.make(n)
}

// make is keep for notes that the table has no copy of.
func (t *noteTable) make(n routeNotes) *routeNotes {
	if len(n.base) > maxName || len(n.inherited) > maxName || len(n.found) > maxName || t.kept.full(t.limit) {
		return &n
	}
	// The strings may be parts of a request, all of which would be kept with them.
	n = routeNotes{strings.Clone(n.base), strings.Clone(n.inherited), strings.Clone(n.found)}
	if kept, ok := t.kept.add(n, t.limit, func() *routeNotes { return &n }); ok {
		return kept
	}
	return &n
}

// A joinTable remembers joined patterns, so that nested muxes do not cost an
// allocation for each request. Patterns are the program's own and few; past the
// limit they are joined anew each time.
type joinTable struct {
	joined table[joinKey, string]
	limit  int
}

type joinKey struct {
	base    string
	cut     int
	pattern string
}

func newJoinTable(limit int) *joinTable { return &joinTable{limit: limit} }

// join returns the route of a router that sees the path without its first cut
// segments and matched pattern there, where base is the route outside.
func (t *joinTable) join(base string, cut int, pattern string) string {
	if cut == 0 || base == "" {
		return pattern
	}
	k := joinKey{base, cut, pattern}
	slot := uint(len(base)) ^ uint(len(pattern))<<2
	if s, ok := t.joined.find(k, slot); ok {
		return s
	}
	if len(base) > maxName || len(pattern) > maxName || t.joined.full(t.limit) {
		return joinPatterns(base, cut, pattern)
	}
	// The strings may be parts of a request, all of which would be kept with them,
	// and what they are joined to may be a part of them.
	k.base, k.pattern = strings.Clone(base), strings.Clone(pattern)
	joined := joinPatterns(k.base, cut, k.pattern)
	t.joined.add(k, t.limit, func() string { return joined })
	return joined
}

// joinPatterns puts the first cut segments of base before pattern. A base that
// has fewer gives all that it has: what else was cut off is not known from it.
func joinPatterns(base string, cut int, pattern string) string {
	end := 0
	for ; cut > 0; cut-- {
		i := strings.IndexByte(base[end+1:], '/')
		if i < 0 {
			if rest := base[end+1:]; rest != "" && !strings.HasSuffix(rest, "...}") {
				end = len(base)
			}
			break
		}
		end += 1 + i
	}
	return base[:end] + pattern
}
