package corpus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

// Limits of what is read from a folder, so that a wrong one (a home folder, a
// disk) costs a bounded time and memory.
const (
	maxTextBytes  = 1 << 20   // of one file
	maxGoBytes    = 4 << 20   // of one with Go, which says nothing in part
	maxTotalBytes = 256 << 20 // of all
	maxFiles      = 50_000
)

// Folder reads the text, Markdown and Go files below a folder. It neither
// follows symbolic links nor enters folders whose names begin with a dot.
func Folder(ctx context.Context, dir string) (*Corpus, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("corpus: %w", err)
	}
	defer func() { _ = root.Close() }() // it was only read
	c := &Corpus{Name: "folder " + dir}
	base := filepath.Base(dir)
	if full, err := filepath.Abs(dir); err == nil {
		base = filepath.Base(full)
	}
	folders, err := c.list(ctx, root.FS())
	if err != nil {
		return nil, err
	}
	parts, err := parallel(ctx, folders, func(f folder) part { return f.read(root.FS(), base) })
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		c.merge(p)
	}
	c.unique()
	return c, nil
}

// A folder is a folder's own files, those below it apart.
type folder struct {
	dir           string
	golang, other []string
}

// list walks the tree and returns what is to be read, within the limits.
func (c *Corpus) list(ctx context.Context, fsys fs.FS) ([]folder, error) {
	var folders []folder
	at := make(map[string]int) // folder name to its place
	var files int
	var total int64
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && name == ".":
			return err
		case err != nil: // a folder that may not be read; the rest may
			c.Unreadable++
			return nil //nolint:nilerr // counted, the rest is read
		case name != "." && strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir():
			return nil
		case !entry.Type().IsRegular():
			c.Irregular++
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			c.Unreadable++
			return nil //nolint:nilerr // counted, the rest is read
		}
		if files == maxFiles {
			c.Stopped = fmt.Sprintf("%d files", maxFiles)
			return fs.SkipAll
		}
		if total += min(info.Size(), maxTextBytes); total > maxTotalBytes {
			c.Stopped = fmt.Sprintf("%d MiB", maxTotalBytes>>20)
			return fs.SkipAll
		}
		files++
		dir := path.Dir(name)
		i, ok := at[dir]
		if !ok {
			i = len(folders)
			at[dir] = i
			folders = append(folders, folder{dir: dir})
		}
		if path.Ext(name) == ".go" {
			folders[i].golang = append(folders[i].golang, entry.Name())
		} else {
			folders[i].other = append(folders[i].other, entry.Name())
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("corpus: %w", err)
	}
	return folders, err
}

func (f folder) read(fsys fs.FS, base string) part {
	var p part
	importPath := path.Join(base, f.dir)
	packages, broken := parseGo(fsys, f.dir, importPath, f.golang)
	p.files = len(f.golang) - len(broken)
	for _, pkg := range packages {
		p.documents = append(p.documents, pkg.documents()...)
	}
	for _, name := range append(f.other, broken...) { // Go that does not parse is text
		p.readText(fsys, path.Join(f.dir, name))
	}
	return p
}

// A part is what one worker read.
type part struct {
	documents                      []Document
	files, cut, binary, unreadable int
}

func (c *Corpus) merge(p part) {
	c.Documents = append(c.Documents, p.documents...)
	c.Files += p.files
	c.Cut += p.cut
	c.Binary += p.binary
	c.Unreadable += p.unreadable
}

// readFile reads a file up to a limit and tells whether there was more.
func readFile(fsys fs.FS, name string, limit int64) (data []byte, more bool, err error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err = io.ReadAll(io.LimitReader(f, limit+1))
	if int64(len(data)) > limit {
		return data[:limit], true, err
	}
	return data, false, err
}

// parallel maps the items on all CPUs and keeps their order. It ends early,
// with the context's error, if that is cancelled.
func parallel[T, R any](ctx context.Context, items []T, read func(T) R) ([]R, error) {
	results := make([]R, len(items))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(items) {
					return
				}
				results[i] = read(items[i])
			}
		})
	}
	workers.Wait()
	return results, ctx.Err()
}
