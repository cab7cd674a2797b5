package evidence

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelperf/otelperf-go/internal/profiling"
	"github.com/otelperf/otelperf-go/views"
)

// A Profiler takes the CPU profiles. [profiling.Profiler] is one.
type Profiler interface {
	Capture(context.Context) (profiling.Profile, error)
	Last() (profiling.Profile, bool)
}

// A Source is a further file of every folder.
type Source struct {
	Name  string // of the file
	About string // what it shows, for the README
	Open  string // the command that opens it, for the README

	// Write writes the file for the alerts known so far, at least one. It is
	// called from the Collector's goroutine and must neither keep nor change
	// them. It must leave out what is secret.
	Write func(w io.Writer, alerts []views.Alert) error
}

// Limits bounds how much evidence is gathered and kept. A zero field is the
// default.
type Limits struct {
	Folders int           // kept, the newest, at least 1: 20
	Bytes   int64         // of all folders; one takes a quarter at most: 256 MiB
	Every   time.Duration // the same alert is gathered for this often: 10 min
	Burst   int           // folders gathered in a row, at least 1: 4
	Refill  time.Duration // until one more may be: 10 min
}

var defaults = Limits{Folders: 20, Bytes: 256 << 20, Every: 10 * time.Minute, Burst: 4, Refill: 10 * time.Minute}

func (l *Limits) complete() error {
	if l.Folders < 0 || l.Bytes < 0 || l.Every < 0 || l.Burst < 0 || l.Refill < 0 {
		return errors.New("monitor: evidence: a limit is negative")
	}
	if l.Folders == 0 {
		l.Folders = defaults.Folders
	}
	if l.Bytes == 0 {
		l.Bytes = defaults.Bytes
	}
	if l.Every == 0 {
		l.Every = defaults.Every
	}
	if l.Burst == 0 {
		l.Burst = defaults.Burst
	}
	if l.Refill == 0 {
		l.Refill = defaults.Refill
	}
	return nil
}

type config struct {
	limits   Limits
	profiler Profiler
	noHeap   bool
	looking  bool
	recorder recorder
	sources  []Source
	provider metric.MeterProvider
	handle   func(error)
}

// An Option changes what [New] does.
type Option func(*config)

// WithProfiler sets who takes the CPU profiles. Without it, and for nil, there
// are none in the evidence.
func WithProfiler(p Profiler) Option { return func(c *config) { c.profiler = p } }

// WithOperations says that goroutines within an operation carry its label, as
// otelperf.WithProfileLabels has it. Then goroutines are looked at ten times in
// half a second, and the files show the moment at which most of them were
// within operations: at a single one a slow operation may not be running.
// Beyond a thousand goroutines there is one look, as without this option.
func WithOperations() Option { return func(c *config) { c.looking = true } }

// WithoutHeap leaves the heap profile out, as befits a program whose
// runtime.MemProfileRate is 0: it would be empty.
func WithoutHeap() Option { return func(c *config) { c.noHeap = true } }

// WithoutTrace leaves the trace out, and the flight recorder with it.
func WithoutTrace() Option { return func(c *config) { c.recorder = nil } }

// WithSource adds a file to every folder. Used several times, they add up.
func WithSource(s Source) Option {
	return func(c *config) { c.sources = append(c.sources, s) }
}

// WithLimits sets the limits.
func WithLimits(l Limits) Option { return func(c *config) { c.limits = l } }

// WithMeterProvider sets where the counters are made. Default, and for nil: the
// global provider.
func WithMeterProvider(mp metric.MeterProvider) Option {
	return func(c *config) { c.provider = mp }
}

// WithErrorHandler sets what is told of trouble, once for each folder. It is
// called from the Collector's goroutine. Default, and for nil: the global
// handler of OpenTelemetry.
func WithErrorHandler(handle func(error)) Option {
	return func(c *config) {
		if handle != nil {
			c.handle = handle
		}
	}
}

func newConfig(opts []Option) (*config, error) {
	c := &config{handle: otel.Handle, recorder: newFlightRecorder()}
	for _, o := range opts {
		if o != nil {
			o(c)
		}
	}
	errs := []error{c.limits.complete()}
	taken := map[string]bool{
		traceFile: true, goroutineFile: true, goroutineText: true, heapFile: true, buildFile: true,
		cpuBeforeFile: true, cpuFile: true, readmeFile: true, indexFile: true, indexNew: true,
	}
	for _, s := range c.sources {
		switch {
		case s.Write == nil:
			errs = append(errs, fmt.Errorf("monitor: evidence: the source %q writes nothing", s.Name))
		case s.Name == "" || s.Name != filepath.Base(s.Name) || !filepath.IsLocal(s.Name) || s.Name == ".":
			errs = append(errs, fmt.Errorf("monitor: evidence: %q is not the name of a file", s.Name))
		case taken[s.Name]:
			errs = append(errs, fmt.Errorf("monitor: evidence: there are two files %q", s.Name))
		}
		taken[s.Name] = true
	}
	return c, errors.Join(errs...)
}
