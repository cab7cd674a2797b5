package config

import (
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/views"
)

// A Key documents one key.
type Key struct {
	// Name is the full key. "baseline." stands for [[baseline]] tables, and
	// "<operation>" for the name of any operation.
	Name string
	// Type is how it is written in TOML.
	Type string
	// Default is the value in TOML where the key is left out; empty: none.
	Default string
	// Range says which values are accepted; empty: all of the type.
	Range string
	// Unit is that of a number.
	Unit string
	// Meaning is what it does, in one or two sentences.
	Meaning string
}

// Keys returns every key that a file may have, in the order of the documentation.
func Keys() []Key {
	defaults, table := Default(), Table{}
	table.Target = math.NaN()
	var keys []Key
	for _, f := range fields() {
		k := f.Key
		k.Default = f.show(defaults)
		if keys = append(keys, k); k.Name == lastBeforeTargets {
			keys = append(keys, targetKeys()...)
		}
	}
	for _, f := range tableFields() {
		k := f.Key
		if k.Name = "baseline." + k.Name; k.Default == "" {
			k.Default = f.show(&table)
		}
		keys = append(keys, k)
	}
	return keys
}

// The documentation puts [baseline_targets], whose names are patterns and not
// fields, behind this key.
const lastBeforeTargets = "alerting.state_file"

var (
	percentages = limits{lo: 100, hi: 10_000}
	exporters   = []string{"otlp", "console", "file", "none"}
	protocols   = []string{"grpc", "http/protobuf"}
	temporality = []string{"cumulative", "delta", "lowmemory"}
	compression = []string{"gzip", "none"}
)

// fields are the keys outside [baseline_targets] and [[baseline]].
func fields() []field[Config] {
	return slices.Concat(coreFields(), alertmanagerFields(), webhookFields())
}

