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
	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/otelperf/otelperf-go/internal/config"
	"github.com/otelperf/otelperf-go/internal/otlp"
	"github.com/otelperf/otelperf-go/internal/queue"
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
	return newHTTP(o, tlsConfig)
}

func newHTTP(o config.OTLP, tlsConfig *tls.Config) (sdkmetric.Exporter, error) {
	address, headers := o.Metrics()
	if tlsConfig != nil && strings.HasPrefix(address, "http://") {
		return nil, errors.New("the endpoint begins with http://, and there are TLS files: use https://, or drop the files")
	}
	c := otlp.Config{URL: address, Headers: headers, Gzip: o.Compression == "gzip", Temporality: temporality(o.Temporality)}
	if o.Exponential {
		c.Aggregation = exponential
	}
	if o.Temporality == "cumulative" {
		// The queue repeats what is safe to repeat of deltas too; this is what may have
		// arrived.
		c.Pause = otlp.DefaultPause
	}
	answers := queue.NewAnswers(transport(tlsConfig))
	c.Client = &http.Client{Transport: answers, Timeout: cmp.Or(o.Timeout, queue.DefaultTimeout)}
	e, err := otlp.New(c)
	if err != nil {
		return nil, err
	}
	return answers.Exporter(e), nil
}

// exponential is what OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION means
// with base2_exponential_bucket_histogram.
func exponential(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	if k == sdkmetric.InstrumentKindHistogram {
		return sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}
	}
	return sdkmetric.DefaultAggregationSelector(k)
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
	return answers.Exporter(e), nil
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
