package middleware

import (
	"net/http"
	"net/netip"
	"strings"
)

// schemeOn returns the scheme that the connection tells of: https where it has TLS.
func schemeOn(r *http.Request) scheme {
	if r.TLS != nil {
		return schemeHTTPS
	}
	return schemeHTTP
}

// schemeBehind returns the scheme that the client used, by what a trusted proxy
// says of it; without one it is the connection's own.
func (m *Middleware) schemeBehind(r *http.Request) scheme {
	if m.trusts(r.RemoteAddr) {
		if s, ok := forwardedScheme(r.Header); ok {
			return s
		}
	}
	return schemeOn(r)
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
		if s, ok := parseScheme(forwardedProto(v[0])); ok {
			return s, true
		}
	}
	if v := h["X-Forwarded-Proto"]; len(v) > 0 {
		first, _, _ := strings.Cut(v[0], ",")
		return parseScheme(strings.TrimSpace(first))
	}
	return schemeHTTP, false
}

// forwardedProto returns the proto of the first element of a Forwarded header.
// Within the quoted strings that its values may be, separators mean nothing.
func forwardedProto(v string) string {
	for v != "" && v[0] != ',' {
		n := endOfPair(v)
		key, value, _ := strings.Cut(v[:n], "=")
		if strings.EqualFold(strings.TrimSpace(key), "proto") {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
		v = strings.TrimPrefix(v[n:], ";")
	}
	return ""
}

// endOfPair returns the length of the first pair in s.
func endOfPair(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++ // whatever it is, it ends nothing
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ';' || c == ','):
			return i
		}
	}
	return len(s)
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
