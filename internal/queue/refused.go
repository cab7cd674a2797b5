package queue

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// longestHold is the longest that a backend can ask for: one that names next
// year by mistake is tried again within the hour.
const longestHold = time.Hour

// A RefusedError says that the backend answered, took nothing of the request,
// and wants to be left alone for a time. What was refused can be sent again,
// as nothing of it counts yet.
type RefusedError struct {
	Until time.Time // when the backend may be asked again; zero if it named no time
	Err   error
}

// Error says until when, and why.
func (r *RefusedError) Error() string {
	if r.Until.IsZero() {
		return "the backend is too busy: " + r.Err.Error()
	}
	return fmt.Sprintf("the backend wants nothing before %s: %v", r.Until.Format(time.TimeOnly), r.Err)
}

// Unwrap returns Err.
func (r *RefusedError) Unwrap() error { return r.Err }

// refusal returns the refusal that err is, at now; nil if it is none. Over gRPC
// it is a status with RetryInfo. Over HTTP the exporters keep to themselves
// when the backend wants to hear of them again, which is what [Answers] is for.
func refusal(err error, now time.Time) *RefusedError {
	var r *RefusedError
	if errors.As(err, &r) {
		return &RefusedError{Until: soonest(r.Until, now), Err: r.Err}
	}
	s, ok := status.FromError(err)
	if !ok || s.Code() != codes.ResourceExhausted && s.Code() != codes.Unavailable {
		return nil
	}
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return &RefusedError{Until: soonest(now.Add(info.GetRetryDelay().AsDuration()), now), Err: err}
		}
	}
	return nil
}

func soonest(until, now time.Time) time.Time {
	if limit := now.Add(longestHold); until.After(limit) {
		return limit
	}
	return until
}

// Answers is a RoundTripper for an exporter that sends one request at a time
// over HTTP. It notes when the newest answer is a refusal: 429 Too Many
// Requests, or 503 Service Unavailable with Retry-After. A 503 without it may
// come from something on the way that lost the answer, so that nobody knows.
type Answers struct {
	next http.RoundTripper

	mu      sync.Mutex
	refused bool
	until   time.Time
}

// NewAnswers returns an Answers that sends by next.
func NewAnswers(next http.RoundTripper) *Answers { return &Answers{next: next} }

// RoundTrip sends the request and looks at the answer's status and header.
func (a *Answers) RoundTrip(request *http.Request) (*http.Response, error) {
	a.note(false, time.Time{})
	response, err := a.next.RoundTrip(request)
	if err != nil {
		return response, err
	}
	after := response.Header.Get("Retry-After")
	switch response.StatusCode {
	case http.StatusTooManyRequests:
		a.note(true, retryAfter(after, time.Now()))
	case http.StatusServiceUnavailable:
		a.note(after != "", retryAfter(after, time.Now()))
	}
	return response, nil
}

func (a *Answers) note(refused bool, until time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refused, a.until = refused, until
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

// Exporter returns e with refusals that a can tell as a *[RefusedError]. e has
// to send by a.
func (a *Answers) Exporter(e sdkmetric.Exporter) sdkmetric.Exporter {
	return answered{Exporter: e, answers: a}
}

type answered struct {
	sdkmetric.Exporter
	answers *Answers
}

func (a answered) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	err := a.Exporter.Export(ctx, rm)
	if err == nil {
		return nil
	}
	a.answers.mu.Lock()
	defer a.answers.mu.Unlock()
	if !a.answers.refused {
		return err
	}
	return &RefusedError{Until: a.answers.until, Err: err}
}
