package views

import "time"

// Overdue says how long ago the last evaluation was, or the Processor was made
// if there was none yet, and whether that is more than three intervals: then
// the reader is stuck, fails, or was never given the Processor. A Processor
// cannot know by itself, as it only runs when it is called: call Overdue about
// once an interval from elsewhere, with the time of now.
//
// Intervals that were missed and over are counted in the metric
// otelperf.evaluations.missed.
func (p *Processor) Overdue(now time.Time) (since time.Duration, overdue bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shut {
		return 0, false
	}
	since = max(now.Sub(p.eval.lastClock), 0)
	return since, since > silentAfter*p.eval.interval
}

// miss counts the intervals without an evaluation between the previous one
// and this. clock is this process' own time, which does not jump.
func (e *evaluator) miss(clock time.Time) {
	if n := int64((clock.Sub(e.lastClock) + e.interval/2) / e.interval); n > 1 && len(e.rules) > 0 {
		e.missed += n - 1
	}
	e.lastClock = clock
}
