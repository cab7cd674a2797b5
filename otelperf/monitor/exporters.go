package monitor

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/otelperf/otelperf-go/internal/config"
	"github.com/otelperf/otelperf-go/internal/queue"
	"github.com/otelperf/otelperf-go/internal/wellformed"
)

// A namedExporter is an exporter and what errors and metrics call it.
type namedExporter struct {
	name string
	sdkmetric.Exporter
}

// exporters builds what the configuration and the options ask for.
func exporters(ctx context.Context, cfg *config.Config, s *settings) ([]namedExporter, error) {
	var all []namedExporter
	for _, name := range cfg.Exporters() {
		var e sdkmetric.Exporter
		var err error
		switch name {
		case "none":
			continue
		case "console":
			e, err = stdoutmetric.New(stdoutmetric.WithWriter(s.stdout),
				stdoutmetric.WithTemporalitySelector(temporality(cfg.Export.OTLP.Temporality)))
		case "file":
			e, err = newFileExporter(ctx, cfg.Paths().Export, temporality(cfg.Export.OTLP.Temporality))
		case "otlp":
			e, err = newOTLP(ctx, cfg.Export.OTLP)
		default:
			err = errors.New("there is no such exporter")
		}
		if err != nil {
			return nil, fmt.Errorf("monitor: exporter %s: %w", name, err)
		}
		all = append(all, namedExporter{name, e})
	}
	for i, e := range s.exporters {
		name := "option"
		if i > 0 {
			name = fmt.Sprintf("option-%d", i+1)
		}
		all = append(all, namedExporter{name, e})
	}
	return all, nil
}

// temporality is the selector of an OTLP temporality preference.
func temporality(preference string) sdkmetric.TemporalitySelector {
	switch preference {
	case "delta":
		return sdkmetric.DeltaTemporalitySelector
	case "lowmemory":
		return sdkmetric.LowMemoryTemporalitySelector
	default:
		return sdkmetric.CumulativeTemporalitySelector
	}
}

func newOTLP(ctx context.Context, o config.OTLP) (sdkmetric.Exporter, error) {
	tlsConfig, err := clientTLS(o.CAFile, o.CertFile, o.KeyFile)
	if err != nil {
		return nil, err
	}
	if o.Protocol == "grpc" {
		return newGRPC(ctx, o, tlsConfig)
	}
	opts := []otlpmetrichttp.Option{otlpmetrichttp.WithTemporalitySelector(temporality(o.Temporality))}
	if u := o.URL(); u != "" {
		opts = append(opts, otlpmetrichttp.WithEndpointURL(u))
	}
	if len(o.Headers) > 0 {
		opts = append(opts, otlpmetrichttp.WithHeaders(o.Headers))
	}
	switch o.Compression {
	case "gzip":
		opts = append(opts, otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
	case "none":
		opts = append(opts, otlpmetrichttp.WithCompression(otlpmetrichttp.NoCompression))
	}
	if tlsConfig != nil {
		// The client below has it as well: here the exporter checks it.
		opts = append(opts, otlpmetrichttp.WithTLSClientConfig(tlsConfig))
	}
	if o.Temporality != "cumulative" {
		// The queue repeats what is safe to repeat; the exporter would also
		// repeat what may have arrived.
		opts = append(opts, otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{Enabled: false}))
	}
	answers := queue.NewAnswers(transport(tlsConfig))
	opts = append(opts, otlpmetrichttp.WithHTTPClient(&http.Client{
		Transport: answers, Timeout: cmp.Or(o.Timeout, queue.DefaultTimeout),
	}))
	e, err := otlpmetrichttp.New(ctx, opts...)
	if err != nil {
		return nil, err
	}
	return answers.Exporter(wellformed.Exporter(e)), nil
}

// transport is what the exporter would use if it were not for the answers: it
// has no part in what the program does to http.DefaultTransport, which might
// be to measure it.
func transport(tlsConfig *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       tlsConfig,
		ForceAttemptHTTP2:     true,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

func newGRPC(ctx context.Context, o config.OTLP, tlsConfig *tls.Config) (sdkmetric.Exporter, error) {
	opts := []otlpmetricgrpc.Option{otlpmetricgrpc.WithTemporalitySelector(temporality(o.Temporality))}
	if u := o.URL(); u != "" {
		opts = append(opts, otlpmetricgrpc.WithEndpointURL(u))
	}
	if len(o.Headers) > 0 {
		opts = append(opts, otlpmetricgrpc.WithHeaders(o.Headers))
	}
	if o.Compression == "gzip" {
		opts = append(opts, otlpmetricgrpc.WithCompressor("gzip"))
	}
	if o.Timeout > 0 {
		opts = append(opts, otlpmetricgrpc.WithTimeout(o.Timeout))
	}
	if tlsConfig != nil && !strings.HasPrefix(o.URL(), "http://") {
		opts = append(opts, otlpmetricgrpc.WithTLSCredentials(credentials.NewTLS(tlsConfig)))
	}
	if o.Temporality != "cumulative" {
		opts = append(opts, otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig{Enabled: false})) // as over HTTP
	}
	answers := queue.NewAnswers(nil)
	opts = append(opts, otlpmetricgrpc.WithDialOption(grpc.WithStatsHandler(answers)))
	e, err := otlpmetricgrpc.New(ctx, opts...)
	if err != nil {
		return nil, err
	}
	return answers.Exporter(wellformed.Exporter(e)), nil
}

// clientTLS reads PEM files; nil if there are none.
func clientTLS(caFile, certFile, keyFile string) (*tls.Config, error) {
	if caFile == "" && certFile == "" && keyFile == "" {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("the certificate authority: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no PEM certificate", caFile)
		}
	}
	if certFile != "" || keyFile != "" {
		cert, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return nil, fmt.Errorf("the client certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{cert}
	}
	return c, nil
}

// instrumentKinds are all there are.
var instrumentKinds = []sdkmetric.InstrumentKind{
	sdkmetric.InstrumentKindCounter, sdkmetric.InstrumentKindUpDownCounter, sdkmetric.InstrumentKindHistogram,
	sdkmetric.InstrumentKindObservableCounter, sdkmetric.InstrumentKindObservableUpDownCounter,
	sdkmetric.InstrumentKindObservableGauge, sdkmetric.InstrumentKindGauge,
}

// alike reports whether two exporters want the same data, so that one reader
// can serve both.
func alike(a, b sdkmetric.Exporter) bool {
	for _, k := range instrumentKinds {
		if a.Temporality(k) != b.Temporality(k) {
			return false
		}
		if !sameAggregation(a.Aggregation(k), b.Aggregation(k)) {
			return false
		}
	}
	return true
}

func sameAggregation(a, b sdkmetric.Aggregation) bool {
	return fmt.Sprintf("%#v", a) == fmt.Sprintf("%#v", b) // aggregations are plain data
}

// cumulative reports whether e wants every sum and histogram cumulative, which
// makes judging independent of a collection that was missed.
func cumulative(e sdkmetric.Exporter) bool {
	for _, k := range instrumentKinds {
		if e.Temporality(k) == metricdata.DeltaTemporality {
			return false
		}
	}
	return true
}
