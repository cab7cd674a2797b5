package history

import (
	"strings"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"
)

const (
	operationName = attribute.Key("otelperf.operation.name")
	overflowKey   = attribute.Key("otel.metric.overflow")
	canceled      = "canceled" // an error.type that is no failure: the caller left
)

var serverDuration = httpconv.ServerRequestDuration{}.Name()

// Names of series that have no attribute to be named by.
const (
	// NoRoute is the name of what matched no route.
	NoRoute = "(no route)"
	// Overflow is the name of what the SDK no longer told apart.
	Overflow = "(over the limit)"
)

// nameKey is the attribute that series of the kind are named by.
func nameKey(k Kind) attribute.Key {
	switch k {
	case Operation:
		return operationName
	case Route:
		return semconv.HTTPRouteKey
	case Client:
		return semconv.ServerAddressKey
	}
	return ""
}

// A source says what is kept of a metric. The zero source keeps nothing.
type source struct {
	kind Kind
	keep bool
	by   []attribute.Key // what tells the series apart; nil for a Number or Spread: all, or nothing
}

// sourceOf returns what is kept of the metric with that name.
func sourceOf(metric string, distribution bool) source {
	switch metric {
	case "otelperf.operation.duration":
		return source{kind: Operation, keep: distribution}
	case serverDuration:
		return source{kind: Route, keep: distribution}
	case httpconv.ClientRequestDuration{}.Name():
		return source{kind: Client, keep: distribution}
	case "otelperf.operation.active":
		return source{kind: Number, keep: !distribution, by: []attribute.Key{operationName}}
	case httpconv.ServerActiveRequests{}.Name(), httpconv.ClientActiveRequests{}.Name(), "otelperf.http.server.streams":
		return source{kind: Number, keep: !distribution, by: []attribute.Key{}}
	}
	if strings.HasPrefix(metric, "process.") || strings.HasPrefix(metric, "go.") {
		if distribution {
			return source{kind: Spread, keep: true, by: []attribute.Key{}}
		}
		return source{kind: Number, keep: true}
	}
	return source{}
}

// group returns what the series with these attributes is called, and what
// tells it from others of that name.
func (s source) group(metric string, attrs *attribute.Set) (name string, group attribute.Set) {
	over := false
	if v, ok := attrs.Value(overflowKey); ok {
		over = v.AsBool()
	}
	switch s.kind {
	case Operation, Route, Client:
		if over {
			return Overflow, *attribute.EmptySet()
		}
		if v, ok := attrs.Value(nameKey(s.kind)); ok && v.String() != "" {
			return v.String(), *attribute.EmptySet()
		}
		return NoRoute, *attribute.EmptySet()
	}
	if s.by == nil {
		return metric, *attrs
	}
	var kvs []attribute.KeyValue
	for _, k := range s.by {
		if v, ok := attrs.Value(k); ok {
			kvs = append(kvs, attribute.KeyValue{Key: k, Value: v})
		}
	}
	return metric, attribute.NewSet(kvs...)
}

// failure returns the error.type of a series, and whether its measurements are
// failures by the rule that package views judges by.
func failure(metric string, attrs *attribute.Set) (errorType string, failed bool) {
	if v, ok := attrs.Value(semconv.ErrorTypeKey); ok {
		return v.String(), v.String() != canceled
	}
	if metric != serverDuration {
		return "", false
	}
	if code, ok := attrs.Value(semconv.HTTPResponseStatusCodeKey); ok && code.AsInt64() >= 500 {
		return code.String(), true
	}
	return "", false
}
