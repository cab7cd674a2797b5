package otlpjson

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"sync"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/otelperf/otelperf-go/internal/wellformed"
)

// New returns an exporter that hands every collection to write as one line,
// its line break included. The line is write's to keep. What write returns,
// Export returns. The default of temporality is cumulative.
func New(ctx context.Context, write func(line []byte) error, temporality sdkmetric.TemporalitySelector) (sdkmetric.Exporter, error) {
	if write == nil {
		return nil, errors.New("otlpjson: New needs a function that takes the lines")
	}
	if temporality == nil {
		temporality = sdkmetric.CumulativeTemporalitySelector
	}
	e, err := otlpmetrichttp.New(ctx,
		otlpmetrichttp.WithEndpointURL("http://file/v1/metrics"),
		otlpmetrichttp.WithHTTPClient(&http.Client{Transport: &lines{write: write}}),
		otlpmetrichttp.WithCompression(otlpmetrichttp.NoCompression),
		otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{Enabled: false}),
		otlpmetrichttp.WithTemporalitySelector(temporality),
	)
	if err != nil {
		return nil, err
	}
	return wellformed.Exporter(e), nil
}

// lines is the transport to a function.
type lines struct {
	mu    sync.Mutex
	write func([]byte) error
}

// RoundTrip turns one OTLP request into one line.
func (l *lines) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err = errors.Join(err, r.Body.Close()); err != nil {
		return nil, err
	}
	line, err := encode(body)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	err = l.write(append(line, '\n'))
	l.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK,
		Header:     http.Header{"Content-Type": {"application/x-protobuf"}},
		Body:       io.NopCloser(bytes.NewReader(nil)),
		Request:    r,
	}, nil
}

// encode turns a binary OTLP request into OTLP's JSON, which is protobuf's but
// for two things: enums are numbers, trace and span IDs hexadecimal.
func encode(request []byte) ([]byte, error) {
	var m collectorpb.ExportMetricsServiceRequest
	if err := proto.Unmarshal(request, &m); err != nil {
		return nil, err
	}
	eachExemplar(&m, func(e *metricspb.Exemplar) {
		e.TraceId, e.SpanId = asHex(e.TraceId), asHex(e.SpanId)
	})
	return protojson.MarshalOptions{UseEnumNumbers: true}.Marshal(&m)
}

func eachExemplar(m *collectorpb.ExportMetricsServiceRequest, f func(*metricspb.Exemplar)) {
	all := func(exemplars []*metricspb.Exemplar) {
		for _, e := range exemplars {
			f(e)
		}
	}
	for _, rm := range m.ResourceMetrics {
		for _, sm := range rm.ScopeMetrics {
			for _, metric := range sm.Metrics {
				switch d := metric.Data.(type) {
				case *metricspb.Metric_Gauge:
					for _, p := range d.Gauge.DataPoints {
						all(p.Exemplars)
					}
				case *metricspb.Metric_Sum:
					for _, p := range d.Sum.DataPoints {
						all(p.Exemplars)
					}
				case *metricspb.Metric_Histogram:
					for _, p := range d.Histogram.DataPoints {
						all(p.Exemplars)
					}
				case *metricspb.Metric_ExponentialHistogram:
					for _, p := range d.ExponentialHistogram.DataPoints {
						all(p.Exemplars)
					}
				}
			}
		}
	}
}

// asHex returns the bytes whose base64, in which protojson writes bytes, reads
// as the hexadecimal form of id. IDs have a length that makes this possible;
// any other is left alone.
func asHex(id []byte) []byte {
	b, err := base64.StdEncoding.DecodeString(hex.EncodeToString(id))
	if err != nil {
		return id
	}
	return b
}

// fromHex is the inverse of asHex.
func fromHex(b []byte) []byte {
	id, err := hex.DecodeString(base64.StdEncoding.EncodeToString(b))
	if err != nil {
		return b
	}
	return id
}
