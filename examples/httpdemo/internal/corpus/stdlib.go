package corpus

import (
	"context"
	"errors"
	"fmt"
	"go/build"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// StandardLibrary reads the documentation of the installed Go's standard
// library, as it is for this operating system and architecture.
func StandardLibrary(ctx context.Context) (*Corpus, error) {
	root, err := goroot(ctx)
	if err != nil {
		return nil, err
	}
	src := filepath.Join(root, "src")
	fsys := os.DirFS(src)
	dirs, err := packageDirs(ctx, fsys)
	if err != nil {
		return nil, fmt.Errorf("corpus: reading the standard library: %w", err)
	}
	parts, err := parallel(ctx, dirs, func(dir string) part {
		return standardPackage(fsys, src, dir)
	})
	if err != nil {
		return nil, err
	}
	c := &Corpus{Name: "the Go standard library in " + src}
	for _, p := range parts {
		c.merge(p)
	}
	if len(c.Documents) == 0 {
		return nil, fmt.Errorf("corpus: no documentation in %s: name a folder to index instead", src)
	}
	c.unique()
	return c, nil
}

// goroot asks the go command where Go is installed: a program that go run
// built in module mode, or that was built on another machine, does not know.
func goroot(ctx context.Context) (string, error) {
	root := os.Getenv("GOROOT")
	if root == "" {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
		if err != nil {
			return "", fmt.Errorf("corpus: no installed Go found (go env GOROOT: %w): name a folder to index instead", err)
		}
		root = strings.TrimSpace(string(out))
	}
	if _, err := os.Stat(filepath.Join(root, "src", "fmt", "print.go")); err != nil {
		return "", fmt.Errorf("corpus: no standard library in GOROOT %q: name a folder to index instead", root)
	}
	return root, nil
}

// packageDirs returns the folders of the packages that programs can import.
func packageDirs(ctx context.Context, fsys fs.FS) ([]string, error) {
	var dirs []string
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if !entry.IsDir() || name == "." {
			return nil
		}
		switch base := path.Base(name); {
		case name == "cmd", base == "vendor", base == "internal", base == "testdata",
			strings.HasPrefix(base, "."), strings.HasPrefix(base, "_"):
			return fs.SkipDir
		}
		dirs = append(dirs, name)
		return nil
	})
	return dirs, err
}

func standardPackage(fsys fs.FS, src, dir string) part {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return part{unreadable: 1}
	}
	build := build.Default
	build.CgoEnabled = true // net and os/user document what cgo gives
	var names []string
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasSuffix(name, ".go") || entry.IsDir() {
			continue
		}
		if ok, err := build.MatchFile(filepath.Join(src, filepath.FromSlash(dir)), name); err == nil && ok {
			names = append(names, name)
		}
	}
	packages, broken := parseGo(fsys, dir, dir, names)
	p := part{files: len(names) - len(broken), unreadable: len(broken)}
	for _, pkg := range packages {
		if pkg.files[0].Name.Name != "main" { // generators that are not marked to be ignored
			p.documents = append(p.documents, pkg.documents()...)
		}
	}
	return p
}
