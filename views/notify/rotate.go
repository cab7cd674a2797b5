package notify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A Rotation says when a [LogFile] is put aside under another name, and how
// much of that is kept. Rotated files stand beside the file and have the UTC
// time of the rotation in their names: alerts.log becomes
// alerts-20260102T150405.000Z.log. Only files named like that are ever removed.
//
// Ages are exact to the minute: they are checked before each line and, if one
// is set, once a minute.
type Rotation struct {
	// MaxBytes is how large the file may become: a line that would make it
	// larger begins a new one. 0: [DefaultMaxBytes]; negative: no limit.
	MaxBytes int64

	// MaxAge is how old the file's first line may become. 0: no limit,
	// otherwise at least a minute.
	MaxAge time.Duration

	// KeepFiles is how many rotated files are kept, the newest.
	// 0: [DefaultKeepFiles]; negative: any number.
	KeepFiles int

	// KeepBytes is how much room the rotated files may take together; the
	// oldest go. 0: no limit.
	KeepBytes int64

	// KeepAge is how long ago a kept file may have been rotated: by then its
	// last line is at least as old. 0: no limit, otherwise at least a minute.
	KeepAge time.Duration
}

// The limits of a [Rotation] that leaves them zero.
const (
	DefaultMaxBytes  = 10 << 20
	DefaultKeepFiles = 5
)

// rotatedTime is of fixed length and sorts by time.
const rotatedTime = "20060102T150405.000Z"

func (r *Rotation) validate() error {
	var errs []error
	for _, age := range []struct {
		name string
		d    time.Duration
	}{{"MaxAge", r.MaxAge}, {"KeepAge", r.KeepAge}} {
		if age.d != 0 && age.d < time.Minute {
			errs = append(errs, fmt.Errorf("notify: log file: %s is %s, less than a minute", age.name, age.d))
		}
	}
	if r.KeepBytes < 0 {
		errs = append(errs, fmt.Errorf("notify: log file: KeepBytes is %d, negative", r.KeepBytes))
	}
	if r.MaxBytes == 0 {
		r.MaxBytes = DefaultMaxBytes
	}
	if r.KeepFiles == 0 {
		r.KeepFiles = DefaultKeepFiles
	}
	return errors.Join(errs...)
}

// rotationDue reports whether a file of so many bytes must be put aside before
// a line of length more is written.
func (f *LogFile) rotationDue(size int64, more int) bool {
	if size == 0 {
		return false
	}
	r := f.rotation
	return r.MaxBytes > 0 && size+int64(more) > r.MaxBytes ||
		r.MaxAge > 0 && time.Since(f.begun) >= r.MaxAge
}

// errRotated asks for the lock on the new file.
var errRotated = errors.New("rotated")

// rotate puts the file aside. The caller holds the lock on it; it has none on
// the next one, which locked opens.
func (f *LogFile) rotate() error {
	target, err := filepath.EvalSymlinks(f.path)
	if err != nil {
		return err
	}
	files, err := rotatedFiles(target)
	if err != nil {
		return err
	}
	before, after := rotatedName(target)
	to := before + rotationTime(files, time.Now()).Format(rotatedTime) + after
	if err := f.rename(target, to); err != nil {
		return err
	}
	if err := f.prune(target); err != nil {
		f.trouble.report(fmt.Errorf("notify: log file: removing old files: %w", err))
	}
	return nil
}

// rotationTime is now, or as much later as it takes to follow the last
// rotation: several may fall into one millisecond, or the clock be set back a
// little. Files from further ahead are a broken clock's and do not count.
func rotationTime(newestFirst []rotated, now time.Time) time.Time {
	now = now.UTC().Truncate(time.Millisecond)
	for _, file := range newestFirst {
		if ahead := file.at.Sub(now); ahead >= 0 && ahead < time.Minute {
			return file.at.Add(time.Millisecond)
		}
	}
	return now
}

// rotatedName returns what stands before and after the time in the names of
// rotated files.
func rotatedName(path string) (before, after string) {
	after = filepath.Ext(path)
	if after == filepath.Base(path) { // a hidden file, not an extension
		after = ""
	}
	return strings.TrimSuffix(path, after) + "-", after
}

// A rotated file, with the time from its name.
type rotated struct {
	path string
	at   time.Time
	size int64
}

// rotatedFiles lists the files that were put aside, newest first.
func rotatedFiles(path string) ([]rotated, error) {
	before, after := rotatedName(path)
	dir, base := filepath.Split(before)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []rotated
	for _, e := range entries {
		text, ok := strings.CutPrefix(e.Name(), base)
		if !ok || !e.Type().IsRegular() {
			continue
		}
		if text, ok = strings.CutSuffix(text, after); !ok {
			continue
		}
		at, err := time.Parse(rotatedTime, text)
		if err != nil {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // removed by somebody else
		}
		files = append(files, rotated{filepath.Join(dir, e.Name()), at, info.Size()})
	}
	slices.SortFunc(files, func(a, b rotated) int { return b.at.Compare(a.at) })
	return files, nil
}

// prune removes the rotated files of path that are beyond a limit.
func (f *LogFile) prune(path string) error {
	files, err := rotatedFiles(path)
	if err != nil {
		return err
	}
	var errs []error
	var total int64
	r := f.rotation
	for i, file := range files {
		total += file.size
		if r.KeepFiles > 0 && i >= r.KeepFiles ||
			r.KeepBytes > 0 && total > r.KeepBytes ||
			r.KeepAge > 0 && time.Since(file.at) >= r.KeepAge {
			if err := os.Remove(file.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// watchAges keeps the age limits where no line comes for a while.
func (f *LogFile) watchAges() {
	defer close(f.done)
	t := time.NewTicker(time.Minute)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			f.keepAges()
		case <-f.stop:
			return
		}
	}
}

// keepAges leaves errors to the next line, which meets them again and has
// somebody to tell.
func (f *LogFile) keepAges() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || !f.current() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = f.locked(ctx, func() error {
		info, err := f.file.Stat()
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		if f.rotationDue(info.Size(), 0) {
			if err := f.rotate(); err != nil {
				return err
			}
			return f.reopen()
		}
		target, err := filepath.EvalSymlinks(f.path)
		if err != nil {
			return err
		}
		return f.prune(target)
	})
}