func coreFields() []field[Config] {
	return []field[Config]{
		boolean("monitoring.enabled", "`false`: everything is a no-op and costs nothing.",
			func(c *Config) *bool { return &c.Monitoring.Enabled }),
		span("monitoring.interval_seconds", "s", time.Second, limits{lo: 0.1, hi: 86_400},
			"Collect, evaluate and export this often. `OTEL_METRIC_EXPORT_INTERVAL` overrides it.",
			func(c *Config) *time.Duration { return &c.Monitoring.Interval }),
		span("monitoring.metrics_retention_hours", "h", time.Hour, limits{lo: 0, hi: 8784},
			"How long history is kept, in memory and in `output.metrics_file`; 0 keeps none.",
			func(c *Config) *time.Duration { return &c.Monitoring.Retention }),
		decimal("monitoring.alert_threshold_percent", "%", percentages,
			"Alert when worse than this share of the target: 120 is above target × 1.20, or below target × 0.80 where lower is worse; there it must be below 200. For `[baseline_targets]`, and for `[[baseline]]` tables without a `threshold_percent`.",
			func(c *Config) *float64 { return &c.Monitoring.AlertThresholdPercent }),
		whole("monitoring.sample_rate", "1/s", limits{lo: 1, hi: 10_000},
			"CPU profile samples per second, capped at what the kernel really gives.",
			func(c *Config) *int { return &c.Monitoring.SampleRate }),
		boolean("monitoring.memory_tracking", "Measure the process' memory, and put heap profiles into evidence, unless `heap_profiling` is off.",
			func(c *Config) *bool { return &c.Monitoring.MemoryTracking }),
		boolean("monitoring.cpu_profiling", "Profile in windows; `output.profiling_file` is always the last whole one.",
			func(c *Config) *bool { return &c.Monitoring.CPUProfiling }),
		boolean("monitoring.heap_profiling", "Let the runtime sample allocations for heap profiles, as it does in every program that can write them. `false` ends that for the whole program, also where `enabled` is `false`: evidence has no heap profile then, and one by net/http/pprof only what was sampled before.",
			func(c *Config) *bool { return &c.Monitoring.HeapProfiling }),
		word("monitoring.throughput_of", []string{"http", "operations"},
			"What `throughput_qps` counts. Unless set: HTTP requests once one was served, else operations.",
			func(c *Config) *string { return &c.Monitoring.ThroughputOf }),
		boolean("monitoring.hot_road", "Aggregate durations outside the SDK, for operations that take microseconds.",
			func(c *Config) *bool { return &c.Monitoring.HotRoad }),

		boolean("metrics.allocation_latency", "Record and judge the operation `allocation`.",
			func(c *Config) *bool { return &c.Metrics.AllocationLatency }),
		boolean("metrics.memory_usage", "Record and judge the process' memory.",
			func(c *Config) *bool { return &c.Metrics.MemoryUsage }),
		boolean("metrics.search_performance", "Record and judge the operation `search`.",
			func(c *Config) *bool { return &c.Metrics.SearchPerformance }),
		boolean("metrics.throughput", "Judge how much is served: every baseline of a rate of requests or operations.",
			func(c *Config) *bool { return &c.Metrics.Throughput }),
		boolean("metrics.error_rate", "Judge failures: every baseline of an error ratio.",
			func(c *Config) *bool { return &c.Metrics.ErrorRate }),

		boolean("alerting.enabled", "Judge at all. `false`: values are computed and shown, nothing alerts.",
			func(c *Config) *bool { return &c.Alerting.Enabled }),
		boolean("alerting.console_output", "Write alerts to stderr.",
			func(c *Config) *bool { return &c.Alerting.ConsoleOutput }),
		path("alerting.log_file", "Append alerts to this file as JSON lines; empty: none. Inside `output.directory` unless absolute.",
			func(c *Config) *string { return &c.Alerting.LogFile }),
		boolean("alerting.log_events", "Send alerts as OpenTelemetry log events too, to the OTLP endpoint that metrics go to. Needs the exporter `otlp`.",
			func(c *Config) *bool { return &c.Alerting.LogEvents }),
		boolean("alerting.evidence", "Gather profiles and a trace when an alert fires, in the folder `evidence` of `output.directory`.",
			func(c *Config) *bool { return &c.Alerting.Evidence }),
		path("alerting.state_file", "Keep the state of alerts and the service instance's id here, across restarts; empty: none. Inside `output.directory` unless absolute.",
			func(c *Config) *string { return &c.Alerting.StateFile }),

		decimal("thresholds.max_memory_mb", "MiB", limits{lo: 0, hi: 1e9, above: true},
			"Hard limit of resident memory: alert above the value itself.",
			func(c *Config) *float64 { return &c.Thresholds.MaxMemoryMB }),
		decimal("thresholds.max_cpu_percent", "%", limits{lo: 0, hi: 100, above: true},
			"Hard limit of the share of the CPUs available to the process.",
			func(c *Config) *float64 { return &c.Thresholds.MaxCPUPercent }),
		decimal("thresholds.max_response_time_ms", "ms", limits{lo: 0, hi: 86_400_000, above: true},
			"Hard limit of the p95 of HTTP requests, for each route, streams apart.",
			func(c *Config) *float64 { return &c.Thresholds.MaxResponseTimeMS }),

		required(path("output.directory", "Where files go that are not given by an absolute path. Relative to the working directory.",
			func(c *Config) *string { return &c.Output.Directory })),
		path("output.metrics_file", "Keep history here as OTLP JSON lines; empty: in memory only. Inside `output.directory` unless absolute.",
			func(c *Config) *string { return &c.Output.MetricsFile }),
		path("output.profiling_file", "The last whole CPU profile, where `monitoring.cpu_profiling` is on. Inside `output.directory` unless absolute.",
			func(c *Config) *string { return &c.Output.ProfilingFile }),

		list("export.exporters", quoted(exporters)+"; several at once, `none` alone",
			"Where metrics go: an OTLP endpoint, standard output, `export.file`, nowhere. Unless set: `otlp` where an endpoint is configured here or by variable, else `none`. `OTEL_METRICS_EXPORTER` overrides it.",
			func(s string) string {
				if !slices.Contains(exporters, s) {
					return unknown(s, exporters)
				}
				return ""
			},
			func(c *Config, names []string) { c.Export.Names = names }),
		checked(required(text("export.endpoint", maxText,
			"URL of the OTLP receiver, or host:port. Over HTTP a path is used as it is; without one it is `/v1/metrics`. Unless set: `http://localhost:4318`, or 4317 for gRPC.",
			func(c *Config) *string { return &c.Export.OTLP.Endpoint })), checkEndpoint),
		word("export.protocol", protocols, "How OTLP is spoken.",
			func(c *Config) *string { return &c.Export.OTLP.Protocol }),
		headers("export.headers", "Headers, or gRPC metadata, of every request. Credentials are better kept in `OTEL_EXPORTER_OTLP_HEADERS`.",
			func(c *Config) *map[string]string { return &c.Export.OTLP.Headers }),
		word("export.compression", compression, "Compress what is sent. Unless set: none.",
			func(c *Config) *string { return &c.Export.OTLP.Compression }),
		span("export.timeout_seconds", "s", time.Second, limits{lo: 0.1, hi: 600},
			"How long one request may take. Unless set: 10.",
			func(c *Config) *time.Duration { return &c.Export.OTLP.Timeout }),
		word("export.temporality", temporality, "Whether counts go out as totals since start or as what the interval added.",
			func(c *Config) *string { return &c.Export.OTLP.Temporality }),
		boolean("export.insecure", "No TLS, for an endpoint that is written without `http://` or `https://`.",
			func(c *Config) *bool { return &c.Export.OTLP.Insecure }),
		path("export.ca_file", "PEM file of the authorities that the endpoint's certificate is checked with. Unless set: the system's. Relative to the working directory.",
			func(c *Config) *string { return &c.Export.OTLP.CAFile }),
		path("export.cert_file", "PEM file of the client's certificate. Needs `export.key_file`.",
			func(c *Config) *string { return &c.Export.OTLP.CertFile }),
		path("export.key_file", "PEM file of the client's private key. Needs `export.cert_file`.",
			func(c *Config) *string { return &c.Export.OTLP.KeyFile }),
		whole("export.queue_size", "batches", limits{lo: 1, hi: 10_000},
			"How many batches wait for each exporter that is slow or down, before the oldest is dropped. Cumulative batches replace each other and need one.",
			func(c *Config) *int { return &c.Export.QueueSize }),
		required(path("export.file", "What the exporter `file` writes, as OTLP JSON lines. Inside `output.directory` unless absolute.",
			func(c *Config) *string { return &c.Export.File })),

		text("resource.service_name", maxText, "The resource attribute `service.name`. `OTEL_SERVICE_NAME` overrides it. Unless set: `unknown_service:` and the program's name.",
			func(c *Config) *string { return &c.Resource.ServiceName }),
		text("resource.service_instance_id", maxText, "The resource attribute `service.instance.id`. Unless set: a random one, kept in `alerting.state_file` if there is one.",
			func(c *Config) *string { return &c.Resource.ServiceInstanceID }),
		text("resource.service_version", maxText, "The resource attribute `service.version`.",
			func(c *Config) *string { return &c.Resource.ServiceVersion }),
		text("resource.service_namespace", maxText, "The resource attribute `service.namespace`.",
			func(c *Config) *string { return &c.Resource.ServiceNamespace }),
		resourceAttributes("resource.attributes", "Further resource attributes. `OTEL_RESOURCE_ATTRIBUTES` overrides them one by one.",
			func(c *Config) *[]attribute.KeyValue { return &c.Resource.Attributes }),
	}
}

