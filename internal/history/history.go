package history

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

// The limits of a History that no option changes.
const (
	DefaultRetention = 24 * time.Hour
	DefaultInterval  = time.Minute
	DefaultMemory    = 64 << 20
	DefaultSeries    = 5000
)

// A History keeps what was measured and judged. [Open] makes one.
//
// All methods may be called concurrently, on a nil History too, which keeps
// nothing.
type History struct {
	cfg    settings
	writer *writer // nil without a file

	mu       sync.Mutex
	kept     *keeper
	replayed int64         // rows of the file that found no room for their series
	changed  chan struct{} // closed by the next collection
	closed   bool

	loaded chan struct{} // closed when the file was read back
	once   sync.Once
	err    error
}

// Open returns a History. With a file it begins to read back what the file
// holds, in the background; what is observed meanwhile goes after that.
func Open(opts ...Option) (*History, error) {
	cfg := newSettings(opts)
	if cfg.retention <= 0 || cfg.interval <= 0 || cfg.memory <= 0 || cfg.series <= 0 {
		return nil, errors.New("history: retention, interval, memory and number of series must be positive")
	}
	h := &History{
		cfg:     cfg,
		kept:    newKeeper(cfg),
		changed: make(chan struct{}),
		loaded:  make(chan struct{}),
	}
	if cfg.path == "" {
		close(h.loaded)
		return h, nil
	}
	w, err := newWriter(cfg)
	if err != nil {
		return nil, err
	}
	h.writer = w
	go func() {
		h.load()
		w.run() // until Close
	}()
	return h, nil
}

// Observe keeps a judged collection: rm as the reader gave it, and how its
// baselines stand after it. It waits for no file and keeps nothing of rm.
func (h *History) Observe(rm *metricdata.ResourceMetrics, statuses []views.Status) {
	if h == nil || rm == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	rec, ok := h.kept.observe(rm, statuses, h.writer != nil)
	if !ok {
		return
	}
	if rec != nil {
		h.writer.put(rec)
	}
	close(h.changed)
	h.changed = make(chan struct{})
}

// Changed returns a channel that is closed by the next collection.
func (h *History) Changed() <-chan struct{} {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changed
}

// Loaded returns a channel that is closed as soon as what the file held is
// there.
func (h *History) Loaded() <-chan struct{} {
	if h == nil {
		c := make(chan struct{})
		close(c)
		return c
	}
	return h.loaded
}

// Alert keeps a for [History.Events]. It never blocks and may be called from
// the evaluation.
func (h *History) Alert(a views.Alert) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kept.event(eventOf(a))
}

// Close writes what waits for the file, as far as ctx allows, and closes it.
// What was kept can be read still.
func (h *History) Close(ctx context.Context) error {
	if h == nil {
		return nil
	}
	h.once.Do(func() {
		h.mu.Lock()
		h.closed = true
		h.mu.Unlock()
		if h.writer != nil {
			h.err = h.writer.close(ctx)
		}
	})
	return h.err
}

// Stats says what a History holds and what it lost.
type Stats struct {
	Series int // that have rows
	Bytes  int // in memory, about

	// From is the end of the oldest collection in memory, zero if there is none.
	From time.Time

	// Unusable counts points of metrics that are kept which were no finite number,
	// contradicted themselves, came twice or were of another kind than their series.
	Unusable int64

	// Turned counts rows that found no room for their series, Replayed those of them
	// that were read back: who wrote them turned them away too. Forgotten counts
	// stretches of 128 collections that went early to stay within the memory.
	Turned, Replayed, Forgotten int64

	// Written and Dropped count lines of the file. Damaged are those that could
	// not be read back.
	Written, Dropped, Damaged int64
}

// Stats returns the present ones.
func (h *History) Stats() Stats {
	if h == nil {
		return Stats{}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s := Stats{
		Series: len(h.kept.store.table) - len(h.kept.store.free), Bytes: h.kept.store.size(),
		Unusable: h.kept.intake.unusable, Turned: h.kept.store.turned + h.kept.intake.surplus, Replayed: h.replayed, Forgotten: h.kept.store.forgot,
	}
	if len(h.kept.store.blocks) > 0 {
		s.From = time.Unix(0, h.kept.store.blocks[0].from)
	}
	if w := h.writer; w != nil {
		s.Written, s.Dropped, s.Damaged = w.written.Load(), w.overrun.Load()+w.failed.Load(), w.damaged.Load()
	}
	return s
}
