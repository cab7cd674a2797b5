package middleware

import (
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// traits are the attributes of a request that have numbers here, in one word. A
// key that has them so is made in registers and compared at once; made of single
// bytes it would wait for the processor's own stores.
type traits uint64

const (
	traitHost     = 0 // of a server's addresses
	traitStatus   = 16
	traitMethod   = 32
	traitScheme   = 40
	traitProtocol = 48
	traitFault    = 56
)

// traitsOf returns the traits that a request has from the beginning.
func traitsOf(method uint8, s scheme, host uint16) traits {
	return traits(host)<<traitHost | traits(method)<<traitMethod | traits(s)<<traitScheme
}

// ended adds those that the end has.
func (t traits) ended(status uint16, p protocol, f fault) traits {
	return t | traits(status)<<traitStatus | traits(p)<<traitProtocol | traits(f)<<traitFault
}

func (t traits) host() uint16       { return uint16(t >> traitHost) }
func (t traits) status() int        { return int(uint16(t >> traitStatus)) }
func (t traits) method() uint8      { return uint8(t >> traitMethod) }
func (t traits) scheme() scheme     { return scheme(t >> traitScheme & 0xff) }
func (t traits) protocol() protocol { return protocol(t >> traitProtocol & 0xff) }
func (t traits) fault() fault       { return fault(t >> traitFault) }

// slot is a cheap function of them, for tables.
func (t traits) slot() uint {
	return uint(t>>traitStatus)<<2 ^ uint(t.method()) ^ uint(t.scheme())<<1 ^ uint(t.fault())<<1 ^ uint(t.host())<<3
}

// appendTo adds the attributes that a server and a client have alike at the end.
func (t traits) appendTo(attrs []attribute.KeyValue) []attribute.KeyValue {
	status, f := t.status(), t.fault()
	if status != 0 {
		attrs = append(attrs, semconv.HTTPResponseStatusCode(status))
	}
	if f != faultNone {
		attrs = append(attrs, f.attribute(status))
	}
	return t.protocol().appendTo(attrs)
}