var statistics = []string{"mean", "p50", "p75", "p90", "p95", "p99", "p99.9", "max", "rate", "error_ratio", "value"}

const maxWait = 7 * 24 * time.Hour

// tableFields are the keys of a [[baseline]] table.
func tableFields() []field[Table] {
	return []field[Table]{
		required(text("name", maxName, "What alerts and tables call it. Required.",
			func(t *Table) *string { return &t.Name })),
		required(text("metric", 255, "The metric to judge, such as `http.server.request.duration`. Required.",
			func(t *Table) *string { return &t.Metric })),
		attributes("match", "Attributes that a series must have, with these values. Unless set: every series of the metric.",
			func(t *Table) *[]attribute.KeyValue { return &t.Match }),
		list("by", "attribute names", "Attributes that tell groups apart, each judged by itself, such as `http.route`. Unless set: one group.",
			func(s string) string {
				if strings.TrimSpace(s) == "" {
					return "is empty: want an attribute's name"
				}
				return checkText(s, 255)
			},
			func(t *Table, names []string) {
				t.By = nil
				for _, n := range names {
					t.By = append(t.By, attribute.Key(n))
				}
			}),
		statistic(),
		inUnit("`unit`", decimal("target", "", limits{lo: 0, hi: 1e15},
			"The expected value. At 0 any positive value alerts. Required, except beside `relative`, the `objective` of an `error_ratio`, and `fleet_target` (then the value is only shown in the process).",
			func(t *Table) *float64 { return &t.Target })),
		unit(),
		choice("direction", []string{"higher", "lower"}, "Which side of the target is worse.",
			func(t *Table) string { return t.Direction.String() },
			func(t *Table, s string) {
				t.Direction = views.HigherIsWorse
				if s == "lower" {
					t.Direction = views.LowerIsWorse
				}
			}),
		inherited(decimal("threshold_percent", "%", percentages,
			"Alert when worse than this share of the target. Below 200 where lower is worse.",
			func(t *Table) *float64 { return &t.ThresholdPercent }), "monitoring.alert_threshold_percent"),
		inherited(decimal("clear_percent", "%", limits{lo: 0, hi: 10_000, above: true},
			"A firing alert resolves when back at this level. Not beyond `threshold_percent`.",
			func(t *Table) *float64 { return &t.ClearPercent }), "threshold_percent"),
		inherited(duration("for", maxWait, "How long it must be worse before it fires; 0s: at the first interval.",
			func(t *Table) *time.Duration { return &t.For }), `"0s"`),
		inherited(duration("keep_firing_for", maxWait, "How long it must be back before it resolves; 0s: at once.",
			func(t *Table) *time.Duration { return &t.KeepFiringFor }), `"0s"`),
		inherited(duration("remind", maxWait, "Tell again of an alert that still fires, each time that so much time has passed; 0s: never.",
			func(t *Table) *time.Duration { return &t.Remind }), `"0s"`),
		whole("min_count", "measurements", limits{lo: 0, hi: 1e9},
			"An interval with fewer counts neither for nor against. Unless set, or 0: 20 for mean, error_ratio, p95 and below, 100 for p99, 1000 for p99.9, 1 for max, rate and value.",
			func(t *Table) *uint64 { return &t.MinCount }),
		choice("no_data", []string{"resolve", "keep", "alert"}, "What becomes of an alert after three silent intervals.",
			func(t *Table) string { return t.NoData.String() },
			func(t *Table, s string) {
				t.NoData = map[string]views.NoData{"keep": views.NoDataKeep, "alert": views.NoDataAlert}[s]
			}),
		text("active", 255, "The metric that counts calls in flight, so that hanging calls are not taken for silence; `-`: none. Unless set: the known companion of `metric`.",
			func(t *Table) *string { return &t.Active }),
		text("unless", 255, "A metric that takes over: once it was seen, this baseline is not judged any more.",
			func(t *Table) *string { return &t.Unless }),
		whole("max_firing", "groups", limits{lo: -1, hi: 10_000},
			"How many groups may fire at once and be told one by one; those on top are told in one alert. -1: no limit. Unless set, or 0: 50.",
			func(t *Table) *int { return &t.MaxFiring }),
		whole("relative", "intervals", limits{lo: 0, hi: 10_000},
			"Instead of `target`: the mean of so many intervals of the group's own past, those that breached left out.",
			func(t *Table) *int { return &t.Relative }),
		whole("warm_up", "intervals", limits{lo: 0, hi: 10_000},
			"How many intervals a `relative` target needs before it judges. Unless set, or 0: all of them.",
			func(t *Table) *int { return &t.WarmUp }),
		decimal("objective", "", limits{lo: 0, hi: 0.999999, above: true},
			"Judge by burn rate: the share of measurements that have to be good, such as 0.999. Bad are failures for `error_ratio`, else values beyond `target`.",
			func(t *Table) *float64 { return &t.Objective }),
		burn(),
		text("severity", maxName, "Goes with the alert as it is, such as `page`.",
			func(t *Table) *string { return &t.Severity }),
		texts("labels", "Go with the alert as they are.", false,
			func(t *Table) *map[string]string { return &t.Labels }),
		texts("annotations", "Go with the alert as they are: a summary, a runbook's address.", false,
			func(t *Table) *map[string]string { return &t.Annotations }),
		inUnit("`unit`", decimal("fleet_target", "", limits{lo: 0, hi: 1e15, above: true},
			"The target of the sum over all instances, for generated rules. Means nothing inside one process.",
			func(t *Table) *float64 { return &t.FleetTarget })),
	}
}

