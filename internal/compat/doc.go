// Package compat tests the middleware with what it is used beside: other
// routers, otelhttp, a WebSocket library, and a load generator. It is a module
// of its own, so that none of them becomes a dependency of the project.
package compat
