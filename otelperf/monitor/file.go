package monitor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelperf/otelperf-go/internal/otlpjson"
)

// fileExporter appends every collection to a file as one line of OTLP JSON, as
// the Collector's file exporter does and its otlpjsonfile receiver reads.
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
	e, err := otlpjson.New(ctx, lines{f}.append, t)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &fileExporter{e, f}, nil
}

func (e *fileExporter) Shutdown(ctx context.Context) error {
	return errors.Join(e.Exporter.Shutdown(ctx), e.file.Close())
}

// lines writes whole lines to a file.
type lines struct{ file *os.File }

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
