package config_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/otelperf/otelperf-go/internal/config"
)

var update = flag.Bool("update", false, "write docs/configuration.md")

func TestMarkdown(t *testing.T) {
	page := filepath.Join("..", "..", "docs", "configuration.md")
	want := config.Markdown()
	if *update {
		if err := os.MkdirAll(filepath.Dir(page), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not current: run go generate ./internal/config", page)
	}
}

// The page's example must be one that loads.
func TestMarkdownExample(t *testing.T) {
	_, rest, _ := strings.Cut(config.Markdown(), "```toml\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("no example on the page")
	}
	if _, err := config.Load(write(t, example)); err != nil {
		t.Error(err)
	}
}
