package history

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// segmentTime is of fixed length and sorts by time.
const segmentTime = "20060102T150405.000Z"

// A segment is a file that was put aside, named by when that was.
type segment struct {
	path string
	at   time.Time
	size int64
}

// segmentName returns what stands before and after the time.
func segmentName(path string) (before, after string) {
	after = filepath.Ext(path)
	if after == filepath.Base(path) { // a hidden file, not an extension
		after = ""
	}
	return strings.TrimSuffix(path, after) + "-", after
}

// segments lists the files that were put aside, oldest first.
func segments(path string) ([]segment, error) {
	before, after := segmentName(path)
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var all []segment
	for _, e := range entries {
		text, ok := strings.CutPrefix(e.Name(), filepath.Base(before))
		if !ok || !e.Type().IsRegular() {
			continue
		}
		if text, ok = strings.CutSuffix(text, after); !ok {
			continue
		}
		at, err := time.Parse(segmentTime, text)
		if err != nil {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // removed by somebody else
		}
		all = append(all, segment{filepath.Join(filepath.Dir(path), e.Name()), at, info.Size()})
	}
	slices.SortFunc(all, func(a, b segment) int { return a.at.Compare(b.at) })
	return all, nil
}

// rotate puts the file aside and begins another one.
func (w *writer) rotate() error {
	all, err := segments(w.cfg.path)
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	at := w.cfg.clock().UTC().Truncate(time.Millisecond)
	if n := len(all); n > 0 && !at.After(all[n-1].at) && all[n-1].at.Sub(at) < time.Minute {
		at = all[n-1].at.Add(time.Millisecond)
	}
	before, after := segmentName(w.cfg.path)
	// Not every system renames an open file.
	err = w.file.Close()
	w.file = nil
	if err = errors.Join(err, os.Rename(w.cfg.path, before+at.Format(segmentTime)+after)); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	return w.open()
}

// prune removes what is older than the retention, to the line, and the oldest
// files if they take too much room.
func (w *writer) prune() error {
	if w.unlock == nil {
		return nil // the file is not ours
	}
	all, err := segments(w.cfg.path)
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	now := w.cfg.clock()
	oldest := now.Add(-w.cfg.retention)
	total := w.size
	for _, s := range all {
		total += s.size
	}
	var errs []error
	for _, s := range all {
		switch {
		case s.at.Before(oldest) || total > w.cfg.fileBytes:
			errs = append(errs, os.Remove(s.path))
			total -= s.size
		case firstTime(s.path).Before(oldest):
			errs = append(errs, trim(s.path, oldest))
		}
	}
	if w.file != nil && w.size > 0 && w.first.Before(oldest) { // nothing was written for long
		errs = append(errs, w.rotate())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("history: removing what is too old: %w", err)
	}
	return nil
}

// trim removes the lines from before oldest. The file is written beside and
// renamed, so that a crash leaves one or the other.
func trim(path string, oldest time.Time) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // it was only read
	keep := int64(-1)
	at := int64(0)
	err = eachLine(in, func(line []byte) bool {
		if t := lineTime(line); !t.IsZero() && !t.Before(oldest) {
			keep = at
			return false
		}
		at += int64(len(line)) + 1
		return true
	})
	if err != nil {
		return err
	}
	if keep < 0 {
		return os.Remove(path)
	}
	if _, err := in.Seek(keep, io.SeekStart); err != nil {
		return err
	}
	beside := path + temporary
	out, err := os.OpenFile(beside, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Sync(), out.Close()); err == nil {
		err = os.Rename(beside, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(beside))
	}
	return nil
}

// temporary ends the name of a file that is not whole yet.
const temporary = ".tmp"

// mend cuts off a last line that was not written to its end, and returns the
// length that is left.
func mend(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is no regular file", f.Name())
	}
	size := info.Size()
	buf := make([]byte, 64<<10)
	end := size
	for end > 0 {
		n := min(end, int64(len(buf)))
		if _, err := f.ReadAt(buf[:n], end-n); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			end += int64(i) + 1 - n
			break
		}
		end -= n
	}
	if end == size {
		return size, nil
	}
	return end, f.Truncate(end)
}

var timePattern = regexp.MustCompile(`"timeUnixNano":\s*"([0-9]+)"`)

// lineTime returns the time of a line's points, zero if it has none.
func lineTime(line []byte) time.Time {
	m := timePattern.FindSubmatch(line)
	if m == nil {
		return time.Time{}
	}
	ns, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(0, ns)
}

// firstTime returns the time of the file's first line that has one.
func firstTime(path string) (t time.Time) {
	f, err := os.Open(path)
	if err != nil {
		return t
	}
	defer f.Close() //nolint:errcheck // it was only read
	_ = eachLine(f, func(line []byte) bool {
		t = lineTime(line)
		return t.IsZero()
	})
	return t
}

// eachLine calls f with every whole line, without its line break, until it
// returns false. What follows the last line break is no line yet.
func eachLine(r io.Reader, f func([]byte) bool) error {
	b := bufio.NewReaderSize(r, 64<<10)
	var long []byte
	for {
		part, err := b.ReadSlice('\n')
		if len(long)+len(part) > maxLine {
			return bufio.ErrTooLong
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			long = append(long, part...)
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		line := part[:len(part)-1]
		if len(long) > 0 {
			long = append(long, line...)
			line = long
		}
		if !f(line) {
			return nil
		}
		long = long[:0]
	}
}
