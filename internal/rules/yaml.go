package rules

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// yaml writes the little of YAML that rule files need: strings are quoted as
// JSON, which YAML takes, and expressions are blocks that a person can read.
type yaml struct {
	w   io.Writer
	err error
}

func (y *yaml) line(depth int, format string, args ...any) {
	if y.err == nil {
		_, y.err = fmt.Fprintf(y.w, strings.Repeat("  ", depth)+format+"\n", args...)
	}
}

func (y *yaml) block(depth int, key, text string) {
	y.line(depth, "%s: |-", key)
	for l := range strings.SplitSeq(text, "\n") {
		y.line(depth+1, "%s", l)
	}
}

func (y *yaml) table(depth int, key string, m map[string]string) {
	if len(m) == 0 {
		return
	}
	y.line(depth, "%s:", key)
	for _, k := range sorted(m) {
		y.line(depth+1, "%s: %s", quote(k), quote(m[k]))
	}
}

// quote writes s as a JSON string, without escaping what HTML would need.
func quote(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return `""` // a string is always encoded
	}
	return strings.TrimSuffix(b.String(), "\n")
}
