package middleware

import (
	"fmt"
	"net/http"
	"os"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// other is what the conventions put in the place of a value that is not one of
// a known set.
const other = "_OTHER"

// methodsVariable replaces the list of known methods.
const methodsVariable = "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS"

// defaultMethods are the methods that the conventions count as known: those of
// RFC 9110, PATCH and QUERY.
var defaultMethods = []string{
	http.MethodConnect, http.MethodDelete, http.MethodGet, http.MethodHead,
	http.MethodOptions, http.MethodPatch, http.MethodPost, http.MethodPut,
	"QUERY", http.MethodTrace,
}

// maxMethods bounds the list that the environment may give.
const maxMethods = 100

// methodSet numbers the known methods. Number 0 is every other one. It is
// case-sensitive, as methods are.
type methodSet struct {
	get     uint8 // the number of GET, which most requests are
	numbers map[string]uint8
	names   []string // names[i] has the number i+1
}

// knownMethods reads the list of known methods from the environment, or takes
// the conventions' own where that says nothing.
func knownMethods() (methodSet, error) {
	names := defaultMethods
	if v, ok := os.LookupEnv(methodsVariable); ok && strings.TrimSpace(v) != "" {
		names = nil
		for name := range strings.SplitSeq(v, ",") {
			if name = strings.TrimSpace(name); name != "" {
				names = append(names, name)
			}
		}
	}
	if len(names) > maxMethods {
		return methodSet{}, fmt.Errorf("middleware: %s names %d methods, more than %d", methodsVariable, len(names), maxMethods)
	}
	s := methodSet{names: names, numbers: make(map[string]uint8, len(names))}
	for i, name := range names {
		s.numbers[name] = uint8(i + 1)
	}
	s.get = s.numbers[http.MethodGet]
	return s, nil
}

// number returns the method's number. An empty method is a client's GET.
func (s *methodSet) number(method string) uint8 {
	if method == http.MethodGet || method == "" {
		return s.get
	}
	return s.numbers[method]
}

// attribute returns http.request.method for a number.
func (s *methodSet) attribute(n uint8) attribute.KeyValue {
	if n == 0 {
		return semconv.HTTPRequestMethodKey.String(other)
	}
	return semconv.HTTPRequestMethodKey.String(s.names[n-1])
}

// scheme is the url.scheme of a request.
type scheme uint8

const (
	schemeHTTP scheme = iota
	schemeHTTPS

	schemes
)

func (s scheme) String() string { return [schemes]string{"http", "https"}[s] }

func (s scheme) attribute() attribute.KeyValue { return semconv.URLScheme(s.String()) }

// protocol is the version of HTTP that a request was made with. A version that
// is none of these, which only a client that lies can have, is left out.
type protocol uint8

const (
	protocolUnknown protocol = iota
	protocol10
	protocol11
	protocol2
	protocol3
)

func protocolOf(major, minor int) protocol {
	switch {
	case major == 1 && minor == 1:
		return protocol11
	case major == 1 && minor == 0:
		return protocol10
	case major == 2 && minor == 0:
		return protocol2
	case major == 3 && minor == 0:
		return protocol3
	}
	return protocolUnknown
}

func (p protocol) version() string { return [...]string{"", "1.0", "1.1", "2", "3"}[p] }

// appendTo adds network.protocol.name and .version.
func (p protocol) appendTo(attrs []attribute.KeyValue) []attribute.KeyValue {
	if p == protocolUnknown {
		return attrs
	}
	return append(attrs,
		semconv.NetworkProtocolName("http"),
		semconv.NetworkProtocolVersion(p.version()))
}

// cutPattern takes method and host off a pattern of http.ServeMux:
// "GET example.com/users/{id}" has the route "/users/{id}". Neither of them can
// contain a slash. A pattern without one is no route.
func cutPattern(pattern string) string {
	for i := range len(pattern) { // the slash is near: faster than a call that looks for it
		if pattern[i] == '/' {
			return pattern[i:]
		}
	}
	return ""
}
