package notify

import (
	"fmt"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
)

// An Option changes how a [Dispatcher] works. A value out of range makes
// [NewDispatcher] fail.
type Option func(*config)

type config struct {
	size          int
	timeout       time.Duration
	initial, max  time.Duration
	elapsed       time.Duration
	handle        func(error)
	handleEvery   time.Duration
	meterProvider metric.MeterProvider
}

// The defaults of a [Dispatcher].
const (
	DefaultQueueSize    = 1024
	DefaultTimeout      = 10 * time.Second
	DefaultFirstBackoff = 500 * time.Millisecond
	DefaultMaxBackoff   = 30 * time.Second
	DefaultMaxElapsed   = 24 * time.Hour
)

func newConfig(opts []Option) config {
	c := config{
		size: DefaultQueueSize, timeout: DefaultTimeout,
		initial: DefaultFirstBackoff, max: DefaultMaxBackoff, elapsed: DefaultMaxElapsed,
		handle: otel.Handle, handleEvery: time.Minute,
	}
	for _, opt := range opts {
		if opt != nil {
			opt(&c)
		}
	}
	return c
}

func (c config) validate() error {
	switch {
	case c.size < 1 || c.size > 1<<20:
		return fmt.Errorf("notify: a queue size of %d is not between 1 and %d", c.size, 1<<20)
	case c.timeout <= 0:
		return fmt.Errorf("notify: the timeout %s is not positive", c.timeout)
	case c.initial <= 0 || c.max < c.initial:
		return fmt.Errorf("notify: the backoff from %s to %s is not positive and rising", c.initial, c.max)
	case c.elapsed < 0:
		return fmt.Errorf("notify: the time to give up after, %s, is negative", c.elapsed)
	}
	return nil
}

// WithQueueSize sets how many different alerts each sink's queue may hold,
// waiting or delivered as firing and not resolved yet, and also how many
// notifications may wait: 1 to 2^20. Default: [DefaultQueueSize]. An alert
// that waits takes less than 1 KiB.
func WithQueueSize(n int) Option {
	return func(c *config) { c.size = n }
}

// WithTimeout sets how long one attempt may take, as the deadline of the
// sink's context. Default: [DefaultTimeout].
func WithTimeout(d time.Duration) Option {
	return func(c *config) { c.timeout = d }
}

// WithBackoff sets the pause after the first failure in a row and the longest
// one. Each pause is twice the one before, give or take a random half of
// itself. Default: [DefaultFirstBackoff] and [DefaultMaxBackoff].
func WithBackoff(first, longest time.Duration) Option {
	return func(c *config) { c.initial, c.max = first, longest }
}

// WithMaxElapsed sets for how long after Notify an alert is worth another
// attempt. Zero: only one attempt is made. Default: [DefaultMaxElapsed], as
// an alert that fires still is worth telling after a long outage too.
func WithMaxElapsed(d time.Duration) Option {
	return func(c *config) { c.elapsed = d }
}

// WithErrorHandler sets who is told of failures, drops and panics: at most
// one of each kind per sink and minute, with the number of those in between.
// It is called from the sinks' goroutines. Nil or absent: [otel.Handle].
func WithErrorHandler(handle func(error)) Option {
	return func(c *config) {
		if handle != nil {
			c.handle = handle
		}
	}
}

// WithMeterProvider sets where the metric otelperf.notify.dropped goes. Nil or
// absent: the global provider.
func WithMeterProvider(mp metric.MeterProvider) Option {
	return func(c *config) { c.meterProvider = mp }
}
