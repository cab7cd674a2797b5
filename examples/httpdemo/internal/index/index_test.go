package index_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/otelperf/otelperf-go/examples/httpdemo/internal/corpus"
	"github.com/otelperf/otelperf-go/examples/httpdemo/internal/index"
)

func newIndex(tb testing.TB, limit int, documents ...corpus.Document) *index.Index {
	tb.Helper()
	x, err := index.New(limit)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := x.Close(); err != nil {
			tb.Error(err)
		}
	})
	if err := x.AddAll(context.Background(), documents, nil); err != nil {
		tb.Fatal(err)
	}
	return x
}

func search(tb testing.TB, x *index.Index, question string, k int) []string {
	tb.Helper()
	hits, total, err := x.Search(context.Background(), question, k)
	if err != nil {
		tb.Fatalf("%q: %v", question, err)
	}
	if len(hits) > k || uint64(len(hits)) > total {
		tb.Errorf("%q: %d hits of %d, asked for %d", question, len(hits), total, k)
	}
	ids := make([]string, len(hits))
	for i, h := range hits {
		ids[i] = h.Document.ID
		if i > 0 && h.Score > hits[i-1].Score {
			tb.Errorf("%q: hit %d is better than the one before", question, i)
		}
	}
	return ids
}

// TestSearchFindsWhatProgrammersExpect asks of the real standard library.
func TestSearchFindsWhatProgrammersExpect(t *testing.T) {
	c, err := corpus.StandardLibrary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	x := newIndex(t, len(c.Documents), c.Documents...)
	if n, err := index.Segments(x); n != 1 || err != nil {
		t.Errorf("%d segments are asked, %v; want 1", n, err)
	}
	if x.Len() != len(c.Documents) {
		t.Errorf("%d documents are in the index, want %d", x.Len(), len(c.Documents))
	}
	for _, test := range []struct {
		question string
		want     []string // any of these
	}{
		{"json encoding", []string{"encoding/json", "encoding/json.Marshal", "encoding/json.Encoder"}},
		{"sort a slice", []string{"slices.Sort", "sort.Slice"}},
		{"read file line by line", []string{"bufio.Scanner"}},
		{"unmarshal json", []string{"encoding/json.Unmarshal"}},
		{"http server timeout", []string{"net/http.Server"}},
		{"parse url", []string{"net/url.Parse"}},
		{"run external command", []string{"os/exec.Cmd", "os/exec.Command"}},
		{"random number", []string{"math/rand.Rand", "math/rand/v2.Rand"}},
		{"create temporary file", []string{"os.CreateTemp"}},
		{"environment variable", []string{"os.Getenv", "os.LookupEnv", "os.Environ"}},
		{"current time", []string{"time.Now"}},
		{"wait for goroutines", []string{"sync.WaitGroup"}},
		{"gzip compress", []string{"compress/gzip", "compress/gzip.Writer"}},
		{"hash sha256", []string{"crypto/sha256", "crypto/sha256.New", "crypto/sha256.Sum256"}},
		{"split string", []string{"strings.Split"}},
		{"mutex", []string{"sync.Mutex"}},
		{"cancel context", []string{"context.WithCancel"}},
		{"read csv", []string{"encoding/csv", "encoding/csv.Reader"}},
		{"walk directory tree", []string{"path/filepath.WalkDir", "io/fs.WalkDir"}},
		{"escape html", []string{"html", "html.EscapeString"}},
		{"reverse a slice", []string{"slices.Reverse"}},
		{"json.Marshal", []string{"encoding/json.Marshal"}},
		{"readall", []string{"io.ReadAll"}},
		{"SHA256", []string{"crypto/sha256"}},
	} {
		got := search(t, x, test.question, 5)
		if !slices.ContainsFunc(got, func(id string) bool { return slices.Contains(test.want, id) }) {
			t.Errorf("%q found %q, none of %q", test.question, got, test.want)
		}
	}
	for _, both := range []string{"slices.Sort", "sort.Slice"} {
		if got := search(t, x, "sort a slice", 5); !slices.Contains(got, both) {
			t.Errorf("sort a slice found %q, not %s", got, both)
		}
	}
}

