package middleware

import (
	"net/http"
	"net/netip"
	"strings"
)

// schemeOf returns the scheme that the client used: https on a connection with
// TLS, and what a trusted proxy says.
func (m *Middleware) schemeOf(r *http.Request) scheme {
	if len(m.trusted) > 0 && m.trusts(r.RemoteAddr) {
		if s, ok := forwardedScheme(r.Header); ok {
			return s
		}
	}
	if r.TLS != nil {
		return schemeHTTPS
	}
	return schemeHTTP
}

// trusts tells whether a connection comes from a trusted proxy. One over a Unix
// socket has no address and comes from this machine.
func (m *Middleware) trusts(remote string) bool {
	var addr netip.Addr
	if ap, err := netip.ParseAddrPort(remote); err == nil {
		addr = ap.Addr().Unmap().WithZone("")
	} else if remote == "" || remote[0] == '@' || remote[0] == '/' {
		addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	} else {
		return false
	}
	for _, p := range m.trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// forwardedScheme reads the scheme that the proxy nearest to the client saw:
// the first one in Forwarded (RFC 7239), else in X-Forwarded-Proto. Anything but
// http and https is as good as nothing.
func forwardedScheme(h http.Header) (scheme, bool) {
	if v := h["Forwarded"]; len(v) > 0 {
		first, _, _ := strings.Cut(v[0], ",")
		for first != "" {
			var pair string
			pair, first, _ = strings.Cut(first, ";")
			key, value, _ := strings.Cut(pair, "=")
			if strings.EqualFold(strings.TrimSpace(key), "proto") {
				return parseScheme(strings.Trim(strings.TrimSpace(value), `"`))
			}
		}
	}
	if v := h["X-Forwarded-Proto"]; len(v) > 0 {
		first, _, _ := strings.Cut(v[0], ",")
		return parseScheme(strings.TrimSpace(first))
	}
	return schemeHTTP, false
}

func parseScheme(s string) (scheme, bool) {
	switch {
	case strings.EqualFold(s, "https"):
		return schemeHTTPS, true
	case strings.EqualFold(s, "http"):
		return schemeHTTP, true
	}
	return schemeHTTP, false
}
