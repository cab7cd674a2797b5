package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/otelperf/otelperf-go/internal/config"
)

// Whatever a file holds: no panic, and either an error of the documented form
// or a configuration that resolves.
func FuzzLoad(f *testing.F) {
	for _, name := range []string{monitoringFile, perfFile} {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, bad := range badFiles {
		f.Add([]byte(bad.text))
	}
	f.Add([]byte(complete + "by = [\"a\"]\nfor = \"1m\"\n[baseline.match]\na.b = 1\n[baseline.labels]\nx = \"y\"\n"))
	path := filepath.Join(f.TempDir(), "f.toml")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(path)
		if err != nil {
			checkError(t, err)
			return
		}
		baselines, err := c.Baselines()
		if err != nil {
			t.Fatalf("Load accepted what does not resolve: %v", err)
		}
		for _, b := range baselines {
			if err := b.Validate(); err != nil {
				t.Error(err)
			}
		}
		c.Recordable()
		c.Warnings()
		c.Paths()
		c.Exporters()
		if c.Export.OTLP.URL() == "" {
			t.Error("no URL")
		}
		// The same file again changes nothing.
		again, err := config.Load(path, path)
		if err != nil {
			t.Fatalf("the file does not load over itself: %v", err)
		}
		compare(t, again, c)
	})
}
