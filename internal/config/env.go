package config

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
)

const otlpPrefix = "OTEL_EXPORTER_OTLP_"

// ApplyEnv overrides c by the variables of OpenTelemetry; lookup is
// [os.LookupEnv] or stands in for it. An empty variable counts as not set.
//
// A variable that cannot be used is left out, as the specification asks, all
// others are applied, and the error names those left out, on one line. It is
// for the caller to fail or to log it.
//
// Endpoint, headers and the histogram aggregation are left to the OTLP exporters,
// which read the variables themselves and let options override them: the
// files' endpoint, or headers, are removed from c where the variable is set, so
// that nothing is left to pass. All others are resolved into c's fields:
// exporters, protocol, compression, timeout, temporality, insecure and TLS
// files, the interval, the reader's timeout, OTEL_SDK_DISABLED and the resource.
func (c *Config) ApplyEnv(lookup func(string) (string, bool)) error {
	e := environment{config: c, lookup: lookup}
	e.general()
	e.otlp()
	e.resource()
	if len(e.wrong) > 0 {
		return &Error{Message: strings.Join(e.wrong, "; ")}
	}
	return nil
}

type environment struct {
	config *Config
	lookup func(string) (string, bool)
	wrong  []string
}

// get returns a variable's value without the space around it; ok is false for an
// empty one.
func (e *environment) get(name string) (value string, ok bool) {
	value, _ = e.lookup(name)
	value = strings.TrimSpace(value)
	return value, value != ""
}

// signal returns the variable for metrics, else the one for all signals.
func (e *environment) signal(name string) (variable, value string, ok bool) {
	for _, variable := range []string{otlpPrefix + "METRICS_" + name, otlpPrefix + name} {
		if value, ok := e.get(variable); ok {
			return variable, value, true
		}
	}
	return "", "", false
}

func (e *environment) bad(variable, value, want string) {
	e.wrong = append(e.wrong, fmt.Sprintf("%s = %s: want %s", variable, quote(value), want))
}

// set marks a key as set by a variable.
func (e *environment) set(key, variable string) {
	if e.config.at == nil {
		e.config.at = map[string]position{}
	}
	e.config.at[key] = position{file: variable}
}

// milliseconds reads a duration; longest is in the text that asks for another one.
func (e *environment) milliseconds(variable, value string, shortest, longest time.Duration) (time.Duration, bool) {
	ms, err := strconv.ParseInt(value, 10, 64)
	if err != nil || ms < shortest.Milliseconds() || ms > longest.Milliseconds() {
		e.bad(variable, value, fmt.Sprintf("milliseconds, from %d to %d", shortest.Milliseconds(), longest.Milliseconds()))
		return 0, false
	}
	return time.Duration(ms) * time.Millisecond, true
}

func (e *environment) boolean(variable, value string) (b, ok bool) {
	switch strings.ToLower(value) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	e.bad(variable, value, "true or false")
	return false, false
}

func (e *environment) general() {
	c := e.config
	if v, ok := e.get("OTEL_SDK_DISABLED"); ok {
		if disabled, ok := e.boolean("OTEL_SDK_DISABLED", v); ok && disabled {
			c.Monitoring.Enabled = false
			e.set("monitoring.enabled", "OTEL_SDK_DISABLED")
		}
	}
	if v, ok := e.get("OTEL_METRIC_EXPORT_INTERVAL"); ok {
		if d, ok := e.milliseconds("OTEL_METRIC_EXPORT_INTERVAL", v, 100*time.Millisecond, 24*time.Hour); ok {
			c.Monitoring.Interval = d
			e.set("monitoring.interval_seconds", "OTEL_METRIC_EXPORT_INTERVAL")
		}
	}
	if v, ok := e.get("OTEL_METRIC_EXPORT_TIMEOUT"); ok {
		if d, ok := e.milliseconds("OTEL_METRIC_EXPORT_TIMEOUT", v, time.Millisecond, 24*time.Hour); ok {
			c.Export.ReaderTimeout = d
		}
	}
	if v, ok := e.get("OTEL_METRICS_EXPORTER"); ok {
		e.exporters(v)
	}
}

