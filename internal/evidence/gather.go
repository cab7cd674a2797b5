package evidence

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/otelperf/otelperf-go/internal/profiling"
)

// The files of a folder, those of sources apart.
const (
	traceFile     = "trace.out"
	goroutineFile = "goroutine.pprof"
	goroutineText = "goroutine.txt"
	heapFile      = "heap.pprof"
	buildFile     = "build.txt"
	cpuBeforeFile = "cpu-before.pprof"
	cpuFile       = "cpu.pprof"
	readmeFile    = "README"
	indexFile     = "index.json"
	indexNew      = "index.json.new"
)

// A piece is one file to gather.
type piece struct {
	name, about, open string
	write             func(io.Writer) error
}

// errAbsent: there is nothing to write, and nothing is missing either.
var errAbsent = errors.New("absent")

// gather makes the folder of g. What does not come off is in the index,
// counted, and in the error.
func (c *Collector) gather(g *gathering) error {
	defer c.close(g)
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		c.drop(writeFailed)
		return err
	}
	root, err := os.OpenRoot(c.dir) // nothing in it can lead out of it
	if err != nil {
		c.drop(writeFailed)
		return err
	}
	defer func() { _ = root.Close() }()
	share := c.limits.Bytes / 4
	if err := prune(root, c.limits.Folders-1, c.limits.Bytes-share, ""); err != nil {
		c.drop(noRoom)
		return fmt.Errorf("removing older folders: %w", err)
	}
	folder, err := makeFolder(root, g.name)
	if err != nil {
		c.drop(writeFailed)
		return err
	}
	defer func() { _ = folder.Close() }()

	x := index{Version: indexVersion, State: stateGathering, Started: g.at, Process: os.Getpid(), Go: runtime.Version()}
	errs := []error{x.save(folder, c.known(g), 0)}
	room := share
	for _, p := range c.pieces(g) {
		errs = append(errs, c.gatherPiece(folder, &x, &room, p))
	}
	c.close(g) // from here on an alert is too late for the index
	alerts := c.known(g)
	x.finish(time.Now())
	if !x.any() {
		return errors.Join(append(errs, root.RemoveAll(g.name))...)
	}
	_, fileErr, err := writeFile(folder, readmeFile, &room, func(w io.Writer) error { return x.readme(w, alerts) })
	c.folders.Add(1)
	return errors.Join(errors.Join(errs...), fileErr, err, x.save(folder, alerts, g.leftOut))
}

func makeFolder(root *os.Root, name string) (*os.Root, error) {
	if err := root.Mkdir(name, 0o700); err != nil {
		return nil, err
	}
	return root.OpenRoot(name)
}

// gatherPiece writes one file, and says in the index what became of it.
func (c *Collector) gatherPiece(folder *os.Root, x *index, room *int64, p piece) error {
	size, fileErr, err := writeFile(folder, p.name, room, p.write)
	if fileErr == nil && errors.Is(err, errAbsent) {
		return nil
	}
	f := indexed{Name: p.name, About: p.about, Open: p.open, Bytes: size}
	both := errors.Join(fileErr, err)
	if both != nil {
		f.Error = strings.ReplaceAll(both.Error(), "\n", "; ")
		c.drop(reason(fileErr, err))
		both = fmt.Errorf("%s: %w", p.name, both)
	}
	x.Files = append(x.Files, f)
	return both
}

// reason tells what the error of a file, or of what is in it, counts as.
func reason(fileErr, err error) int {
	switch {
	case errors.Is(fileErr, errTooLarge) || errors.Is(err, errTooLarge):
		return tooLarge
	case fileErr != nil:
		return writeFailed
	case errors.Is(err, profiling.ErrBusy):
		return busy
	case errors.Is(err, profiling.ErrStopped) || errors.Is(err, context.Canceled):
		return stopped
	}
	return failed
}

// pieces are the files to gather, in their order: first what will not come
// back, the profile that takes its time last.
func (c *Collector) pieces(g *gathering) []piece {
	var all []piece
	if c.recorder != nil {
		all = append(all, piece{
			traceFile, "what every goroutine did in the seconds before: where it ran, waited and was blocked",
			"go tool trace trace.out", c.writeTrace,
		})
	}
	all = append(all, c.goroutinePieces()...)
	if c.heap {
		all = append(all, piece{
			heapFile, "memory in use and allocated, by call site",
			"go tool pprof -sample_index=inuse_space -top heap.pprof", profile("heap", 0),
		})
	}
	all = append(all, piece{buildFile, "what was running: Go, modules, commit", "less build.txt", writeBuild})
	for _, s := range c.sources {
		all = append(all, piece{
			s.Name, s.About, s.Open,
			func(w io.Writer) error { return s.Write(w, c.known(g)) },
		})
	}
	if c.profiler != nil {
		all = append(all,
			piece{
				cpuBeforeFile, "where CPU time went, in the last profile before",
				"go tool pprof -top cpu-before.pprof", c.writeCPUBefore(g.at),
			},
			piece{
				cpuFile, "where CPU time went, at the time of the alert or right after",
				"go tool pprof -top cpu.pprof", c.writeCPU,
			})
	}
	return all
}

// writeTrace writes what the flight recorder has. Where somebody else had it
// when the process started, it is tried again, for the next time.
func (c *Collector) writeTrace(w io.Writer) error {
	if !c.recorder.Enabled() {
		if err := c.recorder.Start(); err != nil {
			return err
		}
		return errors.New("the flight recorder was taken, and is recording only now")
	}
	_, err := c.recorder.WriteTo(w)
	return err
}

func profile(name string, form int) func(io.Writer) error {
	return func(w io.Writer) error { return pprof.Lookup(name).WriteTo(w, form) }
}

// told are the build settings that go into the evidence. The flags of linker
// and compilers do not: people put secrets there.
var told = map[string]bool{
	"-buildmode": true, "-compiler": true, "-race": true, "-tags": true, "-trimpath": true, "DefaultGODEBUG": true,
	"CGO_ENABLED": true, "GOARCH": true, "GOOS": true, "GOAMD64": true, "GOARM64": true, "GOEXPERIMENT": true,
	"vcs": true, "vcs.revision": true, "vcs.time": true, "vcs.modified": true,
}

func writeBuild(w io.Writer) error {
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return errors.New("the program was built without module support")
	}
	var settings []debug.BuildSetting
	for _, s := range b.Settings {
		if told[s.Key] {
			settings = append(settings, s)
		}
	}
	safe := *b
	safe.Settings = settings
	text := safe.String()
	if !strings.HasPrefix(text, "go\t") {
		text = "go\t" + runtime.Version() + "\n" + text
	}
	_, err := io.WriteString(w, text)
	return err
}

// writeCPUBefore writes the last whole profile that had ended when the alert
// fired.
func (c *Collector) writeCPUBefore(at time.Time) func(io.Writer) error {
	return func(w io.Writer) error {
		last, ok := c.profiler.Last()
		if !ok || last.End.After(at) {
			return errAbsent
		}
		_, err := w.Write(last.Data)
		return err
	}
}

func (c *Collector) writeCPU(w io.Writer) error {
	p, err := c.profiler.Capture(c.ctx)
	if err != nil {
		return err
	}
	_, err = w.Write(p.Data)
	return err
}
