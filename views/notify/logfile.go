package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/otelperf/otelperf-go/views"
)

// A LogFileOption changes how [OpenLogFile] works.
type LogFileOption func(*LogFile)

// WithRotation sets when the file is put aside and what is kept of those.
// Default: the zero [Rotation].
func WithRotation(r Rotation) LogFileOption {
	return func(f *LogFile) { f.rotation = r }
}

// A LogFile is a sink that appends alerts to a file as JSON, one on a line:
// what [views.Alert.MarshalJSON] writes. There are only whole lines in the
// file: one that could not be written completely (a full disk) is taken back,
// and one that another process left behind unfinished is removed.
//
// The file may be moved, removed together with its directory, or truncated by
// others; the next line goes to a new file of the same name. Several processes
// may append to one file. Where the system has flock, they also take turns
// at rotating and taking back; elsewhere only one of them should rotate. That
// rotating fails goes to [otel.Handle], and the file grows on.
//
// Lines are handed to the operating system and not synced to the disk: they
// survive the end of the process, and may not survive that of the machine.
//
// All methods are safe for concurrent use.
type LogFile struct {
	path     string // absolute, as given
	rotation Rotation

	trouble reporter // of rotating and pruning, which lose no alert

	mu     sync.Mutex
	file   *os.File  // nil: to be opened by the next line
	begun  time.Time // when the first line was written
	closed bool

	stop chan struct{} // nil without a goroutine
	done chan struct{}
}

// OpenLogFile opens the file at path, or creates it with mode 0600, and its
// directory with mode 0700. A mode that a file has already is left alone. A
// relative path is relative to the working directory of now. The file must be
// closed.
func OpenLogFile(path string, opts ...LogFileOption) (*LogFile, error) {
	if path == "" {
		return nil, errors.New("notify: the log file has no path")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("notify: log file: %w", err)
	}
	f := &LogFile{path: abs, trouble: reporter{handle: otel.Handle, every: time.Minute}}
	for _, opt := range opts {
		if opt != nil {
			opt(f)
		}
	}
	if err := f.rotation.validate(); err != nil {
		return nil, err
	}
	if err := f.reopen(); err != nil {
		return nil, fmt.Errorf("notify: log file: %w", err)
	}
	if f.rotation.MaxAge > 0 || f.rotation.KeepAge > 0 {
		f.stop, f.done = make(chan struct{}), make(chan struct{})
		go f.watchAges()
	}
	return f, nil
}

// Notify appends one line. It is a [Sink]. An error of the file system may
// pass and is worth another attempt; after Close the error is permanent and
// wraps [fs.ErrClosed].
func (f *LogFile) Notify(ctx context.Context, a views.Alert) error {
	line, err := json.Marshal(a)
	if err != nil {
		return Permanent(fmt.Errorf("notify: log file: %w", err))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return Permanent(fmt.Errorf("notify: log file %s: %w", f.path, fs.ErrClosed))
	}
	if err := f.locked(ctx, func() error { return f.append(append(line, '\n')) }); err != nil {
		return fmt.Errorf("notify: log file: %w", err)
	}
	return nil
}

// Close closes the file. Further calls do nothing.
func (f *LogFile) Close() error {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil
	}
	f.closed = true
	err := f.drop()
	f.mu.Unlock()
	if f.stop != nil {
		close(f.stop)
		<-f.done
	}
	return err
}

// locked calls do with the file at f.path open and locked. After waiting for
// the lock the path may name another file, as the one who had the lock rotated.
func (f *LogFile) locked(ctx context.Context, do func() error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !f.current() {
			if err := f.reopen(); err != nil {
				return err
			}
		}
		unlock, err := lockFile(ctx, f.file)
		if err != nil {
			return err
		}
		if !f.current() {
			unlock()
			continue
		}
		err = do()
		unlock()
		if !errors.Is(err, errRotated) {
			return err
		}
	}
}

