// Package corpus reads the documents that the search service serves: the
// documentation of the installed Go's standard library, or any folder of
// text, Markdown or Go files.
package corpus

import (
	"fmt"
	"strings"
)

// A Document is one thing that a search can find.
type Document struct {
	// ID is unique in its corpus and needs no escaping in a URL's path. It may
	// hold slashes: "encoding/json.Marshal".
	ID string `json:"id"`

	// Title is what a result list shows, such as "json.Marshal".
	Title string `json:"title"`

	// Kind is "package", "func", "method", "type", "const", "var", "markdown",
	// "text", or "document" for what a client posted.
	Kind string `json:"kind"`

	// Source is the import path, or the file's path below the folder.
	Source string `json:"source,omitempty"`

	// Declaration is a Go symbol's, as it stands in the source.
	Declaration string `json:"declaration,omitempty"`

	Text string `json:"text"`

	// Examples is the code of a Go symbol's examples.
	Examples string `json:"examples,omitempty"`
}

// A Corpus is what was read, and what was left out.
type Corpus struct {
	// Name says where the documents come from, for people.
	Name      string
	Documents []Document

	// Files were read. Cut of them only up to a limit of size.
	Files, Cut int

	// Binary, Irregular (symbolic links, pipes, devices) and Unreadable files
	// were left out.
	Binary, Irregular, Unreadable int

	// Stopped says which limit ended the reading early; empty if none did.
	Stopped string
}

// String tells in one line what was read and what was not.
func (c *Corpus) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d documents from %d files of %s", len(c.Documents), c.Files, c.Name)
	for _, left := range []struct {
		n    int
		what string
	}{
		{c.Cut, "read in part for their size"},
		{c.Binary, "binary, left out"},
		{c.Irregular, "not regular, left out"},
		{c.Unreadable, "unreadable, left out"},
	} {
		if left.n > 0 {
			fmt.Fprintf(&b, ", %d %s", left.n, left.what)
		}
	}
	if c.Stopped != "" {
		fmt.Fprintf(&b, ", stopped at %s", c.Stopped)
	}
	return b.String()
}

// unique gives each document an ID that no other has, in order.
func (c *Corpus) unique() {
	seen := make(map[string]int, len(c.Documents))
	for i := range c.Documents {
		id := c.Documents[i].ID
		for {
			n := seen[id]
			seen[id]++
			if n == 0 {
				break
			}
			id = fmt.Sprintf("%s~%d", c.Documents[i].ID, n+1)
		}
		c.Documents[i].ID = id
	}
}

// slug turns a name into one that stands in a URL's path as it is, and that
// no server cleans: no empty, "." or ".." element.
func slug(name string) string {
	var b strings.Builder
	for element := range strings.SplitSeq(name, "/") {
		clean := strings.Map(func(r rune) rune {
			switch {
			case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '~':
				return r
			default:
				return '-'
			}
		}, element)
		if strings.Trim(clean, ".") == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('/')
		}
		b.WriteString(clean)
	}
	if b.Len() == 0 {
		return "unnamed"
	}
	return b.String()
}
