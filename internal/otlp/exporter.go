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
	"strconv"
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
	// own, whose idle connections Shutdown closes. Nil: one with DefaultTimeout. A
	// redirection that makes another method of POST is not followed: nothing would be
	// sent, and the answer might be a success.
	Client *http.Client

	// Pause is the shortest pause, more or less, before another attempt where OTLP has
	// an exporter repeat a request, after 429, 502, 503 and 504; 0: there is none. The
	// pauses become longer, up to six times that, and are no shorter than Retry-After
	// says. There is none that would end after a minute, or after the context: what was
	// refused is better kept by the caller then. Deltas must not be repeated.
	Pause time.Duration

	Temporality sdkmetric.TemporalitySelector // nil: cumulative
	Aggregation sdkmetric.AggregationSelector // nil: the SDK's default
}

// What the SDK's exporters have.
const (
	DefaultPause   = 5 * time.Second
	DefaultTimeout = 10 * time.Second
)

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
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("otlp: the URL has to begin with http:// or https:// and a host") // it may hold a password
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, c.URL, http.NoBody)
	if err != nil {
		return nil, errors.New("otlp: the URL cannot be used")
	}
	r.Header.Set("User-Agent", "OTel-OTLP-Exporter-otelperf-go/"+version.Version)
	for name, value := range c.Headers {
		if r.Header.Set(name, value); http.CanonicalHeaderKey(name) == "Host" {
			r.Host = value // net/http has no use for the header
		}
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Del("Content-Encoding")
	if c.Gzip {
		r.Header.Set("Content-Encoding", "gzip")
	}
	client := &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone(), Timeout: DefaultTimeout}
	if c.Client != nil {
		*client = *c.Client
	}
	if client.CheckRedirect == nil {
		client.CheckRedirect = sameMethod
	}
	c.Client = client
	if c.Temporality == nil {
		c.Temporality = sdkmetric.CumulativeTemporalitySelector
	}
	if c.Aggregation == nil {
		c.Aggregation = sdkmetric.DefaultAggregationSelector
	}
	return &Exporter{config: c, request: r}, nil
}

// sameMethod ends redirections that lose the body, and others as net/http does.
func sameMethod(r *http.Request, via []*http.Request) error {
	if r.Method != http.MethodPost {
		return http.ErrUseLastResponse
	}
	if len(via) >= 10 {
		return errors.New("stopped after 10 redirections")
	}
	return nil
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

// Export sends rm and returns when the backend has answered. What cannot be sent counts
// as rejected: the error is a [PartialSuccessError] where all else was taken.
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
	var missing *LeftOutError
	if !errors.As(left, &missing) {
		return err
	}
	var p *PartialSuccessError
	switch {
	case err == nil:
		return &PartialSuccessError{Rejected: int64(missing.Points), Message: missing.Error()}
	case errors.As(err, &p):
		return &PartialSuccessError{Rejected: p.Rejected + int64(missing.Points), Message: p.Message + "; " + missing.Error()}
	}
	return fmt.Errorf("%w; %w", err, missing)
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
	last := time.Now().Add(time.Minute)
	if end, ok := ctx.Deadline(); ok && end.Before(last) {
		last = end
	}
	for {
		err := e.attempt(ctx, body)
		var s *statusError
		if e.config.Pause <= 0 || !errors.As(err, &s) || !s.repeatable() {
			return err
		}
		pause := max(pauses.NextBackOff(), time.Until(s.until))
		if time.Now().Add(pause).After(last) {
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
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the URL
		}
		return fmt.Errorf("otlp: %s: %w", place(r.URL), err)
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return fmt.Errorf("otlp: the answer of %s: %w", place(r.URL), err)
	}
	if len(answer) > maxAnswer {
		return fmt.Errorf("otlp: the answer of %s has more than %d bytes", place(r.URL), maxAnswer)
	}
	media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if code := response.StatusCode; code < http.StatusOK || code >= http.StatusMultipleChoices {
		return &statusError{
			place: place(r.URL), code: code, status: response.Status, message: message(answer, media == contentType),
			until: RetryAfter(response.Header, time.Now()),
		}
	}
	if media != contentType {
		return nil
	}
	if err := partialSuccess(answer); err != nil {
		return fmt.Errorf("otlp: %s: %w", place(r.URL), err)
	}
	return nil
}

// A statusError is an answer that is no success.
type statusError struct {
	place   string
	code    int
	status  string
	message string
	until   time.Time // nothing is wanted before; zero: no time was named
}

func (s *statusError) Error() string {
	text := "otlp: " + s.place + " answers " + s.status
	if s.message != "" {
		text += ": " + s.message
	}
	return text
}

// repeatable says whether OTLP has an exporter send the same once more.
func (s *statusError) repeatable() bool {
	switch s.code {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// place is what errors tell of a URL: not its user, password and query, which may be
// credentials.
func place(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// RetryAfter is the time that a Retry-After header names, in seconds from now or as a
// date; zero if it names none.
func RetryAfter(h http.Header, now time.Time) time.Time {
	header := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(header, 10, 63); err == nil {
		const century = 100 * 365 * 24 * 3600
		return now.Add(time.Duration(min(seconds, century)) * time.Second)
	}
	date, err := http.ParseTime(header)
	if err != nil {
		return time.Time{}
	}
	return date
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
	return struct{ Type, URL string }{"OTLP/HTTP", place(e.request.URL)}
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
