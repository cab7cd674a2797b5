package views

import "go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"

// ActiveMetric returns the name of the metric that counts the calls in flight
// of the duration metric name, and of the metric whose value is to be taken
// off it because those calls are streams that are meant to stay open. Both are
// empty for a metric without a known companion.
func ActiveMetric(name string) (active, streams string) {
	switch name {
	case "otelperf.operation.duration":
		return "otelperf.operation.active", ""
	case httpconv.ServerRequestDuration{}.Name():
		return httpconv.ServerActiveRequests{}.Name(), "otelperf.http.server.streams"
	case httpconv.ClientRequestDuration{}.Name():
		return httpconv.ClientActiveRequests{}.Name(), ""
	}
	return "", ""
}
