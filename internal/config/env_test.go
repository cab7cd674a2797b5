package config_test

import (
	"reflect"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/internal/config"
)

func environment(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := vars[name]
		return v, ok
	}
}

func TestApplyEnv(t *testing.T) {
	const file = `
[monitoring]
interval_seconds = 5
[export]
exporters = ["console"]
endpoint = "collector:4317"
protocol = "grpc"
insecure = true
compression = "gzip"
timeout_seconds = 3
temporality = "delta"
headers = { a = "b" }
[resource]
service_name = "file"
service_version = "1"
attributes = { "deployment.environment.name" = "test", team = "shop" }
`
	tests := []struct {
		name string
		vars map[string]string
		want func(*config.Config)
	}{
		{"nothing", nil, func(*config.Config) {}},
		{"empty is not set", map[string]string{
			"OTEL_SDK_DISABLED": "", "OTEL_METRIC_EXPORT_INTERVAL": " ", "OTEL_METRICS_EXPORTER": "", "OTEL_EXPORTER_OTLP_ENDPOINT": "",
			"OTEL_EXPORTER_OTLP_HEADERS": "", "OTEL_SERVICE_NAME": "", "OTEL_RESOURCE_ATTRIBUTES": "",
		}, func(*config.Config) {}},
		{"disabled", map[string]string{"OTEL_SDK_DISABLED": "TRUE"}, func(c *config.Config) { c.Monitoring.Enabled = false }},
		{"not disabled", map[string]string{"OTEL_SDK_DISABLED": "false"}, func(*config.Config) {}},
		{"reader", map[string]string{"OTEL_METRIC_EXPORT_INTERVAL": "1500", "OTEL_METRIC_EXPORT_TIMEOUT": "200"}, func(c *config.Config) {
			c.Monitoring.Interval = 1500 * time.Millisecond
			c.Export.ReaderTimeout = 200 * time.Millisecond
		}},
		{"exporters", map[string]string{"OTEL_METRICS_EXPORTER": "otlp, Logging,otlp"}, func(c *config.Config) { c.Export.Names = []string{"otlp", "console"} }},
		{"no exporter", map[string]string{"OTEL_METRICS_EXPORTER": "none"}, func(c *config.Config) { c.Export.Names = []string{"none"} }},
		{"endpoint", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "https://example.com"}, func(c *config.Config) {
			c.Export.OTLP.Endpoint, c.Export.OTLP.Insecure, c.Export.OTLP.EndpointFromEnv = "", false, true
		}},
		{"endpoint of metrics", map[string]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "https://example.com", "OTEL_EXPORTER_OTLP_INSECURE": "true"}, func(c *config.Config) {
			c.Export.OTLP.Endpoint, c.Export.OTLP.Insecure, c.Export.OTLP.EndpointFromEnv = "", false, true
		}},
		{"headers", map[string]string{"OTEL_EXPORTER_OTLP_METRICS_HEADERS": "a=c"}, func(c *config.Config) {
			c.Export.OTLP.Headers, c.Export.OTLP.HeadersFromEnv = nil, true
		}},
		{"metrics before all", map[string]string{
			"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf",
			"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip", "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION": "none",
			"OTEL_EXPORTER_OTLP_TIMEOUT": "1", "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "2500",
			"OTEL_EXPORTER_OTLP_INSECURE": "true", "OTEL_EXPORTER_OTLP_METRICS_INSECURE": "false",
			"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "LowMemory",
		}, func(c *config.Config) {
			o := &c.Export.OTLP
			o.Protocol, o.Compression, o.Timeout, o.Insecure, o.Temporality = "http/protobuf", "none", 2500*time.Millisecond, false, "lowmemory"
		}},
		{"files", map[string]string{
			"OTEL_EXPORTER_OTLP_CERTIFICATE": "ca.pem", "OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE": "metrics.pem",
			"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "cert.pem", "OTEL_EXPORTER_OTLP_CLIENT_KEY": "key.pem",
		}, func(c *config.Config) {
			o := &c.Export.OTLP
			o.CAFile, o.CertFile, o.KeyFile = "metrics.pem", "cert.pem", "key.pem"
		}},
		{"service name", map[string]string{"OTEL_SERVICE_NAME": "env", "OTEL_RESOURCE_ATTRIBUTES": "service.name=list"}, func(c *config.Config) { c.Resource.ServiceName = "env" }},
		{"resource", map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "service.name=list, team=a%2Cb ,service.instance.id=i,service.namespace=n,service.version=2,new=1,"}, func(c *config.Config) {
			c.Resource = config.Resource{
				ServiceName: "list", ServiceInstanceID: "i", ServiceNamespace: "n", ServiceVersion: "2",
				Attributes: []attribute.KeyValue{
					attribute.String("deployment.environment.name", "test"), attribute.String("team", "a,b"), attribute.String("new", "1"),
				},
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, want := load(t, write(t, file)), load(t, write(t, file))
			if err := got.ApplyEnv(environment(tt.vars)); err != nil {
				t.Fatal(err)
			}
			tt.want(want)
			compare(t, got, want)
		})
	}
}

