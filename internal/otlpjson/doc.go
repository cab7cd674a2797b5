// Package otlpjson writes collections as lines of OTLP JSON, as the Collector's
// file exporter does and its otlpjsonfile receiver reads, and reads such lines
// back.
//
//	exporter, err := otlpjson.New(ctx, func(line []byte) error {
//		_, err := file.Write(line)
//		return err
//	}, nil)
//	err = exporter.Export(ctx, collection)
//	collection, err := otlpjson.Decode(line)
//
// A line is what the OTLP exporter would send: the request goes through it up
// to the transport, which is the function.
//
// # Panics and errors
//
// Decode refuses what is no OTLP metrics request, and leaves out what this
// version of OpenTelemetry for Go has no type for. It never panics.
//
// # Concurrency
//
// An exporter writes one line at a time. Decode may be called concurrently.
package otlpjson
