package config

import (
	"path/filepath"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/views"
)

// A Config is the resolved configuration. Its fields mirror the tables of the
// files, with durations as such; [Keys] documents each. Go code may change them
// and then asks [Config.Validate].
type Config struct {
	Monitoring Monitoring
	Metrics    Metrics
	Alerting   Alerting

	// Targets holds [baseline_targets] by short name, in the unit that the name
	// ends in.
	Targets    map[string]float64
	Thresholds Thresholds
	Output     Output
	Export     Export
	Resource   Resource

	// Where alerts go besides what Alerting names.
	Alertmanager Alertmanager
	Webhook      Webhook

	// Tables are the [[baseline]] tables, in the order of their first appearance.
	Tables []Table

	at    map[string]position // where each key was set that was set
	files []string            // those read, in their order
}

// Monitoring is the [monitoring] table.
type Monitoring struct {
	Enabled               bool
	Interval              time.Duration
	Retention             time.Duration
	AlertThresholdPercent float64
	SampleRate            int
	MemoryTracking        bool
	CPUProfiling          bool
	HeapProfiling         bool
	ThroughputOf          string // "http", "operations" or "": whichever is served
	HotRoad               bool
}

// Metrics is the [metrics] table: what is recorded and judged at all.
type Metrics struct {
	AllocationLatency bool
	MemoryUsage       bool
	SearchPerformance bool
	Throughput        bool
	ErrorRate         bool
}

// Alerting is the [alerting] table.
type Alerting struct {
	Enabled       bool
	ConsoleOutput bool
	LogFile       string // as written; see [Config.Paths]
	LogEvents     bool
	Evidence      bool
	StateFile     string // as written; see [Config.Paths]
}

// Thresholds is the [thresholds] table: hard limits, 0 where there is none.
type Thresholds struct {
	MaxMemoryMB       float64
	MaxCPUPercent     float64
	MaxResponseTimeMS float64
}

// Output is the [output] table. Files are as written; see [Config.Paths].
type Output struct {
	Directory     string
	MetricsFile   string
	ProfilingFile string
}

// Export is the [export] table.
type Export struct {
	// Names lists the exporters as configured; nil where that is left to
	// [Config.Exporters].
	Names []string

	// QueueSize is how many batches wait for one exporter.
	QueueSize int

	// File is where the exporter "file" writes, as written; see [Config.Paths].
	File string

	// OTLP is for the exporter "otlp".
	OTLP OTLP

	// ReaderTimeout bounds one collection, by OTEL_METRIC_EXPORT_TIMEOUT; 0 is
	// the SDK's own.
	ReaderTimeout time.Duration
}

// OTLP is the part of [export] that the OTLP exporters take. A zero field is
// not to be passed to them as an option, as options go before the variables
// that they read themselves.
type OTLP struct {
	Endpoint string // as written; see [OTLP.URL]
	Protocol string // "grpc" or "http/protobuf", never empty

	// Headers go with every request. They carry credentials: neither print nor
	// store them.
	Headers map[string]string

	Compression string        // "gzip", "none" or ""
	Timeout     time.Duration // of one request
	Temporality string        // "cumulative", "delta" or "lowmemory", never empty

	// Insecure: no TLS for an endpoint that is written without a scheme.
	Insecure bool

	// CAFile, CertFile and KeyFile name PEM files, relative to the working
	// directory. They hold what the variables say where those are set, so that
	// one TLS configuration can be made of both.
	CAFile, CertFile, KeyFile string

	// EndpointFromEnv and HeadersFromEnv say that a variable holds the endpoint,
	// or headers, which the exporters read themselves.
	EndpointFromEnv, HeadersFromEnv bool
}

// TLS reports whether a private authority or a client certificate is configured.
func (o OTLP) TLS() bool { return o.CAFile != "" || o.CertFile != "" || o.KeyFile != "" }

// Resource is the [resource] table.
type Resource struct {
	ServiceName       string
	ServiceInstanceID string
	ServiceVersion    string
	ServiceNamespace  string
	Attributes        []attribute.KeyValue
}

// A Table is one [[baseline]] table.
type Table struct {
	views.Baseline

	at   position
	keys map[string]position // those that were set
}

// Default returns the configuration without any file.
func Default() *Config {
	return &Config{
		Monitoring: Monitoring{
			Enabled:               true,
			Interval:              time.Minute,
			Retention:             24 * time.Hour,
			AlertThresholdPercent: views.DefaultThresholdPercent,
			SampleRate:            100,
			MemoryTracking:        true,
			HeapProfiling:         true,
		},
		Metrics:  Metrics{true, true, true, true, true},
		Alerting: Alerting{Enabled: true, ConsoleOutput: true},
		Targets:  map[string]float64{},
		Output:   Output{Directory: ".", ProfilingFile: "cpu_profile.prof"},
		Export: Export{
			QueueSize: 64,
			File:      "metrics.jsonl",
			OTLP: OTLP{
				Protocol:    "http/protobuf",
				Temporality: "cumulative",
			},
		},
		at: map[string]position{},
	}
}

// IsSet reports whether a file or a variable set the key, whatever to.
func (c *Config) IsSet(key string) bool {
	_, ok := c.at[key]
	return ok
}

// MemoryEnabled reports whether the process' memory is measured: both
// metrics.memory_usage and monitoring.memory_tracking say so.
func (c *Config) MemoryEnabled() bool {
	return c.Metrics.MemoryUsage && c.Monitoring.MemoryTracking
}

// DisabledOperations returns the names of the operations that are switched off
// in [metrics]: "allocation", "search", both or none.
func (c *Config) DisabledOperations() []string {
	var names []string
	if !c.Metrics.AllocationLatency {
		names = append(names, "allocation")
	}
	if !c.Metrics.SearchPerformance {
		names = append(names, "search")
	}
	return names
}

// Paths are the places of all files, absolute or relative to the working
// directory. A file that is not configured is "".
type Paths struct {
	Directory string // output.directory
	AlertLog  string // alerting.log_file
	State     string // alerting.state_file
	Metrics   string // output.metrics_file
	Profile   string // output.profiling_file
	Export    string // export.file
	Evidence  string // the folder that evidence goes to
}

// Paths resolves the files: those written without an absolute path are inside
// output.directory. It touches no file.
func (c *Config) Paths() Paths {
	return Paths{
		Directory: filepath.Clean(c.Output.Directory),
		AlertLog:  c.inDirectory(c.Alerting.LogFile),
		State:     c.inDirectory(c.Alerting.StateFile),
		Metrics:   c.inDirectory(c.Output.MetricsFile),
		Profile:   c.inDirectory(c.Output.ProfilingFile),
		Export:    c.inDirectory(c.Export.File),
		Evidence:  c.inDirectory("evidence"),
	}
}

func (c *Config) inDirectory(file string) string {
	if file == "" {
		return ""
	}
	if filepath.IsAbs(file) {
		return filepath.Clean(file)
	}
	return filepath.Join(c.Output.Directory, file)
}
