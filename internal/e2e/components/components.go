// Package components builds the real servers that the tests run against, and
// keeps the binaries between runs.
//
// Each is pinned by a module: the Collectors and VictoriaMetrics by one of their
// own below this folder, Prometheus by the tests' own module, which compares
// with its packages too, Alertmanager and Mimir by a version in this file,
// because they only build from a copy of their source.
package components

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// A recipe says how a component is made.
type recipe struct {
	dir     string   // of the module that pins it, from internal/e2e
	pkg     string   // main package
	flags   []string // of go build
	inputs  []string // files of dir that the binary depends on
	source  string   // module@version that is built from a copy
	prepare func(copied string) error
}

var recipes = map[string]recipe{
	"otelcol": {
		dir: "components/collector", pkg: ".", flags: []string{"-trimpath"},
		inputs: []string{"go.mod", "go.sum", "main.go"},
	},
	"filecollector": {
		dir: "components/filecollector", pkg: ".", flags: []string{"-trimpath"},
		inputs: []string{"go.mod", "go.sum", "main.go"},
	},
	"prometheus": {
		dir: ".", pkg: "github.com/prometheus/prometheus/cmd/prometheus",
		flags: []string{"-tags", "remove_all_sd"}, inputs: []string{"go.mod"},
	},
	"promtool": {
		dir: ".", pkg: "github.com/prometheus/prometheus/cmd/promtool",
		flags: []string{"-tags", "remove_all_sd"}, inputs: []string{"go.mod"},
	},
	"victoria-metrics": {
		dir: "components/victoriametrics", pkg: "github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics",
		flags: []string{"-mod=mod"}, inputs: []string{"go.mod", "go.sum"},
	},
	"alertmanager": {
		source: "github.com/prometheus/alertmanager@v0.34.2", pkg: "./cmd/alertmanager",
		// The page is built with tools that are not Go; the API needs none.
		prepare: func(dir string) error {
			page := filepath.Join(dir, "ui", "app", "dist")
			if err := os.MkdirAll(page, 0o750); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(page, "index.html"), []byte("<!doctype html><title>Alertmanager</title>"), 0o600)
		},
	},
	"mimir": {
		source: "github.com/grafana/mimir@v1.3.1-0.20260423142704-aced80d74930", pkg: "./cmd/mimir",
		flags: []string{"-mod=mod"},
	},
	"httpdemo": {dir: "../../examples/httpdemo", pkg: "."},
	"otelperf": {dir: "../..", pkg: "./cmd/otelperf"},
}

// Everyday are the components that make e2e needs; Mimir takes long to build
// and has a target of its own.
var Everyday = []string{"otelcol", "filecollector", "prometheus", "promtool", "alertmanager", "victoria-metrics", "httpdemo", "otelperf"}

// root is the folder of the tests' module.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(file))
}

// Cache is where binaries are kept: OTELPERF_E2E_CACHE, or .cache/e2e in the
// repository.
func Cache() string {
	if dir := os.Getenv("OTELPERF_E2E_CACHE"); dir != "" {
		return dir
	}
	return filepath.Join(root(), "..", "..", ".cache", "e2e")
}

// built are the components that this process has built, one at a time.
var built struct {
	sync.Mutex
	path map[string]string
}

// Build returns the path of the component's binary, built unless it is there.
// What belongs to this repository is built once by each process, from Go's own
// cache. It may be called concurrently.
func Build(ctx context.Context, name string) (string, error) {
	built.Lock()
	defer built.Unlock()
	if path, ok := built.path[name]; ok {
		return path, nil
	}
	path, err := build(ctx, name)
	if err == nil {
		if built.path == nil {
			built.path = make(map[string]string)
		}
		built.path[name] = path
	}
	return path, err
}

func build(ctx context.Context, name string) (string, error) {
	r, ok := recipes[name]
	if !ok {
		return "", fmt.Errorf("components: there is no %q", name)
	}
	key, err := r.key(name)
	if err != nil {
		return "", fmt.Errorf("components: %s: %w", name, err)
	}
	bin := filepath.Join(Cache(), name+key)
	if _, err := os.Stat(bin); err == nil && key != "" {
		return bin, nil
	}
	if err := os.MkdirAll(Cache(), 0o750); err != nil {
		return "", fmt.Errorf("components: %w", err)
	}
	dir := filepath.Join(root(), r.dir)
	if r.source != "" {
		if dir, err = r.copySource(ctx); err != nil {
			return "", fmt.Errorf("components: %s: %w", name, err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
	}
	// Under another name first: a build that is cut off leaves no binary.
	half := fmt.Sprintf("%s.part%d", bin, os.Getpid())
	defer func() { _ = os.Remove(half) }()
	args := slices.Concat([]string{"build"}, r.flags, []string{"-o", half, r.pkg})
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("components: go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	if err := os.Rename(half, bin); err != nil {
		return "", fmt.Errorf("components: %w", err)
	}
	return bin, nil
}

// key tells builds of a component apart; "" for what is always built.
func (r recipe) key(name string) (string, error) {
	if r.source == "" && len(r.inputs) == 0 {
		return "", nil
	}
	h := sha256.New()
	_, _ = fmt.Fprintln(h, runtime.Version(), runtime.GOOS, runtime.GOARCH, name, r.pkg, r.flags, r.source)
	for _, in := range r.inputs {
		data, err := os.ReadFile(filepath.Join(root(), r.dir, in))
		if err != nil {
			return "", err
		}
		_, _ = fmt.Fprintf(h, "%s %d\n%s", in, len(data), data)
	}
	return fmt.Sprintf("-%x", h.Sum(nil)[:6]), nil
}

// copySource copies the module's source to where it can be written to.
func (r recipe) copySource(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", r.source)
	cmd.Dir = os.TempDir()
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go mod download %s: %w\n%s", r.source, err, out)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(Cache(), "source-")
	if err != nil {
		return "", err
	}
	err = os.CopyFS(dir, os.DirFS(module.Dir))
	if err == nil {
		err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() && filepath.Base(path) != "go.mod" && filepath.Base(path) != "go.sum" {
				return err
			}
			return os.Chmod(path, 0o750)
		})
	}
	if err == nil && r.prepare != nil {
		err = r.prepare(dir)
	}
	return dir, err
}
