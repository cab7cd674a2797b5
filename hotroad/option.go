package hotroad

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
)

// defaultLimit is the SDK's own.
const defaultLimit = 2000

type config struct {
	views  []sdkmetric.View
	limit  int
	filter exemplar.Filter // nil: no exemplars
	forget time.Duration
	errs   []error
}

// An Option changes how a [Road] works.
type Option func(*config)

func newConfig(opts []Option) (config, error) {
	c := config{limit: defaultLimit, filter: exemplar.TraceBasedFilter}
	if n, err := strconv.Atoi(strings.TrimSpace(os.Getenv("OTEL_GO_X_CARDINALITY_LIMIT"))); err == nil {
		c.limit = n
	}
	switch strings.ToLower(strings.TrimSpace(os.Getenv("OTEL_METRICS_EXEMPLAR_FILTER"))) {
	case "always_on":
		c.filter = exemplar.AlwaysOnFilter
	case "always_off":
		c.filter = nil
	}
	for _, o := range opts {
		if o != nil {
			o(&c)
		}
	}
	return c, errors.Join(c.errs...)
}

// WithView adds views. They must be those that the SDK's MeterProvider is given,
// in the same order. Default: none.
func WithView(views ...sdkmetric.View) Option {
	return func(c *config) {
		if slices.ContainsFunc(views, func(v sdkmetric.View) bool { return v == nil }) {
			c.errs = append(c.errs, errors.New("hotroad: a view is nil"))
			return
		}
		c.views = append(c.views, views...)
	}
}

// WithCardinalityLimit sets how many series an instrument has at the most, the
// one for all that found no room, otel.metric.overflow, included. Default: by
// OTEL_GO_X_CARDINALITY_LIMIT, else 2,000, as the SDK's. Zero and less: no limit.
func WithCardinalityLimit(n int) Option { return func(c *config) { c.limit = n } }

// WithExemplarFilter sets which measurements may become exemplars. Default: by
// OTEL_METRICS_EXEMPLAR_FILTER, else those within a sampled trace. Nil: none.
func WithExemplarFilter(f exemplar.Filter) Option { return func(c *config) { c.filter = f } }

// WithForgetting forgets cumulative series in which nothing was measured for
// this long. They are no longer exported, and their memory is freed. A series
// that comes back within the next garbage collections goes on counting, a later
// one begins anew, with a start time of its own. Default, and zero: never, as
// the SDK does. Delta series need no such option: as the SDK's, they are
// exported only where there was something to report, and give way to others where
// there is a limit, or else after an interval in which nothing was measured.
func WithForgetting(after time.Duration) Option {
	return func(c *config) {
		if after < 0 {
			c.errs = append(c.errs, fmt.Errorf("hotroad: forgetting after %v: the duration is negative", after))
			return
		}
		c.forget = after
	}
}
