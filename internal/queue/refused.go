package queue

import (
	"errors"
	"fmt"
	"time"

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
// it is a status with RetryInfo. What else there is [Answers] knows.
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
