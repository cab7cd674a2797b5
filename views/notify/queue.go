package notify

import (
	"slices"
	"sync"
	"time"

	"github.com/otelperf/otelperf-go/views"
)

// A Reason says why an alert was not delivered.
type Reason string

// The reasons, which are also the values of the attribute otelperf.drop.reason.
const (
	// Coalesced: a newer notification of the same alert took its place.
	Coalesced Reason = "coalesced"
	// QueueFull: as many different alerts as the queue may hold were held.
	QueueFull Reason = "queue_full"
	// Rejected: the sink said that another attempt would not help.
	Rejected Reason = "rejected"
	// Panicked: the sink panicked, or ended its goroutine.
	Panicked Reason = "panic"
	// Expired: it could not be delivered for as long as attempts are made.
	Expired Reason = "expired"
	// Stopped: the Dispatcher was shut down before it could be delivered.
	Stopped Reason = "shutdown"
)

// reasons fixes an index for each Reason.
var reasons = [...]Reason{Coalesced, QueueFull, Rejected, Panicked, Expired, Stopped}

// A queue holds what one sink has not delivered yet. It is bounded twice by
// the same number: the alerts (IDs) it knows, and the notifications that wait.
//
// An alert whose firing was delivered keeps its place until its resolve is
// delivered too. So its resolve always finds room, however full the queue is,
// and what is refused for lack of room is an alert nobody has heard of.
type queue struct {
	size int
	now  func() time.Time

	mu       sync.Mutex
	wake     chan struct{} // holds a token when there may be something to do
	entries  map[string]*entry
	order    []*entry // those with something waiting and not being sent, oldest first
	waiting  int      // notifications in all entries, the one being sent apart
	sending  bool
	draining bool
	stopped  bool

	delivered, failed uint64
	dropped           [len(reasons)]uint64
	refused           uint64 // drops that nobody was told of yet
	lastErr           error
}

// An entry is all that a queue holds of one alert.
type entry struct {
	id      string
	waiting []item // oldest first
	queued  bool   // it is in the queue's order
	busy    bool   // one of its notifications is being sent
	firing  bool   // what was delivered last is that it fires
}

type item struct {
	alert    views.Alert
	accepted time.Time
}

func newQueue(size int) *queue {
	return &queue{
		size: size, now: time.Now,
		wake: make(chan struct{}, 1), entries: make(map[string]*entry),
	}
}

// add accepts one notification of the alert id, or counts why not. It takes
// constant time, except when it must coalesce: then time linear in the size.
func (q *queue) add(id string, a views.Alert) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.draining {
		q.drop(Stopped, 1)
		return
	}
	e := q.entries[id]
	if e == nil {
		if len(q.entries) >= q.size {
			q.drop(QueueFull, 1)
			q.refused++
			return
		}
		e = &entry{id: id}
		q.entries[id] = e
	}
	last := len(e.waiting) - 1
	switch {
	case last >= 0 && e.waiting[last].alert.State == a.State:
		// A reminder of what waits already says the same with newer numbers.
		q.drop(Coalesced, 1)
		q.waiting--
		e.waiting = e.waiting[:last]
	case q.waiting >= q.size:
		q.coalesce(e)
	}
	e.waiting = append(e.waiting, item{a, q.now()})
	q.waiting++
	if !e.busy {
		q.enqueue(e)
	}
}

func (q *queue) enqueue(e *entry) {
	if !e.queued {
		e.queued = true
		q.order = append(q.order, e)
	}
	q.signal()
}

// coalesce leaves each alert its latest notification, and none to the one
// that is about to get a new one. As every alert of a full queue has at most
// one then, and that one none, there is room.
func (q *queue) coalesce(next *entry) {
	for _, e := range q.entries {
		keep := min(1, len(e.waiting))
		if e == next {
			keep = 0
		}
		n := len(e.waiting) - keep
		q.drop(Coalesced, n)
		q.waiting -= n
		e.waiting = slices.Delete(e.waiting, 0, n)
	}
}

// take returns the next notification to send. ok is false if there is none.
func (q *queue) take() (e *entry, it item, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped || len(q.order) == 0 {
		return nil, item{}, false
	}
	e = q.order[0]
	q.order = slices.Delete(q.order, 0, 1)
	e.queued = false
	it = e.waiting[0]
	e.waiting = slices.Delete(e.waiting, 0, 1)
	q.waiting--
	e.busy, q.sending = true, true
	return e, it, true
}

// settle ends the sending of what take returned: delivered if reason is
// empty, dropped otherwise.
func (q *queue) settle(e *entry, it item, reason Reason) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped { // counted as not delivered when the queue was stopped
		return
	}
	resolved := it.alert.State == views.Resolved
	if reason == "" {
		q.delivered++
		e.firing = !resolved
	} else {
		q.drop(reason, 1)
		e.firing = e.firing && !resolved
	}
	q.release(e)
}

// retry puts back what take returned, as the next of its own alert but behind
// the other alerts, so that one that can never be sent does not hold them up.
func (q *queue) retry(e *entry, it item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return
	}
	full, newer := q.waiting >= q.size, len(e.waiting) > 0
	switch {
	case newer && (full || e.waiting[0].alert.State == it.alert.State):
		q.drop(Coalesced, 1)
	default:
		if full {
			q.coalesce(e)
		}
		e.waiting = slices.Insert(e.waiting, 0, it)
		q.waiting++
	}
	q.release(e)
}

// release makes e available again, or forgets it if nothing is known of it
// that a later notification would need.
func (q *queue) release(e *entry) {
	e.busy, q.sending = false, false
	switch {
	case len(e.waiting) > 0:
		q.enqueue(e)
	case !e.firing:
		delete(q.entries, e.id)
	}
}

func (q *queue) drop(r Reason, n int) {
	q.dropped[slices.Index(reasons[:], r)] += uint64(n)
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// drain refuses everything from now on; what waits may still be taken.
func (q *queue) drain() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.draining = true
	q.signal()
}

// finished reports whether a draining queue has nothing left to take.
func (q *queue) finished() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.stopped || q.draining && len(q.order) == 0
}

// stop drops what is left, the one being sent included, and returns how many
// those were, and the latest failure.
func (q *queue) stop() (left int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return 0, nil
	}
	q.draining, q.stopped = true, true
	left = q.waiting
	if q.sending {
		left++
	}
	q.drop(Stopped, left)
	q.waiting, q.order, q.entries = 0, nil, nil
	q.signal()
	return left, q.lastErr
}

// failure counts an attempt that failed with err.
func (q *queue) failure(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.failed++
	q.lastErr = err
}

// takeRefused returns how many drops nobody was told of yet.
func (q *queue) takeRefused() (n uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, q.refused = q.refused, 0
	return n
}

func (q *queue) stats(name string) SinkStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := SinkStats{
		Name: name, Delivered: q.delivered, Failed: q.failed, Waiting: q.waiting,
		Dropped: make(map[Reason]uint64),
	}
	if q.sending && !q.stopped {
		s.Waiting++
	}
	for i, n := range q.dropped {
		if n > 0 {
			s.Dropped[reasons[i]] = n
		}
	}
	return s
}

func (q *queue) drops() [len(reasons)]uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}
