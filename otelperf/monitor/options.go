package monitor

import (
	"context"
	"io"
	"log/slog"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelperf/otelperf-go/internal/config"
	"github.com/otelperf/otelperf-go/views"
	"github.com/otelperf/otelperf-go/views/notify"
)

// settings are what the options say. They go over the files and the OTEL_*
// variables.
type settings struct {
	sources     []config.Source
	service     string
	attributes  []attribute.KeyValue
	interval    time.Duration
	baselines   []views.Baseline
	rules       []views.Rule
	exporters   []sdkmetric.Exporter
	readers     []sdkmetric.Reader
	sinks       []notify.Target
	global      bool
	hotRoad     bool
	logger      *slog.Logger
	console     io.Writer
	stdout      io.Writer
	environment func(string) (string, bool)
}

// An Option configures [Start]. Later ones of a kind override earlier ones,
// those that add something add up.
type Option interface{ apply(*settings) }

type optionFunc func(*settings)

func (f optionFunc) apply(s *settings) { f(s) }

func newSettings(opts []Option) *settings {
	s := &settings{console: os.Stderr, stdout: os.Stdout, environment: os.LookupEnv}
	for _, o := range opts {
		if o != nil {
			o.apply(s)
		}
	}
	return s
}

// log returns the logger of WithLogger, else the default one of now.
func (s *settings) log() *slog.Logger {
	if s.logger != nil {
		return s.logger
	}
	return slog.Default()
}

// WithConfigFiles reads TOML files in this order: a later one overrides an
// earlier one key by key. Calls add up, together with [WithConfig]. The default
// is no file: the defaults of docs/configuration.md.
func WithConfigFiles(paths ...string) Option {
	return optionFunc(func(s *settings) {
		for _, p := range paths {
			s.sources = append(s.sources, config.File(p))
		}
	})
}

// WithConfig is [WithConfigFiles] for a configuration that is embedded in the
// program. Errors call it name. Nil is an empty one.
func WithConfig(name string, toml []byte) Option {
	return optionFunc(func(s *settings) {
		if toml == nil {
			toml = []byte{}
		}
		s.sources = append(s.sources, config.Source{Name: name, Data: toml})
	})
}

// WithServiceName sets the resource's service.name, over OTEL_SERVICE_NAME and
// the files. The default is theirs, else unknown_service:<program>. Empty
// keeps the default.
func WithServiceName(name string) Option {
	return optionFunc(func(s *settings) { s.service = name })
}

// WithResource adds attributes to the resource, over all others. The default
// is none.
func WithResource(attrs ...attribute.KeyValue) Option {
	return optionFunc(func(s *settings) { s.attributes = append(s.attributes, attrs...) })
}

// WithInterval sets how often metrics are collected, judged and exported, over
// OTEL_METRIC_EXPORT_INTERVAL and the files. The default is theirs, else 60
// seconds. At least 100 milliseconds; zero keeps the default.
func WithInterval(d time.Duration) Option {
	return optionFunc(func(s *settings) { s.interval = d })
}

// WithBaselines judges by these besides those of the files. Calls add up.
func WithBaselines(b ...views.Baseline) Option {
	return optionFunc(func(s *settings) { s.baselines = append(s.baselines, b...) })
}

// WithRules shapes metrics: attributes to keep or to drop, buckets, names. They
// are composed with the view that the baselines need, as [views.Compose] says.
// Calls add up.
func WithRules(r ...views.Rule) Option {
	return optionFunc(func(s *settings) { s.rules = append(s.rules, r...) })
}

// WithExporter exports to e besides the exporters of the files and variables.
// It gets a queue of its own, and is shut down with the Monitor. What is judged is
// the data of one temporality: cumulative if an exporter wants only that, else
// what the first one wants. Exporters of another get the metrics about baselines
// as the newest evaluation left them, which may be that of one interval before.
// Calls add up.
func WithExporter(e sdkmetric.Exporter) Option {
	return optionFunc(func(s *settings) {
		if e != nil {
			s.exporters = append(s.exporters, e)
		}
	})
}

// WithReader registers a reader, such as the Prometheus exporter. It sees the
// same metrics and views, but neither what the Processor adds nor values given
// to [Monitor.Record], and it is not what is judged. It is shut down with the
// Monitor. It goes with the SDK's own aggregation only, not with [WithHotRoad].
// Calls add up.
func WithReader(r sdkmetric.Reader) Option {
	return optionFunc(func(s *settings) {
		if r != nil {
			s.readers = append(s.readers, r)
		}
	})
}

// WithNotify tells f of alerts too. It may block and fail: it has a queue of
// its own, is tried again, and given up with its context. Calls add up.
func WithNotify(f func(context.Context, views.Alert) error) Option {
	return optionFunc(func(s *settings) {
		if f != nil {
			s.sinks = append(s.sinks, notify.Target{Name: "func", Send: f})
		}
	})
}

// WithGlobal makes the Monitor's MeterProvider the global one of OpenTelemetry.
// The default is not to touch globals.
func WithGlobal() Option {
	return optionFunc(func(s *settings) { s.global = true })
}

// WithHotRoad aggregates durations outside the SDK, at a fraction of its cost,
// as monitoring.hot_road = true does. Exports are what they would have been;
// package hotroad says what differs. The default is the configuration's, else
// the SDK's own aggregation.
func WithHotRoad() Option {
	return optionFunc(func(s *settings) { s.hotRoad = true })
}

// WithLogger sets where the Monitor reports trouble of its own: exports that
// fail, keys that have no effect yet, baselines that match nothing. The
// default, and nil, is slog.Default.
func WithLogger(l *slog.Logger) Option {
	return optionFunc(func(s *settings) { s.logger = l })
}

// WithConsole sets where alerting.console_output writes alerts. The default,
// and nil, is os.Stderr.
func WithConsole(w io.Writer) Option {
	return optionFunc(func(s *settings) {
		if w != nil {
			s.console = w
		}
	})
}

// WithStdout sets where the exporter "console" writes metrics. The default, and
// nil, is os.Stdout.
func WithStdout(w io.Writer) Option {
	return optionFunc(func(s *settings) {
		if w != nil {
			s.stdout = w
		}
	})
}
