package otelperf

import (
	"errors"
	"reflect"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
)

// An Option sets one thing of a [Recorder]. A nil Option is skipped.
type Option interface {
	apply(*config) error
}

type optionFunc func(*config) error

func (f optionFunc) apply(c *config) error { return f(c) }

type config struct {
	provider metric.MeterProvider
	without  map[string]bool
	labelled bool
}

func newConfig(opts []Option) (config, error) {
	c := config{without: make(map[string]bool)}
	var errs []error
	for _, opt := range opts {
		if opt != nil {
			errs = append(errs, opt.apply(&c))
		}
	}
	if c.provider == nil {
		c.provider = otel.GetMeterProvider()
	}
	return c, errors.Join(errs...)
}

// WithMeterProvider sets where the instruments are made. Without it, and with
// nil, that is the global provider, also one that is set only later: what is
// recorded before then is lost, what comes after is not.
func WithMeterProvider(provider metric.MeterProvider) Option {
	return optionFunc(func(c *config) error {
		if v := reflect.ValueOf(provider); v.Kind() == reflect.Pointer && v.IsNil() {
			return errors.New("otelperf: the meter provider is a nil " + v.Type().String())
		}
		c.provider = provider
		return nil
	})
}

// WithoutOperations switches the operations with these names off: they run
// and record nothing, at the cost of a bare call. By default all operations are
// on. A name that is never used does no harm; one that no operation can have
// is an error. Used several times, the names add up.
func WithoutOperations(names ...string) Option {
	return optionFunc(func(c *config) error {
		var errs []error
		for _, name := range names {
			errs = append(errs, validateName(name))
			c.without[name] = true
		}
		return errors.Join(errs...)
	})
}
