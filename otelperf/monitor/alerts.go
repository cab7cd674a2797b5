package monitor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	"google.golang.org/grpc/credentials"

	"github.com/otelperf/otelperf-go/internal/config"
	"github.com/otelperf/otelperf-go/views"
	"github.com/otelperf/otelperf-go/views/notify"
)

// destinations builds the places that alerts go to, and what to close in the
// end, as far as it came when there is an error. status is how the baselines
// stand at the start.
func destinations(ctx context.Context, cfg *config.Config, s *settings, res *resource.Resource, status []views.Status) (targets []notify.Target, closers []func(context.Context) error, err error) {
	if !cfg.Alerting.Enabled {
		return nil, nil, nil
	}
	if cfg.Alerting.ConsoleOutput {
		targets = append(targets, notify.Target{Name: "console", Send: notify.Console(s.console)})
	}
	if path := cfg.Paths().AlertLog; path != "" {
		f, err := notify.OpenLogFile(path)
		if err != nil {
			return nil, closers, fmt.Errorf("monitor: alerting.log_file: %w", err)
		}
		closers = append(closers, func(context.Context) error { return f.Close() })
		targets = append(targets, notify.Target{Name: "log_file", Send: f.Notify})
	}
	if cfg.Alerting.LogEvents {
		lp, err := newLogs(ctx, cfg, res)
		if err != nil {
			return nil, closers, fmt.Errorf("monitor: alerting.log_events: %w", err)
		}
		closers = append(closers, lp.Shutdown)
		targets = append(targets, notify.Target{Name: "log_events", Send: notify.LogEvents(lp)})
	}
	if len(cfg.Alertmanager.URLs) > 0 {
		am, err := newAlertmanager(cfg.Alertmanager, s)
		if err != nil {
			return nil, closers, fmt.Errorf("monitor: [alertmanager]: %w", err)
		}
		am.Resume(resumed(cfg, s, status, res)...)
		closers = append(closers, func(context.Context) error { return am.Close() })
		targets = append(targets, am.Target("alertmanager"))
	}
	if cfg.Webhook.URL != "" {
		w, err := newWebhook(cfg.Webhook)
		if err != nil {
			return nil, closers, fmt.Errorf("monitor: [webhook]: %w", err)
		}
		closers = append(closers, func(context.Context) error { return w.Close() })
		targets = append(targets, notify.Target{Name: "webhook", Send: w.Notify})
	}
	for i, t := range s.sinks {
		if i > 0 {
			t.Name = fmt.Sprintf("%s-%d", t.Name, i+1)
		}
		targets = append(targets, t)
	}
	return targets, closers, nil
}

func newAlertmanager(c config.Alertmanager, s *settings) (*notify.Alertmanager, error) {
	client, err := newClient(c.Client)
	if err != nil {
		return nil, err
	}
	return notify.NewAlertmanager(notify.AlertmanagerConfig{
		URLs: c.URLs, RepeatEvery: c.RepeatEvery, GeneratorURL: c.GeneratorURL, Labels: c.Labels,
		Client: client, ErrorHandler: reporter(s, "otelperf: alertmanager"),
	})
}

func newWebhook(c config.Webhook) (*notify.Webhook, error) {
	client, err := newClient(c.Client)
	if err != nil {
		return nil, err
	}
	return notify.NewWebhook(notify.WebhookConfig{
		URL: c.URL, Method: c.Method, Body: c.Body, ContentType: c.ContentType, Client: client,
	})
}

func newClient(c config.Client) (notify.ClientConfig, error) {
	t, err := clientTLS(c.CAFile, c.CertFile, c.KeyFile)
	if err != nil {
		return notify.ClientConfig{}, err
	}
	h := make(http.Header, len(c.Headers))
	for name, value := range c.Headers {
		h.Set(name, value)
	}
	return notify.ClientConfig{
		TLS: t, Username: c.Username, Password: c.Password,
		BearerToken: c.BearerToken, BearerTokenFile: c.BearerTokenFile, Header: h,
	}, nil
}

// newLogs makes the provider of log events. They go to the endpoint of the
// metrics, one by one: it is the dispatcher that waits and tries again.
func newLogs(ctx context.Context, cfg *config.Config, res *resource.Resource) (*sdklog.LoggerProvider, error) {
	o := cfg.Export.OTLP
	if o.URL() == "" && !o.EndpointFromEnv {
		return nil, errors.New("there is no OTLP endpoint to send them to")
	}
	t, err := clientTLS(o.CAFile, o.CertFile, o.KeyFile)
	if err != nil {
		return nil, err
	}
	var e sdklog.Exporter
	if o.Protocol == "grpc" {
		e, err = otlploggrpc.New(ctx, grpcLogOptions(o, t)...)
	} else {
		e, err = otlploghttp.New(ctx, httpLogOptions(o, t)...)
	}
	if err != nil {
		return nil, err
	}
	return sdklog.NewLoggerProvider(
		sdklog.WithResource(res), sdklog.WithProcessor(notify.NewLogProcessor(e))), nil
}

func httpLogOptions(o config.OTLP, t *tls.Config) []otlploghttp.Option {
	opts := []otlploghttp.Option{otlploghttp.WithRetry(otlploghttp.RetryConfig{})}
	if u := o.URL(); u != "" {
		if base, ok := strings.CutSuffix(u, "/v1/metrics"); ok {
			u = base + "/v1/logs"
		}
		opts = append(opts, otlploghttp.WithEndpointURL(u))
	}
	if len(o.Headers) > 0 {
		opts = append(opts, otlploghttp.WithHeaders(o.Headers))
	}
	if o.Compression == "gzip" {
		opts = append(opts, otlploghttp.WithCompression(otlploghttp.GzipCompression))
	}
	if o.Timeout > 0 {
		opts = append(opts, otlploghttp.WithTimeout(o.Timeout))
	}
	if t != nil {
		opts = append(opts, otlploghttp.WithTLSClientConfig(t))
	}
	return opts
}

func grpcLogOptions(o config.OTLP, t *tls.Config) []otlploggrpc.Option {
	opts := []otlploggrpc.Option{otlploggrpc.WithRetry(otlploggrpc.RetryConfig{})}
	if u := o.URL(); u != "" {
		opts = append(opts, otlploggrpc.WithEndpointURL(u))
	}
	if len(o.Headers) > 0 {
		opts = append(opts, otlploggrpc.WithHeaders(o.Headers))
	}
	if o.Compression == "gzip" {
		opts = append(opts, otlploggrpc.WithCompressor("gzip"))
	}
	if o.Timeout > 0 {
		opts = append(opts, otlploggrpc.WithTimeout(o.Timeout))
	}
	if t != nil && !strings.HasPrefix(o.URL(), "http://") {
		opts = append(opts, otlploggrpc.WithTLSCredentials(credentials.NewTLS(t)))
	}
	return opts
}
