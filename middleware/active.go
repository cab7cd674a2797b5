package middleware

import (
	"math"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelperf/otelperf-go/internal/stripe"
)

// oneStream is one open stream in an activeCell's count, whose lower half
// counts the requests.
const oneStream = 1 << 32

// An activeCell counts the requests of one combination of attributes that have
// begun and not ended, and those among them that are streams. Both share one
// word, so that a collection never sees the end of a stream in one of them only:
// active requests less streams is what may be hanging.
type activeCell struct {
	count stripe.Count
	opts  []metric.ObserveOption
}

func newActiveCell(attrs ...attribute.KeyValue) *activeCell {
	c := &activeCell{opts: []metric.ObserveOption{metric.WithAttributeSet(attribute.NewSet(attrs...))}}
	c.count.Init()
	return c
}

// load returns the number of active requests and the streams among them.
func (c *activeCell) load() (active, streams int64) {
	n := c.count.Load()
	return n & (oneStream - 1), n >> 32
}

// activeCells holds one cell for each combination that was ever seen, at most
// limit, and one more for all others.
type activeCells[K comparable] struct {
	table[K, *activeCell]
	make  func(K) *activeCell
	limit int
	other K
}

func newActiveCells[K comparable](limit int, other K, build func(K) *activeCell) *activeCells[K] {
	return &activeCells[K]{make: build, limit: limit, other: other}
}

func (t *activeCells[K]) get(k K, slot uint) *activeCell {
	if c, ok := t.find(k, slot); ok {
		return c
	}
	if c, ok := t.add(k, t.limit, func() *activeCell { return t.make(k) }); ok {
		return c
	}
	c, _ := t.add(t.other, math.MaxInt, func() *activeCell { return t.make(t.other) })
	return c
}