// current reports whether the path still names the file that is open.
func (f *LogFile) current() bool {
	if f.file == nil {
		return false
	}
	open, err := f.file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(f.path)
	return err == nil && os.SameFile(open, named)
}

func (f *LogFile) drop() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}

// reopen opens what the path names now, or creates it.
func (f *LogFile) reopen() error {
	_ = f.drop() // nothing of it is buffered
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(f.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if errors.Is(err, fs.ErrPermission) { // a pipe or a file that may only be written
		file, err = os.OpenFile(f.path, os.O_WRONLY|os.O_APPEND, 0)
	}
	if err != nil {
		return err
	}
	f.file, f.begun = file, beginning(file)
	return nil
}

// append writes one line at the end of the file, or nothing.
func (f *LogFile) append(line []byte) error {
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() { // a device or a pipe has no end
		return writeAll(f.file, line)
	}
	end, err := repair(f.file, info.Size())
	if err != nil {
		return err
	}
	if f.rotationDue(end, len(line)) {
		// Failing to rotate is no reason to lose an alert: better a file that
		// is too large.
		err := f.rotate()
		if err == nil {
			return errRotated
		}
		f.trouble.report(fmt.Errorf("notify: log file: rotating: %w", err))
		if f.file == nil {
			return err
		}
	}
	if end == 0 {
		f.begun = time.Now()
	}
	if err := writeAll(f.file, line); err != nil {
		// What was written of it goes. Should that fail too, repair does it
		// before the next line.
		return errors.Join(err, f.file.Truncate(end))
	}
	return nil
}

// writeAll calls Write once: a line in one piece is what keeps the lines of
// several processes apart.
func writeAll(w io.Writer, line []byte) error {
	n, err := w.Write(line)
	if err == nil && n < len(line) {
		err = io.ErrShortWrite
	}
	return err
}

// maxUnfinished is how far back the beginning of an unfinished line is looked
// for: more than any alert is long.
const maxUnfinished = 1 << 20

// lineStart is how every line of ours begins.
var lineStart = []byte(`{"time":"`)

// repair makes the file end with a whole line and returns where that is. A
// last line without its line break is completed if only that is missing. If
// it is part of one of ours it is removed: nothing can read it, and whoever
// wrote it was not told of success. Anything else is not ours to remove and
// gets a line break.
func repair(file *os.File, size int64) (end int64, err error) {
	if size == 0 {
		return 0, nil
	}
	var last [1]byte
	if _, err := file.ReadAt(last[:], size-1); err != nil {
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, errNotReadable) {
			return size, nil // opened for writing only
		}
		return 0, err
	}
	if last[0] == '\n' {
		return size, nil
	}
	tail := make([]byte, min(size, maxUnfinished))
	if _, err := file.ReadAt(tail, size-int64(len(tail))); err != nil {
		return 0, err
	}
	if i := bytes.LastIndexByte(tail, '\n'); i >= 0 {
		tail = tail[i+1:]
	}
	ours := bytes.HasPrefix(tail, lineStart) || bytes.HasPrefix(lineStart, tail)
	if ours && !json.Valid(tail) {
		end = size - int64(len(tail))
		return end, file.Truncate(end)
	}
	if err := writeAll(file, []byte{'\n'}); err != nil {
		return 0, err
	}
	return size + 1, nil
}

// beginning returns when the first line of the file was written: what it says
// itself, else when the file was last changed, else now.
func beginning(file *os.File) time.Time {
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return time.Now()
	}
	head := make([]byte, 64)
	n, _ := file.ReadAt(head, 0) // io.EOF and what cannot be read leave n short
	if text, ok := bytes.CutPrefix(head[:n], lineStart); ok {
		if i := bytes.IndexByte(text, '"'); i >= 0 {
			if t, err := time.Parse(time.RFC3339Nano, string(text[:i])); err == nil {
				return t
			}
		}
	}
	return info.ModTime()
}
