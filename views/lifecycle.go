package views

import "time"

// A verdict is what one interval says about a group.
type verdict uint8

const (
	abstain  verdict = iota // too little to say anything: neither for nor against
	good                    // at the clear level or better
	between                 // worse than the clear level, not than the threshold
	breach                  // beyond the threshold
	learning                // not judged yet: what it is held against is being learnt
	absent                  // nothing was measured
)

// A transition is what a step of the lifecycle asks to be told.
type transition uint8

const (
	nothing transition = iota
	fired
	reminded
	resolved
)

// A lifecycle is the state of one baseline and group. Its steps are pure: what
// happens depends on the verdicts and their times alone.
type lifecycle struct {
	state State     // OK, Pending, Firing or Silent
	since time.Time // Pending: the first breach. Firing: when it fired.
	last  time.Time // the end of the last interval
	held  time.Duration
	told  time.Duration // since the last notification
	// clearing is set while a firing alert is at the clear level or better,
	// held then counts towards KeepFiringFor.
	clearing bool
	// silenced is set while an alert fires because nothing is measured.
	silenced bool
}

// jitter is the share of an interval by which a duration of several intervals
// may fall short: a reader's ticks are never exactly one interval apart, and
// a For of two intervals must not take three of them by chance.
const jitter = 50

// step takes the verdict of an interval that ended at end. usual is the time
// between two of them; a longer gap, be it that collections were missed or
// that the clock jumped, counts as two at the most.
func (l *lifecycle) step(b *Baseline, v verdict, end time.Time, usual time.Duration) transition {
	elapsed := min(max(end.Sub(l.last), 0), 2*usual)
	l.last = end
	if v == learning {
		v = abstain
	}
	switch {
	case v == absent:
		return l.remind(b, elapsed, usual) // how long it is so is the caller's to know
	case v != breach && l.silenced:
		v = good // it fired because there was nothing, and now there is something
	case v == abstain && l.state == Silent:
		l.state = OK
		return nothing
	case v == abstain:
		return l.remind(b, elapsed, usual)
	}
	reached := func(d time.Duration) bool { return l.held+usual/jitter >= d }
	switch l.state {
	case OK, Silent:
		if v != breach {
			l.state = OK
			return nothing
		}
		l.state, l.since, l.held = Pending, end, 0
		elapsed = 0
		fallthrough
	case Pending:
		if v != breach {
			l.state, l.since, l.held = OK, time.Time{}, 0
			return nothing
		}
		if l.held += elapsed; !reached(b.For) {
			return nothing
		}
		l.fire(end)
		return fired
	case Firing:
		if v != good {
			l.clearing, l.silenced = false, false
			return l.remind(b, elapsed, usual)
		}
		if !l.clearing {
			l.clearing, l.held = true, 0
		} else {
			l.held += elapsed
		}
		if !reached(b.KeepFiringFor) {
			return l.remind(b, elapsed, usual)
		}
		l.resolve(OK)
		return resolved
	}
	return nothing
}

// remind says whether it is time to tell again of an alert that fires.
func (l *lifecycle) remind(b *Baseline, elapsed, usual time.Duration) transition {
	if l.state != Firing || b.Remind <= 0 {
		return nothing
	}
	if l.told += elapsed; l.told+usual/jitter < b.Remind {
		return nothing
	}
	l.told = 0
	return reminded
}

func (l *lifecycle) fire(at time.Time) {
	*l = lifecycle{state: Firing, since: at, last: at}
}

func (l *lifecycle) resolve(to State) {
	*l = lifecycle{state: to, last: l.last}
}

// silence takes note that nothing was measured for so long that NoData
// decides, and that no call is in flight.
func (l *lifecycle) silence(b *Baseline, end time.Time) transition {
	firing := l.state == Firing
	switch {
	case b.Observed():
		l.state = Silent
		return nothing
	case b.NoData == NoDataKeep:
		return nothing
	case b.NoData == NoDataAlert:
		if firing {
			return nothing
		}
		l.fire(end)
		l.silenced = true
		return fired
	}
	if l.state != Silent {
		l.resolve(Silent)
	}
	if firing {
		return resolved
	}
	return nothing
}
