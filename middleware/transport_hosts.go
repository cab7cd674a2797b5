package middleware

import (
	"maps"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// A host is where a client's requests go: server.address and server.port.
type host struct {
	address string
	port    int // 0 for hosts past the limit, and where there is no telling
}

func (h *host) appendTo(attrs []attribute.KeyValue) []attribute.KeyValue {
	return append(attrs, semconv.ServerAddress(h.address), semconv.ServerPort(h.port))
}

// A hostTable holds the first limit hosts of a Transport. All others are one.
type hostTable struct {
	known   atomic.Pointer[map[hostKey]*host]
	other   *host
	dropped atomic.Int64
	limit   int
	mu      sync.Mutex
	hosts   map[host]*host // so that two ways to write a host are one
}

// hostKey is what is looked up: the scheme gives the port where the host has
// none.
type hostKey struct{ scheme, host string }

func newHostTable(limit int) *hostTable {
	t := &hostTable{other: &host{address: other}, limit: limit, hosts: make(map[host]*host)}
	t.known.Store(&map[hostKey]*host{})
	return t
}

// find returns the host of a URL.
func (t *hostTable) find(u *url.URL) *host {
	k := hostKey{u.Scheme, u.Host}
	known := *t.known.Load()
	if h := known[k]; h != nil {
		return h
	}
	return t.add(k, u)
}

func (t *hostTable) add(k hostKey, u *url.URL) *host {
	h := parseHost(u)
	if h.address == "" {
		return t.other
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.hosts[h]
	if p == nil {
		if len(t.hosts) >= t.limit {
			t.dropped.Add(1)
			return t.other
		}
		p = &h
		t.hosts[h] = p
	}
	known := *t.known.Load()
	if len(known) >= 4*t.limit {
		// Too many ways to write the same hosts to remember them all.
		return p
	}
	grown := maps.Clone(known)
	// The key may be a part of a long string that nobody else needs.
	grown[hostKey{strings.Clone(k.scheme), strings.Clone(k.host)}] = p
	t.known.Store(&grown)
	return p
}

func parseHost(u *url.URL) host {
	h := host{address: strings.ToLower(u.Hostname())}
	h.address = strings.Clone(h.address)
	port, err := strconv.Atoi(u.Port())
	switch {
	case err == nil && port > 0 && port < 65536:
		h.port = port
	case strings.EqualFold(u.Scheme, "https"):
		h.port = 443
	case strings.EqualFold(u.Scheme, "http"):
		h.port = 80
	}
	return h
}
