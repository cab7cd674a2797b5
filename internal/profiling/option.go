package profiling

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/metric"
)

// The settings of a [Profiler] that is told nothing else.
const (
	DefaultWindow     = 10 * time.Second
	DefaultSampleRate = 100 // Hz, that of runtime/pprof
	DefaultKeepBytes  = 32 << 20
	DefaultKeepAge    = time.Hour
)

type config struct {
	path      string
	window    time.Duration
	wanted    int
	keepBytes int64
	keepAge   time.Duration
	provider  metric.MeterProvider
	handle    func(error)
	sampler   sampler
	probe     func(sampler, int) (int, error)
}

// An Option changes what [Start] does.
type Option func(*config)

// WithFile has the process profiled in windows, and names the file that is
// always the last whole one. Missing directories are made. Without it, and for
// "", profiles are taken only when [Profiler.Capture] asks for one.
func WithFile(path string) Option { return func(c *config) { c.path = path } }

// WithSampleRate sets the samples per second and CPU, at least 1. Default, and
// for 0: [DefaultSampleRate]. More than the kernel gives is cut to what it
// does.
func WithSampleRate(hz int) Option { return func(c *config) { c.wanted = hz } }

// WithWindow sets how long a window takes, and the gap after it. Default, and
// for 0: [DefaultWindow].
func WithWindow(d time.Duration) Option { return func(c *config) { c.window = d } }

// WithKeep bounds the older windows that stay beside the file: their bytes
// together, and how long ago each was written. Default: [DefaultKeepBytes] and
// [DefaultKeepAge]. For zero bytes or a zero age none are kept.
func WithKeep(bytes int64, age time.Duration) Option {
	return func(c *config) { c.keepBytes, c.keepAge = bytes, age }
}

// WithMeterProvider sets where the counter is made. Default, and for nil: the
// global provider.
func WithMeterProvider(mp metric.MeterProvider) Option {
	return func(c *config) { c.provider = mp }
}

// WithErrorHandler sets what is told of trouble: the first of its kind, and
// then at most one in ten minutes with the number of those in between. It is
// called from the Profiler's goroutine, and may be told a [NoticeError]. Default,
// and for nil: the global handler of OpenTelemetry.
func WithErrorHandler(handle func(error)) Option {
	return func(c *config) {
		if handle != nil {
			c.handle = handle
		}
	}
}

func (c *config) validate() error {
	var errs []error
	if c.window == 0 {
		c.window = DefaultWindow
	}
	if c.wanted == 0 {
		c.wanted = DefaultSampleRate
	}
	if c.window < 0 {
		errs = append(errs, fmt.Errorf("monitor: cpu profiling: a window of %s is negative", c.window))
	}
	if c.wanted < 0 {
		errs = append(errs, fmt.Errorf("monitor: cpu profiling: a sample rate of %d is negative", c.wanted))
	}
	if c.keepBytes < 0 || c.keepAge < 0 {
		errs = append(errs, fmt.Errorf("monitor: cpu profiling: cannot keep %d bytes for %s", c.keepBytes, c.keepAge))
	}
	return errors.Join(errs...)
}
