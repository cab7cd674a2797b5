package config

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

// Validate reports what several keys together have wrong, the first one as an
// [*Error]. Load has called it; it is for callers that changed c since.
func (c *Config) Validate() error {
	for _, check := range []func() error{c.checkThreshold, c.checkExport, c.checkDestinations, c.checkPaths} {
		if err := check(); err != nil {
			return err
		}
	}
	_, err := c.resolve()
	return err
}

// last returns where the last of these keys was set, as that is the line to
// change.
func (c *Config) last(keys ...string) position {
	// Variables come after all files.
	order := func(p position) (file, line int) {
		if file = slices.Index(c.files, p.file); file < 0 && p.file != "" {
			file = len(c.files)
		}
		return file, p.line
	}
	var at position
	for _, k := range keys {
		p := c.at[k]
		file, line := order(p)
		lastFile, lastLine := order(at)
		if file > lastFile || file == lastFile && line > lastLine {
			at = p
		}
	}
	return at
}

func (c *Config) checkThreshold() error {
	const key = "monitoring.alert_threshold_percent"
	percent := c.Monitoring.AlertThresholdPercent
	if !percentages.has(percent) {
		return c.at[key].errorf(key, "%s = %s is out of range: want a number %v (%%)", key, number(percent), percentages)
	}
	for _, s := range c.shorts() {
		if _, ok := c.Targets[s.name]; ok && s.direction != 0 && percent >= 200 {
			target := "baseline_targets." + s.name
			return c.last(key, target).errorf(key, "%s = %s could never fire for %s, where lower is worse: use less than 200", key, number(percent), target)
		}
	}
	return nil
}

// checkEndpoint returns what is wrong with an endpoint's form, or "".
func checkEndpoint(s string) string {
	const want = "want a URL such as \"http://localhost:4318\", or host:port"
	if s == "" || len(s) > maxText { // other checks say so
		return ""
	}
	if strings.Contains(s, "@") { // and do not repeat it
		return "has a user or password in it: put credentials into export.headers"
	}
	u, err := url.Parse(withScheme(s, false))
	if err != nil || u.Host == "" || u.Hostname() == "" {
		return "= " + quote(s) + " is no address: " + want
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return "= " + quote(s) + " has an unknown scheme: " + want
	case u.RawQuery != "" || u.Fragment != "":
		return "= " + quote(s) + " has a query or fragment: " + want
	}
	if host, port, err := net.SplitHostPort(u.Host); err == nil && (port == "" || port == "0" || host == "") {
		return "= " + quote(s) + " has no port behind the colon: " + want
	} else if n := len(u.Port()); n > 5 || n == 5 && u.Port() > "65535" {
		return "= " + quote(s) + " has a port above 65535: " + want
	}
	return ""
}

// withScheme makes a URL of host:port.
func withScheme(endpoint string, insecure bool) string {
	switch {
	case strings.Contains(endpoint, "://"):
		return endpoint
	case insecure:
		return "http://" + endpoint
	default:
		return "https://" + endpoint
	}
}

// URL returns the full URL of the endpoint, with scheme and, for HTTP, path. It
// is "" where a variable holds the endpoint, which the exporters then read
// themselves.
func (o OTLP) URL() string {
	if o.EndpointFromEnv {
		return ""
	}
	endpoint, insecure := o.Endpoint, o.Insecure
	if endpoint == "" {
		// The specification's default, unless TLS was asked for.
		endpoint, insecure = "localhost:4318", !o.TLS()
		if o.Protocol == "grpc" {
			endpoint = "localhost:4317"
		}
	}
	u, err := url.Parse(withScheme(endpoint, insecure))
	if err != nil {
		return endpoint // Go code set it; the exporter will complain
	}
	if o.Protocol != "grpc" && (u.Path == "" || u.Path == "/") {
		u.Path = "/v1/metrics"
	}
	return u.String()
}

// Exporters returns which exporters are to run; none: nil.
func (c *Config) Exporters() []string {
	switch {
	case len(c.Export.Names) > 0:
		return slices.DeleteFunc(slices.Clone(c.Export.Names), func(n string) bool { return n == "none" })
	case c.Export.OTLP.Endpoint != "" || c.Export.OTLP.EndpointFromEnv:
		return []string{"otlp"}
	}
	return nil
}

func (c *Config) checkExport() error {
	o := c.Export.OTLP
	if c.Export.Names != nil && len(c.Export.Names) == 0 {
		return c.at["export.exporters"].errorf("export.exporters", "export.exporters is empty: name one, or [\"none\"]")
	}
	if len(c.Export.Names) > 1 && slices.Contains(c.Export.Names, "none") {
		return c.at["export.exporters"].errorf("export.exporters", "export.exporters has \"none\" beside others: keep either")
	}
	for _, pair := range [][2]string{{"cert_file", "key_file"}, {"key_file", "cert_file"}} {
		files := map[string]string{"cert_file": o.CertFile, "key_file": o.KeyFile}
		if files[pair[0]] != "" && files[pair[1]] == "" {
			key := "export." + pair[0]
			return c.at[key].errorf(key, "%s needs export.%s: set both or none", key, pair[1])
		}
	}
	if o.EndpointFromEnv {
		return nil
	}
	switch secure, plain := strings.HasPrefix(o.Endpoint, "https://"), strings.HasPrefix(o.Endpoint, "http://"); {
	case secure && o.Insecure:
		return c.last("export.insecure", "export.endpoint").errorf("export.insecure", "export.insecure = true contradicts the https:// of export.endpoint: drop one of them")
	case o.TLS() && (plain || o.Insecure):
		key := "export.ca_file"
		if o.CAFile == "" {
			key = "export.cert_file"
		}
		return c.last(key, "export.insecure", "export.endpoint").errorf(key, "%s needs TLS, but export.%s: use https://, or drop the file", key,
			map[bool]string{true: "endpoint begins with http://", false: "insecure is true"}[plain])
	}
	return nil
}

// checkPaths reports two files at one place: they would overwrite each other.
func (c *Config) checkPaths() error {
	p := c.Paths()
	type file struct{ key, path string }
	files := []file{
		{"alerting.log_file", p.AlertLog},
		{"alerting.state_file", p.State},
		{"output.metrics_file", p.Metrics},
	}
	if c.Monitoring.CPUProfiling {
		files = append(files, file{"output.profiling_file", p.Profile})
	}
	if slices.Contains(c.Export.Names, "file") {
		files = append(files, file{"export.file", p.Export})
	}
	for i, f := range files {
		if f.path == "" {
			continue
		}
		if f.path == p.Directory {
			return c.at[f.key].errorf(f.key, "%s is the directory %s itself: give the file a name", f.key, quote(f.path))
		}
		for _, g := range files[:i] {
			if f.path == g.path {
				return c.last(g.key, f.key).errorf(f.key, "%s and %s are the same file %s: use two", g.key, f.key, quote(f.path))
			}
		}
	}
	return nil
}