// burn is a list of windows, each written as long/short/factor.
func burn() field[Table] {
	return list("burn", "`long/short/factor`", "The windows of an `objective`: it alerts while both burn the error budget more than factor times as fast as they may, such as `[\"1h/5m/14.4\"]`. Unless set: 1h/5m/14.4 and 6h/30m/6.",
		func(s string) string {
			_, wrong := burnWindow(s)
			return wrong
		},
		func(t *Table, entries []string) {
			t.Burn = nil
			for _, s := range entries {
				w, _ := burnWindow(s)
				t.Burn = append(t.Burn, w)
			}
		})
}

func burnWindow(s string) (w views.BurnWindow, wrong string) {
	const want = ": want a long window, a short one and a factor, such as \"1h/5m/14.4\""
	parts := strings.Split(s, "/")
	if len(parts) != 3 {
		return w, "= " + quote(s) + want
	}
	var errs [3]error
	w.Long, errs[0] = time.ParseDuration(parts[0])
	w.Short, errs[1] = time.ParseDuration(parts[1])
	w.Factor, errs[2] = strconv.ParseFloat(parts[2], 64)
	if errors.Join(errs[:]...) != nil || w.Short <= 0 || w.Long <= w.Short || w.Long > 31*24*time.Hour || !(w.Factor > 0) || math.IsInf(w.Factor, 0) {
		return w, "= " + quote(s) + want
	}
	return w, ""
}

