package notify_test

import (
	"context"
	"io"
	"path/filepath"
	"testing"

	"github.com/otelperf/otelperf-go/views"
	"github.com/otelperf/otelperf-go/views/notify"
)

// What the evaluation pays for one alert and three sinks.
func BenchmarkNotify(b *testing.B) {
	send := func(context.Context, views.Alert) error { return nil }
	d, err := notify.NewDispatcher([]notify.Target{{Name: "a", Send: send}, {Name: "b", Send: send}, {Name: "c", Send: send}})
	if err != nil {
		b.Fatal(err)
	}
	a := firing("search_ms")
	b.ReportAllocs()
	for b.Loop() {
		d.Notify(a)
	}
	b.StopTimer()
	if err := d.Shutdown(background()); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkConsole(b *testing.B) {
	sink := notify.Console(io.Discard)
	a := firing("search_ms")
	b.ReportAllocs()
	for b.Loop() {
		if err := sink(background(), a); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLogFile(b *testing.B) {
	f, err := notify.OpenLogFile(filepath.Join(b.TempDir(), "alerts.log"))
	if err != nil {
		b.Fatal(err)
	}
	a := firing("search_ms")
	b.ReportAllocs()
	for b.Loop() {
		if err := f.Notify(background(), a); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}
