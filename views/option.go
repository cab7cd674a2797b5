package views

import (
	"io"
	"os"
	"strconv"
	"time"

	"go.opentelemetry.io/otel"
)

type config struct {
	interval time.Duration
	notify   func(Alert)
	handle   func(error)
	clock    func() time.Time
	state    io.Reader
}

// An Option configures a [Processor].
type Option interface{ apply(*config) }

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

func newConfig(opts []Option) config {
	c := config{
		interval: envInterval(),
		notify:   func(Alert) {},
		handle:   otel.Handle,
		clock:    time.Now,
	}
	for _, o := range opts {
		o.apply(&c)
	}
	return c
}

// envInterval is what the SDK's PeriodicReader takes by default.
func envInterval() time.Duration {
	ms, err := strconv.Atoi(os.Getenv("OTEL_METRIC_EXPORT_INTERVAL"))
	if err != nil || ms <= 0 {
		return time.Minute
	}
	return time.Duration(ms) * time.Millisecond
}

// WithInterval tells the Processor how often its reader collects. It decides
// from when on silence is no data and which intervals are too short for a
// rate. The default is the PeriodicReader's own: OTEL_METRIC_EXPORT_INTERVAL,
// or 60 seconds. Zero and less keep the default.
func WithInterval(d time.Duration) Option {
	return optionFunc(func(c *config) {
		if d > 0 {
			c.interval = d
		}
	})
}

// WithNotify has f called with each alert that fires or resolves, in the
// order of the baselines, before the collection is exported. Calls are
// sequential. f runs within the collection and must return at once; a
// notify.Dispatcher's Notify does. The default, and nil, tell nobody.
func WithNotify(f func(Alert)) Option {
	return optionFunc(func(c *config) {
		if f != nil {
			c.notify = f
		}
	})
}

// WithErrorHandler has f told, once each, of baselines that cannot be judged
// and of those that nothing matches. The default, and nil, is otel.Handle.
func WithErrorHandler(f func(error)) Option {
	return optionFunc(func(c *config) {
		if f != nil {
			c.handle = f
		}
	})
}

// withClock replaces time.Now, which dates only collections without a point.
func withClock(now func() time.Time) Option {
	return optionFunc(func(c *config) { c.clock = now })
}
