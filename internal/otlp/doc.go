// Package otlp sends metrics by OTLP over HTTP.
//
// It stands in for the SDK's otlpmetrichttp, which makes a tree of protobuf messages of
// each batch and lets protobuf's reflection write them. That costs thousands of
// allocations for each export, and leaves some two thousand small objects that every
// collection of garbage has to mark from then on: in a service whose heap is small, one
// in a hundred requests waits for that. Here the numbers of a batch are appended to one
// slice of bytes, and nothing of it stays.
//
// What is sent is the same, message by message; [Append] says where it differs. OTLP
// over gRPC has a library that needs protobuf anyway, and is left to otlpmetricgrpc.
//
// Specification: OTLP 1.11, https://opentelemetry.io/docs/specs/otlp/
package otlp
