package corpus

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"
)

const (
	// passage is how long a text may get before it is divided: a search
	// should find the page, not the book.
	passage = 8 << 10

	// maxTitle bounds a title taken from a file's content, in bytes.
	maxTitle = 120
)

// readText adds a text or Markdown file, divided into sections or passages.
func (p *part) readText(fsys fs.FS, name string) {
	data, more, err := readFile(fsys, name, maxTextBytes)
	if err != nil {
		p.unreadable++
		return
	}
	if binary(data) {
		p.binary++
		return
	}
	p.files++
	if more {
		p.cut++
	}
	text := strings.ToValidUTF8(strings.TrimPrefix(string(data), "\ufeff"), "\ufffd")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	kind, sections := "text", []section{{text: text}}
	switch strings.ToLower(path.Ext(name)) {
	case ".md", ".markdown":
		kind, sections = "markdown", markdown(text)
	}
	for _, s := range sections {
		for i, text := range passages(s.text) {
			d := Document{ID: slug(name), Title: name, Kind: kind, Source: name, Text: text}
			if s.heading != "" {
				d.ID += "/" + slug(strings.ReplaceAll(s.heading, "/", "-"))
				d.Title = s.heading
			}
			if i > 0 {
				d.Title += fmt.Sprintf(" (%d)", i+1)
			}
			p.documents = append(p.documents, d)
		}
	}
}

// binary tells whether the data is no text: it holds a NUL, or so much that is
// not UTF-8 that it is not a text with a few bytes of another encoding either.
func binary(data []byte) bool {
	if bytes.IndexByte(data, 0) >= 0 {
		return true
	}
	invalid := 0
	for rest := data; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		if r == utf8.RuneError && size == 1 {
			invalid++
		}
		rest = rest[size:]
	}
	return invalid > len(data)/10
}

type section struct{ heading, text string }

// markdown divides a Markdown text at its headings, those in fenced code apart.
// What some sites put before it between two lines of dashes is left out.
func markdown(text string) []section {
	if rest, ok := strings.CutPrefix(text, "---\n"); ok {
		if _, after, ok := strings.Cut(rest, "\n---\n"); ok {
			text = after
		}
	}
	var sections []section
	var current section
	var body strings.Builder
	flush := func() {
		current.text = body.String()
		sections = append(sections, current)
		body.Reset()
	}
	fence := ""
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		switch {
		case fence != "":
			if strings.HasPrefix(trimmed, fence) {
				fence = ""
			}
		case strings.HasPrefix(trimmed, "```"), strings.HasPrefix(trimmed, "~~~"):
			fence = trimmed[:3]
		default:
			if heading, ok := headingOf(line); ok {
				flush()
				current = section{heading: heading}
			}
		}
		body.WriteString(line)
	}
	flush()
	return sections
}

// headingOf returns the text of an ATX heading: one to six # and a space.
func headingOf(line string) (string, bool) {
	rest := strings.TrimLeft(line, "#")
	level := len(line) - len(rest)
	if level < 1 || level > 6 || rest == "" || rest[0] != ' ' && rest[0] != '\t' {
		return "", false
	}
	heading := strings.TrimSpace(strings.TrimRight(strings.TrimSpace(rest), "#"))
	return Cut(heading, maxTitle), heading != ""
}

// passages divides a long text where a paragraph, else a line, else a word
// ends. An empty text has none.
func passages(text string) []string {
	var out []string
	for text = strings.TrimSpace(text); len(text) > passage; {
		head := Cut(text, passage)
		end := len(head)
		for _, at := range []string{"\n\n", "\n", " "} {
			if i := strings.LastIndex(head, at); i > passage/2 {
				end = i
				break
			}
		}
		out = append(out, strings.TrimSpace(text[:end]))
		text = strings.TrimSpace(text[end:])
	}
	if text != "" {
		out = append(out, text)
	}
	return out
}

// Cut shortens s to at most n bytes without splitting a character.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
