// Package compat tests the project with what it is used beside: other routers,
// otelhttp, a WebSocket library, a load generator, and OpenTelemetry's metric/x,
// whose methods are asked for by their structure. It is a module of its own, so
// that none of them becomes a dependency of the project.
package compat
