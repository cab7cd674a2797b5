package middleware_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/otelperf/otelperf-go/middleware"
)

func TestMethods(t *testing.T) {
	for method, want := range map[string]string{
		"GET": "GET", "HEAD": "HEAD", "POST": "POST", "PUT": "PUT", "DELETE": "DELETE", "CONNECT": "CONNECT",
		"OPTIONS": "OPTIONS", "TRACE": "TRACE", "PATCH": "PATCH", "QUERY": "QUERY",
		"get": "_OTHER", "Get": "_OTHER", "PROPFIND": "_OTHER", "_OTHER": "_OTHER", "GET2": "_OTHER",
	} {
		m := newMeter(t)
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Method = method
		m.server().Handler(http.HandlerFunc(nothing)).ServeHTTP(httptest.NewRecorder(), r)
		wantAttrs(t, m.only(), "http.request.method="+want)
	}
}

func TestKnownMethodsFromTheEnvironment(t *testing.T) {
	t.Setenv("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", " PROPFIND, get ,,MKCOL")
	for method, want := range map[string]string{
		"PROPFIND": "PROPFIND", "get": "get", "MKCOL": "MKCOL", "GET": "_OTHER", "QUERY": "_OTHER",
	} {
		m := newMeter(t)
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Method = method
		m.server().Handler(http.HandlerFunc(nothing)).ServeHTTP(httptest.NewRecorder(), r)
		wantAttrs(t, m.only(), "http.request.method="+want)
	}
	for _, blank := range []string{"", " "} {
		t.Setenv("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", blank)
		m := newMeter(t)
		serve(m.server().Handler(http.HandlerFunc(nothing)), "QUERY", "/")
		wantAttrs(t, m.only(), "http.request.method=QUERY")
	}
	t.Setenv("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", strings.Repeat("M,", 100))
	if _, err := middleware.New(); err != nil {
		t.Errorf("100 methods: %v", err)
	}
	t.Setenv("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", strings.Repeat("M,", 101))
	if _, err := middleware.New(); err == nil || !strings.HasPrefix(err.Error(), "middleware: OTEL_") {
		t.Errorf("101 methods: %v", err)
	}
	if _, err := middleware.NewTransport(nil); err == nil {
		t.Error("101 methods for a client: no error")
	}
}

func TestProtocol(t *testing.T) {
	for _, c := range []struct {
		major, minor  int
		name, version string
	}{
		{1, 0, "http", "1.0"}, {1, 1, "http", "1.1"}, {2, 0, "http", "2"}, {3, 0, "http", "3"},
		{1, 7, "", ""}, {2, 1, "", ""}, {3, 1, "", ""}, {0, 1, "", ""}, {9, 9, "", ""}, {0, 0, "", ""},
	} {
		m := newMeter(t)
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.ProtoMajor, r.ProtoMinor = c.major, c.minor
		m.server().Handler(http.HandlerFunc(nothing)).ServeHTTP(httptest.NewRecorder(), r)
		wantAttrs(t, m.only(), "network.protocol.name="+c.name, "network.protocol.version="+c.version)
	}
}