// exporters reads the list of OTEL_METRICS_EXPORTER. "logging" is the old name
// of "console".
func (e *environment) exporters(value string) {
	const variable = "OTEL_METRICS_EXPORTER"
	var names []string
	for name := range strings.SplitSeq(value, ",") {
		if name = strings.ToLower(strings.TrimSpace(name)); name == "logging" {
			name = "console"
		}
		if !slices.Contains(exporters, name) {
			e.bad(variable, value, "a list of "+quoted(exporters))
			return
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > 1 && slices.Contains(names, "none") {
		e.bad(variable, value, "\"none\" alone, or the others")
		return
	}
	e.config.Export.Names = names
	e.set("export.exporters", variable)
}

func (e *environment) otlp() {
	o := &e.config.Export.OTLP
	if variable, _, ok := e.signal("ENDPOINT"); ok {
		// With the file's endpoint goes what was said of it alone.
		o.Endpoint, o.Insecure, o.EndpointFromEnv = "", false, true
		e.set("export.endpoint", variable)
	}
	if variable, _, ok := e.signal("HEADERS"); ok {
		o.Headers, o.HeadersFromEnv = nil, true
		e.set("export.headers", variable)
	}
	word := func(name, key string, choices []string, at *string) {
		variable, value, ok := e.signal(name)
		if !ok {
			return
		}
		if value = strings.ToLower(value); !slices.Contains(choices, value) {
			e.bad(variable, value, quoted(choices))
			return
		}
		*at = value
		e.set(key, variable)
	}
	word("PROTOCOL", "export.protocol", protocols, &o.Protocol)
	word("COMPRESSION", "export.compression", compression, &o.Compression)
	if variable, value, ok := e.signal("TIMEOUT"); ok {
		if d, ok := e.milliseconds(variable, value, time.Millisecond, 10*time.Minute); ok {
			o.Timeout = d
			e.set("export.timeout_seconds", variable)
		}
	}
	if variable, value, ok := e.signal("INSECURE"); ok && !o.EndpointFromEnv {
		if b, ok := e.boolean(variable, value); ok {
			o.Insecure = b
			e.set("export.insecure", variable)
		}
	}
	const preference = otlpPrefix + "METRICS_TEMPORALITY_PREFERENCE"
	if value, ok := e.get(preference); ok {
		if value = strings.ToLower(value); slices.Contains(temporality, value) {
			o.Temporality = value
			e.set("export.temporality", preference)
		} else {
			e.bad(preference, value, quoted(temporality))
		}
	}
	file := func(name, key string, at *string) {
		if variable, value, ok := e.signal(name); ok {
			*at = value
			e.set(key, variable)
		}
	}
	file("CERTIFICATE", "export.ca_file", &o.CAFile)
	file("CLIENT_CERTIFICATE", "export.cert_file", &o.CertFile)
	file("CLIENT_KEY", "export.key_file", &o.KeyFile)
}

// resource reads OTEL_RESOURCE_ATTRIBUTES, key=value pairs with percent-encoded
// values, and OTEL_SERVICE_NAME, which goes first. The specification has a
// list with an error discarded as a whole.
func (e *environment) resource() {
	const variable = "OTEL_RESOURCE_ATTRIBUTES"
	r := &e.config.Resource
	if list, ok := e.get(variable); ok {
		var kvs []attribute.KeyValue
		good := true
		for pair := range strings.SplitSeq(list, ",") {
			if strings.TrimSpace(pair) == "" {
				continue
			}
			key, text, found := strings.Cut(pair, "=")
			value, err := url.PathUnescape(strings.TrimSpace(text))
			if key = strings.TrimSpace(key); !found || key == "" || err != nil || len(value) > maxText {
				good = false
				break
			}
			kvs = append(kvs, attribute.String(key, value))
		}
		if !good {
			e.bad(variable, list, "key=value pairs with commas between them, percent-encoded")
			kvs = nil
		}
		for _, kv := range kvs {
			e.attribute(kv)
		}
	}
	if name, ok := e.get("OTEL_SERVICE_NAME"); ok {
		r.ServiceName = name
		e.set("resource.service_name", "OTEL_SERVICE_NAME")
	}
}

func (e *environment) attribute(kv attribute.KeyValue) {
	const variable = "OTEL_RESOURCE_ATTRIBUTES"
	r := &e.config.Resource
	for _, s := range serviceKeys {
		if s.attribute == kv.Key {
			*s.at(r) = kv.Value.AsString()
			e.set(s.key, variable)
			return
		}
	}
	r.Attributes = withAttribute(r.Attributes, kv)
	e.set("resource.attributes", variable)
}