func TestAddedDocumentsAreFound(t *testing.T) {
	x := newIndex(t, 10, corpus.Document{ID: "document-1", Title: "taken", Text: "A file has this name."})
	d, err := x.Add(t.Context(), corpus.Document{Title: "Zebras", Text: "Zebras are striped."})
	if err != nil {
		t.Fatal(err)
	}
	if d.ID != "document-2" {
		t.Errorf("the ID is %q", d.ID)
	}
	if got := search(t, x, "striped zebra", 5); !slices.Equal(got, []string{d.ID}) {
		t.Errorf("found %q", got)
	}
	if got, ok := x.Get(d.ID); !ok || got != d {
		t.Errorf("Get gave %+v, %v", got, ok)
	}
	if _, ok := x.Get("document-3"); ok {
		t.Error("a document that was never added is there")
	}
}

func TestNamesAreWords(t *testing.T) {
	x := newIndex(t, 10,
		corpus.Document{ID: "line", Title: "bufio.Reader.ReadLine", Text: "-"},
		corpus.Document{ID: "server", Title: "HTTPServer", Text: "-"},
		corpus.Document{ID: "ids", Title: "UserIDs", Text: "-"},
		corpus.Document{ID: "utf8", Title: "utf8.RuneLen", Text: "-"},
		corpus.Document{ID: "snake", Title: "max_file_size", Text: "-"},
	)
	for question, want := range map[string]string{
		"read line":  "line",
		"readline":   "line",
		"ReadLine":   "line",
		"reader":     "line",
		"reading":    "line", // English: the stem counts
		"http":       "server",
		"httpserver": "server",
		"servers":    "server",
		"ids":        "ids",
		"user id":    "ids",
		"UTF8":       "utf8",
		"rune_len":   "utf8",
		"file size":  "snake",
	} {
		if got := search(t, x, question, 5); !slices.Equal(got, []string{want}) {
			t.Errorf("%q found %q, want %s", question, got, want)
		}
	}
}

func TestAddAllReplacesAndReports(t *testing.T) {
	x := newIndex(t, 5000, corpus.Document{ID: "a", Title: "old", Text: "antelope"})
	documents := []corpus.Document{{ID: "a", Title: "new", Text: "buffalo"}}
	for i := range 1200 {
		documents = append(documents, corpus.Document{ID: fmt.Sprint("n", i), Title: fmt.Sprint("number ", i), Text: "one of many"})
	}
	var calls, sum int
	if err := x.AddAll(t.Context(), documents, func(n int) { calls++; sum += n }); err != nil {
		t.Fatal(err)
	}
	if calls < 2 || sum != len(documents) || x.Len() != len(documents) {
		t.Errorf("%d calls reported %d documents, %d are there, want %d", calls, sum, x.Len(), len(documents))
	}
	if got := search(t, x, "antelope", 5); len(got) != 0 {
		t.Errorf("the old text still finds %q", got)
	}
	if got := search(t, x, "buffalo", 5); !slices.Equal(got, []string{"a"}) {
		t.Errorf("the new text finds %q", got)
	}
	if got := search(t, x, "number 1111", 1); !slices.Equal(got, []string{"n1111"}) {
		t.Errorf("a document of a later batch: found %q", got)
	}
}

// TestMergeGivesUp: an index that cannot be merged in time is one all the same.
func TestMergeGivesUp(t *testing.T) {
	defer index.SetMerging(0)()
	var documents []corpus.Document
	for i := range 2000 {
		documents = append(documents, corpus.Document{ID: fmt.Sprint("d", i), Title: fmt.Sprint("Title", i), Text: "about files"})
	}
	x := newIndex(t, len(documents), documents...)
	if got := search(t, x, "files", 3); len(got) != 3 {
		t.Errorf("found %q, want three", got)
	}
}

func TestLimit(t *testing.T) {
	x := newIndex(t, 2, corpus.Document{ID: "a", Title: "a", Text: "first"})
	if err := x.AddAll(t.Context(), make([]corpus.Document, 2), nil); !errors.Is(err, index.ErrFull) {
		t.Errorf("two more: %v", err)
	}
	if _, err := x.Add(t.Context(), corpus.Document{Title: "b", Text: "second"}); err != nil {
		t.Error(err)
	}
	if _, err := x.Add(t.Context(), corpus.Document{Title: "c", Text: "third"}); !errors.Is(err, index.ErrFull) {
		t.Errorf("a third: %v", err)
	}
	if x.Len() != 2 {
		t.Errorf("holds %d documents", x.Len())
	}
}

