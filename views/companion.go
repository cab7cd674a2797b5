package views

// ActiveMetric returns the name of the metric that counts the calls in flight
// of the duration metric name, and of the metric whose value is to be taken
// off it because those calls are streams that are meant to stay open. Both are
// empty for a metric without a known companion.
func ActiveMetric(name string) (active, streams string) {
	switch name {
	case "otelperf.operation.duration":
		return "otelperf.operation.active", ""
	case "http.server.request.duration":
		return "http.server.active_requests", "otelperf.http.server.streams"
	case "http.client.request.duration":
		return "http.client.active_requests", "otelperf.http.client.streams"
	}
	return "", ""
}
