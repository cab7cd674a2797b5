package corpus_test

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/otelperf/otelperf-go/examples/httpdemo/internal/corpus"
)

func TestStandardLibrary(t *testing.T) {
	c, err := corpus.StandardLibrary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Documents) < 5000 || c.Unreadable+c.Binary+c.Irregular != 0 {
		t.Errorf("got %v", c)
	}
	checkDocuments(t, c.Documents)
	got := make(map[string]corpus.Document)
	for _, d := range c.Documents {
		if _, twice := got[d.ID]; twice {
			t.Errorf("two documents have the ID %q", d.ID)
		}
		got[d.ID] = d
	}
	for id, want := range map[string]corpus.Document{
		"encoding/json":         {Title: "package json", Kind: "package", Source: "encoding/json"},
		"encoding/json.Marshal": {Title: "json.Marshal", Kind: "func", Source: "encoding/json"},
		"bufio.Scanner":         {Title: "bufio.Scanner", Kind: "type", Source: "bufio"},
		"bufio.Scanner.Scan":    {Title: "bufio.Scanner.Scan", Kind: "method", Source: "bufio"},
		"os.O_RDONLY":           {Title: "os.O_RDONLY", Kind: "const", Source: "os"},
		"io.EOF":                {Title: "io.EOF", Kind: "var", Source: "io"},
		"builtin.append":        {Title: "builtin.append", Kind: "func", Source: "builtin"},
	} {
		if d := got[id]; d.Title != want.Title || d.Kind != want.Kind || d.Source != want.Source {
			t.Errorf("%s: got %+v", id, d)
		}
	}
	if d := got["bufio.Scanner"]; !strings.Contains(d.Examples, "bufio.NewScanner(os.Stdin)") {
		t.Error("bufio.Scanner has no example")
	}
	for id := range got {
		if strings.HasPrefix(id, "cmd/") || strings.Contains(id, "internal/") || strings.Contains(id, "vendor/") {
			t.Errorf("%s cannot be imported", id)
		}
	}
}

func TestStandardLibraryNotFound(t *testing.T) {
	t.Run("GOROOT", func(t *testing.T) {
		t.Setenv("GOROOT", filepath.Join(t.TempDir(), "nothing"))
		_, err := corpus.StandardLibrary(t.Context())
		if err == nil || !strings.Contains(err.Error(), "nothing") || !strings.Contains(err.Error(), "name a folder to index instead") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("go", func(t *testing.T) {
		t.Setenv("GOROOT", "")
		t.Setenv("PATH", t.TempDir())
		if _, err := corpus.StandardLibrary(t.Context()); !errors.Is(err, exec.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := corpus.StandardLibrary(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}
