package hotroad

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/embedded"
)

// A histogram is a Float64Histogram on the hot road.
type histogram struct {
	embedded.Float64Histogram
	stores []*store
}

var _ metric.Float64Histogram = (*histogram)(nil)

// Enabled reports whether any reader wants the histogram.
func (h *histogram) Enabled(context.Context) bool { return len(h.stores) > 0 }

// Record looks the series up. Bound histograms do without that.
func (h *histogram) Record(ctx context.Context, v float64, opts ...metric.RecordOption) {
	attrs := attributesOf(opts)
	for _, st := range h.stores {
		st.lookup(&attrs).record(ctx, v, &attrs)
	}
}

// Bind returns the histogram with attrs bound to it. Nothing is kept of the
// slice, and no series comes into being before the first measurement.
func (h *histogram) Bind(attrs ...attribute.KeyValue) metric.Float64Histogram {
	set := setOf(attrs)
	b := &bound{histogram: h, attrs: set}
	for i, st := range h.stores {
		t := &target{store: st, attrs: &b.attrs}
		if i == 0 {
			b.first = t
		} else {
			b.more = append(b.more, t)
		}
	}
	return b
}

// Finish ends the series of exactly these attributes, as a view left them: each
// reader gets it once more with all that was measured, and no later export has
// it once nobody can record to it. That takes until a garbage collection has
// run after the last reader's collection, and cumulative readers go on getting
// it until then. Before the series' end, the first measurement after a Bind
// withdraws the Finish; Record, and a bound histogram that was recorded to
// before, do not, and what they measure is exported with the rest. A measurement
// after the end goes on counting where the series was, or begins anew if it was
// forgotten.
//
// Attributes without a series of their own, as those within the overflow, are
// nobody's to finish. Nothing is kept of the slice. It is the method of
// OpenTelemetry's metric/x extension, and may be called concurrently with all
// else.
func (h *histogram) Finish(_ context.Context, attrs ...attribute.KeyValue) {
	set := setOf(attrs)
	for _, st := range h.stores {
		st.finish(&set)
	}
}

// A bound is a histogram with attributes.
type bound struct {
	embedded.Float64Histogram
	first     *target // nil if no reader wants the histogram
	more      []*target
	histogram *histogram
	attrs     attribute.Set
}

var _ metric.Float64Histogram = (*bound)(nil)

// Enabled reports whether any reader wants the histogram.
func (b *bound) Enabled(context.Context) bool { return b.first != nil }

// Record records v to the bound series. With attributes of their own opts lead
// to another series, the slow way.
func (b *bound) Record(ctx context.Context, v float64, opts ...metric.RecordOption) {
	if len(opts) > 0 {
		b.recordWith(ctx, v, opts)
		return
	}
	t := b.first
	if t == nil {
		return
	}
	l := t.lease.Load()
	if l == nil {
		l = t.acquire()
	}
	l.record(ctx, v, &b.attrs)
	for _, t := range b.more {
		l := t.lease.Load()
		if l == nil {
			l = t.acquire()
		}
		l.record(ctx, v, &b.attrs)
	}
}

func (b *bound) recordWith(ctx context.Context, v float64, opts []metric.RecordOption) {
	own := attributesOf(opts)
	// Of two values for one key the last counts: the measurement's own.
	attrs := attribute.NewSet(append(b.attrs.ToSlice(), own.ToSlice()...)...)
	for _, st := range b.histogram.stores {
		st.lookup(&attrs).record(ctx, v, &attrs)
	}
}
