// Package e2e holds the tests that run against real servers: the OpenTelemetry
// Collector, Prometheus, Alertmanager and VictoriaMetrics, on loopback. make e2e
// builds and runs them all.
package e2e
