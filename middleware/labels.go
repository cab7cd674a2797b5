package middleware

import (
	"context"
	"hash/maphash"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// Bounds of additional attributes. With the limit of series they bound what a
// handler can make of a request's content.
const (
	maxLabels      = 8
	maxLabelKey    = 128 // bytes
	maxLabelString = 256 // bytes
)

// reserved are the keys that the conventions give a meaning on these metrics,
// and the SDK's mark of an overflow. An additional attribute must not have them.
var reserved = map[attribute.Key]bool{
	semconv.HTTPRequestMethodKey:      true,
	semconv.HTTPResponseStatusCodeKey: true,
	semconv.HTTPRouteKey:              true,
	semconv.URLSchemeKey:              true,
	semconv.URLTemplateKey:            true,
	semconv.ErrorTypeKey:              true,
	semconv.NetworkProtocolNameKey:    true,
	semconv.NetworkProtocolVersionKey: true,
	semconv.ServerAddressKey:          true,
	semconv.ServerPortKey:             true,
	"otel.metric.overflow":            true,
}

// labels are a request's additional attributes, sorted by key. They come from a
// pool and belong to whoever took them out of the response.
type labels struct {
	n    int
	list [maxLabels]attribute.KeyValue
}

var labelsPool = sync.Pool{New: func() any { return new(labels) }}

// allowed says whether kv may be an additional attribute.
func allowed(kv attribute.KeyValue) bool {
	if kv.Key == "" || len(kv.Key) > maxLabelKey || reserved[kv.Key] || !utf8.ValidString(string(kv.Key)) {
		return false
	}
	switch kv.Value.Type() {
	case attribute.STRING:
		return len(kv.Value.AsString()) <= maxLabelString && utf8.ValidString(kv.Value.AsString())
	case attribute.BOOL, attribute.INT64, attribute.FLOAT64:
		return true
	}
	return false
}

// set adds kv, or replaces the value if the key is there.
func (l *labels) set(kv attribute.KeyValue) bool {
	if !allowed(kv) {
		return false
	}
	i, found := slices.BinarySearchFunc(l.list[:l.n], kv, compareKeys)
	if found {
		l.list[i] = kv
		return true
	}
	if l.n == maxLabels {
		return false
	}
	copy(l.list[i+1:l.n+1], l.list[i:l.n])
	l.list[i] = kv
	l.n++
	return true
}

func compareKeys(a, b attribute.KeyValue) int {
	return strings.Compare(string(a.Key), string(b.Key))
}

// copy returns the attributes for a series, which is kept for good: with strings
// of its own, because theirs may be parts of a request.
func (l *labels) copy() []attribute.KeyValue {
	attrs := slices.Clone(l.list[:l.n])
	for i, kv := range attrs {
		attrs[i].Key = attribute.Key(strings.Clone(string(kv.Key)))
		if kv.Value.Type() == attribute.STRING {
			attrs[i].Value = attribute.StringValue(strings.Clone(kv.Value.AsString()))
		}
	}
	return attrs
}

func (l *labels) equal(attrs []attribute.KeyValue) bool {
	return slices.EqualFunc(l.list[:l.n], attrs, func(a, b attribute.KeyValue) bool {
		return a.Key == b.Key && sameValue(a.Value, b.Value)
	})
}

// sameValue compares scalars. Two NaN are the same, lest each make a series.
func sameValue(a, b attribute.Value) bool {
	if a.Type() != b.Type() {
		return false
	}
	if a.Type() == attribute.STRING {
		return a.AsString() == b.AsString()
	}
	return bitsOf(a) == bitsOf(b)
}

func bitsOf(v attribute.Value) uint64 {
	switch v.Type() {
	case attribute.BOOL:
		if v.AsBool() {
			return 1
		}
	case attribute.INT64:
		return uint64(v.AsInt64())
	case attribute.FLOAT64:
		return math.Float64bits(v.AsFloat64())
	}
	return 0
}

var seed = maphash.MakeSeed()

func (l *labels) hash() uint64 {
	const prime = 0x9e3779b97f4a7c15
	var h uint64
	for _, kv := range l.list[:l.n] {
		h = h*prime + maphash.String(seed, string(kv.Key))
		if kv.Value.Type() == attribute.STRING {
			h = h*prime + maphash.String(seed, kv.Value.AsString())
			continue
		}
		h = h*prime + bitsOf(kv.Value)
	}
	return h
}

func (l *labels) release() {
	*l = labels{}
	labelsPool.Put(l)
}

// AddAttributes adds attributes to the duration and the sizes of the request
// that w answers, through whatever ResponseWriters lie between w and the
// middleware's own, as long as they have an Unwrap method. It reports whether it
// found a [Middleware].
//
// A request may have 8 additional attributes: booleans, numbers and strings of
// up to 256 bytes of UTF-8, under keys of up to 128. A later value replaces an
// earlier one. An attribute that is none of these, or whose key belongs to the
// conventions' own attributes, is left out and counted in
// otelperf.http.server.attributes.dropped. Attributes that come after the
// handler has returned, or after the request became a stream, are lost.
//
// It may be called concurrently and allocates nothing itself.
func AddAttributes(w http.ResponseWriter, attrs ...attribute.KeyValue) bool {
	rw := reach(w)
	if rw == nil {
		return false
	}
	for rw != nil {
		rw.addLabels(attrs)
		rw = rw.below()
	}
	return true
}

// AddContextAttributes is [AddAttributes] for code that has the request's
// context only. It needs a Middleware with [WithContextAttributes].
func AddContextAttributes(ctx context.Context, attrs ...attribute.KeyValue) bool {
	rw := fromContext(ctx)
	if rw == nil {
		return false
	}
	rw.addLabels(attrs)
	return true
}

// addLabels adds attributes. Whoever holds the labels owns them: they are taken
// out, changed and put back, so that a late goroutine of the handler can neither
// race nor reach labels that are in the pool or with another request.
func (rw *response) addLabels(attrs []attribute.KeyValue) {
	if len(attrs) == 0 {
		return
	}
	l := rw.extra.Swap(nil)
	if l == nil {
		l = labelsPool.Get().(*labels)
	}
	for _, kv := range attrs {
		if !l.set(kv) {
			rw.m.dropped.attributes.Add(1)
		}
	}
	for !rw.extra.CompareAndSwap(nil, l) {
		// Another goroutine added some meanwhile: both lists become one.
		more := rw.extra.Swap(nil)
		if more == nil {
			continue
		}
		for _, kv := range more.list[:more.n] {
			if !l.set(kv) {
				rw.m.dropped.attributes.Add(1)
			}
		}
		more.release()
	}
}

// takeLabels returns what was added, nil if nothing was. The caller owns it.
func (rw *response) takeLabels() *labels {
	if rw.extra.Load() == nil {
		return nil
	}
	return rw.extra.Swap(nil)
}

// dropLabels is for a request that is not recorded any more.
func (rw *response) dropLabels() {
	if l := rw.takeLabels(); l != nil {
		l.release()
	}
}

type contextKey struct{}

// inContexts is set once any response is in a context. Most programs have none:
// a Route without a middleware would search each request's context in vain.
var inContexts atomic.Bool

func fromContext(ctx context.Context) *response {
	if !inContexts.Load() {
		return nil
	}
	rw, _ := ctx.Value(contextKey{}).(*response)
	return rw
}

// withResponse returns r with rw in its context.
func withResponse(r *http.Request, rw *response) *http.Request {
	if !inContexts.Load() {
		inContexts.Store(true)
	}
	return r.WithContext(context.WithValue(r.Context(), contextKey{}, rw))
}

// handBack gives what the handler left in its copy of the request to the
// original: the server removes the files of a multipart form that it finds
// there (not by HTTP/2 with Go 1.27.4, without us either), and whoever is outside
// reads the pattern and the path's values there.
func handBack(r, inner *http.Request) {
	body, ctx := r.Body, r.Context()
	if inner.Context() != ctx {
		inner = inner.WithContext(ctx)
	}
	*r = *inner
	if _, counts := r.Body.(requestBody); counts {
		r.Body = body
	}
}
