package demo

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOverlays compiles what is made of the bare demo by adding to its source or
// replacing parts of it, and looks for what each has that the others have not.
func TestOverlays(t *testing.T) {
	t.Parallel()
	marks := map[Build]string{
		Pprof:  "net/http/pprof.Index",
		ByHand: "otlpmetrichttp.(*Exporter).Export",
	}
	for _, b := range []Build{Bare, Pprof, ByHand} {
		path, err := b.Compile(t.Context(), filepath.Join("..", "..", "..", "examples", "httpdemo"), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		binary, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for of, mark := range marks {
			if has := bytes.Contains(binary, []byte(mark)); has != (of == b) {
				t.Errorf("%s has %s: %v", filepath.Base(path), mark, has)
			}
		}
	}
}

// TestByHandOfAnotherDemo: a demo without the parts that are replaced is an error, or
// nothing would be recorded.
func TestByHandOfAnotherDemo(t *testing.T) {
	t.Parallel()
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "bare.go"), []byte("package main\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ByHand.Compile(t.Context(), other, t.TempDir()); err == nil || !strings.Contains(err.Error(), "bare.go has") {
		t.Errorf("%v, want an error that says what bare.go has not", err)
	}
}
