package nearest_test

import (
	"strings"
	"testing"

	"github.com/otelperf/otelperf-go/internal/nearest"
)

func TestTo(t *testing.T) {
	words := []string{"search_ms", "allocation_ms", "memory_mb", "console_output"}
	for _, c := range []struct{ s, want string }{
		{"serach_ms", "search_ms"}, // swapped
		{"search_m", "search_ms"},  // lost
		{"SEARCH-MS", "search_ms"}, // another style
		{"search.ms", "search_ms"},
		{"consol_output", "console_output"},
		{"memory", ""}, // half as much again is missing: too much
		{"latency", ""},
		{"", ""},
		{strings.Repeat("search_ms", 100), ""},
	} {
		if got := nearest.To(c.s, words); got != c.want {
			t.Errorf("To(%q) = %q, want %q", c.s, got, c.want)
		}
	}
	if got := nearest.To("s", []string{"ms", "s", "us"}); got != "s" {
		t.Errorf("got %q, want the word itself", got)
	}
}