// inherited documents a default that is not a value of its own.
func inherited[T any](f field[T], from string) field[T] {
	f.Default = from
	return f
}

// checked adds a check of a text's form.
func checked[T any](f field[T], check func(string) string) field[T] {
	set := f.set
	f.set = func(t *T, v any) string {
		if s, ok := v.(string); ok {
			if wrong := check(s); wrong != "" {
				return wrong
			}
		}
		return set(t, v)
	}
	return f
}

func statistic() field[Table] {
	f := text("statistic", maxName, "What is computed from an interval and compared with the target. Required.",
		func(t *Table) *string { return (*string)(&t.Statistic) })
	f.Range = quoted(statistics) + `, or another quantile such as "p97.5"`
	return checked(f, func(s string) string {
		if _, quantile := views.Statistic(s).Quantile(); quantile || slices.Contains(statistics, s) {
			return ""
		}
		return unknown(s, statistics)
	})
}

// unit leaves it to package views which units there are.
func unit() field[Table] {
	f := text("unit", 32, "The unit of `target` and of what alerts show: `ms` for a metric in seconds, `MiB` for one in bytes, `%` for a ratio. Unless set: the metric's own.",
		func(t *Table) *string { return &t.Unit })
	return checked(f, func(s string) string {
		if checkText(s, 32) != "" {
			return ""
		}
		probe := views.Baseline{Name: "unit", Metric: "unit", Statistic: views.Value, Unit: s}
		if err := probe.Validate(); err != nil {
			return "= " + quote(s) + ": " + firstFault(probe, err)
		}
		return ""
	})
}

// headers is a table of strings whose names must be fit for HTTP. gRPC wants
// them in lower case, as HTTP/2 sends them anyway.
func headers(name, meaning string, at func(*Config) *map[string]string) field[Config] {
	f := texts(name, meaning, true, at)
	put := f.put
	f.put = func(c *Config, name string, v any) string {
		if !bareKey(name) {
			return "is no name of a header: want letters, digits, - and _"
		}
		for k := range *at(c) { // a later file may write it differently
			if http.CanonicalHeaderKey(k) == http.CanonicalHeaderKey(name) {
				delete(*at(c), k)
			}
		}
		return put(c, name, v)
	}
	return f
}

// serviceKeys are the resource attributes with a key of their own.
var serviceKeys = []struct {
	attribute attribute.Key
	key       string
	at        func(*Resource) *string
}{
	{"service.name", "resource.service_name", func(r *Resource) *string { return &r.ServiceName }},
	{"service.instance.id", "resource.service_instance_id", func(r *Resource) *string { return &r.ServiceInstanceID }},
	{"service.version", "resource.service_version", func(r *Resource) *string { return &r.ServiceVersion }},
	{"service.namespace", "resource.service_namespace", func(r *Resource) *string { return &r.ServiceNamespace }},
}

func resourceAttributes(name, meaning string, at func(*Config) *[]attribute.KeyValue) field[Config] {
	f := attributes(name, meaning, at)
	put := f.put
	f.put = func(c *Config, name string, v any) string {
		for _, s := range serviceKeys {
			if string(s.attribute) == name {
				return "has a key of its own: write it as " + s.key
			}
		}
		return put(c, name, v)
	}
	return f
}
