package notify

import (
	"fmt"
	"sync"
	"time"
)

// A reporter passes on the first error of its kind and then at most one in
// each interval, with the number of those it kept back, so that a dead
// backend does not fill the log.
type reporter struct {
	handle func(error)
	every  time.Duration

	mu     sync.Mutex
	last   time.Time
	silent int
}

func (r *reporter) report(err error) {
	now := time.Now()
	r.mu.Lock()
	if !r.last.IsZero() && now.Sub(r.last) < r.every {
		r.silent++
		r.mu.Unlock()
		return
	}
	silent, since := r.silent, now.Sub(r.last).Round(time.Second)
	r.last, r.silent = now, 0
	r.mu.Unlock()
	if silent > 0 {
		err = fmt.Errorf("%w (and %d more like it in %s)", err, silent, since)
	}
	r.handle(err) // outside the lock: it is the caller's code
}
