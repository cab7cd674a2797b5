package middleware

import (
	"context"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// A series is one combination of attributes, ready to be recorded: what would
// be worked out anew for each request is worked out once here. Where the
// instruments can bind attributes the instruments here are bound and opts is
// nil, else they are the common ones and opts is their stored option.
type series struct {
	duration     metric.Float64Histogram
	requestSize  metric.Int64Histogram // nil unless sizes are recorded
	responseSize metric.Int64Histogram // nil unless sizes are recorded
	opts         []metric.RecordOption
}

func (s *series) record(ctx context.Context, d time.Duration) {
	s.duration.Record(ctx, seconds(d), s.opts...)
}

// The Bind methods of OpenTelemetry's metric/x extension, asked for by their
// structure so that nothing experimental has to be imported.
type (
	float64Binder interface {
		Bind(attrs ...attribute.KeyValue) metric.Float64Histogram
	}
	int64Binder interface {
		Bind(attrs ...attribute.KeyValue) metric.Int64Histogram
	}
)

// newSeries makes the series of attrs. The sizes may be nil.
func newSeries(duration metric.Float64Histogram, request, response metric.Int64Histogram, attrs []attribute.KeyValue) *series {
	set := attribute.NewSet(attrs...)
	kvs := set.ToSlice()
	if b, ok := duration.(float64Binder); ok {
		if bound := b.Bind(kvs...); bound != nil {
			return &series{duration: bound, requestSize: bindSize(request, set, kvs), responseSize: bindSize(response, set, kvs)}
		}
	}
	return &series{
		duration: duration, requestSize: request, responseSize: response,
		opts: []metric.RecordOption{metric.WithAttributeSet(set)},
	}
}

// bindSize binds h to kvs. A histogram of sizes that cannot bind beside a
// duration that can gets its option from a wrapper, which keeps series simple.
func bindSize(h metric.Int64Histogram, set attribute.Set, kvs []attribute.KeyValue) metric.Int64Histogram {
	if h == nil {
		return nil
	}
	if b, ok := h.(int64Binder); ok {
		if bound := b.Bind(kvs...); bound != nil {
			return bound
		}
	}
	return optionBound{Int64Histogram: h, opts: []metric.RecordOption{metric.WithAttributeSet(set)}}
}

// optionBound records with the attributes of its own options.
type optionBound struct {
	metric.Int64Histogram
	opts []metric.RecordOption
}

func (b optionBound) Record(ctx context.Context, n int64, _ ...metric.RecordOption) {
	b.Int64Histogram.Record(ctx, n, b.opts...)
}

// A seriesTable finds the series of a key. It holds at most limit of them.
type seriesTable[K comparable] struct {
	plain    table[K, *series]
	labelled table[labelledKey[K], *labelledSeries]
	make     func(K, []attribute.KeyValue) *series
	limit    int

	mu    sync.Mutex
	count int
}

// labelledKey finds series with attributes of the user's. They have an entry for
// each hash, and a chain in it.
type labelledKey[K comparable] struct {
	base K
	hash uint64
}

type labelledSeries struct {
	attrs []attribute.KeyValue
	*series
	next *labelledSeries
}

func newSeriesTable[K comparable](limit int, build func(K, []attribute.KeyValue) *series) *seriesTable[K] {
	return &seriesTable[K]{make: build, limit: limit}
}

// at is find for the series that the slot keeps, which most are.
func (t *seriesTable[K]) at(k K, slot uint) (*series, bool) { return t.plain.at(k, slot) }

// find returns the series of k, or nil if there is none yet.
func (t *seriesTable[K]) find(k K, slot uint) *series {
	s, _ := t.plain.find(k, slot)
	return s
}

// add returns the series of k and makes it if need be. It returns nil when the
// table is full.
func (t *seriesTable[K]) add(k K) *series {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s, ok := t.plain.lookup(k); ok {
		return s
	}
	if t.count >= t.limit {
		return nil
	}
	s, _ := t.plain.add(k, t.limit, func() *series { return t.make(k, nil) })
	t.count++
	return s
}

// findLabelled is find for a key with attributes of the user's.
func (t *seriesTable[K]) findLabelled(k K, l *labels) *series {
	h := l.hash()
	// The chain of a hash may have grown since a slot was filled, so slots are
	// left out.
	s, _ := t.labelled.lookup(labelledKey[K]{k, h})
	return s.find(l)
}

func (s *labelledSeries) find(l *labels) *series {
	for ; s != nil; s = s.next {
		if l.equal(s.attrs) {
			return s.series
		}
	}
	return nil
}

// addLabelled is add for a key with attributes of the user's.
func (t *seriesTable[K]) addLabelled(k K, l *labels) *series {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := labelledKey[K]{k, l.hash()}
	chain, _ := t.labelled.lookup(key)
	if s := chain.find(l); s != nil {
		return s
	}
	if t.count >= t.limit {
		return nil
	}
	attrs := l.copy()
	s := &labelledSeries{attrs: attrs, series: t.make(k, attrs), next: chain}
	t.labelled.mu.Lock()
	defer t.labelled.mu.Unlock()
	t.labelled.put(key, s)
	t.count++
	return s.series
}

// maxName bounds the length of a route or a template, in bytes.
const maxName = 512

// A nameTable admits the first limit different names that are not too long, and
// no others.
type nameTable struct {
	names table[string, string]
	limit int
}

func newNameTable(limit int) *nameTable { return &nameTable{limit: limit} }

// admit returns name and whether it is one of the names, and makes it one if there
// is room. The name that it returns is the table's own: the one that was given may
// be a part of a request, all of which would be kept with it.
func (t *nameTable) admit(name string) (string, bool) {
	if len(name) > maxName {
		return "", false
	}
	if kept, ok := t.names.lookup(name); ok {
		return kept, true
	}
	if t.names.full(t.limit) || !utf8.ValidString(name) { // which OTLP could not carry
		return "", false
	}
	name = strings.Clone(name)
	return t.names.add(name, t.limit, func() string { return name })
}
