package history

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/otelperf/otelperf-go/internal/otlpjson"
)

// ahead is how far in the future a line may be: clocks differ, and are set.
const ahead = 5 * time.Minute

// load reads back what the file holds, and puts it before what was observed
// meanwhile.
func (h *History) load() {
	w := h.writer
	if err := w.open(); err != nil { // takes the lock and mends the file
		w.report(err)
	} else {
		w.report(w.removeTemporary())
	}
	old := newKeeper(h.cfg)
	w.report(w.readBack(old))

	h.mu.Lock()
	defer h.mu.Unlock()
	live := h.kept
	h.replayed = old.store.turned
	old.store.absorb(live.store)
	old.store.turned += live.store.turned
	old.store.forgot += live.store.forgot
	live.store = old.store
	live.events = append(old.events, live.events...)
	close(h.loaded)
	close(h.changed)
	h.changed = make(chan struct{})
}

// removeTemporary removes what a crash left of a file that was being trimmed.
func (w *writer) removeTemporary() error {
	before, _ := segmentName(w.cfg.path)
	entries, err := os.ReadDir(filepath.Dir(w.cfg.path))
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), filepath.Base(before)) && strings.HasSuffix(e.Name(), temporary) {
			errs = append(errs, os.Remove(filepath.Join(filepath.Dir(w.cfg.path), e.Name())))
		}
	}
	return errors.Join(errs...)
}

// readBack replays the lines of all files that are young enough.
func (w *writer) readBack(k *keeper) error {
	all, err := segments(w.cfg.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("history: reading back: %w", err)
	}
	var errs []error
	for _, path := range append(paths(all), w.cfg.path) {
		err := w.readFile(path, k)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("history: reading back %s: %w", path, err))
		}
	}
	return errors.Join(errs...)
}

func paths(all []segment) (p []string) {
	for _, s := range all {
		p = append(p, s.path)
	}
	return p
}

func (w *writer) readFile(path string, k *keeper) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	now := w.cfg.clock()
	return eachLine(f, func(line []byte) bool {
		select {
		case <-w.stop:
			return false
		default:
		}
		t := lineTime(line)
		if !t.IsZero() && (t.Before(now.Add(-w.cfg.retention)) || t.After(now.Add(ahead))) {
			return true
		}
		all, err := otlpjson.Decode(line)
		if err != nil || t.IsZero() {
			w.damaged.Add(1)
			return true
		}
		for _, rm := range all {
			k.replay(rm)
		}
		return true
	})
}
