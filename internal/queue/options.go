package queue

import (
	"time"

	"go.opentelemetry.io/otel"
)

// The defaults of [New].
const (
	DefaultTimeout     = 10 * time.Second
	DefaultMaxBatches  = 256
	DefaultMaxBytes    = 64 << 20
	DefaultReportEvery = 5 * time.Minute
)

type config struct {
	name        string
	timeout     time.Duration
	maxBatches  int
	maxBytes    int
	batchSize   int
	handle      func(error)
	reportEvery time.Duration
}

// An Option changes how [New] builds an Exporter.
type Option func(*config)

func newConfig(options []Option) config {
	c := config{
		name:        "exporter",
		timeout:     DefaultTimeout,
		maxBatches:  DefaultMaxBatches,
		maxBytes:    DefaultMaxBytes,
		handle:      otel.Handle,
		reportEvery: DefaultReportEvery,
	}
	for _, o := range options {
		if o != nil {
			o(&c)
		}
	}
	return c
}

// WithName sets what errors and the metric's attribute call the exporter.
// Default, and for an empty name: "exporter".
func WithName(name string) Option {
	return func(c *config) {
		if name != "" {
			c.name = name
		}
	}
}

// WithTimeout limits one call of the next exporter's Export. Default, and
// for zero or less: [DefaultTimeout]. An exporter that retries by itself does
// so within it.
func WithTimeout(d time.Duration) Option {
	return func(c *config) {
		if d > 0 {
			c.timeout = d
		}
	}
}

// WithMaxBatches limits how many batches wait. Default, and for zero or less:
// [DefaultMaxBatches].
func WithMaxBatches(n int) Option {
	return func(c *config) {
		if n > 0 {
			c.maxBatches = n
		}
	}
}

// WithMaxBytes limits the memory of the batches that wait, estimated without
// their attributes, which are shared with the SDK. The newest batch is kept
// whatever its size. Default, and for zero or less: [DefaultMaxBytes].
func WithMaxBytes(n int) Option {
	return func(c *config) {
		if n > 0 {
			c.maxBytes = n
		}
	}
}

// WithBatchSize splits what is exported into calls of at most n data points
// each. Default, and for zero or less: never split.
func WithBatchSize(n int) Option {
	return func(c *config) { c.batchSize = max(n, 0) }
}

// WithErrorHandler sets what is told of trouble, with a *[ExportError], and of
// its end, with a *[RecoveredError]. It is called from a goroutine of its own, one
// call at a time, so it may block, but then later errors are discarded.
// Default, and for nil: [otel.Handle].
func WithErrorHandler(handle func(error)) Option {
	return func(c *config) {
		if handle != nil {
			c.handle = handle
		}
	}
}

// WithReportEvery sets how often the error handler hears of trouble that goes
// on or comes back. Default, and for zero or less: [DefaultReportEvery].
func WithReportEvery(d time.Duration) Option {
	return func(c *config) {
		if d > 0 {
			c.reportEvery = d
		}
	}
}
