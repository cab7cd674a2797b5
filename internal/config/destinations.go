package config

import (
	"fmt"
	"net/url"
	"time"
)

// Alertmanager is the [alertmanager] table. Without URLs there is none.
type Alertmanager struct {
	URLs         []string
	RepeatEvery  time.Duration // 0: the sink's default
	GeneratorURL string
	Labels       map[string]string
	Client       Client
}

// Webhook is the [webhook] table. Without a URL there is none.
type Webhook struct {
	URL         string // may carry a secret: do not print it
	Method      string
	Body        string
	ContentType string
	Client      Client
}

// Client says how to authenticate with a server that alerts go to. Password,
// BearerToken and Headers carry credentials: neither print nor store them.
type Client struct {
	Username, Password           string
	BearerToken, BearerTokenFile string
	Headers                      map[string]string
	CAFile, CertFile, KeyFile    string // relative to the working directory
}

// secret is a text whose value no error shows.
func secret[T any](name string, meaning string, check func(string) string, at func(*T) *string) field[T] {
	f := text(name, maxText, meaning, at)
	f.set = func(t *T, v any) string {
		s, ok := v.(string)
		if !ok || checkText(s, maxText) != "" {
			return fmt.Sprintf("is not plain text: want a string of at most %d bytes without control characters", maxText)
		}
		if check != nil {
			if wrong := check(s); wrong != "" {
				return wrong
			}
		}
		*at(t) = s
		return ""
	}
	f.show = func(*T) string { return "" }
	return f
}

// checkURL returns what is wrong with an address, without the address.
func checkURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "is no URL: want http:// or https:// and a host"
	}
	if u.User != nil {
		return "has a user or password in it: write them as username and password"
	}
	return ""
}

func alertmanagerFields() []field[Config] {
	return append([]field[Config]{
		list("alertmanager.urls", "", "Addresses of the Alertmanagers that alerts go to, such as `http://localhost:9093`; each instance by itself, not a load balancer. Unless set: none.",
			checkURL,
			func(c *Config, urls []string) { c.Alertmanager.URLs = urls }),
		span("alertmanager.repeat_seconds", "s", time.Second, limits{lo: 1, hi: 3600},
			"How often a firing alert is sent again. Unless set: 60.",
			func(c *Config) *time.Duration { return &c.Alertmanager.RepeatEvery }),
		text("alertmanager.generator_url", maxText, "A text/template for the link from an alert to its source, with the fields of views.Alert.",
			func(c *Config) *string { return &c.Alertmanager.GeneratorURL }),
		texts("alertmanager.labels", "Labels of every alert that has none of that name.", false,
			func(c *Config) *map[string]string { return &c.Alertmanager.Labels }),
	}, clientFields("alertmanager", func(c *Config) *Client { return &c.Alertmanager.Client })...)
}

func webhookFields() []field[Config] {
	return append([]field[Config]{
		secret("webhook.url", "Where every alert is sent as a request of its own. Unless set: nowhere.", checkURL,
			func(c *Config) *string { return &c.Webhook.URL }),
		word("webhook.method", []string{"POST", "PUT", "PATCH"}, "The request's method. Unless set: POST.",
			func(c *Config) *string { return &c.Webhook.Method }),
		body("webhook.body", "A text/template with the fields of views.Alert, and the functions json and attr. Unless set: the alert's JSON.",
			func(c *Config) *string { return &c.Webhook.Body }),
		text("webhook.content_type", 255, "The body's type. Unless set: application/json.",
			func(c *Config) *string { return &c.Webhook.ContentType }),
	}, clientFields("webhook", func(c *Config) *Client { return &c.Webhook.Client })...)
}

func clientFields(table string, of func(*Config) *Client) []field[Config] {
	return []field[Config]{
		text(table+".username", maxText, "Basic authentication. Not beside a bearer token.",
			func(c *Config) *string { return &of(c).Username }),
		secret(table+".password", "Basic authentication.", nil,
			func(c *Config) *string { return &of(c).Password }),
		secret(table+".bearer_token", "Sent as `Authorization: Bearer`. Better kept in a file.", nil,
			func(c *Config) *string { return &of(c).BearerToken }),
		path(table+".bearer_token_file", "A file that holds the token, read anew for each request. Relative to the working directory.",
			func(c *Config) *string { return &of(c).BearerTokenFile }),
		headers(table+".headers", "Headers of every request.",
			func(c *Config) *map[string]string { return &of(c).Headers }),
		path(table+".ca_file", "PEM file of the authorities that the server's certificate is checked with. Unless set: the system's.",
			func(c *Config) *string { return &of(c).CAFile }),
		path(table+".cert_file", "PEM file of the client's certificate. Needs `"+table+".key_file`.",
			func(c *Config) *string { return &of(c).CertFile }),
		path(table+".key_file", "PEM file of the client's private key. Needs `"+table+".cert_file`.",
			func(c *Config) *string { return &of(c).KeyFile }),
	}
}

// body is a text that may have several lines.
func body[T any](name, meaning string, at func(*T) *string) field[T] {
	f := text(name, maxBody, meaning, at)
	f.set = func(t *T, v any) string {
		s, ok := v.(string)
		if !ok {
			return is(v) + ": want text in quotes"
		}
		if len(s) > maxBody {
			return fmt.Sprintf("has %d bytes: want at most %d", len(s), maxBody)
		}
		*at(t) = s
		return ""
	}
	return f
}

const maxBody = 16 << 10

// checkDestinations reports credentials that contradict each other.
func (c *Config) checkDestinations() error {
	for _, d := range []struct {
		table string
		of    Client
	}{{"alertmanager", c.Alertmanager.Client}, {"webhook", c.Webhook.Client}} {
		key := func(name string) string { return d.table + "." + name }
		var ways []string
		for _, way := range []struct {
			name string
			set  bool
		}{
			{key("username"), d.of.Username+d.of.Password != ""},
			{key("bearer_token"), d.of.BearerToken != ""},
			{key("bearer_token_file"), d.of.BearerTokenFile != ""},
		} {
			if way.set {
				ways = append(ways, way.name)
			}
		}
		if len(ways) > 1 {
			last := ways[len(ways)-1]
			return c.last(ways...).errorf(last, "%s stands beside %s: keep one of them", last, ways[0])
		}
		for _, pair := range [][2]string{{"cert_file", "key_file"}, {"key_file", "cert_file"}} {
			files := map[string]string{"cert_file": d.of.CertFile, "key_file": d.of.KeyFile}
			if files[pair[0]] != "" && files[pair[1]] == "" {
				return c.at[key(pair[0])].errorf(key(pair[0]), "%s needs %s: set both or none", key(pair[0]), key(pair[1]))
			}
		}
	}
	return nil
}
