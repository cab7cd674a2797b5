package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// grace is how much longer than the first one the other Alertmanagers may take.
const grace = 2 * time.Second

// An instance is one Alertmanager.
type instance struct {
	url *url.URL

	mu       sync.Mutex
	down     bool // it failed last time
	failures uint64
}

func (in *instance) isDown() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.down
}

func (in *instance) count(err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.down = err != nil
	if err != nil {
		in.failures++
	}
}

// toAll posts body to all instances. It returns when all have answered, but
// cuts the stragglers off where one has accepted already: one that hangs must
// not delay what the others are to be told next. With patience, one that failed
// the last time is awaited too, to find out whether it is back.
func (am *Alertmanager) toAll(ctx context.Context, body []byte, patience bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		in  *instance
		err error
	}
	results := make(chan result, len(am.instances))
	awaited := make(map[*instance]bool, len(am.instances))
	for _, in := range am.instances {
		if patience || !in.isDown() {
			awaited[in] = true
		}
		go func() {
			err := am.client.send(ctx, http.MethodPost, in.url, "application/json", body)
			in.count(err)
			results <- result{in, err}
		}()
	}
	var errs []error
	var late <-chan time.Time
	for left, accepted := len(am.instances), false; left > 0; {
		select {
		case r := <-results:
			left--
			delete(awaited, r.in)
			if r.err != nil {
				errs = append(errs, r.err)
			} else if !accepted {
				accepted = true
				t := time.NewTimer(grace)
				defer t.Stop()
				late = t.C
			}
			if accepted && len(awaited) == 0 {
				cancel()
			}
		case <-late:
			cancel()
		}
	}
	if len(errs) < len(am.instances) {
		if len(errs) > 0 {
			am.partial.report(fmt.Errorf("notify: alertmanager: %d of %d instances failed: %w",
				len(errs), len(am.instances), errors.Join(errs...)))
		}
		return nil
	}
	return fmt.Errorf("notify: alertmanager: %w", joinAttempts(errs))
}

// joinAttempts joins what every instance answered. Another attempt is useless
// only if all said so, and need wait only if all asked for it.
func joinAttempts(errs []error) error {
	permanent, wait := true, maxRetryAfter
	for i, err := range errs {
		permanent = permanent && isPermanent(err)
		wait = min(wait, askedWait(err))
		var p *permanentError
		if errors.As(err, &p) {
			errs[i] = p.err
		}
		var r *retryAfterError
		if errors.As(err, &r) {
			errs[i] = r.err
		}
	}
	err := errors.Join(errs...)
	switch {
	case permanent:
		return Permanent(err)
	case wait > 0:
		return RetryAfter(err, wait)
	}
	return err
}
