package middleware

import (
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
	port    int  // 0 for hosts past the limit, and where there is no telling
	number  uint // counts the hosts
}

func (h *host) appendTo(attrs []attribute.KeyValue) []attribute.KeyValue {
	return append(attrs, semconv.ServerAddress(h.address), semconv.ServerPort(h.port))
}

// A hostTable holds the first limit hosts of a Transport. All others are one.
type hostTable struct {
	known   table[hostKey, *host]
	other   *host
	dropped atomic.Int64
	limit   int

	mu    sync.Mutex
	hosts map[host]*host // by all but the number: two ways to write a host are one
}

// hostKey is what is looked up: the scheme gives the port where the host has
// none.
type hostKey struct{ scheme, host string }

func newHostTable(limit int) *hostTable {
	return &hostTable{other: &host{address: other}, limit: limit, hosts: make(map[host]*host)}
}

// find returns the host of a URL.
func (t *hostTable) find(u *url.URL) *host {
	k := hostKey{u.Scheme, u.Host}
	if h, ok := t.known.at(k, uint(len(u.Host))); ok {
		return h
	}
	return t.seek(k, u)
}

func (t *hostTable) seek(k hostKey, u *url.URL) *host {
	if h, ok := t.known.find(k, uint(len(u.Host))); ok {
		return h
	}
	return t.add(k, u)
}

func (t *hostTable) add(k hostKey, u *url.URL) *host {
	h := t.intern(parseHost(u))
	if h == t.other {
		return h
	}
	// There are many ways to write the same host; not all are remembered, and none
	// with a port of a thousand zeros.
	if len(k.scheme)+len(k.host) > 2*maxHost || t.known.full(4*t.limit) {
		return h
	}
	// The key may be a part of a long string that nobody else needs.
	k = hostKey{strings.Clone(k.scheme), strings.Clone(k.host)}
	t.known.add(k, 4*t.limit, func() *host { return h })
	return h
}

// intern returns the one pointer for a host, or that of all others.
func (t *hostTable) intern(h host) *host {
	if h.address == "" {
		return t.other
	}
	if len(h.address) > maxHost {
		t.dropped.Add(1)
		return t.other
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.hosts[h]; p != nil {
		return p
	}
	if len(t.hosts) >= t.limit {
		t.dropped.Add(1)
		return t.other
	}
	h.address = strings.Clone(h.address)
	p := &host{address: h.address, port: h.port, number: uint(len(t.hosts) + 1)}
	t.hosts[h] = p
	return p
}

// maxHost bounds the length of server.address, in bytes: a DNS name has at most
// 253, and an IPv6 address with a zone is shorter.
const maxHost = 255

func parseHost(u *url.URL) host {
	h := host{address: strings.ToLower(u.Hostname())}
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
