package page

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/internal/history"
	"github.com/otelperf/otelperf-go/views"
)

// A Source is where the page takes what it shows from.
type Source struct {
	// History is required.
	History *history.History

	// Status returns how the baselines stand; nil: there are none.
	Status func() []views.Status

	// Resource describes the process; service.name, service.version,
	// service.instance.id, host.name, process.pid and
	// process.runtime.version are shown, nothing else.
	Resource attribute.Set

	// Interval is how often metrics are collected, Retention for how long they
	// are kept.
	Interval, Retention time.Duration

	// Evidence is the folder that holds folders of evidence; "": there is none.
	Evidence string
}

// A Handler serves the page. [New] makes one.
type Handler struct {
	source  Source
	hosts   map[string]bool
	anyHost bool
	assets  map[string]asset
	streams *streams

	mu     sync.Mutex
	cached map[string]cached // overviews
}

// An Option configures [New].
type Option func(*Handler)

// WithAllowedHosts lets requests through whose Host header names one of these
// hosts, without a port, besides those to this machine by localhost or a
// loopback address. "*" is any host: then another check must keep web pages
// that rebind their name to this address from reading here. The default is none.
func WithAllowedHosts(hosts ...string) Option {
	return func(h *Handler) {
		for _, host := range hosts {
			if host == "*" {
				h.anyHost = true
				continue
			}
			h.hosts[canonical(host)] = true
		}
	}
}

// New returns the handler of the page. It starts nothing; event streams that
// browsers open end with Close.
func New(s Source, opts ...Option) (*Handler, error) {
	if s.History == nil {
		return nil, errors.New("page: New needs a history")
	}
	if s.Status == nil {
		s.Status = func() []views.Status { return nil }
	}
	if s.Interval <= 0 {
		s.Interval = history.DefaultInterval
	}
	if s.Retention <= 0 {
		s.Retention = history.DefaultRetention
	}
	assets, err := loadAssets()
	if err != nil {
		return nil, err
	}
	h := &Handler{
		source: s, hosts: make(map[string]bool), assets: assets,
		streams: newStreams(), cached: make(map[string]cached),
	}
	for _, o := range opts {
		if o != nil {
			o(h)
		}
	}
	return h, nil
}

// Close ends all event streams, so that a server's Shutdown need not wait for
// them. Where the server is net/http's, its Shutdown does that by itself. The
// rest of the page goes on.
func (h *Handler) Close() error {
	h.streams.close()
	return nil
}

// ServeHTTP serves the page and what belongs to it, below any path prefix.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "This page is read-only.", http.StatusMethodNotAllowed)
		return
	}
	if !h.localHost(r.Host) {
		http.Error(w, "This page answers to localhost and hosts that were allowed only.", http.StatusForbidden)
		return
	}
	name, ok := h.route(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	if !sameOrigin(r, name == "") {
		http.Error(w, "This page does not answer to other origins.", http.StatusForbidden)
		return
	}
	switch name {
	case "":
		h.index(w, r)
	case "api/overview":
		h.overview(w, r)
	case "api/chart":
		h.chart(w, r)
	case "api/heat":
		h.heat(w, r)
	case "api/snapshot":
		h.snapshot(w, r)
	case "api/history":
		h.history(w, r)
	case "api/evidence":
		h.evidence(w, r)
	case "api/events":
		h.events(w, r)
	default:
		if folder, ok := strings.CutPrefix(name, "evidence/"); ok {
			h.download(w, r, folder)
			return
		}
		h.asset(w, r, strings.TrimPrefix(name, "assets/"))
	}
}

// endpoints are the fixed names below the prefix, besides assets.
var endpoints = []string{
	"api/overview", "api/chart", "api/heat", "api/snapshot", "api/history", "api/evidence", "api/events",
}

// route returns what of the path is below the prefix, which it need not know:
// "" is the page itself.
func (h *Handler) route(path string) (name string, ok bool) {
	for _, e := range endpoints {
		if path == e || strings.HasSuffix(path, "/"+e) {
			return e, true
		}
	}
	if i := strings.LastIndex("/"+path, "/assets/"); i >= 0 {
		if name := path[i:]; h.assets[strings.TrimPrefix(name, "assets/")].kind != "" {
			return name, true
		}
	}
	rest, last := cutLast(path)
	rest, folder := cutLast(rest)
	_, kind := cutLast(rest)
	switch {
	case last == "":
		return "", true
	case kind == "evidence" && folder != "":
		return "evidence/" + folder + "/" + last, safeName(folder) && safeName(last)
	default: // names that look like ours are not the page
		return "", folder != "api" && folder != "assets"
	}
}

// cutLast takes the last name off a path.
func cutLast(path string) (rest, last string) {
	i := strings.LastIndexByte(path, '/')
	return path[:max(i, 0)], path[i+1:]
}

func (h *Handler) index(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/") {
		// The page's links are relative to its folder. What stands before the
		// name is not known behind a proxy, so that the redirect is relative too.
		path, _, _ := strings.Cut(r.RequestURI, "?")
		last := path[strings.LastIndex(path, "/")+1:]
		if last == "" || strings.ContainsAny(last, "\\:") || r.URL.Path != "" && !strings.HasSuffix(r.URL.EscapedPath(), last) {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Location", last+"/")
		w.WriteHeader(http.StatusMovedPermanently)
		return
	}
	h.asset(w, r, "index.html")
}
