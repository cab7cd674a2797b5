// Package otlp sends metrics by OTLP over HTTP.
//
// It stands in for the SDK's otlpmetrichttp, which makes a tree of protobuf messages of
// each batch and lets protobuf's reflection write them. That costs thousands of
// allocations for each export, and leaves some two thousand small objects that every
// collection of garbage has to mark from then on: in a service whose heap is small, one
// in a hundred requests waits for that. Here the numbers of a batch are appended to one
// slice of bytes, and nothing of it stays.
//
// The messages are the same; [Append] says where they differ. Around them, the path and
// the query of a URL stay as they are, what is compressed has a Content-Length, and the
// User-Agent is ours. The SDK's experimental metrics of its own exporters
// (OTEL_GO_X_OBSERVABILITY) do not have this one; what is lost is in
// otelperf.export.dropped, by internal/queue. OTLP over gRPC has a library that needs
// protobuf anyway, and is left to otlpmetricgrpc.
//
// Specification: OTLP 1.11, https://opentelemetry.io/docs/specs/otlp/
package otlp