func TestScheme(t *testing.T) {
	proxy := middleware.WithTrustedProxies(netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8"))
	allIPv4 := middleware.WithTrustedProxies(netip.MustParsePrefix("0.0.0.0/0"))
	allIPv6 := middleware.WithTrustedProxies(netip.MustParsePrefix("::/0"))
	for _, c := range []struct {
		name      string
		opts      []middleware.Option
		tls       bool
		remote    string
		forwarded string
		xProto    string
		want      string
	}{
		{name: "plain", want: "http"},
		{name: "TLS", tls: true, want: "https"},
		{name: "headers without trust", xProto: "https", forwarded: "proto=https", want: "http"},
		{name: "trusted X-Forwarded-Proto", opts: []middleware.Option{proxy}, xProto: "https", want: "https"},
		{name: "trusted, but http behind TLS", opts: []middleware.Option{proxy}, tls: true, xProto: "http", want: "http"},
		{name: "a list", opts: []middleware.Option{proxy}, xProto: "HTTPS, http", want: "https"},
		{name: "Forwarded", opts: []middleware.Option{proxy}, forwarded: `for="[::1]";Proto="https";by=x, proto=http`, want: "https"},
		{name: "Forwarded wins", opts: []middleware.Option{proxy}, forwarded: "proto=https", xProto: "http", want: "https"},
		{name: "Forwarded without proto", opts: []middleware.Option{proxy}, forwarded: "for=1.2.3.4", xProto: "https", want: "https"},
		{name: "a comma in quotes", opts: []middleware.Option{proxy}, forwarded: `for="a,b";proto=https`, want: "https"},
		{name: "proto in quotes", opts: []middleware.Option{proxy}, forwarded: `for="x;proto=http";proto=https`, want: "https"},
		{name: "an escaped quote", opts: []middleware.Option{proxy}, forwarded: `for="\";proto=http;";proto=https`, want: "https"},
		{name: "a quote without an end", opts: []middleware.Option{proxy}, forwarded: `for=";proto=https`, want: "http"},
		{name: "the second element's proto", opts: []middleware.Option{proxy}, forwarded: `for=x,proto=https`, want: "http"},
		{name: "the first element's proto", opts: []middleware.Option{proxy}, tls: true, forwarded: `proto=http,proto=https`, want: "http"},
		{name: "a backslash outside of quotes", opts: []middleware.Option{proxy}, forwarded: `for=\;proto=https`, want: "https"},
		{name: "Forwarded without use", opts: []middleware.Option{proxy}, forwarded: "proto=gopher", xProto: "https", want: "https"},
		{name: "junk", opts: []middleware.Option{proxy}, xProto: "gopher", want: "http"},
		{name: "junk over TLS", opts: []middleware.Option{proxy}, tls: true, forwarded: ";;proto;=,", xProto: ",", want: "https"},
		{name: "from elsewhere", opts: []middleware.Option{proxy}, remote: "192.0.2.1:9", xProto: "https", want: "http"},
		{name: "IPv4 in IPv6", opts: []middleware.Option{proxy}, remote: "[::ffff:10.1.1.1]:9", xProto: "https", want: "https"},
		{name: "trusted network written as IPv6", opts: []middleware.Option{
			middleware.WithTrustedProxies(netip.MustParsePrefix("::ffff:10.0.0.0/104")),
		}, xProto: "https", want: "https"},
		{name: "outside of a network written as IPv6", opts: []middleware.Option{
			middleware.WithTrustedProxies(netip.MustParsePrefix("::ffff:10.0.0.0/112")),
		}, xProto: "https", want: "http"},
		{name: "network of IPv6", opts: []middleware.Option{
			middleware.WithTrustedProxies(netip.MustParsePrefix("2001:db8::/32")),
		}, remote: "[2001:db8::1]:9", xProto: "https", want: "https"},
		{name: "all of IPv6", opts: []middleware.Option{allIPv6}, remote: "[2001:db8::1]:9", xProto: "https", want: "https"},
		{name: "all of IPv6, with a zone", opts: []middleware.Option{allIPv6}, remote: "[fe80::1%eth0]:9", xProto: "https", want: "https"},
		{name: "all of IPv6 is not IPv4", opts: []middleware.Option{allIPv6}, xProto: "https", want: "http"},
		{name: "all of IPv6 is not IPv4 in IPv6", opts: []middleware.Option{allIPv6}, remote: "[::ffff:10.1.1.1]:9", xProto: "https", want: "http"},
		{name: "all of IPv4", opts: []middleware.Option{allIPv4}, remote: "[::ffff:10.1.1.1]:9", xProto: "https", want: "https"},
		{name: "all of IPv4 is not IPv6", opts: []middleware.Option{allIPv4}, remote: "[2001:db8::1]:9", xProto: "https", want: "http"},
		{name: "all", opts: []middleware.Option{allIPv4, allIPv6}, remote: "[2001:db8::1]:9", xProto: "https", want: "https"},
		{name: "all of IPv4 written as IPv6", opts: []middleware.Option{
			middleware.WithTrustedProxies(netip.MustParsePrefix("::ffff:0.0.0.0/96")),
		}, xProto: "https", want: "https"},
		{name: "Unix socket", opts: []middleware.Option{proxy}, remote: "@", xProto: "https", want: "https"},
		{name: "Unix socket with a name", opts: []middleware.Option{proxy}, remote: "/run/x.sock", xProto: "https", want: "https"},
		{name: "no address", opts: []middleware.Option{proxy}, remote: "nonsense", xProto: "https", want: "http"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMeter(t)
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = "10.1.2.3:4567"
			if c.remote != "" {
				r.RemoteAddr = c.remote
			}
			if c.tls {
				r.TLS = &tls.ConnectionState{}
			}
			if c.forwarded != "" {
				r.Header.Set("Forwarded", c.forwarded)
			}
			if c.xProto != "" {
				r.Header.Set("X-Forwarded-Proto", c.xProto)
			}
			m.server(c.opts...).Handler(http.HandlerFunc(nothing)).ServeHTTP(httptest.NewRecorder(), r)
			wantAttrs(t, m.only(), "url.scheme="+c.want)
		})
	}
}

