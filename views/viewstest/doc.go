// Package viewstest checks that exporters and decorators of exporters keep the
// promises of sdkmetric.Exporter.
//
//	func TestMyExporter(t *testing.T) {
//		if err := viewstest.CheckExporter(func() sdkmetric.Exporter { return newMyExporter() }); err != nil {
//			t.Error(err)
//		}
//	}
//
// [CheckExporter] is for anything that may stand at the end of the road,
// [CheckDecorator] for what stands in front of an exporter, as a
// views.Processor does. Both return everything that is wrong, joined.
//
// Run them with -race: memory that is kept or written to after Export has
// returned is seen by the race detector, and without it only where the
// contents show it.
//
// # What is checked
//
// An exporter's Temporality and Aggregation are known for every kind of
// instrument and do not change. Export takes every aggregation, no data at all
// and a cancelled context, does not touch its input, and does not use it after
// it has returned. All methods but Export may be called at any time. Shutdown
// may be called twice, and Export then fails. Nothing outlasts its context.
//
// A decorator's next exporter is asked for exactly what the decorator is
// asked for, once, with the same context; it gets all that came in, as it came
// in; and its errors come back.
//
// # Panics and errors
//
// A panic of the exporter is not caught. A method that does not return within
// ten seconds is an error; its goroutine is left behind.
//
// # Concurrency
//
// Checks may run in parallel with each other. Each takes milliseconds, unless
// the exporter itself takes longer.
package viewstest
