package corpus_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/otelperf/otelperf-go/examples/httpdemo/internal/corpus"
)

const stackGo = `// Package stack keeps things in order.
package stack

// Limit is how many things fit.
const Limit = 10

// ErrFull is returned by Push.
var ErrFull = errors.New("full")

// A Stack gives back last what came first.
type Stack[T any] struct{ things []T }

// New returns an empty Stack.
func New[T any]() *Stack[T] { return nil }

// Push adds a thing.
func (s *Stack[T]) Push(thing T) error { return secret() }

func secret() error { return nil }
`

const exampleGo = `package stack_test

// Things come back in reverse.
func ExampleStack_Push() {
	fmt.Println("pushed")
}
`

const guide = "---\nlayout: page\n---\n# Guide\n\nHow to begin.\n\n## First steps ##\n\nInstall it.\n\n" +
	"```sh\n# not a heading\n```\n\n##NoSpace is text\n"

// folderWith returns a folder with these files.
func folderWith(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func read(t *testing.T, dir string) (*corpus.Corpus, map[string]corpus.Document) {
	t.Helper()
	c, err := corpus.Folder(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	byID := make(map[string]corpus.Document)
	for _, d := range c.Documents {
		if _, twice := byID[d.ID]; twice {
			t.Errorf("two documents have the ID %q", d.ID)
		}
		byID[d.ID] = d
	}
	checkDocuments(t, c.Documents)
	return c, byID
}

var urlSafe = regexp.MustCompile(`^[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*$`)

// checkDocuments checks what holds for every document.
func checkDocuments(t *testing.T, documents []corpus.Document) {
	t.Helper()
	for _, d := range documents {
		if !urlSafe.MatchString(d.ID) || slices.Contains(strings.Split(d.ID, "/"), "..") {
			t.Errorf("ID %q does not stand in a URL as it is", d.ID)
		}
		if d.Title == "" || d.Kind == "" || d.Source == "" || d.Text+d.Declaration+d.Examples == "" {
			t.Errorf("document %q lacks something: %+v", d.ID, d)
		}
		if !utf8.ValidString(d.Text) {
			t.Errorf("document %q is not UTF-8", d.ID)
		}
	}
}

func TestFolderReadsGo(t *testing.T) {
	dir := folderWith(t, map[string]string{
		"stack/stack.go":        stackGo,
		"stack/example_test.go": exampleGo,
		"stack/stack_test.go":   "package stack\n\nfunc TestPush(t *testing.T) {}\n",
		"cmd/tool/main.go":      "// Command tool does it.\npackage main\n\n// run is most of it.\nfunc run() {}\n",
		"broken/broken.go":      "package broken\n\nfunc unfinished( {\n",
	})
	c, got := read(t, dir)
	base := filepath.Base(dir)
	for id, want := range map[string]corpus.Document{
		base + "/stack":            {Title: "package stack", Kind: "package", Text: "Package stack keeps things in order."},
		base + "/stack.Limit":      {Title: "stack.Limit", Kind: "const", Text: "Limit is how many things fit.", Declaration: "const Limit = 10"},
		base + "/stack.ErrFull":    {Title: "stack.ErrFull", Kind: "var", Text: "ErrFull is returned by Push."},
		base + "/stack.Stack":      {Title: "stack.Stack", Kind: "type", Text: "A Stack gives back last what came first."},
		base + "/stack.New":        {Title: "stack.New", Kind: "func", Text: "New returns an empty Stack.", Declaration: "func New[T any]() *Stack[T]"},
		base + "/stack.Stack.Push": {Title: "stack.Stack.Push", Kind: "method", Text: "Push adds a thing.", Declaration: "func (s *Stack[T]) Push(thing T) error"},
		base + "/cmd/tool.run":     {Title: "main.run", Kind: "func", Text: "run is most of it."},
		"broken/broken.go":         {Title: "broken/broken.go", Kind: "text", Text: "package broken\n\nfunc unfinished( {"},
	} {
		d, ok := got[id]
		if !ok {
			t.Errorf("no document %q", id)
			continue
		}
		if d.Title != want.Title || d.Kind != want.Kind || d.Text != want.Text {
			t.Errorf("%s: got %+v, want %+v", id, d, want)
		}
		if want.Declaration != "" && d.Declaration != want.Declaration {
			t.Errorf("%s: declared %q, want %q", id, d.Declaration, want.Declaration)
		}
	}
	if e := got[base+"/stack.Stack.Push"].Examples; !strings.Contains(e, "// Things come back in reverse.") || !strings.Contains(e, `fmt.Println("pushed")`) {
		t.Errorf("the example of Push is %q", e)
	}
	for id := range got {
		if strings.Contains(id, "secret") || strings.Contains(id, "TestPush") {
			t.Errorf("%s should not be a document", id)
		}
	}
	if c.Files != 5 || c.Binary+c.Cut+c.Irregular+c.Unreadable != 0 {
		t.Errorf("counted %+v", *c)
	}
}

func TestFolderReadsMarkdownBySection(t *testing.T) {
	_, got := read(t, folderWith(t, map[string]string{"docs/guide.md": guide, "plain.markdown": "No heading at all."}))
	for id, want := range map[string]string{
		"docs/guide.md/Guide":       "# Guide\n\nHow to begin.",
		"docs/guide.md/First-steps": "## First steps ##\n\nInstall it.\n\n```sh\n# not a heading\n```\n\n##NoSpace is text",
		"plain.markdown":            "No heading at all.",
	} {
		if d := got[id]; d.Text != want || d.Kind != "markdown" {
			t.Errorf("%s: got %s %q, want %q", id, d.Kind, d.Text, want)
		}
	}
	if len(got) != 3 {
		t.Errorf("got %d documents", len(got))
	}
	if d := got["docs/guide.md/First-steps"]; d.Title != "First steps" || d.Source != "docs/guide.md" {
		t.Errorf("the section is %+v", d)
	}
}

func TestFolderTakesAnyText(t *testing.T) {
	files := map[string]string{
		"notes":                 "no extension",
		"a b/Größe & co?#.txt":  "odd name",
		"a-b/Gr--e---co--.txt":  "a name that becomes the same",
		"latin1.txt":            "a long enough text with one byte of another encoding: \xe9t\xe9",
		"bom.txt":               "\ufeffmarked",
		"dos.txt":               "one\r\ntwo",
		"empty.txt":             "",
		"blank.txt":             " \n\n\t",
		"zero.bin":              "text\x00not text",
		"junk.txt":              strings.Repeat("\xff\xfe\xf0 ", 50),
		".hidden/x.txt":         "hidden",
		".secret":               "hidden",
		"deep/er/and/deeper.md": "# Deep\nfound",
	}
	c, got := read(t, folderWith(t, files))
	for id, want := range map[string]string{
		"notes":                      "no extension",
		"a-b/Gr--e---co--.txt":       "odd name",
		"a-b/Gr--e---co--.txt~2":     "a name that becomes the same",
		"latin1.txt":                 "a long enough text with one byte of another encoding: \ufffdt\ufffd",
		"bom.txt":                    "marked",
		"dos.txt":                    "one\ntwo",
		"deep/er/and/deeper.md/Deep": "# Deep\nfound",
	} {
		if got[id].Text != want {
			t.Errorf("%s: got %q, want %q", id, got[id].Text, want)
		}
	}
	if len(got) != 7 || c.Binary != 2 || c.Files != 9 {
		t.Errorf("got %d documents, counted %+v", len(got), *c)
	}
	if s := c.String(); !strings.HasPrefix(s, "7 documents from 9 files of folder ") || !strings.HasSuffix(s, ", 2 binary, left out") {
		t.Errorf("told %q", s)
	}
}

func TestFolderFollowsNoLinks(t *testing.T) {
	outside := folderWith(t, map[string]string{"private.txt": "outside"})
	dir := folderWith(t, map[string]string{"a/real.txt": "inside"})
	for link, target := range map[string]string{
		"a/loop":      dir,
		"a/self":      "self",
		"a/up":        "..",
		"dangling":    "nowhere",
		"outside":     outside,
		"private.txt": filepath.Join(outside, "private.txt"),
	} {
		if err := os.Symlink(target, filepath.Join(dir, filepath.FromSlash(link))); err != nil {
			t.Skip(err)
		}
	}
	c, got := read(t, dir)
	if len(got) != 1 || got["a/real.txt"].Text != "inside" || c.Irregular != 6 {
		t.Errorf("got %d documents, counted %+v", len(got), *c)
	}
}

func TestFolderBoundsFiles(t *testing.T) {
	line := strings.Repeat("word ", 15) + "\n"
	c, got := read(t, folderWith(t, map[string]string{"huge.txt": strings.Repeat(line, 2<<20/len(line))}))
	var bytes int
	for _, d := range c.Documents {
		bytes += len(d.Text)
		if len(d.Text) > 8<<10 {
			t.Errorf("%s has %d bytes", d.ID, len(d.Text))
		}
		if !strings.HasPrefix(d.Text, "word") || !strings.HasSuffix(d.Text, "word") {
			t.Errorf("%s does not begin and end with a word", d.ID)
		}
	}
	if bytes > 1<<20 || bytes < 1<<20-20_000 {
		t.Errorf("read %d bytes", bytes)
	}
	if c.Cut != 1 || !strings.Contains(c.String(), ", 1 read in part for their size") {
		t.Errorf("told %q", c)
	}
	if got["huge.txt~2"].Title != "huge.txt (2)" {
		t.Errorf("the second part is called %q", got["huge.txt~2"].Title)
	}
}

func TestFolderErrors(t *testing.T) {
	dir := folderWith(t, map[string]string{"file": "text"})
	for _, bad := range []string{filepath.Join(dir, "missing"), filepath.Join(dir, "file")} {
		if c, err := corpus.Folder(t.Context(), bad); err == nil || !strings.HasPrefix(err.Error(), "corpus: ") {
			t.Errorf("%s: got %v, %v", bad, c, err)
		}
	}
	c, err := corpus.Folder(t.Context(), t.TempDir())
	if err != nil || len(c.Documents) != 0 {
		t.Errorf("an empty folder gave %v, %v", c, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := corpus.Folder(ctx, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

// FuzzFolder reads what anybody may have in a folder.
func FuzzFolder(f *testing.F) {
	for _, seed := range []string{stackGo, guide, exampleGo, "", "\x00", "#", "```", "package p; func (", "package p; func (x) M() {}", "package p\ntype T = [](", "\ufeff# \xff"} {
		f.Add("x.go", seed)
		f.Add("x.md", seed)
	}
	f.Fuzz(func(t *testing.T, name, content string) {
		if !regexp.MustCompile(`^[a-z]{1,8}(_test)?\.(go|md|txt)$`).MatchString(name) {
			t.Skip()
		}
		read(t, folderWith(t, map[string]string{name: content, "ok.go": stackGo}))
	})
}
