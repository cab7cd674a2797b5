// Package index finds documents by what people ask for. The full-text index
// is bleve's; the documents themselves are held in memory beside it.
package index

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/index/scorch"
	"github.com/blevesearch/bleve/v2/search/query"

	"github.com/otelperf/otelperf-go/examples/httpdemo/internal/corpus"
)

// ErrFull is returned where a document would be one more than the index takes.
var ErrFull = errors.New("index: full")

// batchSize is how many documents AddAll hands to bleve at once.
const batchSize = 500

// fields are what of a document is searched. boost is how much the words found
// in a field count, every how much it counts besides if all words of the
// question are there. Titles and first sentences say what a thing is; the rest
// also says what it has to do with.
var fields = []struct {
	name, analyzer string
	boost, every   float64
	text           func(corpus.Document) string
}{
	{"all", prose, 3, 3, func(d corpus.Document) string {
		return d.Title + "\n" + d.Source + "\n" + d.Declaration + "\n" + d.Text
	}},
	{"summary", prose, 2, 3, Summary},
	{"title", prose, 1, 0, func(d corpus.Document) string { return d.Title }},
	{"symbol", symbol, 1, 0, func(d corpus.Document) string { return d.Title }},
	{"examples", prose, 1, 0, func(d corpus.Document) string { return d.Examples }},
}

// A Hit is one result of a search. Scores compare within one search only.
type Hit struct {
	Document corpus.Document
	Score    float64
}

// An Index holds documents and finds them. It is safe for concurrent use, and
// Close ends that.
type Index struct {
	bleve bleve.Index
	dir   string
	limit int

	mu        sync.RWMutex
	documents map[string]corpus.Document
	last      uint64 // the number of the last document that Add named
}

// New returns an empty index that takes up to limit documents. Its files hold nothing that the process does not
// and are gone after Close.
func New(limit int) (*Index, error) {
	m, err := newMapping()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "httpdemo-index-")
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	// bleve merges what is added piece by piece only in an index that has
	// files. Unsafe means that a batch may be searchable before it is on disk:
	// all that is asked of an index that does not outlive its process.
	config := map[string]any{"unsafe_batch": true}
	b, err := bleve.NewUsing(filepath.Join(dir, "bleve"), m, scorch.Name, scorch.Name, config)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("index: %w", err), os.RemoveAll(dir))
	}
	return &Index{bleve: b, dir: dir, limit: limit, documents: make(map[string]corpus.Document)}, nil
}

// Close ends the index and removes its files. Nothing may use it afterwards.
func (x *Index) Close() error {
	return errors.Join(x.bleve.Close(), os.RemoveAll(x.dir))
}

// Len returns how many documents there are.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.documents)
}

// Get returns the document with an ID.
func (x *Index) Get(id string) (corpus.Document, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	d, ok := x.documents[id]
	return d, ok
}

// AddAll adds documents that have their IDs already; one of a known ID takes
// the place of the old. It calls progress, unless nil, with the number of
// documents added since the last call. It ends early if ctx is cancelled. Then it has
// bleve merge what it has, for searches to be fast, for a few seconds at most.
func (x *Index) AddAll(ctx context.Context, documents []corpus.Document, progress func(int)) error {
	if x.Len()+len(documents) > x.limit {
		return fmt.Errorf("%w: %d more documents do not fit, it takes %d", ErrFull, len(documents), x.limit)
	}
	for len(documents) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := documents[:min(batchSize, len(documents))]
		documents = documents[len(part):]
		batch := x.bleve.NewBatch()
		for _, d := range part {
			if err := batch.Index(d.ID, searched(d)); err != nil {
				return fmt.Errorf("index: %s: %w", d.ID, err)
			}
		}
		if err := x.bleve.Batch(batch); err != nil {
			return fmt.Errorf("index: %w", err)
		}
		x.mu.Lock()
		for _, d := range part {
			x.documents[d.ID] = d
		}
		x.mu.Unlock()
		if progress != nil {
			progress(len(part))
		}
	}
	return x.merge(ctx)
}

// merging is how long AddAll waits for the merge of all it added. Tests have more.
var merging = 5 * time.Second

// merge makes one segment of all that bleve has. A search asks every segment, and how
// many bleve would be left with is a matter of timing: another number, and so another
// cost of each search, in every process. Where it does not come about, for want of space
// on the disk or because another merge is under way, searches ask all of them as before.
func (x *Index) merge(ctx context.Context) error {
	s, err := x.scorch()
	if err != nil {
		return err
	}
	inTime, cancel := context.WithTimeout(ctx, merging)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- mergeAll(inTime, s) }()
	select {
	case err := <-done:
		return err
	case <-inTime.Done(): // without space a merge may end only with the index
		return ctx.Err()
	}
}

