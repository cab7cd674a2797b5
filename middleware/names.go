package middleware

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// maxServers bounds the list of server names.
const maxServers = 1000

// serverNames are the values that server.address may have on a server. Number 0
// is none of them.
type serverNames struct {
	names   []serverName
	numbers map[string]uint16 // by the forms that a Host header may have
}

type serverName struct {
	address string
	port    int // 0: not said
}

func newServerNames(names []string) (serverNames, error) {
	s := serverNames{numbers: make(map[string]uint16, len(names))}
	if len(names) > maxServers {
		return s, fmt.Errorf("middleware: %d server addresses, more than %d", len(names), maxServers)
	}
	var errs []error
	for _, name := range names {
		sn, err := parseServerName(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s.names = append(s.names, sn)
		s.numbers[sn.String()] = uint16(len(s.names))
	}
	return s, errors.Join(errs...)
}

func (n serverName) String() string {
	if n.port == 0 {
		return n.address
	}
	return net.JoinHostPort(n.address, strconv.Itoa(n.port))
}

func parseServerName(name string) (serverName, error) {
	host, port := splitHost(name)
	if host == "" || strings.ContainsAny(name, "/ \t") {
		return serverName{}, fmt.Errorf("middleware: server address %q: want a host or host:port", name)
	}
	sn := serverName{address: strings.ToLower(host)}
	if port != "" {
		var err error
		if sn.port, err = strconv.Atoi(port); err != nil || sn.port < 1 || sn.port > 65535 {
			return serverName{}, fmt.Errorf("middleware: server address %q: port must be 1 to 65535", name)
		}
	}
	return sn, nil
}

// splitHost takes a Host header apart. net.SplitHostPort would allocate an error
// for each that has no port.
func splitHost(s string) (host, port string) {
	if strings.HasPrefix(s, "[") {
		host, port, _ = strings.Cut(s[1:], "]")
		return host, strings.TrimPrefix(port, ":")
	}
	i := strings.LastIndexByte(s, ':')
	if i < 0 || strings.IndexByte(s, ':') != i {
		return s, "" // no port, or an IPv6 address by itself
	}
	return s[:i], s[i+1:]
}

// number finds the name that a Host header stands for, with its port or
// without, and 0 if there is none. It allocates only for upper case.
func (s *serverNames) number(host string) uint16 {
	if len(s.names) == 0 {
		return 0
	}
	if n, ok := s.numbers[host]; ok {
		return n
	}
	host = strings.ToLower(host)
	if n, ok := s.numbers[host]; ok {
		return n
	}
	address, _ := splitHost(host)
	return s.numbers[address]
}

// appendTo adds server.address and server.port of the name with number n.
func (s *serverNames) appendTo(attrs []attribute.KeyValue, n uint16) []attribute.KeyValue {
	if n == 0 {
		return attrs
	}
	name := s.names[n-1]
	attrs = append(attrs, semconv.ServerAddress(name.address))
	if name.port != 0 {
		attrs = append(attrs, semconv.ServerPort(name.port))
	}
	return attrs
}