// A variable that cannot be used is named and left out; the others are applied.
func TestApplyEnvErrors(t *testing.T) {
	tests := []struct{ name, value, want string }{
		{"OTEL_SDK_DISABLED", "yes", `OTEL_SDK_DISABLED = "yes": want true or false`},
		{"OTEL_METRIC_EXPORT_INTERVAL", "60s", `OTEL_METRIC_EXPORT_INTERVAL = "60s": want milliseconds, from 100 to 86400000`},
		{"OTEL_METRIC_EXPORT_INTERVAL", "-1", `OTEL_METRIC_EXPORT_INTERVAL = "-1": want milliseconds, from 100 to 86400000`},
		{"OTEL_METRIC_EXPORT_TIMEOUT", "99999999999999999999", `OTEL_METRIC_EXPORT_TIMEOUT = "99999999999999999999": want milliseconds, from 1 to 86400000`},
		{"OTEL_METRICS_EXPORTER", "prometheus", `OTEL_METRICS_EXPORTER = "prometheus": want a list of "otlp", "console", "file" or "none"`},
		{"OTEL_METRICS_EXPORTER", "otlp,none", `OTEL_METRICS_EXPORTER = "otlp,none": want "none" alone, or the others`},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", `OTEL_EXPORTER_OTLP_PROTOCOL = "http/json": want "grpc" or "http/protobuf"`},
		{"OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "zstd", `OTEL_EXPORTER_OTLP_METRICS_COMPRESSION = "zstd": want "gzip" or "none"`},
		{"OTEL_EXPORTER_OTLP_TIMEOUT", "0", `OTEL_EXPORTER_OTLP_TIMEOUT = "0": want milliseconds, from 1 to 600000`},
		{"OTEL_EXPORTER_OTLP_INSECURE", "1", `OTEL_EXPORTER_OTLP_INSECURE = "1": want true or false`},
		{"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "both", `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE = "both": want "cumulative", "delta" or "lowmemory"`},
		{"OTEL_RESOURCE_ATTRIBUTES", "a=1,b", `OTEL_RESOURCE_ATTRIBUTES = "a=1,b": want key=value pairs with commas between them, percent-encoded`},
		{"OTEL_RESOURCE_ATTRIBUTES", "a=%zz", `OTEL_RESOURCE_ATTRIBUTES = "a=%zz": want key=value pairs with commas between them, percent-encoded`},
		{"OTEL_RESOURCE_ATTRIBUTES", "=\x1b[2J", `OTEL_RESOURCE_ATTRIBUTES = "=\x1b[2J": want key=value pairs with commas between them, percent-encoded`},
	}
	for _, tt := range tests {
		got, want := config.Default(), config.Default()
		want.Export.OTLP.Temporality = "delta"
		vars := map[string]string{"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta"}
		if _, same := vars[tt.name]; same {
			want = config.Default()
		}
		vars[tt.name] = tt.value
		err := got.ApplyEnv(environment(vars))
		if err == nil {
			t.Errorf("%s=%q: no error", tt.name, tt.value)
			continue
		}
		checkError(t, err)
		if err.Error() != "config: "+tt.want {
			t.Errorf("%s=%q:\n got %s\nwant config: %s", tt.name, tt.value, err, tt.want)
		}
		compare(t, got, want)
	}
}

func TestApplyEnvReportsAll(t *testing.T) {
	err := config.Default().ApplyEnv(environment(map[string]string{"OTEL_SDK_DISABLED": "?", "OTEL_EXPORTER_OTLP_TIMEOUT": "?"}))
	const want = `config: OTEL_SDK_DISABLED = "?": want true or false; OTEL_EXPORTER_OTLP_TIMEOUT = "?": want milliseconds, from 1 to 600000`
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

// What the variables say is part of the whole that is checked.
func TestValidateAfterEnv(t *testing.T) {
	c := load(t, write(t, "[export]\nendpoint = \"http://example.com\"\n"))
	if err := c.ApplyEnv(environment(map[string]string{"OTEL_EXPORTER_OTLP_CERTIFICATE": "ca.pem"})); err != nil {
		t.Fatal(err)
	}
	err := c.Validate()
	const want = "config: OTEL_EXPORTER_OTLP_CERTIFICATE: export.ca_file needs TLS, but export.endpoint begins with http://: use https://, or drop the file"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestExporters(t *testing.T) {
	tests := []struct {
		file string
		vars map[string]string
		want []string
	}{
		{"[export]\nendpoint = \"http://x\"", nil, []string{"otlp"}},
		{"[export]\nendpoint = \"http://x\"\nexporters = [\"none\"]", nil, nil},
		{"[export]\nexporters = [\"console\", \"file\"]", nil, []string{"console", "file"}},
		{"[export]\nprotocol = \"grpc\"", nil, nil},
		{"[export]", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, []string{"otlp"}},
		{"[export]", map[string]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://x"}, []string{"otlp"}},
		{"[export]\nexporters = [\"console\"]", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, []string{"console"}},
		{"[export]\nexporters = [\"console\"]", map[string]string{"OTEL_METRICS_EXPORTER": "none"}, nil},
	}
	for _, tt := range tests {
		c := load(t, write(t, tt.file))
		if err := c.ApplyEnv(environment(tt.vars)); err != nil {
			t.Fatal(err)
		}
		if got := c.Exporters(); len(got)+len(tt.want) > 0 && !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q, %v: %v, want %v", tt.file, tt.vars, got, tt.want)
		}
	}
}

func TestURL(t *testing.T) {
	tests := []struct{ file, want string }{
		{"", "http://localhost:4318/v1/metrics"},
		{"protocol = \"grpc\"", "http://localhost:4317"},
		{"ca_file = \"ca.pem\"", "https://localhost:4318/v1/metrics"},
		{"endpoint = \"example.com\"", "https://example.com/v1/metrics"},
		{"endpoint = \"example.com:4318\"", "https://example.com:4318/v1/metrics"},
		{"endpoint = \"127.0.0.1:4318\"\ninsecure = true", "http://127.0.0.1:4318/v1/metrics"},
		{"endpoint = \"[::1]:4317\"\nprotocol = \"grpc\"", "https://[::1]:4317"},
		{"endpoint = \"http://example.com/\"", "http://example.com/v1/metrics"},
		{"endpoint = \"https://example.com/otlp/v1/metrics\"", "https://example.com/otlp/v1/metrics"},
		{"endpoint = \"http://collector:4317\"\nprotocol = \"grpc\"", "http://collector:4317"},
	}
	for _, tt := range tests {
		if got := load(t, write(t, "[export]\n"+tt.file)).Export.OTLP.URL(); got != tt.want {
			t.Errorf("%q: %s, want %s", tt.file, got, tt.want)
		}
	}
}
