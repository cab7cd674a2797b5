package index

import (
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/analysis"
	"github.com/blevesearch/bleve/v2/analysis/analyzer/custom"
	"github.com/blevesearch/bleve/v2/analysis/lang/en"
	"github.com/blevesearch/bleve/v2/analysis/token/lowercase"
	"github.com/blevesearch/bleve/v2/analysis/token/porter"
	"github.com/blevesearch/bleve/v2/mapping"
	"github.com/blevesearch/bleve/v2/registry"
)

// The names that this package adds to bleve's registry.
const (
	wordsTokenizer = "httpdemo_words"
	namesTokenizer = "httpdemo_names"
	prose          = "httpdemo_prose"
	symbol         = "httpdemo_symbol"
)

func init() {
	for name, split := range map[string]bool{wordsTokenizer: true, namesTokenizer: false} {
		constructor := func(map[string]any, *registry.Cache) (analysis.Tokenizer, error) {
			return tokenizer{camelCase: split}, nil
		}
		if err := registry.RegisterTokenizer(name, constructor); err != nil {
			panic(err) // two packages with one name in one program: seen at the first start
		}
	}
}

// newMapping says how each field of a document is analysed. Prose is English,
// with the words of a Go name apart, so that "read line" finds ReadLine; a
// symbol is a name as it is written, in lower case.
func newMapping() (mapping.IndexMapping, error) {
	m := bleve.NewIndexMapping()
	for name, config := range map[string]map[string]any{
		prose: {
			"type":          custom.Name,
			"tokenizer":     wordsTokenizer,
			"token_filters": []string{lowercase.Name, en.StopName, porter.Name},
		},
		symbol: {
			"type":          custom.Name,
			"tokenizer":     namesTokenizer,
			"token_filters": []string{lowercase.Name},
		},
	} {
		if err := m.AddCustomAnalyzer(name, config); err != nil {
			return nil, fmt.Errorf("index: %w", err)
		}
	}
	document := bleve.NewDocumentStaticMapping()
	for _, f := range fields {
		field := bleve.NewTextFieldMapping()
		field.Analyzer = f.analyzer
		field.Store = false // the documents themselves are kept beside the index
		field.IncludeInAll = false
		field.DocValues, field.IncludeTermVectors = false, false
		document.AddFieldMappingsAt(f.name, field)
	}
	m.DefaultMapping = document
	m.StoreDynamic, m.IndexDynamic, m.DocValuesDynamic = false, false, false
	return m, nil
}

// A tokenizer finds runs of letters and digits and, with camelCase, divides
// them where a Go name changes its case: HTTPServer is HTTP and Server, utf8
// stays one word.
type tokenizer struct{ camelCase bool }

func (t tokenizer) Tokenize(input []byte) analysis.TokenStream {
	stream := make(analysis.TokenStream, 0, len(input)/7+1)
	start := -1
	emit := func(end int) {
		if start >= 0 {
			stream = append(stream, &analysis.Token{
				Term: input[start:end], Start: start, End: end, Position: len(stream) + 1, Type: analysis.AlphaNumeric,
			})
		}
		start = -1
	}
	var previous rune
	for at := 0; at < len(input); {
		r, size := utf8.DecodeRune(input[at:])
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r):
			emit(at)
		case start < 0:
			start = at
		case t.camelCase && unicode.IsUpper(r) && !unicode.IsUpper(previous):
			emit(at)
			start = at
		case t.camelCase && unicode.IsUpper(r) && unicode.IsUpper(previous):
			next, _ := utf8.DecodeRune(input[at+size:])
			if unicode.IsLower(next) && !(next == 's' && lastOfWord(input[at+size+1:])) { // IDs is one word
				emit(at)
				start = at
			}
		}
		previous = r
		at += size
	}
	emit(len(input))
	return stream
}

func lastOfWord(rest []byte) bool {
	r, _ := utf8.DecodeRune(rest)
	return !unicode.IsLower(r)
}