// scorch returns the index that is bleve's.
func (x *Index) scorch() (*scorch.Scorch, error) {
	advanced, err := x.bleve.Advanced()
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	s, ok := advanced.(*scorch.Scorch)
	if !ok {
		return nil, fmt.Errorf("index: bleve has a %T, not the index that New asks for", advanced)
	}
	return s, nil
}

// mergeAll returns when there is one segment or ctx is done. bleve may be closed then.
func mergeAll(ctx context.Context, s *scorch.Scorch) error {
	for ctx.Err() == nil {
		n, err := segments(s)
		if err != nil || n <= 1 {
			return err
		}
		if err := s.ForceMerge(ctx, nil); err != nil {
			return nil //nolint:nilerr // another merge is under way
		}
		select {
		case <-time.After(time.Millisecond): // it leaves out what is not on the disk yet
		case <-ctx.Done():
		}
	}
	return nil
}

// segments returns how many of them a search asks.
func segments(s *scorch.Scorch) (n int, err error) {
	r, err := s.Reader()
	if err != nil {
		return 0, fmt.Errorf("index: %w", err)
	}
	snapshot, ok := r.(*scorch.IndexSnapshot)
	if !ok || snapshot == nil { // it is closed
		return 0, nil
	}
	n = len(snapshot.Segments())
	if err := snapshot.Close(); err != nil {
		return 0, fmt.Errorf("index: %w", err)
	}
	return n, nil
}

// Add analyses and stores one document under a new ID and returns it with
// that. Searches find it from then on. bleve cannot interrupt an analysis:
// a cancelled ctx only prevents one.
func (x *Index) Add(ctx context.Context, d corpus.Document) (corpus.Document, error) {
	if err := ctx.Err(); err != nil {
		return corpus.Document{}, err
	}
	d, err := x.store(d)
	if err != nil {
		return corpus.Document{}, err
	}
	if err := x.bleve.Index(d.ID, searched(d)); err != nil {
		x.mu.Lock()
		delete(x.documents, d.ID)
		x.mu.Unlock()
		return corpus.Document{}, fmt.Errorf("index: %w", err)
	}
	return d, nil
}

// store names a document and keeps it.
func (x *Index) store(d corpus.Document) (corpus.Document, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.documents) >= x.limit {
		return d, ErrFull
	}
	for {
		x.last++
		d.ID = "document-" + strconv.FormatUint(x.last, 10)
		if _, taken := x.documents[d.ID]; !taken { // by a file of that name
			x.documents[d.ID] = d
			return d, nil
		}
	}
}

// Search returns the k best documents for the words of a question, best first,
// and how many there are in all. A question has no syntax: every character
// that is not part of a word only separates words.
func (x *Index) Search(ctx context.Context, question string, k int) (hits []Hit, total uint64, err error) {
	either := bleve.NewDisjunctionQuery()
	match := func(field string, boost float64, operator query.MatchQueryOperator) {
		if boost > 0 {
			q := bleve.NewMatchQuery(question)
			q.SetField(field)
			q.SetBoost(boost)
			q.SetOperator(operator)
			either.AddQuery(q)
		}
	}
	for _, f := range fields {
		match(f.name, f.boost, query.MatchQueryOperatorOr)
		match(f.name, f.every, query.MatchQueryOperatorAnd)
	}
	result, err := x.bleve.SearchInContext(ctx, bleve.NewSearchRequestOptions(either, k, 0, false))
	if err != nil {
		return nil, 0, fmt.Errorf("index: %w", err)
	}
	hits = make([]Hit, 0, len(result.Hits))
	for _, h := range result.Hits {
		if d, ok := x.Get(h.ID); ok {
			hits = append(hits, Hit{Document: d, Score: h.Score})
		}
	}
	return hits, result.Total, nil
}

// searched is what of a document bleve sees.
func searched(d corpus.Document) map[string]any {
	m := make(map[string]any, len(fields))
	for _, f := range fields {
		if text := f.text(d); text != "" {
			m[f.name] = text
		}
	}
	return m
}

// Summary returns the first sentence of a document's text on one line, at most
// 200 bytes of it.
func Summary(d corpus.Document) string {
	text := strings.TrimSpace(d.Text)
	if d.Kind == "markdown" && strings.HasPrefix(text, "#") { // the heading is the title already
		_, text, _ = strings.Cut(text, "\n")
	}
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n\n")
	text = strings.Join(strings.Fields(text), " ")
	if end := strings.Index(text, ". "); end >= 0 {
		text = text[:end+1]
	}
	return corpus.Cut(text, 200)
}
