package evidence

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// folderTime is of fixed length and sorts by time.
	folderTime = "20060102T150405.000Z"

	maxName = 64 // bytes of an alert's name in that of a folder
)

// folderName names a folder after an alert. Its name may hold anything, of
// which letters, digits and a few signs are left.
func folderName(at time.Time, alert string, n int) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '_', r == '.', r == '-':
			return r
		}
		return '_'
	}, alert)
	if clean == "" {
		clean = "alert"
	}
	if len(clean) > maxName {
		clean = clean[:maxName]
	}
	return fmt.Sprintf("%s-%s-%d", at.UTC().Format(folderTime), clean, n)
}

// parseFolder reports whether a folder's name is one of ours, and its time and
// number if so.
func parseFolder(name string) (at time.Time, n int, ok bool) {
	text, rest, ok := strings.Cut(name, "-")
	if !ok {
		return at, 0, false
	}
	at, err := time.Parse(folderTime, text)
	i := strings.LastIndexByte(rest, '-')
	if err != nil || i < 1 {
		return at, 0, false
	}
	n, err = strconv.Atoi(rest[i+1:])
	return at, n, err == nil && n > 0
}

// A kept folder.
type kept struct {
	name string
	at   time.Time
	n    int
	size int64
}

// folders lists ours in root, oldest first.
func folders(root *os.Root) ([]kept, error) {
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, err
	}
	var all []kept
	for _, e := range entries {
		at, n, ok := parseFolder(e.Name())
		if !ok || !e.IsDir() { // a symbolic link is no directory
			continue
		}
		size, err := folderSize(root, e.Name())
		if err != nil {
			return nil, err
		}
		all = append(all, kept{e.Name(), at, n, size})
	}
	slices.SortFunc(all, func(a, b kept) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.n, b.n), strings.Compare(a.name, b.name))
	})
	return all, nil
}

func folderSize(root *os.Root, name string) (int64, error) {
	var size int64
	err := fs.WalkDir(root.FS(), name, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) { // removed by somebody else
				return nil
			}
			return err
		}
		if d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				size += info.Size()
			}
		}
		return nil
	})
	return size, err
}

// prune removes the oldest folders until at most so many with so many bytes
// are left, not counting spare.
func prune(root *os.Root, count int, bytes int64, spare string) error {
	all, err := folders(root)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(k kept) bool { return k.name == spare })
	var total int64
	for _, k := range all {
		total += k.size
	}
	for _, k := range all {
		if len(all) <= count && total <= bytes {
			return nil
		}
		if err := root.RemoveAll(k.name); err != nil {
			return err
		}
		all = all[1:]
		total -= k.size
	}
	return nil
}

var errTooLarge = errors.New("larger than a folder may be")

// A limited writer writes to a file while there is room, and keeps its error
// apart from those of who uses it.
type limited struct {
	w    io.Writer
	room *int64
	n    int64
	err  error
}

func (l *limited) Write(p []byte) (int, error) {
	if l.err != nil {
		return 0, l.err
	}
	if int64(len(p)) > *l.room {
		l.err = errTooLarge
		return 0, l.err
	}
	n, err := l.w.Write(p)
	*l.room -= int64(n)
	l.n += int64(n)
	l.err = err
	return n, err
}

// writeFile makes a file of the folder that only its owner can read. On an
// error there is none. The first error is that of the file, the second that of
// write.
func writeFile(folder *os.Root, name string, room *int64, write func(io.Writer) error) (size int64, fileErr, err error) {
	f, err := folder.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err, nil
	}
	w := &limited{w: f, room: room}
	err = write(w)
	fileErr = w.err
	if closeErr := f.Close(); fileErr == nil {
		fileErr = closeErr
	}
	if fileErr != nil || err != nil {
		*room += w.n
		return 0, errors.Join(fileErr, folder.Remove(name)), err
	}
	return w.n, nil, nil
}
