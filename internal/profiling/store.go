package profiling

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// archiveTime is of fixed length and sorts by time.
	archiveTime = "20060102T150405.000Z"

	// abandoned is how old a temporary file must be for its writer to be dead:
	// writing one takes milliseconds.
	abandoned = 10 * time.Minute
)

// A store keeps the last whole profile in a file, and older ones beside it.
// It belongs to one goroutine.
type store struct {
	path      string
	keepBytes int64
	keepAge   time.Duration
	saved     time.Time // when the present file was written; zero if by somebody before
}

// check refuses a path that can never work. What may be mended while the
// process runs, such as missing permission, is left to saving.
func (s *store) check() error {
	target, err := s.target()
	if err != nil {
		return nil //nolint:nilerr // as above
	}
	info, err := os.Lstat(target)
	if err != nil {
		return nil //nolint:nilerr // as above
	}
	return regular(info, target)
}

// regular refuses what a rename must not replace, such as /dev/null.
func regular(info fs.FileInfo, path string) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	return nil
}

// target is the file itself where the path is a symbolic link: a rename would
// replace the link.
func (s *store) target() (string, error) {
	target, err := filepath.EvalSymlinks(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return s.path, nil
	}
	return target, err
}

// save makes data the file's content, and puts what it had aside. It reports
// whether the file was written; the error may be about an older one.
func (s *store) save(data []byte) (bool, error) {
	target, err := s.target()
	if err != nil {
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return false, err
	}
	temporary, err := writeBeside(target, data)
	if err != nil {
		return false, err
	}
	aside := s.putAside(target)
	if err := replace(temporary, target); err != nil {
		return false, errors.Join(err, os.Remove(temporary), aside)
	}
	s.saved = time.Now()
	if err := errors.Join(aside, s.prune(target)); err != nil {
		return true, fmt.Errorf("keeping older profiles: %w", err)
	}
	return true, nil
}

// writeBeside writes a new file that only its owner can read, in the same
// directory, and returns its name. On an error there is no such file.
func writeBeside(path string, data []byte) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), temporaryPrefix(filepath.Base(path))+"*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync() // a crash of the machine must not leave a renamed file that is empty
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

func temporaryPrefix(base string) string { return "." + base + ".new-" }

// replace renames, but not over what is no file.
func replace(from, to string) error {
	if info, err := os.Lstat(to); err == nil {
		if err := regular(info, to); err != nil {
			return err
		}
	}
	return os.Rename(from, to)
}

// putAside gives the present file a second name. Its first one stays, so that
// there is a file at every moment.
func (s *store) putAside(target string) error {
	if s.keepBytes == 0 || s.keepAge == 0 {
		return nil
	}
	info, err := os.Lstat(target)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := regular(info, target); err != nil {
		return err
	}
	if info.Size() > s.keepBytes {
		return nil // it would not be kept
	}
	before, after := archiveName(target)
	at := s.saved
	if at.IsZero() {
		at = info.ModTime()
	}
	name := before + at.UTC().Format(archiveTime) + after
	if err := os.Link(target, name); err == nil || errors.Is(err, fs.ErrExist) {
		return nil
	}
	data, err := os.ReadFile(target) // not every file system has links
	if err != nil {
		return err
	}
	temporary, err := writeBeside(target, data)
	if err != nil {
		return err
	}
	if err := os.Rename(temporary, name); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return nil
}

// archiveName returns what stands before and after the time in the names of
// older profiles.
func archiveName(path string) (before, after string) {
	after = filepath.Ext(path)
	if after == filepath.Base(path) { // a hidden file, not an extension
		after = ""
	}
	return strings.TrimSuffix(path, after) + "-", after
}

// An older profile, with the time from its name.
type older struct {
	path string
	at   time.Time
	size int64
}

// prune removes the older profiles that are beyond a limit, and what writers
// that were killed left.
func (s *store) prune(target string) error {
	before, after := archiveName(target)
	dir, base := filepath.Dir(before), filepath.Base(before)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var kept []older
	var errs []error
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue // not ours, or removed by somebody else
		}
		path := filepath.Join(dir, e.Name())
		if strings.HasPrefix(e.Name(), temporaryPrefix(filepath.Base(target))) {
			if time.Since(info.ModTime()) > abandoned {
				errs = append(errs, remove(path))
			}
			continue
		}
		text, ok := strings.CutPrefix(e.Name(), base)
		if ok {
			text, ok = strings.CutSuffix(text, after)
		}
		if !ok {
			continue
		}
		if at, err := time.Parse(archiveTime, text); err == nil {
			kept = append(kept, older{path, at, info.Size()})
		}
	}
	slices.SortFunc(kept, func(a, b older) int { return b.at.Compare(a.at) })
	var total int64
	for _, o := range kept {
		total += o.size
		if total > s.keepBytes || time.Since(o.at) >= s.keepAge {
			errs = append(errs, remove(o.path))
		}
	}
	return errors.Join(errs...)
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