func TestServerAddress(t *testing.T) {
	names := middleware.WithServerAddresses("Example.com", "api.example.com:8443", "[2001:db8::1]:80", "2001:db8::2")
	for _, c := range []struct{ host, address, port string }{
		{"example.com", "example.com", ""},
		{"EXAMPLE.com", "example.com", ""},
		{"example.com:1234", "example.com", ""},
		{"api.example.com:8443", "api.example.com", "8443"},
		{"API.example.com:8443", "api.example.com", "8443"},
		{"api.example.com", "", ""},
		{"api.example.com:1", "", ""},
		{"[2001:db8::1]:80", "2001:db8::1", "80"},
		{"[2001:db8::2]:99", "2001:db8::2", ""},
		{"[2001:db8::2]", "2001:db8::2", ""},
		{"evil.example", "", ""},
		{"", "", ""},
		{"[::::]::", "", ""},
	} {
		m := newMeter(t)
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = c.host
		m.server(names).Handler(http.HandlerFunc(nothing)).ServeHTTP(httptest.NewRecorder(), r)
		wantAttrs(t, m.only(), "server.address="+c.address, "server.port="+c.port)
		active := "http.request.method=GET "
		if c.address != "" {
			active += "server.address=" + c.address + " "
		}
		if c.port != "" {
			active += "server.port=" + c.port + " "
		}
		if got := m.samples("http.server.active_requests"); got[0].attrs != active+"url.scheme=http" {
			t.Errorf("%s: active requests have %q", c.host, got[0].attrs)
		}
	}
}

func TestHostIsNotAnAttribute(t *testing.T) {
	m := newMeter(t)
	serve(m.server().Handler(http.HandlerFunc(nothing)), "GET", "http://evil.example:99/")
	wantAttrs(t, m.only(), "server.address=", "server.port=")
}

func TestOptionErrors(t *testing.T) {
	server := map[string][]middleware.Option{
		"WithHostLimit is an option of NewTransport":   {middleware.WithHostLimit(5)},
		"WithURLTemplate is an option of NewTransport": {middleware.WithURLTemplate(nil)},
		"WithBodyEnd is an option of NewTransport":     {middleware.WithBodyEnd()},
		"WithPhases is an option of NewTransport":      {middleware.WithPhases()},
		"WithRouteLimit(0): want 1 to 10000":           {middleware.WithRouteLimit(0)},
		"WithSeriesLimit(-1): want 1 to 100000":        {middleware.WithSeriesLimit(-1)},
		"WithTrustedProxies: invalid network":          {middleware.WithTrustedProxies(netip.Prefix{})},
		"WithTrustedProxies: network ::ffff:10.0.0.0/95 is more than": {
			middleware.WithTrustedProxies(netip.MustParsePrefix("::ffff:10.0.0.0/95")),
		},
		`server address "": want a host or host:port`: {middleware.WithServerAddresses("")},
		`server address "a:0": port must be`:          {middleware.WithServerAddresses("ok", "a:0")},
		`server address "a:x": port must be`:          {middleware.WithServerAddresses("a:x")},
		`server address "a:65536": port must be`:      {middleware.WithServerAddresses("a:65536")},
		"WithRouteLimit(10001): want 1 to 10000":      {middleware.WithRouteLimit(10_001)},
		`server address "http://a": want`:             {middleware.WithServerAddresses("http://a")},
		"1001 server addresses, more than 1000":       {middleware.WithServerAddresses(make([]string, 1001)...)},
	}
	for want, opts := range server {
		if _, err := middleware.New(opts...); err == nil || !strings.HasPrefix(err.Error(), "middleware: "+want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	client := map[string][]middleware.Option{
		"WithRoute is an option of New":             {middleware.WithRoute(nil)},
		"WithRouteFilter is an option of New":       {middleware.WithRouteFilter(nil)},
		"WithAttributes is an option of New":        {middleware.WithAttributes(nil)},
		"WithContextAttributes is an option of New": {middleware.WithContextAttributes()},
		"WithTrustedProxies is an option of New":    {middleware.WithTrustedProxies()},
		"WithServerAddresses is an option of New":   {middleware.WithServerAddresses("a")},
		"WithHostLimit(0): want 1 to 10000":         {middleware.WithHostLimit(0)},
	}
	for want, opts := range client {
		if _, err := middleware.NewTransport(nil, opts...); err == nil || !strings.HasPrefix(err.Error(), "middleware: "+want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestOptionLimits has the largest and the smallest values that options take.
func TestOptionLimits(t *testing.T) {
	names := make([]string, 1000)
	for i := range names {
		names[i] = fmt.Sprintf("host%d:%d", i, i+1)
	}
	names[0], names[1] = "a:65535", "a:1"
	if _, err := middleware.New(middleware.WithServerAddresses(names...), middleware.WithRouteLimit(10_000),
		middleware.WithSeriesLimit(1), middleware.WithMeterProvider(newMeter(t).provider)); err != nil {
		t.Error(err)
	}
	if _, err := middleware.NewTransport(nil, middleware.WithHostLimit(10_000), middleware.WithRouteLimit(1),
		middleware.WithSeriesLimit(100_000), middleware.WithMeterProvider(newMeter(t).provider)); err != nil {
		t.Error(err)
	}
}
