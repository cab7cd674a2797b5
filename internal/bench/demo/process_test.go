package demo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestByHand compiles what is made of the demo's source by replacing parts of it, and
// looks for an error where a part is not there.
func TestByHand(t *testing.T) {
	t.Parallel()
	binary, err := ByHand.Compile(t.Context(), filepath.Join("..", "..", "..", "examples", "httpdemo"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(binary); err != nil {
		t.Error(err)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "bare.go"), []byte("package main\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ByHand.Compile(t.Context(), other, t.TempDir()); err == nil || !strings.Contains(err.Error(), "bare.go") {
		t.Errorf("of another demo: %v, want an error that names bare.go", err)
	}
}
