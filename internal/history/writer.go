package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelperf/otelperf-go/internal/otlpjson"
)

const (
	// DefaultFileBytes is how much room the file takes at the most.
	DefaultFileBytes = 1 << 30

	maxWaiting   = 16      // recordings, before the oldest is dropped
	maxSegment   = 8 << 20 // bytes of the file before it is put aside
	maxLine      = 64 << 20
	reportEvery  = time.Hour
	minimumSpan  = time.Minute
	segmentCount = 24 // the retention in so many files, or more
)

// ErrInUse says that another process writes the same file.
var ErrInUse = errors.New("history: another process writes this file")

// A writer owns the file and the goroutine that writes it, so that no disk is
// ever waited for.
type writer struct {
	cfg      settings
	exporter sdkmetric.Exporter

	// Lines: overrun by newer ones before they were written, failed to be
	// written, damaged and so not read back.
	written, overrun, failed, damaged atomic.Int64

	mu      sync.Mutex
	waiting []*recording
	wake    chan struct{} // one place
	stop    chan struct{}
	done    chan struct{}

	// Of the goroutine.
	file     *os.File
	unlock   func()
	size     int64
	first    time.Time // of the file's first line; zero if it is empty
	next     time.Time // of the line being written
	trouble  string    // told last
	reported time.Time
}

func newWriter(cfg settings) (*writer, error) {
	w := &writer{cfg: cfg, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	var err error
	w.exporter, err = otlpjson.New(context.Background(), w.append, sdkmetric.DeltaTemporalitySelector)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	return w, nil
}

// put hands a recording over. It never blocks.
func (w *writer) put(r *recording) {
	w.mu.Lock()
	if len(w.waiting) >= maxWaiting {
		w.waiting = append(w.waiting[:0], w.waiting[1:]...)
		w.overrun.Add(1)
	}
	w.waiting = append(w.waiting, r)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *writer) take() *recording {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		return nil
	}
	r := w.waiting[0]
	w.waiting = append(w.waiting[:0], w.waiting[1:]...)
	return r
}

// run writes until close, and keeps the file young where nothing is written.
func (w *writer) run() {
	defer close(w.done)
	defer w.release()
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	for {
		w.drain()
		select {
		case <-w.wake:
		case <-minute.C:
		case <-w.stop:
			w.drain()
			return
		}
		w.report(w.prune())
	}
}

func (w *writer) drain() {
	for r := w.take(); r != nil; r = w.take() {
		if err := w.write(r); err != nil {
			w.failed.Add(1)
			w.report(err)
			continue
		}
		w.written.Add(1)
		w.trouble = ""
	}
}

func (w *writer) write(r *recording) error {
	if err := w.open(); err != nil {
		return err
	}
	w.next = r.end
	if err := w.exporter.Export(context.Background(), r.collection()); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	return nil
}

// report tells of trouble that is new or lasts.
func (w *writer) report(err error) {
	if err == nil {
		return
	}
	now := w.cfg.clock()
	if text := err.Error(); text != w.trouble || now.Sub(w.reported) >= reportEvery {
		w.trouble, w.reported = text, now
		w.cfg.report(err)
	}
}

// open opens the file if it is not, and mends what a crash left.
func (w *writer) open() error {
	if w.file != nil {
		return nil
	}
	path := w.cfg.path
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	if w.unlock == nil {
		unlock, err := lock(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".lock"))
		if err != nil {
			return err
		}
		w.unlock = unlock
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	size, err := mend(f)
	if err != nil {
		return errors.Join(fmt.Errorf("history: %w", err), f.Close())
	}
	w.file, w.size, w.first = f, size, time.Time{}
	if size > 0 {
		if w.first = firstTime(path); w.first.IsZero() {
			w.first = time.Unix(1, 0) // no line of ours: put it aside
		}
	}
	return nil
}

// append writes a line whole, or takes its beginning back: a disk that is full
// must not leave half a line for the next one to join.
func (w *writer) append(line []byte) error {
	if w.size > 0 && (w.size+int64(len(line)) > maxSegment || w.next.Sub(w.first) >= w.span()) {
		if err := w.rotate(); err != nil {
			return err
		}
	}
	n, err := w.file.Write(line)
	if err != nil {
		if n > 0 {
			err = errors.Join(err, w.file.Truncate(w.size))
		}
		// The file may be on a disk that went away and came back.
		err = errors.Join(err, w.file.Close())
		w.file = nil
		return err
	}
	if w.size == 0 {
		w.first = w.next
	}
	w.size += int64(n)
	return nil
}

// span is how much time goes into one file.
func (w *writer) span() time.Duration { return max(minimumSpan, w.cfg.retention/segmentCount) }

// close ends the goroutine, which writes what waits first.
func (w *writer) close(ctx context.Context) error {
	close(w.stop)
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("history: closing %s: %w", w.cfg.path, ctx.Err())
	}
}

func (w *writer) release() {
	if w.file != nil {
		w.report(w.file.Close())
		w.file = nil
	}
	if w.unlock != nil {
		w.unlock()
		w.unlock = nil
	}
	_ = w.exporter.Shutdown(context.Background()) // it has no connection to close
}
