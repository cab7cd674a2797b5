package queue

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

// Answers watches an OTLP exporter that sends one request at a time, and knows
// of each attempt what the exporter's error does not say: whether anything was
// sent, whether the backend answered, and when it wants to hear of it again.
// Over HTTP it is the exporter's RoundTripper, over gRPC the stats.Handler of
// its connection.
//
// An answer of 429 Too Many Requests or 503 Service Unavailable, or the status
// Unavailable, says by OTLP that nothing was taken. After 502 Bad Gateway and
// 504 Gateway Timeout, and the statuses by which a server says that it gave up
// on the way, nobody knows: that is as good as no answer.
type Answers struct {
	next http.RoundTripper

	mu sync.Mutex
	attempt
	doubtful bool // an attempt of this export may have arrived, and nobody knows
}

// An attempt is what is known of the newest one.
type attempt struct {
	tried    bool // there was one
	sent     bool // there was a connection for it
	answered bool
	refused  bool
	until    time.Time
}

// NewAnswers returns an Answers that sends by next, which gRPC has no use for.
func NewAnswers(next http.RoundTripper) *Answers { return &Answers{next: next} }

// note changes what is known of the present attempt.
func (a *Answers) note(change func(*attempt)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(&a.attempt)
}

func (a *Answers) doubt() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.doubtful = true
}

func begun(t *attempt) { *t = attempt{tried: true} }

func sent(t *attempt) { t.sent = true }

// RoundTrip sends the request and looks at the answer's status and header.
func (a *Answers) RoundTrip(request *http.Request) (*http.Response, error) {
	a.note(begun)
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { a.note(sent) }}
	response, err := a.next.RoundTrip(request.WithContext(httptrace.WithClientTrace(request.Context(), trace)))
	if err != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.doubtful = a.doubtful || a.sent
		return response, err
	}
	switch code := response.StatusCode; {
	case code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable:
		until := retryAfter(response.Header.Get("Retry-After"), time.Now())
		a.note(func(t *attempt) { t.refused, t.until = true, until })
	case code == http.StatusBadGateway || code == http.StatusGatewayTimeout:
		a.doubt()
	case code < http.StatusMultipleChoices:
		a.doubt() // if the exporter cannot read the rest
	}
	return response, nil
}

// retryAfter is the time that a Retry-After header names, in seconds from now
// or as a date; zero if it names none.
func retryAfter(header string, now time.Time) time.Time {
	if seconds, err := strconv.ParseUint(header, 10, 63); err == nil {
		return now.Add(time.Duration(min(seconds, uint64(longestHold/time.Second))) * time.Second)
	}
	date, err := http.ParseTime(header)
	if err != nil {
		return time.Time{}
	}
	return date
}

// TagRPC does nothing, as a [stats.Handler] may.
func (*Answers) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// TagConn does nothing.
func (*Answers) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn does nothing.
func (*Answers) HandleConn(context.Context, stats.ConnStats) {}

// HandleRPC looks at how far an attempt gets.
func (a *Answers) HandleRPC(_ context.Context, s stats.RPCStats) {
	switch s := s.(type) {
	case *stats.Begin:
		a.note(begun)
	case *stats.OutHeader:
		a.note(sent)
	case *stats.InTrailer:
		a.note(func(t *attempt) { t.answered = true })
	case *stats.End:
		if s.Error != nil {
			a.ended(s.Error)
		}
	}
}

func (a *Answers) ended(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.sent {
		return
	}
	if !a.answered {
		a.doubtful = true
		return
	}
	s, _ := status.FromError(err)
	switch s.Code() {
	case codes.Unavailable:
		a.refused = true
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.DataLoss:
		a.doubtful = true
	}
}

// Exporter returns e with errors that tell what a saw: an [UnansweredError], an
// [UnsentError] or a [RefusedError] where it was one of them. e has to send
// by a.
func (a *Answers) Exporter(e sdkmetric.Exporter) sdkmetric.Exporter {
	return answered{Exporter: e, answers: a}
}

type answered struct {
	sdkmetric.Exporter
	answers *Answers
}

func (a answered) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	a.answers.mu.Lock()
	a.answers.attempt, a.answers.doubtful = attempt{}, false
	a.answers.mu.Unlock()
	err := a.Exporter.Export(ctx, rm)
	if err == nil {
		return nil
	}
	if _, partly := partialSuccess(err); partly {
		return err // that was an answer, whatever happened before
	}
	a.answers.mu.Lock()
	defer a.answers.mu.Unlock()
	switch last := a.answers.attempt; {
	case a.answers.doubtful:
		return &UnansweredError{Err: err}
	case last.refused:
		if r := refusal(err, time.Now()); r != nil {
			return r // which names a time
		}
		return &RefusedError{Until: last.until, Err: err}
	case !last.sent && (last.tried || ctx.Err() != nil): // the time may be over before an attempt begins
		return &UnsentError{Err: err}
	}
	return err
}

// An UnansweredError says that a request may have arrived, and that nobody
// knows whether it did. Sending it again could count its deltas twice.
type UnansweredError struct{ Err error }

// Error says so, and why.
func (u *UnansweredError) Error() string { return "the backend may have it: " + u.Err.Error() }

// Unwrap returns Err.
func (u *UnansweredError) Unwrap() error { return u.Err }

// An UnsentError says that no connection came about, or that there was no time for
// one, so that nothing of the request can have reached anybody.
type UnsentError struct{ Err error }

// Error is that of Err.
func (u *UnsentError) Error() string { return u.Err.Error() }

// Unwrap returns Err.
func (u *UnsentError) Unwrap() error { return u.Err }

func unanswered(err error) bool {
	var u *UnansweredError
	return errors.As(err, &u)
}
