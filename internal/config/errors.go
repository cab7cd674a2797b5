package config

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An Error is one fault of a configuration, and where it is.
type Error struct {
	// File is the path as it was given to Load; empty where the value came
	// from Go code.
	File string
	// Line and Column count from 1, the column in bytes; 0 where the fault is
	// the file itself.
	Line, Column int
	// Key is the full key, such as "monitoring.interval_seconds"; empty where
	// the fault is not one key's.
	Key string
	// Message says what is wrong and how it is put right, on one line. It names
	// the key.
	Message string

	cause error
}

// Error returns "config: file:line:column: message", on one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("config: ")
	if e.File != "" {
		b.WriteString(printable(e.File))
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
		}
		b.WriteString(": ")
	}
	b.WriteString(e.Message)
	return b.String()
}

// Unwrap returns the operating system's error where a file could not be read.
func (e *Error) Unwrap() error { return e.cause }

// position is where a key was set.
type position struct {
	file      string
	line, col int
}

func (p position) errorf(key, format string, args ...any) *Error {
	return &Error{File: p.file, Line: p.line, Column: p.col, Key: key, Message: fmt.Sprintf(format, args...)}
}

// Bounds on what an error repeats of a file.
const (
	maxShownValue = 40
	maxShownText  = 300
)

// quote shows text from a file: escaped, so that it can neither break the line
// nor move a terminal's cursor, and cut.
func quote(s string) string { return strconv.Quote(cut(s, maxShownValue)) }

// cut shortens s to at most n runes.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	runes := 0
	for i := range s {
		if runes == n {
			return s[:i] + "…"
		}
		runes++
	}
	return s
}

// printable returns s, quoted only if it has anything else than printable text.
func printable(s string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, unprintable) < 0 {
		return s
	}
	return strconv.Quote(s)
}

// oneLine makes somebody else's message safe to print.
func oneLine(s string) string {
	return cut(strings.Map(func(r rune) rune {
		if unprintable(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?")), maxShownText)
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// dotted renders a key's parts as they are written in TOML.
func dotted(path []string) string {
	parts := make([]string, len(path))
	for i, p := range path {
		if parts[i] = p; !bareKey(p) {
			parts[i] = quote(p)
		} else {
			parts[i] = cut(p, 2*maxShownValue)
		}
	}
	return strings.Join(parts, ".")
}

func bareKey(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
	return s != "" && strings.Trim(s, letters) == "" // Trim stops at any other
}
