package queue

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// An ExportError is what the error handler is told when exports fail or data is
// lost: at once, and then at most as often as [WithReportEvery] says.
type ExportError struct {
	Exporter string    // its name
	Since    time.Time // begin of what this error counts
	Exports  int       // that failed
	Lost     uint64    // data points that were dropped
	Err      error     // the last error
}

// Error says it in one sentence.
func (f *ExportError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "monitor: exporter %q: ", f.Exporter)
	switch {
	case f.Exports > 1:
		fmt.Fprintf(&b, "export failed %d times since %s", f.Exports, f.Since.Format(time.TimeOnly))
	case f.Exports == 1:
		b.WriteString("export failed")
	}
	if f.Lost > 0 {
		if f.Exports > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%d data points lost", f.Lost)
	}
	if f.Exports > 0 || f.Lost > 0 {
		b.WriteString(": ")
	}
	fmt.Fprint(&b, f.Err)
	return b.String()
}

// Unwrap returns Err.
func (f *ExportError) Unwrap() error { return f.Err }

// A RecoveredError is what the error handler is told when an export succeeded
// after an [ExportError] was reported. It is good news in an error's clothes.
type RecoveredError struct {
	Exporter string
	Since    time.Time     // begin of the trouble
	After    time.Duration // how long it lasted
	Exports  int           // that failed in that time
	Lost     uint64        // data points that were dropped in that time
}

// Error says it in one sentence.
func (r *RecoveredError) Error() string {
	return fmt.Sprintf("monitor: exporter %q works again after %s, %d failed exports, %d data points lost",
		r.Exporter, r.After.Round(time.Millisecond), r.Exports, r.Lost)
}

// The causes of an ExportError that no exporter returned.
var (
	errFull  = errors.New("the queue is full, as exports take longer than the interval between them")
	errStuck = errors.New("an export has not returned, although its context ended")
)

// maxReports is how many reports wait for a handler that blocks.
const maxReports = 4

// A reporter tells the error handler of trouble, seldom enough to be read.
type reporter struct {
	name   string
	every  time.Duration
	handle func(error)

	mu       sync.Mutex
	trouble  *ExportError    // since the last report; nil if there was none
	episode  *RecoveredError // since trouble was first reported; nil if all is well
	reported time.Time       // when a ExportError was last reported
	waiting  []error
	idle     chan struct{} // closed when the goroutine that delivers ended; nil if none runs
}

// failed takes notice of one failed export, or of none if only data was lost.
func (r *reporter) failed(exports int, lost uint64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.trouble == nil {
		r.trouble = &ExportError{Exporter: r.name, Since: now}
	}
	r.trouble.Exports += exports
	r.trouble.Lost += lost
	r.trouble.Err = err
	if r.episode != nil {
		r.episode.Exports += exports
		r.episode.Lost += lost
	}
	if !r.reported.IsZero() && now.Sub(r.reported) < r.every {
		return
	}
	if r.episode == nil {
		f := r.trouble
		r.episode = &RecoveredError{Exporter: r.name, Since: f.Since, Exports: f.Exports, Lost: f.Lost}
	}
	r.deliver(r.trouble)
	r.trouble, r.reported = nil, now
}

// succeeded takes notice of an export that succeeded.
func (r *reporter) succeeded() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.episode == nil {
		return
	}
	r.episode.After = time.Since(r.episode.Since)
	r.deliver(r.episode)
	r.trouble, r.episode = nil, nil
}

// deliver hands err over to a goroutine that lives as long as there is
// something to deliver. r.mu is held.
func (r *reporter) deliver(err error) {
	if len(r.waiting) >= maxReports {
		return
	}
	r.waiting = append(r.waiting, err)
	if r.idle != nil {
		return
	}
	r.idle = make(chan struct{})
	go func() {
		for {
			r.mu.Lock()
			if len(r.waiting) == 0 {
				close(r.idle)
				r.idle = nil
				r.mu.Unlock()
				return
			}
			err := r.waiting[0]
			r.waiting = r.waiting[1:]
			r.mu.Unlock()
			r.handle(err)
		}
	}()
}

// wait returns when everything has been delivered.
func (r *reporter) wait() {
	r.mu.Lock()
	idle := r.idle
	r.mu.Unlock()
	if idle != nil {
		<-idle
	}
}

// maxErrors is how many errors an errorList holds. A queue that drains into a
// dead exporter meets hundreds of the same.
const maxErrors = 4

// An errorList collects errors, each text once, and forgets those in the middle.
type errorList struct {
	errs []error
	more int
}

func (l *errorList) add(err error) {
	if err == nil {
		return
	}
	for _, e := range l.errs {
		if e.Error() == err.Error() {
			return
		}
	}
	if len(l.errs) < maxErrors {
		l.errs = append(l.errs, err)
		return
	}
	l.errs[maxErrors-1] = err
	l.more++
}

func (l *errorList) join() error {
	errs := l.errs
	if l.more > 0 {
		errs = slices.Insert(slices.Clone(errs), maxErrors-1, fmt.Errorf("monitor: %d more errors", l.more))
	}
	return errors.Join(errs...)
}