func TestCancelledContext(t *testing.T) {
	x := newIndex(t, 10)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := x.Search(ctx, "anything", 5); !errors.Is(err, context.Canceled) {
		t.Errorf("Search: %v", err)
	}
	if _, err := x.Add(ctx, corpus.Document{Title: "a", Text: "b"}); !errors.Is(err, context.Canceled) {
		t.Errorf("Add: %v", err)
	}
	if err := x.AddAll(ctx, make([]corpus.Document, 1), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("AddAll: %v", err)
	}
	if x.Len() != 0 {
		t.Errorf("holds %d documents", x.Len())
	}
}

func TestCloseRemovesItsFiles(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	x, err := index.New(1)
	if err != nil {
		t.Fatal(err)
	}
	if before, err := os.ReadDir(temporary); err != nil || len(before) != 1 {
		t.Skipf("temporary files are elsewhere: %v, %v", before, err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadDir(temporary); err != nil || len(after) != 0 {
		t.Errorf("left %v, %v", after, err)
	}
}

func TestConcurrentUse(t *testing.T) {
	x := newIndex(t, 1000)
	const workers, each = 4, 25
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := range each {
				d, err := x.Add(t.Context(), corpus.Document{Title: fmt.Sprintf("worker %d", w), Text: fmt.Sprintf("item%d", i)})
				if err != nil {
					t.Error(err)
					return
				}
				if hits, _, err := x.Search(t.Context(), fmt.Sprintf("item%d", i), workers); err != nil || !slices.ContainsFunc(hits, func(h index.Hit) bool { return h.Document == d }) {
					t.Errorf("%s is not found by who added it: %v, %v", d.ID, hits, err)
				}
			}
		})
	}
	group.Wait()
	if x.Len() != workers*each {
		t.Errorf("%d documents, want %d", x.Len(), workers*each)
	}
}

func TestSummary(t *testing.T) {
	for _, test := range []struct {
		document corpus.Document
		want     string
	}{
		{corpus.Document{Text: "Sort sorts. It is not stable."}, "Sort sorts."},
		{corpus.Document{Text: "  On two\n lines\n\nand more"}, "On two lines"},
		{corpus.Document{Kind: "markdown", Text: "# Title\n\nBody."}, "Body."},
		{corpus.Document{Kind: "markdown", Text: "Body."}, "Body."},
		{corpus.Document{Kind: "text", Text: "# comment"}, "# comment"},
		{corpus.Document{Kind: "markdown", Text: "# Title"}, ""},
		{corpus.Document{}, ""},
		{corpus.Document{Text: strings.Repeat("é", 150)}, strings.Repeat("é", 100)},
	} {
		if got := index.Summary(test.document); got != test.want {
			t.Errorf("%+v: got %q, want %q", test.document, got, test.want)
		}
	}
}

// FuzzSearch asks whatever comes to a hostile mind: no question is an error.
func FuzzSearch(f *testing.F) {
	x := newIndex(f, 10,
		corpus.Document{ID: "a", Title: "json.Marshal", Source: "encoding/json", Text: "Marshal returns the JSON encoding of v."},
		corpus.Document{ID: "b", Title: "Größe", Source: "a/b.md", Text: "ÄÖÜ 日本語 \U0001F600 ǅ ﬁ"},
	)
	for _, seed := range []string{
		"json encoding", `+json -xml`, `title:json`, `"json encoding"`, `json~2`, `js*n`, `/js.n/`, `json^5`, `(a OR b) AND NOT c`,
		`\`, `\\"`, `"`, `:`, `a:`, `:a`, `{"match":"x"}`, `*`, `?`, "a\x00b", "\xff\xfe", "日本語", "İı", "HTTPServer IDs utf8 ΑΣ", "'s", "the of and", " ", "",
		strings.Repeat("a ", 200), strings.Repeat("Ab", 300), "<script>", "%s%n", "\u202e", "A\u0301B",
	} {
		f.Add(seed, 5)
	}
	f.Fuzz(func(t *testing.T, question string, k int) {
		if len(question) > 1000 || k < 1 || k > 100 {
			t.Skip()
		}
		search(t, x, question, k)
	})
}
