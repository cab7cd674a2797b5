package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/version"
)

// contentType is that of binary protobuf.
const contentType = "application/x-protobuf"

// maxAnswer is the most that is read of an answer, in bytes: what the SDK's exporters
// read.
const maxAnswer = 4 << 20

// A Config says what an [Exporter] is to do.
type Config struct {
	URL     string // all of it, http or https
	Headers map[string]string
	Gzip    bool

	// Client sends. Its Timeout is that of one attempt, its Transport the exporter's
	// own, whose idle connections Shutdown closes.
	Client *http.Client

	// Pause is the shortest pause, more or less, before another attempt after 502 Bad
	// Gateway and 504 Gateway Timeout, which leave open whether the backend has the
	// request; 0: there is none. The pauses become longer, up to six times that, for a
	// minute at most. Deltas must not be repeated. After 429 and 503 it is for the
	// caller to come again: see queue.Answers.
	Pause time.Duration

	Temporality sdkmetric.TemporalitySelector // nil: cumulative
	Aggregation sdkmetric.AggregationSelector // nil: the SDK's default
}

// DefaultPause is what the SDK's exporters have for [Config.Pause].
const DefaultPause = 5 * time.Second

// An Exporter sends each batch in a request of its own, one at a time.
type Exporter struct {
	config  Config
	request *http.Request // without a body

	mu     sync.Mutex
	closed bool
	size   int // of the last request
}

var _ sdkmetric.Exporter = (*Exporter)(nil)

// New returns an exporter. Nothing is sent yet.
func New(c Config) (*Exporter, error) {
	u, err := url.Parse(c.URL)
	if err == nil && (u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		err = errors.New("want http:// or https:// and a host")
	}
	if err != nil {
		return nil, fmt.Errorf("otlp: the URL %q: %w", c.URL, err)
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, c.URL, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("otlp: %w", err)
	}
	r.Header.Set("User-Agent", "OTel-OTLP-Exporter-otelperf-go/"+version.Version)
	for name, value := range c.Headers {
		r.Header.Set(name, value)
	}
	r.Header.Set("Content-Type", contentType)
	if c.Gzip {
		r.Header.Set("Content-Encoding", "gzip")
	}
	if c.Client == nil {
		c.Client = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	}
	if c.Temporality == nil {
		c.Temporality = sdkmetric.CumulativeTemporalitySelector
	}
	if c.Aggregation == nil {
		c.Aggregation = sdkmetric.DefaultAggregationSelector
	}
	return &Exporter{config: c, request: r}, nil
}

// Temporality returns the configured one.
func (e *Exporter) Temporality(k sdkmetric.InstrumentKind) metricdata.Temporality {
	return e.config.Temporality(k)
}

// Aggregation returns the configured one.
func (e *Exporter) Aggregation(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return e.config.Aggregation(k)
}

var errShutdown = errors.New("otlp: the exporter was shut down")

// Export sends rm and returns when the backend has answered. What cannot be sent is
// named in the error, and the rest sent.
func (e *Exporter) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return errShutdown
	}
	// A connection may still read from the bytes when the answer is there, so each
	// request has its own.
	body, left := Append(make([]byte, 0, e.size+e.size/8), rm)
	e.size = len(body)
	if e.config.Gzip {
		body = compressed(body)
	}
	err := e.send(ctx, body)
	if left != nil {
		return errors.Join(left, err)
	}
	return err // as it is, for internal/queue to look into
}

// writers are for compressed: one holds hundreds of kilobytes.
var writers = sync.Pool{New: func() any { return gzip.NewWriter(io.Discard) }}

func compressed(b []byte) []byte {
	w := writers.Get().(*gzip.Writer)
	defer writers.Put(w)
	var out bytes.Buffer
	w.Reset(&out)
	_, _ = w.Write(b) // to memory: neither fails
	_ = w.Close()
	w.Reset(io.Discard)
	return out.Bytes()
}

// send makes as many attempts as it takes and may.
func (e *Exporter) send(ctx context.Context, body []byte) error {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = e.config.Pause, 6*e.config.Pause
	for start := time.Now(); ; {
		err := e.attempt(ctx, body)
		var s *statusError
		if e.config.Pause <= 0 || !errors.As(err, &s) || s.code != http.StatusBadGateway && s.code != http.StatusGatewayTimeout {
			return err
		}
		pause := pauses.NextBackOff()
		if time.Since(start)+pause > time.Minute {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

// attempt sends body once.
func (e *Exporter) attempt(ctx context.Context, body []byte) error {
	r := e.request.Clone(ctx)
	r.ContentLength = int64(len(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil } // for redirections
	r.Body, _ = r.GetBody()
	response, err := e.config.Client.Do(r)
	if err != nil {
		return fmt.Errorf("otlp: %w", err)
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return fmt.Errorf("otlp: the answer of %s: %w", r.URL.Redacted(), err)
	}
	if len(answer) > maxAnswer {
		return fmt.Errorf("otlp: the answer of %s has more than %d bytes", r.URL.Redacted(), maxAnswer)
	}
	media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if code := response.StatusCode; code < http.StatusOK || code >= http.StatusMultipleChoices {
		return &statusError{url: r.URL.Redacted(), code: code, status: response.Status, message: message(answer, media == contentType)}
	}
	if media != contentType {
		return nil
	}
	if err := partialSuccess(answer); err != nil {
		return fmt.Errorf("otlp: %s: %w", r.URL.Redacted(), err)
	}
	return nil
}

// A statusError is an answer that is no success.
type statusError struct {
	url     string
	code    int
	status  string
	message string
}

func (s *statusError) Error() string {
	text := "otlp: " + s.url + " answers " + s.status
	if s.message != "" {
		text += ": " + s.message
	}
	return text
}

// ForceFlush returns the context's error: nothing waits here.
func (e *Exporter) ForceFlush(ctx context.Context) error { return ctx.Err() }

// Shutdown closes idle connections. Each later call of Export, and of Shutdown, returns
// an error.
func (e *Exporter) Shutdown(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return errShutdown
	}
	e.closed = true
	e.config.Client.CloseIdleConnections()
	return ctx.Err()
}

// MarshalLog says in the SDK's own log what this is.
func (e *Exporter) MarshalLog() any {
	return struct{ Type, URL string }{"OTLP/HTTP", e.request.URL.Redacted()}
}

// shortened keeps messages of backends, which may be whole pages, to a line's length.
func shortened(s string) string {
	const most = 1000
	s = strings.TrimSpace(s)
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}
