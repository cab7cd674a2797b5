package monitor

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// fileExporter appends every collection to a file as one line of OTLP JSON, as
// the Collector's file exporter does and its otlpjsonfile receiver reads.
//
// The line is what the OTLP exporter would send: the request goes through it
// up to the transport, which is the file.
type fileExporter struct {
	sdkmetric.Exporter
	file *os.File
}

func newFileExporter(ctx context.Context, path string, t sdkmetric.TemporalitySelector) (sdkmetric.Exporter, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	e, err := otlpmetrichttp.New(ctx,
		otlpmetrichttp.WithEndpointURL("http://file/v1/metrics"),
		otlpmetrichttp.WithHTTPClient(&http.Client{Transport: lines{f}}),
		otlpmetrichttp.WithCompression(otlpmetrichttp.NoCompression),
		otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{Enabled: false}),
		otlpmetrichttp.WithTemporalitySelector(t),
	)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &fileExporter{e, f}, nil
}

func (e *fileExporter) Shutdown(ctx context.Context) error {
	return errors.Join(e.Exporter.Shutdown(ctx), e.file.Close())
}

// lines is the transport to a file.
type lines struct{ file *os.File }

// RoundTrip writes one OTLP request as one line.
func (l lines) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err = errors.Join(err, r.Body.Close()); err != nil {
		return nil, err
	}
	line, err := otlpJSON(body)
	if err != nil {
		return nil, err
	}
	if err := l.append(append(line, '\n')); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK,
		Header:     http.Header{"Content-Type": {"application/x-protobuf"}},
		Body:       io.NopCloser(bytes.NewReader(nil)),
		Request:    r,
	}, nil
}

// append writes a line whole, or takes its beginning back: a disk that is full
// must not leave half a line for the next one to join.
func (l lines) append(line []byte) error {
	n, err := l.file.Write(line)
	if err == nil {
		return nil
	}
	if n > 0 {
		if info, e := l.file.Stat(); e == nil {
			err = errors.Join(err, l.file.Truncate(info.Size()-int64(n)))
		}
	}
	return fmt.Errorf("writing metrics to %s: %w", l.file.Name(), err)
}

// otlpJSON turns a binary OTLP request into OTLP's JSON, which is protobuf's
// but for two things: enums are numbers, trace and span IDs hexadecimal.
func otlpJSON(request []byte) ([]byte, error) {
	var m collectorpb.ExportMetricsServiceRequest
	if err := proto.Unmarshal(request, &m); err != nil {
		return nil, err
	}
	for _, rm := range m.ResourceMetrics {
		for _, sm := range rm.ScopeMetrics {
			for _, metric := range sm.Metrics {
				hexIDs(metric)
			}
		}
	}
	return protojson.MarshalOptions{UseEnumNumbers: true}.Marshal(&m)
}

func hexIDs(m *metricspb.Metric) {
	fix := func(exemplars []*metricspb.Exemplar) {
		for _, e := range exemplars {
			e.TraceId, e.SpanId = asHex(e.TraceId), asHex(e.SpanId)
		}
	}
	switch d := m.Data.(type) {
	case *metricspb.Metric_Gauge:
		for _, p := range d.Gauge.DataPoints {
			fix(p.Exemplars)
		}
	case *metricspb.Metric_Sum:
		for _, p := range d.Sum.DataPoints {
			fix(p.Exemplars)
		}
	case *metricspb.Metric_Histogram:
		for _, p := range d.Histogram.DataPoints {
			fix(p.Exemplars)
		}
	case *metricspb.Metric_ExponentialHistogram:
		for _, p := range d.ExponentialHistogram.DataPoints {
			fix(p.Exemplars)
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
